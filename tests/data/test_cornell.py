"""Cornell scale data: pieces and standardised targets on toy reviews, then the published number of pieces."""

import numpy as np
import pytest

from refimpl.data.cornell import AUTHORS, cut_pieces, read_cornell
from refimpl.data.corpora import CATALOGUE
from refimpl.noise import Draw


@pytest.fixture
def toy_cornell(toy):
    files = dict.fromkeys(CATALOGUE["cornell"].files, b"")
    reviews = {"a b a c d\n": "0.1\n", "a b\n": "0.3\n", "c .\n": "0.8\n", "e e e a\n": "1.0\n"}
    for author, (text, rating) in zip(AUTHORS, reviews.items(), strict=True):
        files[f"scaledata/{author}/subj.{author}.xz"] = text.encode()
        files[f"scaledata/{author}/rating.{author}"] = rating.encode()
    return toy("cornell", files)


def test_a_toy_corpus_by_hand(toy_cornell):
    corpus = read_cornell(toy_cornell, np.array([0, 3, 1, 2]), num_words=9, maxlen=3)
    # counts: a 4, e 3, b 2, c 2, then d and . once each; equals in order of occurrence, and . is past the last id
    assert corpus.vocabulary.ids == {"a": 4, "e": 5, "b": 6, "c": 7, "d": 8}
    # pieces: 1 a b | a c d || 1 e e | e a || 1 a b || 1 c .   -> 6 pieces, int(4.8) = 4 for training
    np.testing.assert_array_equal(corpus.train.ids, [[1, 4, 6], [4, 7, 8], [1, 5, 5], [0, 5, 4]])
    np.testing.assert_array_equal(corpus.test.ids, [[1, 4, 6], [1, 7, 2]])
    raw = np.array([0.1, 0.1, 1.0, 1.0])
    assert corpus.target_mean == pytest.approx(raw.mean())
    assert corpus.target_std == pytest.approx(raw.std())
    np.testing.assert_allclose(corpus.target_mean + corpus.target_std * corpus.train.targets, raw, rtol=1e-15)
    np.testing.assert_allclose(corpus.target_mean + corpus.target_std * corpus.test.targets, [0.3, 0.8], rtol=1e-15)
    assert len(corpus.valid.targets) == 0
    assert corpus.valid.ids.shape == (0, 3)
    assert corpus.labels == ()


def test_validation_is_the_last_part_of_training_and_outside_the_statistics(toy_cornell):
    corpus = read_cornell(toy_cornell, np.array([0, 3, 1, 2]), num_words=9, maxlen=3, valid_fraction=0.25)
    np.testing.assert_array_equal(corpus.valid.ids, [[0, 5, 4]])
    assert corpus.target_mean == pytest.approx(0.4)
    assert len(corpus.test.targets) == 2


def test_pieces_join_to_the_document():
    ids = list(range(11))
    pieces = cut_pieces(ids, 4)
    assert [len(piece) for piece in pieces] == [4, 4, 3]
    assert [i for piece in pieces for i in piece] == ids


@pytest.mark.data
def test_the_published_number_of_pieces(data_dir):
    corpus = read_cornell(data_dir, Draw(0, "order"))
    assert [len(part.targets) for part in corpus[:3]] == [10_599, 0, 2_650]
    assert corpus.train.ids.shape == (10_599, 200)
    assert len(corpus.vocabulary.symbols) == 20_003
    every = np.concatenate([corpus.train.mask, corpus.test.mask])
    assert int(every.sum()) == 2_148_164 + 5_006  # every word once, and a start symbol a review
    assert abs(corpus.train.targets.mean()) <= 1e-12
    assert corpus.train.targets.std() == pytest.approx(1.0, rel=1e-12)
    assert corpus.target_std == pytest.approx(0.184, abs=0.005)
    starts = sum(int((part.ids == 1).sum()) for part in (corpus.train, corpus.test))
    assert starts == 5_006
