"""Penn Treebank: characters and words on a toy text in the files' spelling, then the published counts."""

import numpy as np
import pytest

from refimpl.data import corpora
from refimpl.data.ptb import PARTS, read_ptb_characters, read_ptb_words, words_of

TEXTS = {"train": "no_<unk>_N\na_b\n", "valid": "a_no\n", "test": "b\nN_a\n"}


def spread(text):
    """The character files' form: a space after every character."""
    return "".join(c + " " for c in text).encode()


@pytest.fixture
def toy_ptb(toy):
    return toy("ptb-char", {f"ptb.char.{part}.txt.xz": spread(text) for part, text in TEXTS.items()})


def test_characters_are_every_second_one(toy_ptb):
    corpus = read_ptb_characters(toy_ptb)
    assert corpus.vocabulary.symbols == tuple(sorted(set(TEXTS["train"])))
    for part, text in TEXTS.items():
        assert "".join(corpus.vocabulary.symbols[i] for i in getattr(corpus, part)) == text


def test_words_are_split_at_underscores_with_eos_for_newlines(toy_ptb):
    corpus = read_ptb_words(toy_ptb)
    assert corpus.vocabulary.symbols == ("<eos>", "<unk>", "N", "a", "b", "no")
    np.testing.assert_array_equal(corpus.train, [5, 1, 2, 0, 3, 4, 0])
    np.testing.assert_array_equal(corpus.test, [4, 0, 2, 3, 0])


def test_a_symbol_that_training_lacks_is_named(toy):
    files = {f"ptb.char.{part}.txt.xz": spread(text) for part, text in {**TEXTS, "test": "a_x\n"}.items()}
    with pytest.raises(ValueError, match="test: 'x' .* does not occur in the training part"):
        read_ptb_characters(toy("ptb-char", files))


@pytest.mark.data
def test_published_character_counts(data_dir):
    corpus = read_ptb_characters(data_dir)
    assert [len(part) for part in corpus[:3]] == [5_017_482, 393_042, 442_423]
    assert len(corpus.vocabulary.symbols) == 50
    newline = corpus.vocabulary.ids["\n"]
    assert [int((part == newline).sum()) for part in corpus[:3]] == [42_068, 3_370, 3_761]


@pytest.mark.data
def test_published_word_counts_and_the_word_files_tokens(data_dir):
    corpus = read_ptb_words(data_dir)
    assert [len(part) for part in corpus[:3]] == [929_589, 73_760, 82_430]
    assert len(corpus.vocabulary.symbols) == 10_000
    for part in PARTS:
        text = corpora.read(data_dir, "ptb-word", f"ptb.{part}.txt.xz").decode("ascii")
        tokens = text.replace("\n", " <eos> ").split()
        assert [corpus.vocabulary.symbols[i] for i in getattr(corpus, part)] == tokens


def test_words_of_keeps_empty_sentences_out():
    assert words_of("a_b\n") == ["a", "b", "<eos>"]
