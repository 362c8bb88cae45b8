"""AG News (Zhang et al. 2015): titles and descriptions of news in four classes, from the user's own CSV files.

As the 2018 code reads them: columns label (1 to 4), title, description; title and description joined by a space and
lower-cased, split at ``\\W+``; ``</s>`` ends each text; a word has an id if it occurs in at least two training texts.
Ids go by rank and follow ``labelled``. Labels become 0 to 3. Validation is the last 5 % of the shuffled training
texts. The 2018 code lost the first row of each file because it took it for a header; whether there is one is an
argument here.
"""

import csv
import io
import re
from collections import Counter
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
from refimpl.noise import Draw

LABELS = ("World", "Sports", "Business", "Sci/Tech")
END = "</s>"
_SEPARATOR = re.compile(r"\W+")


def news_words(text: str) -> list[str]:
    """Lower-cased words of a text, split at runs of non-word characters, then END."""
    return [*[word for word in _SEPARATOR.split(text.lower()) if word], END]


def read_agnews(
    data_dir: str | Path | None,
    order: Draw | Array,
    *,
    header: bool = False,
    num_words: int = 20_000,
    maxlen: int = 100,
    min_documents: int = 2,
    valid_fraction: float = 0.05,
    train_texts: int | None = None,
) -> TextCorpus:
    """The corpus from ``agnews/train.csv`` and ``agnews/test.csv`` in data_dir: 114,000 / 6,000 / 7,600 texts.

    order: the order of the training texts; header: whether the first row of each file names the columns.
    Shapes: ids and mask (N, maxlen); targets (N,), 0 to 3. The vocabulary has num_words + 3 rows.
    Errors: FileNotFoundError as ``corpora.locate``; ValueError with file and line for a row that cannot be read.
    """
    words, labels = _read(data_dir, "train.csv", header)
    documents = Counter(word for text in words for word in set(text))
    ranked = [word for word in rank_words(words) if documents[word] >= min_documents]
    vocabulary = ranked_vocabulary(ranked, num_words)
    chosen = first_of(resolve_order(order, len(words)), train_texts, "train_texts")
    border = hold_out(len(chosen), valid_fraction)
    encoded = pad_left([encode_words(words[n], vocabulary) for n in chosen], maxlen)
    shuffled = Texts(*encoded, labels[chosen])
    words, labels = _read(data_dir, "test.csv", header)
    test = Texts(*pad_left([encode_words(text, vocabulary) for text in words], maxlen), labels)
    return TextCorpus(take(shuffled, slice(border)), take(shuffled, slice(border, None)), test, vocabulary, LABELS)


def _read(data_dir: str | Path | None, file: str, header: bool) -> tuple[list[list[str]], Array]:
    contents = corpora.read(data_dir, "agnews", file).decode("utf-8-sig")
    reader = csv.reader(io.StringIO(contents, newline=""))
    words, labels = [], []
    for number, row in enumerate(reader):
        if number == 0 and header:
            continue
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            hint = "; if this row names the columns, remove it, or set header=True (in Python)" if number == 0 else ""
            raise ValueError(
                f"agnews: {file}, line {reader.line_num}: expected label 1 to 4, title, description, "
                f"got {len(row)} columns starting with {row[:1]}{hint}"
            )
        labels.append(int(row[0]) - 1)
        words.append(news_words(f"{row[1]} {row[2]}"))
    if not words:
        raise ValueError(f"agnews: {file} holds no texts")
    return words, np.array(labels, dtype=np.int32)
