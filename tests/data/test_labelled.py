"""Id conventions of classifiers: ranks, reserved ids, the first tokens kept, padding on the left."""

import numpy as np
import pytest

from refimpl.data.labelled import (
    encode_words,
    first_of,
    hold_out,
    pad_left,
    rank_words,
    ranked_vocabulary,
    resolve_order,
)
from refimpl.noise import Draw, permutation


def test_ranks_go_by_frequency_and_ties_by_first_occurrence():
    assert rank_words([["z", "b", "c"], ["c", "a", "b"], ["c"]]) == ["c", "b", "z", "a"]


def test_ids_are_rank_plus_three_below_num_words():
    vocabulary = ranked_vocabulary(["c", "b", "z", "a"], 7)  # rank 4 would be id 7: unknown
    assert len(vocabulary.symbols) == 10
    assert len(set(vocabulary.symbols)) == 10
    assert vocabulary.ids == {"c": 4, "b": 5, "z": 6}
    assert [vocabulary.symbols[i] for i in (0, 1, 2, 4, 6)] == ["<pad>", "<start>", "<oov>", "c", "z"]
    assert encode_words(["z", "a", "c", "new"], vocabulary) == [1, 6, 2, 4, 2]
    assert ranked_vocabulary(["c"], 7).ids == {"c": 4}
    assert len(ranked_vocabulary(["c"], 7).symbols) == 10


def test_the_first_tokens_are_kept_and_padding_is_on_the_left():
    ids, mask = pad_left([[1, 5], [1, 6, 7, 8, 9], [1, 4, 4]], 3)
    np.testing.assert_array_equal(ids, [[0, 1, 5], [1, 6, 7], [1, 4, 4]])
    np.testing.assert_array_equal(mask, [[False, True, True], [True] * 3, [True] * 3])
    assert ids.dtype == np.int32
    assert mask.dtype == bool


def test_an_order_is_drawn_or_checked():
    np.testing.assert_array_equal(resolve_order(Draw(3, "o"), 9), permutation(Draw(3, "o"), 9))
    np.testing.assert_array_equal(resolve_order(np.array([2, 0, 1]), 3), [2, 0, 1])
    for wrong in ([0, 1], [0, 1, 1], [1, 2, 3]):
        with pytest.raises(ValueError, match=r"order: expected a Draw or a permutation of 0 \.\. 2"):
            resolve_order(np.array(wrong), 3)


def test_sizes_are_exact_and_checked():
    assert [hold_out(25_000, 0.15), hold_out(120_000, 0.05), hold_out(7, 0.0)] == [21_250, 114_000, 7]
    for fraction in (-0.1, 1.0, 0.9, float("nan")):
        with pytest.raises(ValueError, match="valid_fraction: expected"):
            hold_out(3, fraction)
    with pytest.raises(ValueError, match=r"train_texts: expected 1 to 4 \(or None for all\), got 5"):
        first_of(np.arange(4), 5, "train_texts")
    with pytest.raises(ValueError, match="maxlen: expected at least 2, got 1"):
        pad_left([[1]], 1)
    with pytest.raises(ValueError, match="row 1 is empty"):
        pad_left([[1], []], 2)
    with pytest.raises(ValueError, match="num_words: expected at least 5, got 4"):
        ranked_vocabulary(["a"], 4)
