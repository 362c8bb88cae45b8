"""Symbols and ids: vocabularies, and corpora for language models.

A language model's vocabulary is the sorted list (by code point) of the distinct symbols of the training part, and an
id is a position in it. The 2018 code takes ``list(set(...))``, an order that changes with Python's hash seed; the
order has no influence on what can be learned, so we take one that never changes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array

EOS = "<eos>"  # the end of a sentence, a token of word-level models
UNK = "<unk>"  # a rare word


class Vocabulary(NamedTuple):
    """Symbols by id and ids by symbol."""

    symbols: tuple[str, ...]
    ids: dict[str, int]


class LanguageCorpus(NamedTuple):
    """Three sequences of ids for a language model."""

    train: Array  # (N,) int32
    valid: Array  # (N,) int32
    test: Array  # (N,) int32
    vocabulary: Vocabulary


def sorted_vocabulary(symbols: Iterable[str]) -> Vocabulary:
    """The vocabulary of the distinct symbols, sorted by code point."""
    ordered = tuple(sorted(set(symbols)))
    return Vocabulary(ordered, {symbol: i for i, symbol in enumerate(ordered)})


def encode(name: str, tokens: Sequence[str], vocabulary: Vocabulary, unknown: str | None = None) -> Array:
    """Ids of tokens, int32 (N,). A token that is not in the vocabulary becomes the symbol ``unknown``, if one is given.

    Errors: ValueError that names the argument, the token and its place, where ``unknown`` is None.
    """
    if unknown is not None:
        other = vocabulary.ids[unknown]
        return np.array([vocabulary.ids.get(token, other) for token in tokens], dtype=np.int32)
    try:
        return np.array([vocabulary.ids[token] for token in tokens], dtype=np.int32)
    except KeyError as error:
        token = str(error.args[0])
        place = next(i for i, t in enumerate(tokens) if t == token)
        raise ValueError(
            f"{name}: {token!r} (token {place}) is not among the {len(vocabulary.symbols)} symbols of the vocabulary; "
            "it does not occur in the training part"
        ) from None


def encode_characters(name: str, text: str, vocabulary: Vocabulary) -> Array:
    """Ids of the characters of a text, int32 (N,): ``encode`` by one table look-up for all symbols of one character.

    Errors: as ``encode``.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    table = np.full(int(codes.max(initial=0)) + 1, -1, dtype=np.int32)
    for symbol, i in vocabulary.ids.items():
        if len(symbol) == 1 and ord(symbol) < len(table):
            table[ord(symbol)] = i
    ids = table[codes]
    if np.any(ids < 0):
        return encode(name, text, vocabulary)  # finds the first unknown symbol and raises
    return ids


def language_corpus(parts: Sequence[Sequence[str]]) -> LanguageCorpus:
    """The corpus of three sequences of tokens (train, valid, test); the tokens of a str are its characters.

    Errors: ValueError if a symbol of valid or test does not occur in train.
    """
    vocabulary = sorted_vocabulary(parts[0])
    ids = {
        name: encode_characters(name, part, vocabulary) if isinstance(part, str) else encode(name, part, vocabulary)
        for name, part in zip(("train", "valid", "test"), parts, strict=True)
    }
    return LanguageCorpus(**ids, vocabulary=vocabulary)


def keep_frequent(corpus: LanguageCorpus, symbols: int) -> LanguageCorpus:
    """The corpus with the most frequent training symbols, UNK among them; every other one becomes UNK.

    Ties keep the order of the ids, and the kept symbols their order. symbols: how many are left.
    Errors: ValueError if the vocabulary lacks UNK or has not so many symbols.
    """
    vocabulary = corpus.vocabulary.symbols
    if UNK not in vocabulary or not 1 <= symbols <= len(vocabulary):
        raise ValueError(f"symbols: expected 1 to {len(vocabulary)}, and {UNK} among the symbols; got {symbols}")
    counts = np.bincount(corpus.train, minlength=len(vocabulary))
    unknown = corpus.vocabulary.ids[UNK]
    counts[unknown] = counts.sum() + 1  # first, however rare it is
    kept = np.sort(np.argsort(-counts, kind="stable")[:symbols])
    table = np.full(len(vocabulary), np.searchsorted(kept, unknown), dtype=np.int32)
    table[kept] = np.arange(symbols, dtype=np.int32)
    fewer = sorted_vocabulary(vocabulary[i] for i in kept)
    train, valid, test = (table[part] for part in corpus[:3])
    return LanguageCorpus(train, valid, test, fewer)


def fingerprint(arrays: Iterable[Array]) -> str:
    """SHA-256 over dtype, shape and bytes of the arrays, in order: it says in a run's record which data were used."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def describe_language(corpus: LanguageCorpus) -> dict[str, int | str]:
    """Sizes and fingerprint of a corpus, for tables and records."""
    parts = corpus[:3]
    sizes: dict[str, int | str] = {
        name: len(part) for name, part in zip(("train", "valid", "test"), parts, strict=True)
    }
    return sizes | {"symbols": len(corpus.vocabulary.symbols), "sha256": fingerprint(parts)}
