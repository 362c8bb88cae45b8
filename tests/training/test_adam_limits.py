"""Adam: the ends of its rates' ranges, the names in its errors, and moments that are two arrays, not one."""

import math

import numpy as np
import pytest
import strict_cupy

from refimpl.training.adam import AdamState, adam_init, adam_update

PARAMS = {"a": np.array([1.0, -2.0]), "b": np.array(0.5)}
GRADS = {"a": np.array([0.3, 0.0]), "b": np.array(-4.0)}
GOOD = {"learning_rate": 0.1, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-8}


def test_the_two_moments_are_arrays_of_their_own():
    """An engine that writes over them would else write both at once."""
    state = adam_init(PARAMS)
    arrays = [*state.m.values(), *state.v.values(), *PARAMS.values()]
    assert not any(np.shares_memory(x, y) for i, x in enumerate(arrays) for y in arrays[:i])
    assert all((x == 0.0).all() for x in arrays[:4])


@pytest.mark.parametrize(("name", "value"), [("learning_rate", 0.0), ("beta1", 0.0), ("beta2", 0.0)])
def test_a_rate_may_be_zero(name, value):
    new, _ = adam_update(PARAMS, GRADS, adam_init(PARAMS), **(GOOD | {name: value}))
    assert all(np.isfinite(new[key]).all() for key in PARAMS)
    assert (name == "learning_rate") == all((new[key] == PARAMS[key]).all() for key in PARAMS)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("learning_rate", (-1e-300, math.inf, math.nan), "a finite number of at least 0"),
        ("beta1", (-1e-300, 1.0, 1.5, math.nan), "a number in [0, 1)"),
        ("beta2", (-1e-300, 1.0, 1.5, math.nan), "a number in [0, 1)"),
        ("epsilon", (0.0, -1e-8, math.inf, math.nan), "a finite number above 0"),
    ],
)
def test_what_is_outside_is_refused_with_what_was_expected(name, values, expected):
    for value in values:
        with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole message is compared below
            adam_update(PARAMS, GRADS, adam_init(PARAMS), **(GOOD | {name: value}))
        assert str(error.value) == f"{name}: expected {expected}, got {value!r}"


@pytest.mark.parametrize("part", ["grads", "state.m", "state.v"])
def test_another_shape_or_name_is_refused_by_its_name(part):
    def update(change):
        arrays = {"grads": GRADS, "state.m": adam_init(PARAMS).m, "state.v": adam_init(PARAMS).v}
        arrays[part] = change(arrays[part])
        return adam_update(PARAMS, arrays["grads"], AdamState(arrays["state.m"], arrays["state.v"], 0), **GOOD)

    with pytest.raises(ValueError, match=rf"^{part}: names missing or not among params: \['b'\]$"):
        update(lambda arrays: {"a": arrays["a"]})
    with pytest.raises(ValueError, match=rf"^{part}\[a\]: expected shape \(2,\) \(that of params\), got \(3,\)$"):
        update(lambda arrays: arrays | {"a": np.zeros(3)})
    with pytest.raises(TypeError, match=rf"^{part}\[b\]: expected dtype float64 .that of params\[b\]., got float32"):
        update(lambda arrays: arrays | {"b": arrays["b"].astype("float32")})
    with pytest.raises(TypeError, match=r"^arrays: expected only NumPy or only CuPy arrays"):
        update(lambda arrays: arrays | {"a": strict_cupy.asarray(arrays["a"])})


def test_a_parameter_of_another_device_is_refused():
    with pytest.raises(TypeError, match=r"^arrays: expected only NumPy or only CuPy arrays"):
        adam_update(PARAMS | {"a": strict_cupy.asarray(PARAMS["a"])}, GRADS, adam_init(PARAMS), **GOOD)


def test_a_step_on_the_stand_in_for_a_device_is_that_of_the_host():
    there = {name: strict_cupy.asarray(p) for name, p in PARAMS.items()}
    dthere = {name: strict_cupy.asarray(g) for name, g in GRADS.items()}
    with strict_cupy.recording() as stats:
        found, state = adam_update(there, dthere, adam_init(there), **GOOD)
    assert stats.reads == 0
    expected, right = adam_update(PARAMS, GRADS, adam_init(PARAMS), **GOOD)
    for of, to in ((found, expected), (state.m, right.m), (state.v, right.v)):
        assert all((of[name].get() == to[name]).all() for name in PARAMS)
