"""AG News: the CSV of the user, with the words, labels and errors by hand."""

import numpy as np
import pytest

from refimpl.data.agnews import news_words, read_agnews

TRAIN = b'"3","Oil rises","Oil, again."\n"4","New chip","A chip-maker rises"\n"1","Talks","Oil talks talks"\n'
TEST = b'2,"Oil","said ""chip"" rises"\n'


def test_words_are_split_at_non_word_characters():
    assert news_words("U.S. re-enters; (AP)") == ["u", "s", "re", "enters", "ap", "</s>"]


def test_a_toy_corpus_by_hand(toy):
    corpus = read_agnews(toy("agnews", {"train.csv": TRAIN, "test.csv": TEST}), np.array([2, 0, 1]), maxlen=6,
                         num_words=9, valid_fraction=0.34)  # fmt: skip
    # in two documents: oil, rises, </s>; "talks" and "chip" occur often but in one document each
    assert corpus.vocabulary.ids == {"oil": 4, "</s>": 5, "rises": 6}
    np.testing.assert_array_equal(corpus.train.ids, [[1, 2, 4, 2, 2, 5], [1, 4, 6, 4, 2, 5]])
    np.testing.assert_array_equal(corpus.train.targets, [0, 2])
    np.testing.assert_array_equal(corpus.valid.ids, [[1, 2, 2, 2, 2, 2]])
    np.testing.assert_array_equal(corpus.valid.targets, [3])
    np.testing.assert_array_equal(corpus.test.ids, [[1, 4, 2, 2, 6, 5]])
    np.testing.assert_array_equal(corpus.test.targets, [1])


def test_a_header_is_said_and_never_guessed(toy):
    head = b"label,title,description\n"
    data_dir = toy("agnews", {"train.csv": head + TRAIN, "test.csv": head + TEST})
    assert len(read_agnews(data_dir, np.arange(3), header=True).train.targets) == 3
    with pytest.raises(ValueError, match=r"train\.csv, line 1: .* remove it, or set header=True \(in Python\)"):
        read_agnews(data_dir, np.arange(3))


@pytest.mark.parametrize("bad", [b"5,a,b\n", b"1,a\n", b"\n"])
def test_a_bad_row_is_named(toy, bad):
    data_dir = toy("agnews", {"train.csv": TRAIN + bad, "test.csv": TEST})
    with pytest.raises(ValueError, match=r"train\.csv, line 4: expected label 1 to 4, title, description"):
        read_agnews(data_dir, np.arange(3))


def test_without_files_the_error_says_where_they_belong(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder 'agnews'"):
        read_agnews(tmp_path, np.arange(3))
