"""Every layer, estimator and KL refuses what it does not support, and says which argument it was.

The cases of the gradient check are called with one argument changed: another number of axes, an axis of another size,
another dtype. Broadcasting never decides what an argument means: which axes may have
another size than the case gives them is written down in FREE, and everything else is an error that names an argument,
in the words of ``arrays.py``.
"""

import re

import numpy as np
import pytest

from refimpl.layers.losses import binary_cross_entropy_forward
from refimpl.tree import flatten, unflatten
from tests.checks.built import built, call, cotangents

# Axes whose size no other argument shares, as LEAF.AXIS; + larger only, - only down to 1 (an axis for the gates, or T).
FREE = {
    "affine/rows": "x.0",
    "affine/sequence": "x.0 x.1 params.W.1",
    "affine/object_rows": "params.W.2",
    "affine/object_sequence": "x.0",
    "embedding/shared": "ids.0 ids.1 +W.0 W.1",
    "embedding/object": "ids.0 +W.1 W.2",
    "row_factor": "e.2 +factor.1",
    "scale": "x.0",
    "rnn/plain": "x.0",
    "rnn/multipliers_right_padding": "",
    "softmax_cross_entropy/sum": "+logits.1",
    "binary_cross_entropy/mean_clip": "",
    "squared_error/sum": "",
    "gate_input/shared_multiplier0": "x.0 x.1 W_x.2",
    "gate_input/shared_multiplier4": "x.0 W_x.2 -multiplier.1",
    "gate_input/object_multiplier1": "x.0 W_x.3",
    "token_input/shared_multiplier0": "ids.0 ids.1 +W_x.0 W_x.2",
    "token_input/shared_multiplier1": "ids.0 W_x.2",
    "token_input/object_multiplier0": "ids.0 +W_x.1 W_x.3",
    "token_input/object_multiplier4": "ids.0 W_x.3 -multiplier.1",
    "recurrence/per_object": "u.0",
    "recurrence/per_object_multipliers4": "u.0 -multipliers.h_in.1",
    "lstm/peephole_c": "x.0",
    "lstm/multipliers4": "-multipliers.x.1 -multipliers.h_in.1",
    "gaussian_weights/matrix_shared": "",
    "gaussian_weights/matrix_object": "eps.0",
    "affine_flipout/own": "",
    "affine_flipout/time_shared": "x.0",
    "affine_lrt/own": "-eps.0",
    "affine_lrt/time_shared": "x.0",
    "affine_lrt/gates_own": "-eps.0 -eps.2",
    "affine_lrt/gates_shared": "-eps.0",
    **{f"kl/{name}": "" for name in ("log_uniform", "molchanov2017", "rnn2018", "ard", "standard_normal")},
}
ONE_FLOAT = ("embedding", "softmax_cross_entropy", "binary_cross_entropy", "token_input/shared_multiplier0",
             "token_input/object_multiplier0")  # nothing that another dtype could differ from  # fmt: skip
WORD = r"(?:[A-Z]|\d+|T\|1|1\|4|4\|1)(?:=\d+)?"
SHAPE = rf"\((?:{WORD}(?:, {WORD})*)?\)"
OTHER_SHAPE = rf"(.+?): expected shape {SHAPE}.*, got \(.*\).*"
NO_MATRIX = r"(.+?): expected shape \(.*\), or \(.*\) for one W an object, got \(.*\)|x: .*, got \(.*\)"
OTHER_DTYPE = r"(.+?): expected dtype float(?:32|64) \(that of (.+?)\), got float(?:32|64); cast one of them"
NOT_FLOATING = r"(.+?): expected dtype float32 or float64, got int64; cast it explicitly"
NOT_INTEGER = r"(.+?): expected (?:an integer array|dtype bool).*, got float64.*"


def names_of(problem):
    """What an error may call an argument: its dotted name, or the end of it; or what the parts of an LSTM call it."""
    parts = [leaf.split(".") for leaf in flatten(dict(problem.inputs))]
    names = {".".join(p[i:]) for p in parts for i in range(len(p))}
    return names | {"multiplier", "u"} if "W_x" in names and "W_h" in names else names


def assert_named(message, pattern, names):
    found = re.fullmatch(pattern, message)
    assert found, message
    assert set(found.groups()) <= {*names, None}, message


def other_sizes(array):
    """(axis, larger or not, the array with that axis doubled or cut to 1)."""
    for axis, size in enumerate(array.shape):
        yield axis, True, np.concatenate([array, array], axis=axis)
        if size != 1:
            yield axis, False, array.take([0], axis=axis)


@pytest.mark.parametrize("name", FREE)
def test_another_size_is_refused_by_name_or_it_is_free(name):
    problem, free = built(name), set(FREE[name].split())
    for leaf, array in flatten(dict(problem.inputs)).items():
        for axis, larger, changed in other_sizes(array):
            place = f"{leaf}.{axis}"
            if {place, f"{'+' if larger else '-'}{place}"} & free:
                call(problem, {leaf: changed})
                continue
            with pytest.raises((ValueError, IndexError)) as error:  # an id beyond a shorter table is an IndexError
                call(problem, {leaf: changed})
            if error.type is ValueError:
                assert_named(str(error.value), OTHER_SHAPE, names_of(problem))


@pytest.mark.parametrize("name", FREE)
def test_another_number_of_axes_is_refused_by_name(name):
    problem = built(name)
    for leaf, array in flatten(dict(problem.inputs)).items():
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the message is matched below
            call(problem, {leaf: array[None, None, None]})
        assert_named(str(error.value), f"{OTHER_SHAPE}|{NO_MATRIX}", names_of(problem))


@pytest.mark.parametrize("name", FREE)
def test_another_dtype_is_refused_by_name(name):
    problem = built(name)
    for leaf, array in flatten(dict(problem.inputs)).items():
        wrong = [("float64", NOT_INTEGER)] if array.dtype.kind != "f" else [("int64", NOT_FLOATING)]
        if array.dtype.kind == "f" and not name.startswith(ONE_FLOAT):
            wrong.append(("float32", OTHER_DTYPE))
        for dtype, pattern in wrong:
            with pytest.raises(TypeError) as error:
                call(problem, {leaf: array.astype(dtype)})
            assert_named(str(error.value), pattern, names_of(problem))


def assert_cotangent_refused(problem, tree, leaves, pattern, error_type):
    """Names of a cotangent: dy, du, de ..., or doutputs.last.h, and what it is compared with: y, h, an input."""
    _, cache_ = call(problem, {})
    with pytest.raises(error_type) as error:
        problem.backward(unflatten(tree, leaves)["outputs"], cache_)
    found = re.fullmatch(pattern, str(error.value))
    assert found, str(error.value)
    name, *others = found.groups()
    assert re.fullmatch(r"d(?:y|e|u|w|kl|h|h_last|c_last|outputs\.(?:h|last\.[hc]))|h|last", name), name
    assert set(others) <= {"y", "h", "w", *names_of(problem)}, others


WITH_COTANGENTS = [name for name in FREE if "cross_entropy" not in name and "squared_error" not in name]


@pytest.mark.parametrize("name", WITH_COTANGENTS)
def test_a_cotangent_has_the_shape_and_the_dtype_of_its_output(name):
    problem = built(name)
    tree, ones = cotangents(problem)
    for leaf, array in ones.items():
        for _, _, changed in other_sizes(array):
            assert_cotangent_refused(problem, tree, ones | {leaf: changed}, OTHER_SHAPE, ValueError)
        assert_cotangent_refused(problem, tree, ones | {leaf: array[None]}, OTHER_SHAPE, ValueError)
        assert_cotangent_refused(problem, tree, ones | {leaf: array.astype("float32")}, OTHER_DTYPE, TypeError)
    for axis in (-1, -2):  # all together, so that they agree with each other
        wider = {leaf: np.concatenate([array, array], axis=axis) for leaf, array in ones.items()}
        assert_cotangent_refused(problem, tree, wider, OTHER_SHAPE, ValueError)
    all_single = {leaf: array.astype("float32") for leaf, array in ones.items()}
    assert_cotangent_refused(problem, tree, all_single, OTHER_DTYPE, TypeError)


@pytest.mark.parametrize("bad", [-1, 2])
def test_a_label_is_zero_or_one(bad):
    with pytest.raises(IndexError, match=f"^targets: expected ids from 0 to 1, got {bad} at index"):
        binary_cross_entropy_forward(np.zeros(2), np.array([0, bad]), reduction="sum")
