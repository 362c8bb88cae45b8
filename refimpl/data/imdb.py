"""IMDb reviews, positive or negative (Maas et al. 2011), as the 2018 experiments use them (S000).

Tokens follow the rule of Keras's Tokenizer, by which Keras's own copy of the corpus was made: lower case, the
characters of FILTERS become spaces, split at spaces. The apostrophe stays, ``<br />`` leaves the word ``br``. Words
are ranked over all 25,000 training texts in the order of the files, whatever subset is used later; ties keep the order
of first occurrence. Ids, start symbol, length and padding are those of ``labelled``. Validation is the last 15 % of
the shuffled training texts.
"""

import json
from pathlib import Path

import numpy as np

from refimpl.arrays import Array
from refimpl.data import corpora
from refimpl.data.labelled import (
    TextCorpus,
    Texts,
    encode_words,
    first_of,
    hold_out,
    pad_left,
    rank_words,
    ranked_vocabulary,
    resolve_order,
    take,
)
from refimpl.data.text import Vocabulary
from refimpl.noise import Draw

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'  # the default of Keras's Tokenizer
_TO_SPACE = str.maketrans(FILTERS, " " * len(FILTERS))
LABELS = ("negative", "positive")


def keras_words(text: str) -> list[str]:
    """Words of a text by the rule of Keras's Tokenizer."""
    return list(filter(None, text.lower().translate(_TO_SPACE).split(" ")))


def read_imdb(
    data_dir: str | Path | None,
    order: Draw | Array,
    *,
    num_words: int = 20_000,
    maxlen: int = 200,
    valid_fraction: float = 0.15,
    train_texts: int | None = None,
    test_texts: int | None = None,
) -> TextCorpus:
    """The corpus: by default 21,250 / 3,750 / 25,000 texts of at most 199 words after the start symbol.

    order: the order of the 25,000 training texts (the files hold the positive ones first).
    train_texts: how many of them to take, validation included (None: all). test_texts: how many test texts, evenly
    spaced.
    Shapes: ids and mask (N, maxlen); targets (N,), 1 = positive. The vocabulary has num_words + 3 rows.
    Errors: as ``corpora.read``; ValueError on a size out of range.
    """
    texts, labels = _read(data_dir, "train")
    words = [keras_words(text) for text in texts]
    vocabulary = ranked_vocabulary(rank_words(words), num_words)
    chosen = first_of(resolve_order(order, len(words)), train_texts, "train_texts")
    shuffled = _encode([words[n] for n in chosen], labels[chosen], vocabulary, maxlen)
    border = hold_out(len(chosen), valid_fraction)

    texts, labels = _read(data_dir, "test")
    count = len(first_of(labels, test_texts, "test_texts"))
    spaced = np.arange(count) * len(texts) // count  # as many of either label, up to one
    test = _encode([keras_words(texts[n]) for n in spaced], labels[spaced], vocabulary, maxlen)
    return TextCorpus(take(shuffled, slice(border)), take(shuffled, slice(border, None)), test, vocabulary, LABELS)


def _read(data_dir: str | Path | None, part: str) -> tuple[list[str], Array]:
    lines = corpora.read(data_dir, "imdb", f"{part}.jsonl.xz").decode("utf-8").rstrip("\n").split("\n")
    reviews = [json.loads(line) for line in lines]
    return [review["text"] for review in reviews], np.array([review["label"] for review in reviews], dtype=np.int32)


def _encode(words: list[list[str]], labels: Array, vocabulary: Vocabulary, maxlen: int) -> Texts:
    return Texts(*pad_left([encode_words(text[: maxlen - 1], vocabulary) for text in words], maxlen), labels)
