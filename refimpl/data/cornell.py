"""Cornell scale data (Pang and Lee 2005): film reviews of four critics with ratings from 0 to 1, for regression.

As in Gal and Ghahramani 2016 (arXiv 1512.05287), whom S004 follows: the critics in the order of AUTHORS; words split
at white space and ranked over all reviews; documents shuffled; a start symbol before each document; ids = rank + 3, 2
for ids of 20,000 and more; each document cut into consecutive pieces of 200 tokens that do not overlap, the short last
one included, each with its document's rating; the first 80 % of the pieces are for training. 5,006 reviews give 13,249
pieces, 10,599 and 2,650; the count does not depend on the order. Pieces of one document may lie on both sides of the
border. Gal's script left the newline at the end of a line to the tokeniser, which in some versions of Keras makes it a
word; here it is white space.
Targets are standardised by mean and standard deviation of the training pieces. What the papers call MSE on
this set is its root, in units of the rating: rmse(rating) = target_std * rmse(target).
"""

from pathlib import Path

import numpy as np

from refimpl.arrays import Array
from refimpl.data import corpora
from refimpl.data.labelled import (
    TextCorpus,
    Texts,
    cut,
    encode_words,
    hold_out,
    pad_left,
    rank_words,
    ranked_vocabulary,
    resolve_order,
)
from refimpl.noise import Draw

AUTHORS = ("Dennis+Schwartz", "James+Berardinelli", "Scott+Renshaw", "Steve+Rhodes")
TRAIN_FRACTION = 0.8


def read_cornell(
    data_dir: str | Path | None,
    order: Draw | Array,
    *,
    num_words: int = 20_000,
    maxlen: int = 200,
    valid_fraction: float = 0.0,
) -> TextCorpus:
    """The pieces: by default 10,599 for training, none for validation (as published), 2,650 for test.

    order: the order of the 5,006 documents. valid_fraction: the last part of the training pieces, held out.
    Shapes: ids and mask (N, maxlen); targets (N,) float64, standardised by the pieces that are trained on.
    Errors: as ``corpora.read``; ValueError on a size out of range.
    """
    words, ratings = _read(data_dir)
    vocabulary = ranked_vocabulary(rank_words(words), num_words)
    pieces: list[list[int]] = []
    targets: list[float] = []
    for document in resolve_order(order, len(words)):
        of_document = cut_pieces(encode_words(words[document], vocabulary), maxlen)
        pieces += of_document
        targets += [ratings[document]] * len(of_document)
    trained = int(len(pieces) * TRAIN_FRACTION)
    border = hold_out(trained, valid_fraction)
    raw = np.array(targets)
    mean, std = float(raw[:border].mean()), float(raw[:border].std())
    every = Texts(*pad_left(pieces, maxlen), (raw - mean) / std)
    train, valid, test = cut(every, border, trained)
    return TextCorpus(train, valid, test, vocabulary, (), mean, std)


def cut_pieces(ids: list[int], length: int) -> list[list[int]]:
    """Consecutive pieces of the given length that do not overlap; the last may be shorter."""
    return [ids[start : start + length] for start in range(0, len(ids), length)]


def _read(data_dir: str | Path | None) -> tuple[list[list[str]], list[float]]:
    words: list[list[str]] = []
    ratings: list[float] = []
    for author in AUTHORS:
        lines = corpora.read(data_dir, "cornell", f"scaledata/{author}/subj.{author}.xz").decode("ascii")
        words += [line.split() for line in lines.rstrip("\n").split("\n")]
        numbers = corpora.read(data_dir, "cornell", f"scaledata/{author}/rating.{author}").decode("ascii")
        ratings += [float(number) for number in numbers.split()]
    return words, ratings
