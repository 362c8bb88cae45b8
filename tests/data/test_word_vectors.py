"""Word vectors: counts and information against loops over the texts, the factors against a dense SVD.

[VECTORS.E1] [VECTORS.E2] [VECTORS.E3]
"""

import math

import numpy as np
import pytest

from refimpl.data.labelled import Texts
from refimpl.data.word_vectors import neighbours, positive_information, vectors_of_file, vectors_of_texts

ROWS = 12


def texts():
    """30 texts of 5 to 9 words out of 1 to 10, padded on the left with 0; word 11 never occurs."""
    random = np.random.default_rng(5)
    ids = random.integers(1, 11, (30, 9)).astype(np.int32)
    mask = np.arange(9) >= random.integers(0, 5, (30, 1))
    return Texts(np.where(mask, ids, 0).astype(np.int32), mask, np.zeros(30, np.int32))


def counts_by_loop(found, window):
    counts = np.zeros((ROWS, ROWS))
    for ids, mask in zip(found.ids, found.mask, strict=True):
        words = [int(word) for word, real in zip(ids, mask, strict=True) if real]
        for i, left in enumerate(words):
            for j, right in enumerate(words):
                if i != j and abs(i - j) <= window:
                    counts[left, right] += 1.0 / abs(i - j)
    return counts


@pytest.mark.parametrize("window", [1, 3])
def test_neighbours_by_loop(window):
    found = texts()
    np.testing.assert_allclose(neighbours(found, ROWS, window).toarray(), counts_by_loop(found, window), rtol=1e-12)


def test_information_by_its_definition():
    counts = neighbours(texts(), ROWS, 3)
    dense = counts.toarray()
    word = dense.sum(axis=1)
    context = word**0.75 / (word**0.75).sum()
    by_hand = np.zeros((ROWS, ROWS))
    for w in range(ROWS):
        for c in range(ROWS):
            if dense[w, c] > 0.0:
                by_hand[w, c] = max(math.log(dense[w, c] / (word[w] * context[c])), 0.0)
    np.testing.assert_allclose(positive_information(counts).toarray(), by_hand, atol=1e-12)
    assert (by_hand > 0.0).sum() > 20


def test_vectors_are_the_leading_factors_of_a_dense_svd():
    found = texts()
    vectors, has_one = vectors_of_texts(found, ROWS, 4, window=3, scale=0.5)
    np.testing.assert_array_equal(has_one, (np.arange(ROWS) >= 1) & (np.arange(ROWS) <= 10))
    u, s, _ = np.linalg.svd(positive_information(neighbours(found, ROWS, 3)).toarray())
    dense = u[:, :4] * np.sqrt(s[:4])
    ratio = math.sqrt(np.mean(dense[has_one] ** 2)) / 0.5
    np.testing.assert_allclose(np.abs(vectors) * ratio, np.abs(dense), atol=1e-10)
    assert (vectors[np.abs(vectors).argmax(axis=0), range(4)] > 0.0).all()
    assert math.sqrt(np.mean(vectors[has_one] ** 2)) == pytest.approx(0.5, rel=1e-12)
    assert not vectors[~has_one].any()


def test_vectors_are_the_same_every_time():
    np.testing.assert_array_equal(vectors_of_texts(texts(), ROWS, 4)[0], vectors_of_texts(texts(), ROWS, 4)[0])


@pytest.mark.parametrize("size", [0, 10, 11])
def test_fewer_components_than_words(size):
    with pytest.raises(ValueError, match=f"size: expected 1 to 9 .*, got {size}"):
        vectors_of_texts(texts(), ROWS, size)


def test_a_file_with_and_without_the_line_of_sizes(tmp_path):
    for first in ("", "3 2\n"):
        file = tmp_path / "vectors.txt"
        file.write_text(first + "good 1 -2\nother 7 7\nbad 0.5 1e-3 \n")
        vectors, found = vectors_of_file(file, {"good": 4, "bad": 6, "absent": 7}, 9, 2)
        assert found.nonzero()[0].tolist() == [4, 6]
        assert vectors[[4, 6]].tolist() == [[1.0, -2.0], [0.5, 0.001]]
        assert not vectors[~found].any()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("space", [" ", "\t"])
def test_files_as_other_systems_write_them(tmp_path, encoding, end, space):
    file = tmp_path / "vectors.txt"
    lines = [f"good{space}1{space}2", f"bad{space}3{space}4"]
    file.write_bytes("".join(line + end for line in lines).encode(encoding))
    assert vectors_of_file(file, {"good": 0, "bad": 1}, 2, 2).vectors.tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_a_word_with_spaces_is_not_its_first_word(tmp_path):
    """As GloVe's 840B file has "at name@domain.com 0.0016 ..."; of two lines with one word the first counts."""
    file = tmp_path / "vectors.txt"
    file.write_text("at name@domain.com 7 7\n. . . 7 7\nat 1 2\n. 3 4\nat 7 7\n")
    vectors, found = vectors_of_file(file, {"at": 0, ".": 1}, 2, 2)
    assert vectors.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert found.all()


def test_defaults_are_those_of_the_docstring():
    """Five words to either side, a root mean square of 0.13."""
    found = texts()
    vectors, has_one = vectors_of_texts(found, ROWS, 4)
    np.testing.assert_array_equal(vectors, vectors_of_texts(found, ROWS, 4, window=5, scale=0.13)[0])
    assert not np.allclose(vectors, vectors_of_texts(found, ROWS, 4, window=4)[0])
    assert math.sqrt(np.mean(vectors[has_one] ** 2)) == pytest.approx(0.13, rel=1e-12)


def test_texts_shorter_than_the_window_and_texts_of_one_word():
    ids = np.array([[1, 2, 3], [2, 3, 4], [3, 1, 4], [4, 2, 1]], np.int32)
    short = Texts(ids, np.ones((4, 3), bool), np.zeros(4, np.int32))
    np.testing.assert_allclose(neighbours(short, 5, 9).toarray(), neighbours(short, 5, 2).toarray())
    assert vectors_of_texts(short, 5, 2).found.tolist() == [False, True, True, True, True]
    single = Texts(ids[:, :1], np.ones((4, 1), bool), np.zeros(4, np.int32))
    with pytest.raises(ValueError, match=r"size: expected 1 to 0 .*got 2"):
        vectors_of_texts(single, 5, 2)
    with pytest.raises(ValueError, match="window: expected at least 1, got 0"):
        vectors_of_texts(short, 5, 2, window=0)


@pytest.mark.parametrize("line", ["good 1", "good 1 2 3", "good 1 x", "good 1 nan"])
def test_a_damaged_line_is_named(tmp_path, line):
    file = tmp_path / "vectors.txt"
    file.write_text(f"other 1 2\n{line}\n")
    with pytest.raises(ValueError, match=r"vectors.txt: line 2 expected 2 finite numbers"):
        vectors_of_file(file, {"good": 0}, 1, 2)


def test_a_file_without_any_of_the_words(tmp_path):
    file = tmp_path / "vectors.txt"
    file.write_text("other 1 2\n")
    with pytest.raises(ValueError, match="none of the 1 words"):
        vectors_of_file(file, {"good": 0}, 1, 2)
    with pytest.raises(FileNotFoundError, match="no file of word vectors"):
        vectors_of_file(tmp_path / "nothing.txt", {"good": 0}, 1, 2)
