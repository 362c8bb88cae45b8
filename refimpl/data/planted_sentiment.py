"""A planted source for classifiers: a few words decide the label, and the best possible accuracy is known exactly.

A text is 20 to 30 words, independent of each other: with probability PLANTED_RATE one of the planted words (half of
them of weight +1, half -1, all equally likely), else one of the other words. With S the sum of the weights, the label
is 1 if S > 0 and 0 if S < 0, then flipped with probability FLIP; a tie is a fair coin. The best decision is the sign
of S, hence, with p_0 = P(S = 0)

    P(S = s) = mean over lengths n of the n-fold convolution of the distribution of one weight   [PLANTED.E4]
    accuracy = p_0 / 2 + (1 - p_0)(1 - FLIP)                                                    [PLANTED.E5]
    nll      = p_0 log 2 + (1 - p_0) H(FLIP)      (nats a text)                                 [PLANTED.E6]

Ids: 0 is padding (on the left), words are 1 to ``words``. There is no start symbol and no unknown word.
"""

import math
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.data.labelled import PADDING, TextCorpus, Texts
from refimpl.data.text import Vocabulary
from refimpl.noise import Draw, permutation, uniform

WORDS = 200
PLANTED = 70  # half positive, half negative
PLANTED_RATE = 0.25  # so that some six words of a text speak
FLIP = 0.05
SHORTEST, LONGEST = 20, 30
SOURCE_SEED = 0
LABELS = ("negative", "positive")


class PlantedSentiment(NamedTuple):
    """Texts, and the truth about their source."""

    corpus: TextCorpus
    weights: Array  # (V,) int32, V = 1 + words: +1, -1, or 0 for the words (and padding) that say nothing
    bayes_accuracy: float  # the best any classifier can have
    bayes_nll: float  # the least nll, nats a text


def planted_sentiment(
    seed: int,
    *,
    train_size: int = 6_000,
    valid_size: int = 1_000,
    test_size: int = 5_000,
    words: int = WORDS,
    planted: int = PLANTED,
    source_seed: int = SOURCE_SEED,
) -> PlantedSentiment:
    """Three independent samples of texts. seed: of the samples; source_seed: which words are planted.

    Shapes: ids and mask (N, 30), targets (N,) int32 in {0, 1}.
    Equations: PLANTED.E4-E6. Errors: ValueError if planted is odd or leaves no other word, or a size is below 1.
    """
    if planted < 2 or planted % 2 or planted >= words:
        raise ValueError(f"planted: expected an even number from 2 to below words={words}, got {planted}")
    chosen = permutation(Draw(source_seed, "planted_sentiment.words"), words)[:planted] + 1
    weights = np.zeros(words + 1, dtype=np.int32)
    weights[chosen[::2]], weights[chosen[1::2]] = 1, -1
    sizes = {"train": train_size, "valid": valid_size, "test": test_size}
    train, valid, test = (
        sample(weights, Draw(seed, f"planted_sentiment.{name}"), size, name) for name, size in sizes.items()
    )
    tie = tie_probability(PLANTED_RATE, SHORTEST, LONGEST)
    accuracy = 0.5 * tie + (1.0 - tie) * (1.0 - FLIP)  # [PLANTED.E5]
    entropy_of_flip = -(FLIP * math.log(FLIP) + (1.0 - FLIP) * math.log(1.0 - FLIP))
    nll = tie * math.log(2.0) + (1.0 - tie) * entropy_of_flip  # [PLANTED.E6]
    return PlantedSentiment(TextCorpus(train, valid, test, _vocabulary(weights), LABELS), weights, accuracy, nll)


def tie_probability(planted_rate: float, shortest: int, longest: int) -> float:
    """P(S = 0) for a length uniform on shortest .. longest."""
    one = np.array([planted_rate / 2.0, 1.0 - planted_rate, planted_rate / 2.0])  # weight -1, 0, +1
    total, ties = np.ones(1), []
    for length in range(1, longest + 1):
        total = np.convolve(total, one)  # [PLANTED.E4]
        if length >= shortest:
            ties.append(float(total[length]))  # S runs from -length to length
    return math.fsum(ties) / len(ties)


def sample(weights: Array, draw: Draw, size: int, name: str) -> Texts:
    """Texts of the source, from one draw: uniforms for length, label and two for each word (kind, which)."""
    if size < 1:
        raise ValueError(f"{name}_size: expected at least 1, got {size}")
    u = uniform(draw, (size, 2 + 2 * LONGEST))
    lengths = SHORTEST + (u[:, :1] * (LONGEST - SHORTEST + 1)).astype(np.int32)
    mask = np.arange(LONGEST) >= LONGEST - lengths
    speaking, silent = np.flatnonzero(weights), np.flatnonzero(weights[1:] == 0) + 1
    kind, which = u[:, 2 : 2 + LONGEST], u[:, 2 + LONGEST :]
    pick = np.where(
        kind < PLANTED_RATE,
        speaking[(which * len(speaking)).astype(np.int64)],
        silent[(which * len(silent)).astype(np.int64)],
    )
    ids = np.where(mask, pick, PADDING).astype(np.int32)
    total = weights[ids].sum(axis=1)
    probability = np.where(total == 0, 0.5, np.where(total > 0, 1.0 - FLIP, FLIP))
    return Texts(ids, mask, (u[:, 1] < probability).astype(np.int32))


def random_labels(corpus: TextCorpus, draw: Draw) -> TextCorpus:
    """The same texts with labels drawn by a fair coin (or die), the control of S002.

    Nothing can be learned from them, only memorised. A sparsifying posterior should then remove nearly everything.
    Errors: ValueError for a corpus without classes.
    """
    if not corpus.labels:
        raise ValueError("corpus: expected one with classes, got one of ratings (labels is empty)")

    def toss(name: str, texts: Texts) -> Texts:
        u = uniform(draw._replace(stream=f"{draw.stream}.{name}"), texts.targets.shape)
        return texts._replace(targets=(u * len(corpus.labels)).astype(np.int32))

    return corpus._replace(
        train=toss("train", corpus.train), valid=toss("valid", corpus.valid), test=toss("test", corpus.test)
    )


def _vocabulary(weights: Array) -> Vocabulary:
    """Names of the rows: the planted words are called by what they say."""
    kinds = {1: "positive", -1: "negative", 0: "neutral"}
    symbols = ("<pad>", *(f"{kinds[int(weight)]}{i}" for i, weight in enumerate(weights[1:], start=1)))
    return Vocabulary(symbols, {symbol: i for i, symbol in enumerate(symbols) if i})
