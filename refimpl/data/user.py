"""Files of the user: a text for a language model; a table of texts with labels or numbers.

A text is cut in three, in its own order: the first part is for training, the last two for validation and test. A table
(CSV with a header, or JSON lines) is shuffled by the given order and cut the same way; its ids follow ``labelled``,
words follow Keras's rule (``imdb.keras_words``) and are ranked over the training texts alone. Whatever cannot be read
raises, with file and line.
"""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refimpl.arrays import Array, check_choice
from refimpl.data.imdb import keras_words
from refimpl.data.labelled import (
    SHIFT,
    TextCorpus,
    Texts,
    cut,
    encode_words,
    pad_left,
    rank_words,
    ranked_vocabulary,
    resolve_order,
)
from refimpl.data.tables import Table, read_table, read_utf8
from refimpl.data.text import EOS, UNK, LanguageCorpus, encode, sorted_vocabulary
from refimpl.noise import Draw

TASKS = ("classifier", "regressor")


def read_user_text(
    path: str | Path,
    *,
    unit: str,
    valid_fraction: float = 0.05,
    test_fraction: float = 0.05,
    min_count: int = 1,
) -> LanguageCorpus:
    """A UTF-8 text as characters, or as words split at white space with ``<eos>`` for each newline.

    unit: "characters" or "words". min_count: symbols that occur less often in the training part become ``<unk>``; with
    1 there is no ``<unk>``, and a symbol of the other parts that does not occur in the training part is an error.
    Errors: FileNotFoundError; ValueError for text that is empty or not UTF-8, a fraction out of range, an unknown
    symbol.
    """
    check_choice("unit", unit, ("characters", "words"))
    if min_count < 1:
        raise ValueError(f"min_count: expected at least 1, got {min_count}")
    text = read_utf8(path)
    tokens: Sequence[str] = list(text) if unit == "characters" else text.replace("\n", f" {EOS} ").split()
    first, second = borders(len(tokens), valid_fraction, test_fraction, str(path))
    parts = {"train": tokens[:first], "valid": tokens[first:second], "test": tokens[second:]}
    counts = Counter(parts["train"])
    kept = [symbol for symbol, count in counts.items() if count >= min_count]
    vocabulary = sorted_vocabulary(kept if min_count == 1 else [*kept, UNK])
    try:
        ids = {name: encode(name, part, vocabulary, UNK if min_count > 1 else None) for name, part in parts.items()}
    except ValueError as error:
        remedy = f"replace it in the file, or let rare symbols become {UNK} by min_count=2 or more (in Python)"
        raise ValueError(f"{path}: {error}; {remedy}") from None
    return LanguageCorpus(**ids, vocabulary=vocabulary)


def read_user_table(
    path: str | Path,
    order: Draw | Array,
    *,
    task: str,
    text_column: str = "text",
    target_column: str | None = None,
    labels: tuple[str, ...] | None = None,
    valid_fraction: float = 0.1,
    test_fraction: float = 0.1,
    num_words: int = 20_000,
    maxlen: int = 200,
) -> TextCorpus:
    """A table of texts, ``.csv`` with a header or ``.jsonl``, for a classifier or a regressor.

    task: "classifier" (target column "label" by default) or "regressor" ("target"). labels: the classes in the order
    of their ids; None for those of the file, sorted (as numbers if all are whole numbers). The vocabulary has as many
    rows as it needs, at most num_words + 3. Targets of a regressor are standardised by the training texts.
    Errors: FileNotFoundError; ValueError that names file, line and argument for an unreadable line, a missing column,
    an empty text, a target that is not finite, an unknown label, fractions that leave a part without texts.
    """
    check_choice("task", task, TASKS)
    column = target_column or ("label" if task == "classifier" else "target")
    table = read_table(path, text_column, column)
    words = [keras_words(text) for text in table.texts]
    for text, place in zip(words, table.places, strict=True):
        if not text:
            remedy = "remove the row, or choose another text_column (in Python)"
            raise ValueError(f"{place}: {text_column!r} holds no word; {remedy}")
    names, targets = _classes(table, labels) if task == "classifier" else ((), _numbers(table, column))
    shuffled = resolve_order(order, len(words))
    targets = targets[shuffled]
    first, second = borders(len(words), valid_fraction, test_fraction, str(path))
    ranked = rank_words(words[n] for n in sorted(shuffled[:first].tolist()))
    vocabulary = ranked_vocabulary(ranked, min(num_words, len(ranked) + SHIFT + 1))
    mean, std = 0.0, 1.0
    if task == "regressor":
        mean, std = float(targets[:first].mean()), float(targets[:first].std())
        if std == 0.0:
            raise ValueError(f"{path}: {column!r} has the same value in every training text; there is nothing to learn")
        targets = (targets - mean) / std
    every = Texts(*pad_left([encode_words(words[n], vocabulary) for n in shuffled], maxlen), targets)
    train, valid, test = cut(every, first, second)
    return TextCorpus(train, valid, test, vocabulary, names, mean, std)


def borders(count: int, valid_fraction: float, test_fraction: float, what: str) -> tuple[int, int]:
    """Where validation and test begin among count items.

    Errors: ValueError if a fraction is out of range or a part empty.
    """
    for name, fraction in (("valid_fraction", valid_fraction), ("test_fraction", test_fraction)):
        if not 0.0 < fraction < 1.0:
            raise ValueError(f"{name}: expected a number between 0 and 1, got {fraction!r}")
    second = count - round(count * test_fraction)
    first = second - round(count * valid_fraction)
    if not 0 < first < second < count:
        raise ValueError(
            f"{what}: {count} items leave none for one of training, validation and test "
            f"(valid_fraction={valid_fraction}, test_fraction={test_fraction}); "
            "give more text, or other fractions (in Python)"
        )
    return first, second


def _classes(table: Table, labels: tuple[str, ...] | None) -> tuple[tuple[str, ...], Array]:
    found = [str(value).strip() for value in table.values]
    distinct = set(found)
    whole = all(label.removeprefix("-").isdecimal() for label in distinct)
    names = labels or tuple(sorted(distinct, key=lambda label: (int(label) if whole else 0, label)))
    if len(names) < 2:
        raise ValueError(f"labels: expected at least two classes, got {names}")
    for label, place in zip(found, table.places, strict=True):
        if not label:
            raise ValueError(f"{place}: the label is empty; correct or remove the row")
        if label not in names:
            raise ValueError(f"{place}: unknown label {label!r}; labels={names}")
    return names, np.array([names.index(label) for label in found], dtype=np.int32)


def _numbers(table: Table, column: str) -> Array:
    numbers = []
    for value, place in zip(table.values, table.places, strict=True):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise ValueError(f"{place}: {column!r} is {value!r}, expected a finite number; correct or remove the row")
        numbers.append(number)
    return np.array(numbers)
