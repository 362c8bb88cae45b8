"""Texts with labels or ratings: the id conventions that all classifiers and regressors here share.

They are those of Keras's data sets, which the 2017 and 2018 experiments inherit (S004, section on sentiment; S000):
  * words are ranked by how often they occur; rank 1 is the most frequent, ties keep the order of first occurrence;
  * a word's id is its rank + 3; 0 is padding, 1 starts every text, 2 is any word whose id would be >= num_words;
  * the FIRST maxlen tokens are kept, the start symbol among them, as in the 2018 code (Keras itself keeps the last);
  * shorter texts are padded on the left, so that the last time step is always a word, and a mask marks what is real;
  * the embedding has num_words + 3 rows, although row 3 and the last three are never used: the papers count them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.data.text import Vocabulary, fingerprint
from refimpl.noise import Draw, permutation

PADDING, START, UNKNOWN = 0, 1, 2
SHIFT = 3  # id = rank + SHIFT


class Texts(NamedTuple):
    """N texts of at most L tokens."""

    ids: Array  # (N, L) int32, padded on the left with 0
    mask: Array  # (N, L) bool, True on real tokens
    targets: Array  # (N,) int32 classes 0 .. K-1, or float64 standardised ratings


class TextCorpus(NamedTuple):
    """Texts for training, validation and test."""

    train: Texts
    valid: Texts
    test: Texts
    vocabulary: Vocabulary  # symbols: a name for each row of the embedding; ids: of the words that have one
    labels: tuple[str, ...]  # names of the classes; () for regression
    target_mean: float = 0.0  # rating = target_mean + target_std * target
    target_std: float = 1.0


def rank_words(texts: Iterable[Iterable[str]]) -> list[str]:
    """Distinct words, most frequent first; ties in order of first occurrence (as Keras's Tokenizer sorts)."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    return sorted(counts, key=lambda word: -counts[word])  # a stable sort of a dict that keeps first occurrences


def ranked_vocabulary(words: Sequence[str], num_words: int) -> Vocabulary:
    """Rows of the embedding for words by rank: num_words + 3 symbols; only words whose id is below num_words have one.

    Errors: ValueError if num_words leaves no room for a word.
    """
    if num_words < SHIFT + 2:
        raise ValueError(f"num_words: expected at least {SHIFT + 2}, got {num_words}")
    kept = list(words[: num_words - SHIFT - 1])
    first = SHIFT + 1
    rows = ["<pad>", "<start>", "<oov>", "<unused 3>", *kept]
    rows += [f"<unused {i}>" for i in range(len(rows), num_words + SHIFT)]
    return Vocabulary(tuple(rows), {word: first + i for i, word in enumerate(kept)})


def encode_words(words: Iterable[str], vocabulary: Vocabulary) -> list[int]:
    """The start symbol, then the ids of the words."""
    return [START, *map(vocabulary.ids.get, words, repeat(UNKNOWN))]


def pad_left(rows: Sequence[Sequence[int]], maxlen: int) -> tuple[Array, Array]:
    """ids (N, maxlen) int32 and mask (N, maxlen) bool: the first maxlen ids of each row, moved to the right end.

    Errors: ValueError if maxlen is below 2 (a start symbol and a word) or a row is empty.
    """
    if maxlen < 2:
        raise ValueError(f"maxlen: expected at least 2, got {maxlen}")
    ids = np.full((len(rows), maxlen), PADDING, dtype=np.int32)
    lengths = np.array([min(len(row), maxlen) for row in rows], dtype=np.int64)
    for n, row in enumerate(rows):
        if not row:
            raise ValueError(f"rows: expected at least one token in each, row {n} is empty")
        ids[n, maxlen - lengths[n] :] = row[:maxlen]
    return ids, np.arange(maxlen) >= maxlen - lengths[:, None]


def take(texts: Texts, rows: Array | slice) -> Texts:
    """The texts of the given rows."""
    return Texts(*(array[rows] for array in texts))


def cut(texts: Texts, first: int, second: int) -> tuple[Texts, Texts, Texts]:
    """Texts for training, validation and test: the borders are where the second and the third part begin."""
    return take(texts, slice(first)), take(texts, slice(first, second)), take(texts, slice(second, None))


def resolve_order(order: Draw | Array, count: int) -> Array:
    """An order of 0 .. count - 1: drawn if a Draw is given, checked if an array is.

    Errors: ValueError if the array is not a permutation.
    """
    if isinstance(order, Draw):
        return permutation(order, count)
    order = np.asarray(order)
    if order.shape != (count,) or not np.array_equal(np.sort(order), np.arange(count)):
        raise ValueError(f"order: expected a Draw or a permutation of 0 .. {count - 1}, got an array {order.shape}")
    return order


def hold_out(count: int, fraction: float, name: str = "valid_fraction") -> int:
    """How many of count are left for training when the last ones, a fraction rounded to whole texts, are held out.

    Errors: ValueError unless 0 <= fraction < 1 and at least one is left.
    """
    if not 0.0 <= fraction < 1.0 or count - round(count * fraction) < 1:
        raise ValueError(f"{name}: expected a number in [0, 1) that leaves a text for training, got {fraction!r}")
    return count - round(count * fraction)


def first_of(order: Array, count: int | None, name: str) -> Array:
    """The first count of an order; all of it for None. Errors: ValueError if there are not so many."""
    if count is None:
        return order
    if not 1 <= count <= len(order):
        raise ValueError(f"{name}: expected 1 to {len(order)} (or None for all), got {count}")
    return order[:count]


def describe_texts(corpus: TextCorpus) -> dict[str, int | str]:
    """Sizes and fingerprint of a corpus, for tables and records."""
    parts = {"train": corpus.train, "valid": corpus.valid, "test": corpus.test}
    sizes: dict[str, int | str] = {name: len(part.targets) for name, part in parts.items()}
    arrays = [array for part in parts.values() for array in part]
    return sizes | {"rows": len(corpus.vocabulary.symbols), "sha256": fingerprint(arrays)}
