"""Word vectors that an embedding can start from: made of the training texts, or read from a file of the user.

The authors' IMDb and AG News runs started from word2vec and GloVe vectors, which are no part of any corpus here. What
word2vec factorises implicitly is a shifted matrix of pointwise mutual information (Levy and Goldberg 2014); here it is
factorised as it is, by a truncated SVD, from the words of the training texts alone.
"""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import svds

from refimpl.arrays import Array
from refimpl.data.labelled import Texts

WINDOW = 5  # words to either side; a word at distance d counts 1 / d (GloVe; word2vec: (WINDOW + 1 - d) / WINDOW)
SMOOTHING = 0.75  # exponent of the frequency of contexts (Levy, Goldberg and Dagan 2015, section 3.2)
SCALE = 0.13  # root mean square of a component; published word2vec vectors have about this (0.25 / sqrt 3: Kim 2014)


class WordVectors(NamedTuple):
    """Vectors (rows, size) float64, and which rows have one (rows,) bool; the others are zero."""

    vectors: Array
    found: Array


def vectors_of_texts(texts: Texts, rows: int, size: int, *, window: int = WINDOW, scale: float = SCALE) -> WordVectors:
    """Vectors of the words of some texts: U sqrt(S) of the positive pointwise mutual information M = U S V.

    M is 0 or, where it is positive, log of how much more often two words stand near each other than their frequencies
    give, the context's to the power 0.75. The vectors are scaled to a root mean square of ``scale``; of each singular
    vector the largest entry is positive.
    rows: of the embedding. Equations: VECTORS.E1-E3. Source: Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015.
    Errors: ValueError if size is not below the number of words that occur near another, or window is below 1.
    """
    if window < 1:
        raise ValueError(f"window: expected at least 1, got {window}")
    counts = neighbours(texts, rows, window)
    positive = positive_information(counts)
    found = np.asarray(positive.sum(axis=1)).ravel() > 0.0
    if not 0 < size < found.sum():
        raise ValueError(f"size: expected 1 to {max(found.sum() - 1, 0)} (words that occur, less one), got {size}")
    u, s, _ = svds(positive, k=size, v0=np.ones(rows), return_singular_vectors="u")
    largest = u[np.abs(u).argmax(axis=0), np.arange(size)]
    vectors = (u * np.sign(largest) * np.sqrt(s))[:, ::-1]  # [VECTORS.E3]; the largest singular value first
    vectors[~found] = 0.0
    return WordVectors(vectors * (scale / np.sqrt(np.mean(vectors[found] ** 2))), found)


def neighbours(texts: Texts, rows: int, window: int) -> sparse.csr_matrix:
    """How often two words stand within a window of each other, the nearer the more: 1 / distance; (rows, rows).

    Equations: VECTORS.E1. Source: GloVe (Pennington, Socher and Manning 2014).
    """
    total = sparse.csr_matrix((rows, rows))
    for distance in range(1, window + 1):
        both = texts.mask[:, :-distance] & texts.mask[:, distance:]
        pair = texts.ids[:, :-distance][both], texts.ids[:, distance:][both]
        once = sparse.csr_matrix((np.full(len(pair[0]), 1.0 / distance), pair), shape=(rows, rows))
        total = total + once + once.T  # [VECTORS.E1]
    return total


def positive_information(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """log(count(w, c) / (count(w) p(c))), p smoothed over contexts, where it is positive; 0 elsewhere; (rows, rows).

    Equations: VECTORS.E2. Source: Levy and Goldberg 2014; Levy, Goldberg and Dagan 2015.
    """
    if not counts.nnz:
        return counts
    word = np.asarray(counts.sum(axis=1)).ravel()
    context = word**SMOOTHING
    context /= context.sum()
    entries = counts.tocoo()
    information = np.log(entries.data / (word[entries.row] * context[entries.col]))  # [VECTORS.E2]
    kept = information > 0.0
    return sparse.csr_matrix((information[kept], (entries.row[kept], entries.col[kept])), shape=counts.shape)


def vectors_of_file(path: Path, ids: Mapping[str, int], rows: int, size: int) -> WordVectors:
    """Vectors from a text file, a word and its numbers a line (GloVe; word2vec's text form, whose first line is sizes).

    ids: row of each word that is wanted; words that the file lacks keep none. Of lines with one word the first counts.
    A line whose word has spaces in it (some of GloVe's do) is none of these words.
    Errors: FileNotFoundError; ValueError that names the line where a wanted word has not ``size`` finite numbers, or
    if the file has none of the words.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no file of word vectors there; name one, or take texts for vectors of the texts"
        )
    vectors, found = np.zeros((rows, size)), np.zeros(rows, dtype=bool)
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        for number, row, values in _wanted(lines, ids, size):
            if len(values) != size or not np.isfinite(values).all():
                raise ValueError(f"{path}: line {number} expected {size} finite numbers, got {len(values)}")
            if not found[row]:
                vectors[row], found[row] = values, True
    if not found.any():
        raise ValueError(
            f"{path}: none of the {len(ids)} words of the vocabulary; expected a word and {size} numbers a line, as "
            "plain text (unpack what is packed, and save what is binary as text)"
        )
    return WordVectors(vectors, found)


def _wanted(lines: Iterable[str], ids: Mapping[str, int], size: int) -> Iterable[tuple[int, int, Array]]:
    """Line number, row and numbers of the words that are wanted; one NaN where there are other things than numbers."""
    for number, line in enumerate(lines, start=1):
        word, *rest = line.rstrip("\n").replace("\t", " ").split(" ")
        if word in ids and not (number == 1 and len(rest) == 1):
            values = [_number(n) for n in rest if n]
            before = values[: max(len(values) - size, 0)]
            if not any(map(math.isnan, before)):  # else "at name@domain.com 0.1 ...", whose word is not "at"
                yield number, ids[word], np.array(values)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
