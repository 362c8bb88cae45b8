"""A planted source for language models: every conditional entropy is known, so a model can be held against the truth.

x_t is drawn from a row chosen by (x_{t-1}, x_{t-5}): 64 rows over 8 symbols, each Dirichlet(0.15). To reach the
entropy rate a model has to remember five steps; whoever looks back less is at least 10 % worse (a test holds that for
SOURCE_SEED). The last five symbols are a Markov chain of 8^5 states, so its stationary distribution, a tensor p of
five axes (oldest first), gives everything exactly:

    p'(b,c,d,e,x) = sum_a p(a,b,c,d,e) P(x | e, a)                        [PLANTED.E1]
    rate = - sum p(a,b,c,d,e) P(x | e, a) log P(x | e, a)                 [PLANTED.E2]
    H(x_t | the k - 1 symbols before) = H_k - H_{k-1},  H_k the entropy of k consecutive symbols   [PLANTED.E3]
"""

import math
from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from scipy.special import gammaincinv  # type: ignore[import-untyped, unused-ignore]

from refimpl.arrays import Array
from refimpl.data.text import LanguageCorpus, Vocabulary
from refimpl.noise import Draw, uniform

SYMBOLS = 8
LAG = 5  # the older symbol that a row depends on is x_{t-5}
CONCENTRATION = 0.15  # of the Dirichlet distribution of each row
SOURCE_SEED = 22  # both x_{t-1} and x_{t-5} alone are worth 0.2 nats, so that learning can start from either
MAX_ITERATIONS = 20_000


class PlantedLanguage(NamedTuple):
    """Samples, and the truth about their source (entropies in nats a symbol)."""

    corpus: LanguageCorpus
    transition: Array  # (8, 8, 8) P[x_{t-1}, x_{t-5}, x_t]
    stationary: Array  # (8, 8, 8, 8, 8) of x_{t-5} .. x_{t-1}
    rate: float  # the least nll any model can have
    rate_bits: float  # the same in bits a symbol
    unigram: float  # H(x_t)
    bigram: float  # H(x_t | x_{t-1})
    fourgram: float  # H(x_t | x_{t-1}, x_{t-2}, x_{t-3})


def planted_lm(
    seed: int,
    *,
    train_size: int = 400_000,
    valid_size: int = 50_000,
    test_size: int = 50_000,
    source_seed: int = SOURCE_SEED,
) -> PlantedLanguage:
    """Three independent samples of the source, each started in its stationary distribution.

    seed: of the samples; source_seed: of the source itself, so that its entropies stay what they are.
    Shapes: corpus.train (train_size,) int32, and so on.
    Equations: PLANTED.E1-E3. Errors: ValueError if a size is below 1.
    """
    transition = transition_rows(Draw(source_seed, "planted_lm.transition"))
    stationary = stationary_distribution(transition)
    sizes = {"train": train_size, "valid": valid_size, "test": test_size}
    parts = {
        name: sample(transition, stationary, Draw(seed, f"planted_lm.{name}"), size, f"{name}_size")
        for name, size in sizes.items()
    }
    symbols = tuple("abcdefgh"[:SYMBOLS])
    vocabulary = Vocabulary(symbols, {symbol: i for i, symbol in enumerate(symbols)})
    rate = entropy_rate(transition, stationary)
    unigram, bigram, fourgram = (conditional_entropy(stationary, k) for k in (1, 2, 4))
    corpus = LanguageCorpus(**parts, vocabulary=vocabulary)
    return PlantedLanguage(corpus, transition, stationary, rate, rate / math.log(2.0), unigram, bigram, fourgram)


def transition_rows(draw: Draw) -> Array:
    """P[x_{t-1}, x_{t-5}, x_t], (8, 8, 8): Dirichlet rows, from gamma variates by inversion of uniforms."""
    middle = uniform(draw, (SYMBOLS, SYMBOLS, SYMBOLS)) + 2.0**-54  # inside (0, 1)
    gamma = gammaincinv(CONCENTRATION, middle)
    return gamma / gamma.sum(axis=-1, keepdims=True)


def stationary_distribution(transition: Array) -> Array:
    """Distribution of five consecutive symbols, oldest first, by power iteration from the uniform one.

    Errors: RuntimeError if it does not settle (a source that is nearly periodic or falls apart).
    """
    p = np.full((SYMBOLS,) * LAG, SYMBOLS**-LAG)
    for _ in range(MAX_ITERATIONS):
        moved = next_distribution(p, transition)  # [PLANTED.E1]
        change = float(np.abs(moved - p).sum())
        p = moved / moved.sum()
        if change < 1e-14:
            return p
    raise RuntimeError(f"source_seed: the source did not settle in {MAX_ITERATIONS} steps; choose another source_seed")


def next_distribution(p: Array, transition: Array) -> Array:
    """The distribution of five consecutive symbols one step later."""
    by_last = p.transpose(4, 1, 2, 3, 0).reshape(SYMBOLS, SYMBOLS ** (LAG - 2), SYMBOLS)  # (e, bcd, a)
    moved = by_last @ transition  # (e, bcd, x)                                        [PLANTED.E1]
    return moved.transpose(1, 0, 2).reshape((SYMBOLS,) * LAG)


def entropy_rate(transition: Array, stationary: Array) -> float:
    """Nats a symbol of the source."""
    oldest_and_last = stationary.sum(axis=(1, 2, 3))  # (a, e)
    of_row = -np.where(transition > 0.0, transition * np.log(np.maximum(transition, 1e-300)), 0.0).sum(axis=-1)
    return float((oldest_and_last.T * of_row).sum())  # [PLANTED.E2]


def block_entropy(stationary: Array, length: int) -> float:
    """Entropy in nats of ``length`` consecutive symbols, 0 to 5."""
    block = stationary.sum(axis=tuple(range(LAG - length)))
    return float(-np.where(block > 0.0, block * np.log(np.maximum(block, 1e-300)), 0.0).sum())


def conditional_entropy(stationary: Array, length: int) -> float:
    """Nats of a symbol given the length - 1 symbols before it."""
    return block_entropy(stationary, length) - block_entropy(stationary, length - 1)  # [PLANTED.E3]


def sample(transition: Array, stationary: Array, draw: Draw, size: int, name: str) -> Array:
    """``size`` consecutive symbols, int32: five from the stationary distribution, then one uniform for each."""
    if size < 1:
        raise ValueError(f"{name}: expected at least 1, got {size}")
    u = uniform(draw, (size + 1,)).tolist()
    start = min(bisect_right(np.cumsum(stationary).tolist(), u[0]), SYMBOLS**LAG - 1)
    x = [int(i) for i in np.unravel_index(start, (SYMBOLS,) * LAG)]
    rows = np.cumsum(transition, axis=-1)[..., :-1].tolist()  # without the last, which is 1 up to rounding
    for t in range(LAG, size):
        x.append(bisect_right(rows[x[t - 1]][x[t - LAG]], u[t]))
    return np.array(x[:size], dtype=np.int32)
