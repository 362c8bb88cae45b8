"""Vocabularies: the order is fixed, ids go back to symbols, an unknown symbol is named with its place."""

import numpy as np
import pytest

from refimpl.data.text import (
    describe_language,
    encode,
    encode_characters,
    fingerprint,
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
