"""Batches: equal, bit for bit, to those of the authors' readers; sizes of the papers' data; what is refused.

[BATCHES.E1] [BATCHES.E2] [BATCHES.E3] [BATCHES.E4]
"""

from pathlib import Path

import numpy as np
import pytest

from refimpl.noise import Draw
from refimpl.training.batches import (
    Batch,
    character_offset_stop,
    character_terms,
    character_window_count,
    character_windows,
    epoch_offset,
    epoch_order,
    text_batches,
    word_segments,
    word_terms,
)

VECTORS = Path(__file__).parents[2] / "validation/vectors/original-2018"


@pytest.fixture(scope="module")
def authors():
    with np.load(VECTORS / "batching.npz", allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def same(ours, authors, prefix, letters="xy"):
    """Our batches, time first, against theirs, batch first; theirs without steps are passed over."""
    numbers = sorted({key.split("/")[-1][:3] for key in authors if key.startswith(prefix)})
    theirs = [{c: authors[f"{prefix}/{n}_{c}"] for c in letters} for n in numbers]
    theirs = [batch for batch in theirs if batch["x"].size]
    assert len(ours) == len(theirs) > 0
    fields = {"x": "x", "y": "y", "m": "mask"}
    for our, their in zip(ours, theirs, strict=True):
        for letter in letters:
            found = getattr(our, fields[letter])
            assert found.shape == their[letter].T.shape
            assert (found == their[letter].T).all()


def test_character_windows_in_natural_order_are_the_authors(authors):
    same(list(character_windows(authors["char/data"], length=10, batch=4)), authors, "char/initial")


def test_character_windows_of_two_epochs_are_the_authors(authors):
    """Each epoch of theirs draws the offset first, then an order of the windows."""
    ids, random = authors["char/data"], np.random.RandomState(3)
    for epoch in ("epoch0", "epoch1"):
        offset = random.randint(character_offset_stop(len(ids), 10))
        order = random.permutation(character_window_count(len(ids), 10))
        assert offset == 10
        same(list(character_windows(ids, 10, offset, order, 4)), authors, f"char/{epoch}")


@pytest.mark.parametrize(
    ("characters", "windows", "stop", "terms"),
    [(5_017_482, 50_173, 182, 4_967_127), (393_042, 3_929, 142, 388_971), (442_423, 4_423, 123, 437_877)],
)
def test_sizes_of_character_ptb(characters, windows, stop, terms):
    assert character_window_count(characters) == windows
    assert character_offset_stop(characters) == stop
    assert character_terms(characters) == terms == windows * 99


def test_largest_offset_stays_inside_and_last_batch_is_short():
    ids = np.arange(57)
    stop = character_offset_stop(57, 10)
    assert (character_window_count(57, 10), stop) == (4, 17)
    found = list(character_windows(ids, 10, stop - 1, None, 3))
    assert [batch.x.shape for batch in found] == [(9, 3), (9, 1)]
    assert found[0].x[0].tolist() == [16, 26, 36]
    assert found[1].y[-1].tolist() == [55]
    assert all((batch.y == batch.x + 1).all() and batch.mask is None for batch in found)


def test_targets_of_an_epoch_are_every_character_but_the_first_of_a_window():
    ids, order = np.arange(57), np.array([2, 0, 3, 1])
    targets = np.concatenate([batch.y.T.reshape(-1) for batch in character_windows(ids, 10, 4, order, 3)])
    assert targets.size == character_terms(57, 10)
    assert targets.tolist() == [4 + 10 * w + t for w in order for t in range(1, 10)]


@pytest.mark.parametrize("name", ["word_a", "word_b"])
def test_word_segments_are_the_authors(authors, name):
    """word_b ends, with them, in a segment of no steps; ours ends before it."""
    ids = authors[f"{name}/data"]
    found = list(word_segments(ids, streams=4, length=6))
    same(found, authors, f"{name}/seg")
    assert sum(batch.y.size for batch in found) == word_terms(len(ids), 4) == {"word_a": 196, "word_b": 72}[name]
    assert all(batch.x.shape[0] > 0 for batch in found)


def test_sizes_of_word_ptb():
    assert word_terms(929_589) == 929_536
    assert word_terms(73_760) == 73_728
    assert len(list(word_segments(np.zeros(929_589, dtype=np.int8)))) == 830


def test_streams_continue_from_segment_to_segment():
    found = list(word_segments(np.arange(29), streams=3, length=4))
    x = np.concatenate([batch.x for batch in found])
    assert x.T.tolist() == [list(range(0, 8)), list(range(9, 17)), list(range(18, 26))]
    assert all((batch.y == batch.x + 1).all() for batch in found)


def load_matrix(rows, labels, random, words=12, length=6, start=1, oov=2, shift=3):
    """The 2018 rule on rows padded with -1: shuffle, start symbol, shift, OOV, keep the first, pad on the left."""
    order = np.arange(len(rows))
    random.shuffle(order)
    ids = np.zeros((len(rows), length))
    mask = np.zeros((len(rows), length))
    for place, row in enumerate(rows[order]):
        text = [start, *(w + shift if w + shift < words else oov for w in row[row >= 0])][:length]
        ids[place, length - len(text) :], mask[place, length - len(text) :] = text, 1.0
    return ids, mask, labels[order]


def test_load_matrix_rule_is_the_authors(authors):
    random = np.random.RandomState(113)  # one stream: the order of the test texts follows that of the training texts
    for part in ("train", "test"):
        found = load_matrix(authors[f"text/x_{part}_raw"], authors[f"text/y_{part}_raw"], random)
        for array, name in zip(found, ("x", "mask", "y"), strict=True):
            assert (array == authors[f"text/{name}_{part}"]).all()


def test_text_batches_of_two_epochs_are_the_authors(authors):
    """They permute what the last epoch left, so their orders compose."""
    texts = Batch(authors["text/x_train"].T.astype(int), authors["text/y_train"], authors["text/mask_train"].T)
    random, order = np.random.RandomState(4), np.arange(9)
    for epoch in ("epoch0", "epoch1"):
        order = order[random.permutation(9)]
        same(list(text_batches(texts, order, 4)), authors, f"text/{epoch}", letters="xym")


def test_text_batches_in_natural_order_and_without_mask():
    texts = Batch(np.arange(15).reshape(3, 5), np.arange(5.0))
    found = list(text_batches(texts, batch=2))
    assert (np.concatenate([batch.x for batch in found], axis=1) == texts.x).all()
    assert (np.concatenate([batch.y for batch in found]) == texts.y).all()
    assert [batch.y.size for batch in found] == [2, 2, 1]
    assert all(batch.mask is None for batch in found)


def test_draws_are_orders_and_offsets_and_differ_by_epoch():
    orders = [epoch_order(Draw(1, "batches", epoch), 40).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert orders[1] == epoch_order(Draw(1, "batches", 1), 40).tolist()
    assert orders[1] != epoch_order(Draw(1, "others", 1), 40).tolist()
    offsets = [epoch_offset(Draw(1, "batches", epoch), 137, 10) for epoch in range(400)]
    assert set(offsets) == set(range(17))


def test_inputs_may_be_read_only_and_are_not_written_to():
    ids = np.arange(57)
    ids.flags.writeable = False
    for batches in (character_windows(ids, 10, 1, np.arange(4), 3), word_segments(ids, 3, 4)):
        for batch in batches:
            assert not np.shares_memory(batch.x, ids)


def test_errors_name_what_is_wrong_when_called():
    ids = np.arange(57)
    with pytest.raises(ValueError, match=r"^offset: expected an integer from 0 to 16, got 17"):
        character_windows(ids, 10, 17)
    with pytest.raises(ValueError, match=r"^characters \(for windows of 100\): expected at least 200, got 57"):
        character_windows(ids)
    with pytest.raises(IndexError, match=r"^order: expected ids from 0 to 3, got 4"):
        character_windows(ids, 10, 0, np.array([0, 4]))
    with pytest.raises(TypeError, match=r"^order: expected an integer array"):
        character_windows(ids, 10, 0, np.array([0.0]))
    with pytest.raises(ValueError, match=r"^ids: expected shape \(n\), got \(3, 19\)"):
        character_windows(ids.reshape(3, 19), 10)
    with pytest.raises(ValueError, match=r"^batch: expected at least 1, got 0"):
        character_windows(ids, 10, batch=0)
    with pytest.raises(ValueError, match=r"^length: expected at least 2, got 1"):
        character_window_count(57, 1)
    with pytest.raises(ValueError, match=r"^ids \(for 32 streams\): expected at least 64, got 57"):
        word_segments(ids)
    with pytest.raises(ValueError, match=r"^texts.y: expected shape \(N=5\), got \(4,\)"):
        text_batches(Batch(np.zeros((3, 5), int), np.zeros(4)))
    with pytest.raises(IndexError, match=r"^order: expected ids from 0 to 4, got -1"):
        text_batches(Batch(np.zeros((3, 5), int), np.zeros(5)), np.array([-1]))
