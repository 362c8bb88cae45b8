"""Clipping by the global norm: the norm against exact sums, the multiplier of the 2018 code. [CLIP.F1] [CLIP.F2]"""

import math

import numpy as np
import pytest

from refimpl.training.clipping import clip_by_global_norm, global_norm


def gradients(dtype="float64", scale=1.0):
    rng = np.random.Generator(np.random.Philox(5))
    shapes = {"a": (3, 4, 2), "b": (7,), "c": ()}
    return {name: np.asarray(scale * rng.standard_normal(shape), dtype=dtype) for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm_is_over_all_arrays_together(dtype):
    grads = gradients(dtype)
    exact = math.sqrt(math.fsum(float(x) ** 2 for g in grads.values() for x in g.reshape(-1)))
    norm = global_norm(grads)
    assert norm.dtype == np.float64
    assert norm.shape == ()
    assert norm == pytest.approx(exact, rel=1e-14)


def test_norm_of_float32_does_not_overflow_or_underflow():
    assert global_norm({"a": np.full(4, 1e30, "float32")}) == pytest.approx(2e30, rel=1e-7)
    assert global_norm({"a": np.full(4, 1e-30, "float32")}) == pytest.approx(2e-30, rel=1e-7)


@pytest.mark.parametrize(("limit", "above"), [(0.5, True), (100.0, False)])
def test_multiplier_applies_always(limit, above):
    grads = gradients()
    clipped, norm = clip_by_global_norm(grads, limit)
    assert (norm > limit) == above
    multiplier = min(float(norm), limit) / (float(norm) + 1e-7)
    assert multiplier != 1.0
    for name, g in grads.items():
        np.testing.assert_allclose(clipped[name], multiplier * g, rtol=1e-15)
    assert global_norm(clipped) < min(float(norm), limit)


def test_no_limit_changes_nothing():
    grads = gradients()
    clipped, norm = clip_by_global_norm(grads, None)
    assert norm == global_norm(grads)
    assert all(clipped[name] is g for name, g in grads.items())
    assert clipped is not grads


def test_zero_gradient_stays_zero():
    clipped, norm = clip_by_global_norm({"a": np.zeros(3)}, 1.0)
    assert norm == 0.0
    assert (clipped["a"] == 0.0).all()


def test_not_a_number_is_passed_on():
    clipped, norm = clip_by_global_norm({"a": np.array([1.0, np.nan]), "b": np.ones(2)}, 1.0)
    assert np.isnan(norm)
    assert np.isnan(clipped["b"]).all()


def test_dtype_is_kept_and_inputs_are_not_written_to():
    grads = gradients("float32")
    before = {name: g.copy() for name, g in grads.items()}
    clipped, _ = clip_by_global_norm(grads, 0.1)
    assert {g.dtype.name for g in clipped.values()} == {"float32"}
    assert all((grads[name] == before[name]).all() for name in grads)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.inf, math.nan])
def test_limit_is_checked(limit):
    with pytest.raises(ValueError, match=r"^limit: expected a finite number above 0"):
        clip_by_global_norm(gradients(), limit)


def test_errors_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"^grads: expected at least one"):
        global_norm({})
    with pytest.raises(TypeError, match=r"grads\[b\]: expected dtype float64"):
        global_norm({"a": np.ones(2), "b": np.ones(2, "float32")})
    with pytest.raises(TypeError, match=r"complex128"):
        global_norm({"a": np.ones(2, complex)})
