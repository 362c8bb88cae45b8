"""Vocabularies: the order is fixed, ids go back to symbols, an unknown symbol is named with its place."""

import numpy as np
import pytest

from refimpl.data.text import (
    describe_language,
    encode,
    encode_characters,
    fingerprint,
    keep_frequent,
    language_corpus,
    sorted_vocabulary,
)


def test_ids_are_places_in_the_sorted_list():
    vocabulary = sorted_vocabulary(["b", "é", "a", "b", "Z", "\n"])
    assert vocabulary.symbols == ("\n", "Z", "a", "b", "é")
    assert [vocabulary.ids[s] for s in vocabulary.symbols] == [0, 1, 2, 3, 4]


def test_characters_by_table_equal_characters_one_by_one():
    text = "zebra é \U0001f600\n a_N<b"
    vocabulary = sorted_vocabulary(text)
    ids = encode_characters("train", text, vocabulary)
    assert ids.dtype == np.int32
    np.testing.assert_array_equal(ids, encode("train", list(text), vocabulary))
    assert "".join(vocabulary.symbols[i] for i in ids) == text


@pytest.mark.parametrize("symbol", ["q", "a", "\U0001f600"])  # between known ones, below and above all of them
def test_an_unknown_character_is_named(symbol):
    with pytest.raises(ValueError, match=rf"valid: '{symbol}' \(token 2\) is not among the 3 symbols"):
        language_corpus(["bzr", "zb" + symbol, "b"])


def test_an_unknown_word_is_named_or_replaced():
    vocabulary = sorted_vocabulary(["the", "<unk>"])
    with pytest.raises(ValueError, match=r"test: 'cat' \(token 1\) is not among"):
        encode("test", ["the", "cat"], vocabulary)
    np.testing.assert_array_equal(encode("test", ["the", "cat"], vocabulary, "<unk>"), [1, 0])


def test_an_empty_part_stays_empty():
    corpus = language_corpus(["ab", "", "b"])
    assert corpus.valid.shape == (0,)
    assert corpus.valid.dtype == np.int32


def test_a_fingerprint_sees_values_shape_and_dtype():
    a = np.arange(6, dtype=np.int32)
    prints = [fingerprint([x]) for x in (a, a[::-1], a.reshape(2, 3), a.astype(np.uint32))]
    assert len(set(prints)) == 4
    assert fingerprint([a[::2]]) == fingerprint([a[::2].copy()])
    described = describe_language(language_corpus(["abc", "ab", "a"]))
    assert {k: described[k] for k in ("train", "valid", "test", "symbols")} == {
        "train": 3, "valid": 2, "test": 1, "symbols": 3,
    }  # fmt: skip


def test_frequent_symbols_are_kept_and_the_others_become_unknown():
    parts = [["b", "b", "b", "<unk>", "a", "a", "c", "d", "d", "d", "d"], ["a", "c", "d"], ["b", "<unk>"]]
    fewer = keep_frequent(language_corpus(parts), 3)
    assert fewer.vocabulary.symbols == ("<unk>", "b", "d")
    names = [[fewer.vocabulary.symbols[i] for i in part] for part in fewer[:3]]
    by_hand = [[w if w in ("b", "d") else "<unk>" for w in part] for part in parts]
    assert names == by_hand
    assert [part.dtype for part in fewer[:3]] == [np.int32] * 3


def test_ties_of_frequency_keep_the_order_of_the_ids():
    corpus = language_corpus([["<unk>", "c", "b", "a"], ["a"], ["b"]])
    assert keep_frequent(corpus, 2).vocabulary.symbols == ("<unk>", "a")
    for kept, all_of_them in zip(keep_frequent(corpus, 4)[:3], corpus[:3], strict=True):
        np.testing.assert_array_equal(kept, all_of_them)


@pytest.mark.parametrize("symbols", [0, 5])
def test_as_many_symbols_as_there_are_can_be_kept(symbols):
    with pytest.raises(ValueError, match=f"symbols: expected 1 to 4, .*got {symbols}"):
        keep_frequent(language_corpus([["<unk>", "c", "b", "a"], ["a"], ["b"]]), symbols)


def test_a_vocabulary_without_unknown_cannot_be_cut():
    with pytest.raises(ValueError, match="<unk> among the symbols"):
        keep_frequent(language_corpus(["c b a", "a", "b"]), 2)
