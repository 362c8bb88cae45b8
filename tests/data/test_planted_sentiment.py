"""The planted sentiment: its best accuracy by counting, by simulation, and that the planted words can be found.

Covers [PLANTED.E4] [PLANTED.E5] [PLANTED.E6].
"""

import math

import numpy as np
import pytest

from refimpl.data.planted import planted_sentiment, random_labels
from refimpl.data.planted_sentiment import FLIP, LONGEST, PLANTED, PLANTED_RATE, SHORTEST, WORDS, tie_probability
from refimpl.noise import Draw

Z_BOUND = 5.0


@pytest.fixture(scope="module")
def planted():
    return planted_sentiment(1, test_size=20_000)


def test_ties_by_counting_words(planted):
    """[PLANTED.E4] k words of each sign among n: a multinomial sum."""
    q, r = PLANTED_RATE / 2, 1 - PLANTED_RATE
    by_length = [
        sum(math.comb(n, k) * math.comb(n - k, k) * q ** (2 * k) * r ** (n - 2 * k) for k in range(n // 2 + 1))
        for n in range(SHORTEST, LONGEST + 1)
    ]
    tie = sum(by_length) / len(by_length)
    assert tie_probability(PLANTED_RATE, SHORTEST, LONGEST) == pytest.approx(tie, rel=1e-12)
    assert planted.bayes_accuracy == pytest.approx(tie / 2 + (1 - tie) * (1 - FLIP), rel=1e-12)  # [PLANTED.E5]


def test_the_best_decision_has_the_stated_accuracy_and_nll(planted):
    """[PLANTED.E5] [PLANTED.E6] on 20,000 fresh texts; an accuracy that forgets ties or flips is far outside."""
    texts = planted.corpus.test
    total = planted.weights[texts.ids].sum(axis=1)
    probability = np.where(total == 0, 0.5, np.where(total > 0, 1 - FLIP, FLIP))
    accuracy = np.where(total == 0, 0.5, (total > 0) == (texts.targets == 1)).mean()
    error = math.sqrt(planted.bayes_accuracy * (1 - planted.bayes_accuracy) / len(total))
    assert abs(accuracy - planted.bayes_accuracy) <= Z_BOUND * error
    assert abs(accuracy - (1 - FLIP)) > Z_BOUND * error
    nll = -np.where(texts.targets == 1, np.log(probability), np.log(1 - probability))
    assert abs(nll.mean() - planted.bayes_nll) <= Z_BOUND * nll.std() / math.sqrt(len(nll))


def test_texts_have_the_stated_law(planted):
    texts, weights = planted.corpus.test, planted.weights
    lengths = texts.mask.sum(axis=1)
    assert (lengths.min(), lengths.max(), texts.ids.shape[1]) == (SHORTEST, LONGEST, LONGEST)
    np.testing.assert_array_equal(texts.mask, np.arange(LONGEST) >= LONGEST - lengths[:, None])
    np.testing.assert_array_equal(texts.ids > 0, texts.mask)
    counts = np.bincount(texts.ids[texts.mask], minlength=len(weights))[1:]
    expected = np.where(weights[1:] != 0, PLANTED_RATE / PLANTED, (1 - PLANTED_RATE) / (WORDS - PLANTED)) * counts.sum()
    assert np.all(np.abs(counts - expected) <= Z_BOUND * np.sqrt(expected))
    by_length = np.bincount(lengths)[SHORTEST:]
    assert np.all(np.abs(by_length - 20_000 / 11) <= Z_BOUND * math.sqrt(20_000 / 11))


def test_labels_follow_the_sign_with_flips_and_coins(planted):
    texts = planted.corpus.test
    sign = np.sign(planted.weights[texts.ids].sum(axis=1))
    for value, probability in ((-1, FLIP), (0, 0.5), (1, 1 - FLIP)):
        labels = texts.targets[sign == value]
        error = math.sqrt(probability * (1 - probability) / len(labels))
        assert abs(labels.mean() - probability) <= Z_BOUND * error


def test_a_bag_of_words_finds_the_planted_words(planted):
    """Least squares on counts: the largest coefficients are the planted words, with their signs."""
    part = planted.corpus.test
    counts = np.zeros((len(part.targets), len(planted.weights)))
    np.add.at(counts, (np.arange(len(counts))[:, None], part.ids), 1.0)
    counts[:, 0] = 1.0  # the constant, in the place of padding
    found = np.linalg.solve(counts.T @ counts, counts.T @ (part.targets - 0.5))[1:]
    largest = np.argsort(-np.abs(found))[:PLANTED]
    np.testing.assert_array_equal(np.sort(largest), np.flatnonzero(planted.weights[1:]))
    np.testing.assert_array_equal(np.sign(found[largest]), planted.weights[1:][largest])
    assert (planted.weights == 1).sum() == (planted.weights == -1).sum() == PLANTED // 2
    names = planted.corpus.vocabulary.symbols
    assert all(names[i + 1].startswith("positive" if planted.weights[i + 1] > 0 else "negative") for i in largest)


def test_samples_are_fresh_and_repeatable(planted):
    again = planted_sentiment(1, train_size=50, valid_size=3, test_size=4)
    np.testing.assert_array_equal(again.corpus.train.ids, planted.corpus.train.ids[:50])
    other = planted_sentiment(2, train_size=50, valid_size=3, test_size=4)
    np.testing.assert_array_equal(other.weights, planted.weights)
    assert not np.array_equal(other.corpus.train.ids, again.corpus.train.ids)
    assert not np.array_equal(planted.corpus.valid.ids[:9], planted.corpus.test.ids[:9])
    with pytest.raises(ValueError, match="planted: expected an even number from 2 to below words=8, got 5"):
        planted_sentiment(1, words=8, planted=5)
    with pytest.raises(ValueError, match="test_size: expected at least 1, got 0"):
        planted_sentiment(1, test_size=0)


def test_random_labels_know_nothing_of_the_texts(planted):
    corpus = random_labels(planted.corpus, Draw(3, "coins"))
    for part in ("train", "valid", "test"):
        old, new = getattr(planted.corpus, part), getattr(corpus, part)
        assert new.ids is old.ids
        assert new.mask is old.mask
        n = len(new.targets)
        assert new.targets.dtype == np.int32
        assert set(np.unique(new.targets)) == {0, 1}
        assert abs(new.targets.mean() - 0.5) <= Z_BOUND * 0.5 / math.sqrt(n)
        assert abs((new.targets == old.targets).mean() - 0.5) <= Z_BOUND * 0.5 / math.sqrt(n)
    assert not np.array_equal(corpus.valid.targets, corpus.test.targets[: len(corpus.valid.targets)])
    with pytest.raises(ValueError, match="corpus: expected one with classes"):
        random_labels(planted.corpus._replace(labels=()), Draw(3, "coins"))
