"""The authors' own numbers: |ours - theirs| <= 1e-12 max(1, max|theirs|) for every answer; masks and counts exactly.

Training cases give outputs, NLL, KL, gradients, three Adam steps, the carried state and evaluation with pruned
weights; the counting cases give masks and counts; batching gives windows and segments (tests/training). Further cases
of the same format that are put into the folder are picked up by name.
"""

import numpy as np
import pytest

from tests.vectors.original_2018 import (
    GIVEN,
    answers,
    case_names,
    counting_answers,
    load_arrays,
    load_case,
    params_in,
    params_out,
    recipe_of,
    under,
)

TOLERANCE = 1e-12
UNTRAINED = ("LSTM.hid_init", "LSTM.cell_init")  # no gradient in the 2018 code


def assert_equal(ours, theirs, key):
    ours = np.asarray(ours)
    assert ours.shape == theirs.shape, key
    if theirs.dtype.kind in "iub":
        assert np.array_equal(ours.astype(theirs.dtype), theirs), key
    else:
        error = np.max(np.abs(ours - theirs), initial=0.0)
        assert error <= TOLERANCE * max(1.0, np.max(np.abs(theirs), initial=0.0)), f"{key}: {error}"


def is_answer(key):
    return not key.startswith((*GIVEN, "compress"))


def test_the_folder_holds_the_published_cases():
    assert {"char_DCCD", "char_LCCL", "word_LCCL", "cls_LCLCCL_c1", "cls_LLLCCL_c1"} <= set(case_names())


@pytest.mark.parametrize("name", case_names())
def test_every_answer_of_a_training_case(name):
    case = load_case(name)
    ours = answers(case)
    expected = {key: value for key, value in case.arrays.items() if is_answer(key)}
    assert sorted(expected.keys() - ours.keys()) == []
    for key, theirs in expected.items():
        assert_equal(ours[key], theirs, key)


@pytest.mark.parametrize("name", case_names())
def test_the_adapter_maps_every_parameter_and_back(name):
    theirs = under(load_case(name).arrays, "param/")
    back = params_out(params_in(theirs))
    assert back.keys() == theirs.keys()
    for key, value in theirs.items():
        if key not in UNTRAINED:
            assert np.array_equal(back[key], value), key


@pytest.mark.parametrize("name", case_names(("counting_",)))
def test_masks_and_counts(name):
    arrays = load_arrays(name)
    task, letters = name.split("_")[1:3]
    for prefix in sorted({key.split("/")[0] + "/" for key in arrays}):
        given = under(arrays, prefix)
        params = params_in(under(given, "param/"))
        H, K = given["param/Dense.W"].shape
        V, E = given["param/Embedding.W"].shape if task == "cls" else (K, 0)
        ours = counting_answers(params, recipe_of(task, letters, V, E, H, K))
        expected = {key: value for key, value in given.items() if not key.startswith(("param/", "compress/"))}
        assert sorted(expected.keys() - ours.keys()) == []
        for key, theirs in expected.items():
            assert_equal(ours[key], theirs, prefix + key)
