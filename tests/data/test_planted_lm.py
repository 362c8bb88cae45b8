"""The planted language: its truth against explicit sums, against samples, and what a short memory must lose.

Covers [PLANTED.E1] [PLANTED.E2] [PLANTED.E3].
"""

import itertools
import math

import numpy as np
import pytest

from refimpl.data.planted_lm import planted_lm, sample, stationary_distribution
from refimpl.noise import Draw

Z_BOUND = 5.0


@pytest.fixture(scope="module")
def planted():
    return planted_lm(1)


def log_p(planted, x):
    """log P(x_t | x_{t-1}, x_{t-5}) for t >= 5, and the rows of those t."""
    rows = planted.transition[x[4:-1], x[:-5]]
    return np.log(rows[np.arange(len(rows)), x[5:]]), rows


def test_the_stationary_distribution_stays_when_moved_state_by_state(planted):
    """[PLANTED.E1] one step of the chain of 8^5 states, written as a loop over its 8 x 8 x 8 moves."""
    p, moved = planted.stationary, np.zeros((8,) * 5)
    for a, e, x in itertools.product(range(8), repeat=3):
        moved[:, :, :, e, x] += p[a, :, :, :, e] * planted.transition[e, a, x]
    assert np.abs(moved - p).sum() <= 1e-12
    assert abs(p.sum() - 1.0) <= 1e-12
    marginals = [p.sum(axis=tuple(j for j in range(5) if j != i)) for i in range(5)]
    np.testing.assert_allclose(marginals, [marginals[0]] * 5, rtol=0, atol=1e-12)  # the same law at each place


def test_the_rate_is_the_expected_surprise(planted):
    """[PLANTED.E2] [PLANTED.E3] the rate by a scalar loop, and as the limit of conditional entropies: H_6 - H_5."""
    two = planted.stationary.sum(axis=(1, 2, 3))
    rate = 0.0
    for a, e, x in itertools.product(range(8), repeat=3):
        p = planted.transition[e, a, x]
        rate -= two[a, e] * p * math.log(p) if p > 0.0 else 0.0
    assert planted.rate == pytest.approx(rate, rel=1e-12)
    assert planted.rate_bits == pytest.approx(rate / math.log(2.0), rel=1e-12)
    six = planted.stationary[..., None] * planted.transition.transpose(1, 0, 2)[:, None, None, None]

    def entropy(p):
        return -sum(v * math.log(v) for v in p.ravel() if v > 0.0)

    assert entropy(six) - entropy(planted.stationary) == pytest.approx(rate, rel=1e-10)
    assert planted.unigram == pytest.approx(entropy(planted.stationary.sum(axis=(1, 2, 3, 4))), rel=1e-12)
    four, three = planted.stationary.sum(axis=0), planted.stationary.sum(axis=(0, 1))
    assert planted.fourgram == pytest.approx(entropy(four) - entropy(three), rel=1e-10)


def test_a_short_memory_is_at_least_ten_per_cent_worse(planted):
    assert planted.unigram > planted.bigram > planted.fourgram >= 1.1 * planted.rate


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_samples_come_from_the_rows(planted, part):
    """Surprise minus the row's entropy is a martingale difference: its standard error is exact. A lag of 4 fails."""
    x = getattr(planted.corpus, part).astype(np.int64)
    surprise, rows = -log_p(planted, x)[0], log_p(planted, x)[1]
    logs = np.log(np.maximum(rows, 1e-300))
    mean = -(rows * logs).sum(axis=-1)
    variance = (rows * logs**2).sum(axis=-1) - mean**2
    z = (surprise - mean).sum() / math.sqrt(variance.sum())
    assert abs(z) <= Z_BOUND
    wrong = planted.transition[x[4:-1], x[1:-4]]  # the neighbouring wrong source, x_{t-4} in the place of x_{t-5}
    assert -np.log(np.maximum(wrong[np.arange(len(wrong)), x[5:]], 1e-300)).mean() > 2.0 * planted.rate


def test_samples_have_the_stated_entropies(planted):
    """Means over 200 blocks of 2,000 symbols; the standard error is that of the blocks' means."""
    x = planted.corpus.train.astype(np.int64)
    p1 = planted.stationary.sum(axis=(1, 2, 3, 4))
    p2 = planted.stationary.sum(axis=(0, 1, 2))
    bigram = np.log(p2 / p1[:, None])
    for value, terms in (
        (planted.unigram, -np.log(p1[x])),
        (planted.bigram, -bigram[x[:-1], x[1:]]),
        (planted.rate, -log_p(planted, x)[0]),
    ):
        blocks = terms[: 2_000 * (len(terms) // 2_000)].reshape(-1, 2_000).mean(axis=1)
        assert abs(blocks.mean() - value) <= Z_BOUND * blocks.std() / math.sqrt(len(blocks))


def test_samples_start_in_the_stationary_distribution(planted):
    """First and fifth symbol of 400 samples: counts within 5 binomial standard errors."""
    draws = [sample(planted.transition, planted.stationary, Draw(s, "start"), 5, "size") for s in range(400)]
    p = planted.stationary.sum(axis=(1, 2, 3, 4))
    for place in (0, 4):
        counts = np.bincount([x[place] for x in draws], minlength=8)
        assert np.all(np.abs(counts - 400 * p) <= Z_BOUND * np.sqrt(400 * p * (1 - p)))


def test_samples_are_fresh_repeatable_and_of_the_asked_size(planted):
    assert [len(part) for part in planted.corpus[:3]] == [400_000, 50_000, 50_000]
    assert all(part.dtype == np.int32 and part.min() >= 0 and part.max() <= 7 for part in planted.corpus[:3])
    small = planted_lm(1, train_size=1_000, valid_size=7, test_size=1)
    np.testing.assert_array_equal(small.corpus.train, planted.corpus.train[:1_000])
    np.testing.assert_array_equal(small.transition, planted.transition)
    assert not np.array_equal(planted.corpus.valid, planted.corpus.test)
    other = planted_lm(2, train_size=1_000, valid_size=7, test_size=1)
    assert not np.array_equal(other.corpus.train, small.corpus.train)
    np.testing.assert_array_equal(other.transition, planted.transition)
    with pytest.raises(ValueError, match="valid_size: expected at least 1, got 0"):
        planted_lm(1, train_size=10, valid_size=0)


def test_a_source_that_does_not_settle_raises(monkeypatch):
    swap = np.zeros((8, 8, 8))
    swap[0, :, 1:] = 1.0 / 7.0  # from 0 to any other symbol, from any other to 0: a period of two
    swap[1:, :, 0] = 1.0
    monkeypatch.setattr("refimpl.data.planted_lm.MAX_ITERATIONS", 50)
    with pytest.raises(RuntimeError, match="the source did not settle in 50 steps; choose another source_seed"):
        stationary_distribution(swap)
