"""IMDb: Keras's tokenisation on toy reviews, then its known ranks on the real ones."""

import json

import numpy as np
import pytest

from refimpl.data.imdb import keras_words, read_imdb
from refimpl.noise import Draw, permutation


def lines(reviews):
    return "".join(json.dumps({"label": y, "text": t}) + "\n" for t, y in reviews).encode()


@pytest.fixture
def toy_imdb(toy):
    train = [("Good, good film!", 1), ("good one", 1), ("A bad film<br />", 0), ("bad bad thing here now", 0)]
    test = [("good thing", 1), ("fine", 1), ("bad film", 0), ("a", 0)]
    return toy("imdb", {"train.jsonl.xz": lines(train), "test.jsonl.xz": lines(test)})


def test_the_rule_of_keras():
    assert keras_words("It's a <br /><br />GREAT_film--\tno. 1!") == [
        "it's",
        "a",
        "br",
        "br",
        "great",
        "film",
        "no",
        "1",
    ]
    assert keras_words("caf\u00e9\u00a0au lait") == ["caf\u00e9\u00a0au", "lait"]  # only a plain space splits


def test_a_toy_corpus_by_hand(toy_imdb):
    corpus = read_imdb(toy_imdb, np.array([3, 0, 2, 1]), num_words=8, maxlen=4, valid_fraction=0.25)
    # counts: good 3, bad 3, film 2, then one, a, br, thing, here, now once each, in order of occurrence
    assert corpus.vocabulary.ids == {"good": 4, "bad": 5, "film": 6, "one": 7}
    np.testing.assert_array_equal(corpus.train.ids, [[1, 5, 5, 2], [1, 4, 4, 6], [1, 2, 5, 6]])
    np.testing.assert_array_equal(corpus.train.targets, [0, 1, 0])
    np.testing.assert_array_equal(corpus.valid.ids, [[0, 1, 4, 7]])
    np.testing.assert_array_equal(corpus.valid.mask, [[False, True, True, True]])
    np.testing.assert_array_equal(corpus.test.ids, [[0, 1, 4, 2], [0, 0, 1, 2], [0, 1, 5, 6], [0, 0, 1, 2]])
    np.testing.assert_array_equal(corpus.test.targets, [1, 1, 0, 0])
    assert len(corpus.vocabulary.symbols) == 11
    assert corpus.labels == ("negative", "positive")


def test_subsets_keep_ids_and_stay_balanced(toy_imdb):
    order = np.array([3, 0, 2, 1])
    whole = read_imdb(toy_imdb, order, num_words=8, maxlen=4, valid_fraction=0.0)
    part = read_imdb(toy_imdb, order, num_words=8, maxlen=4, valid_fraction=0.0, train_texts=2, test_texts=2)
    assert part.vocabulary == whole.vocabulary
    np.testing.assert_array_equal(part.train.ids, whole.train.ids[:2])
    np.testing.assert_array_equal(part.test.targets, [1, 0])
    with pytest.raises(ValueError, match="train_texts: expected 1 to 4"):
        read_imdb(toy_imdb, order, train_texts=5)


@pytest.mark.data
def test_the_real_corpus_has_kerass_ranks(data_dir):
    corpus = read_imdb(data_dir, Draw(0, "order"), test_texts=5_000)
    ids = corpus.vocabulary.ids
    assert corpus.vocabulary.symbols[4:14] == ("the", "and", "a", "of", "to", "is", "br", "in", "it", "i")
    found = np.array([ids[word] - 3 for word in ["this", "film", "was", "just", "brilliant", "casting"]])
    assert np.all(np.abs(found - [11, 19, 13, 40, 526, 967]) <= 3)
    assert [len(part.targets) for part in (corpus.train, corpus.valid, corpus.test)] == [21_250, 3_750, 5_000]
    assert len(corpus.vocabulary.symbols) == 20_003
    assert len(ids) == 19_996
    assert int(corpus.test.targets.sum()) == 2_500
    assert int(corpus.train.targets.sum() + corpus.valid.targets.sum()) == 12_500
    for part in (corpus.train, corpus.valid, corpus.test):
        assert part.ids.shape[1] == 200
        assert np.array_equal(part.ids > 0, part.mask)
        assert np.all(part.ids.max() < 20_000)
        assert not np.any(part.ids == 3)
        assert np.all(part.mask[:, -1])
        first = part.ids[np.arange(len(part.ids)), part.mask.argmax(axis=1)]
        assert np.all(first == 1)
    where = int(np.flatnonzero(permutation(Draw(0, "order"), 25_000) == 0)[0])  # the first review of the file
    part, row = (corpus.train, where) if where < 21_250 else (corpus.valid, where - 21_250)
    words = [corpus.vocabulary.symbols[i] for i in part.ids[row][part.mask[row]]]
    assert words[2:6] == ["high", "is", "a", "cartoon"]  # after the start symbol and a rare name
