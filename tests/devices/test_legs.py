"""The legs of the unit suite: arrays go to the device and come back; a fault of a function on it fails the call."""

from typing import Any, NamedTuple

import numpy as np
import pytest
import strict_cupy

from refimpl.arrays import Array, array_module
from tests.devices.legs import HANDED, READS, Leg, _with, map_arrays, modules
from tests.devices.plugin import HOST_ONLY, UNIT_SUITE

STRICT, READONLY = Leg("strict"), Leg("readonly")
LEGS = pytest.mark.parametrize("leg", [STRICT, READONLY], ids=["strict", "readonly"])
HERE = __name__


class Cache(NamedTuple):
    x: Any
    more: dict[str, Any]
    name: str = "cache"


@LEGS
def test_a_call_runs_on_the_device_and_comes_back(leg):
    seen = []

    def function(x, cache, factor):
        seen.extend([x, cache.x, cache.more["a"][0]])
        return Cache(x * factor, {"sum": x.sum()}), cache

    x, a = np.ones((2, 3)), np.arange(3)
    cache = Cache(x, {"a": (a,), "none": None})
    result, same = leg.wrap(function)(x, cache, 2.0)
    for array in seen:
        if leg is STRICT:
            assert isinstance(array, strict_cupy.ndarray)
        else:
            assert not array.flags.writeable
            assert not array.flags.c_contiguous
    assert seen[0] is seen[1]  # as it was on the host
    assert isinstance(result.x, np.ndarray)
    assert (result.x == 2.0).all()
    assert result.more["sum"] == 6.0
    assert same.x is x  # and not a copy


@LEGS
def test_a_function_may_not_write_to_its_arguments(leg):
    def function(x):
        x += 1.0

    with pytest.raises((AssertionError, ValueError), match=r"wrote to an argument|read-only"):
        leg.wrap(function)(np.ones(3))


def hidden(x):
    return 1.0 if (x > 0.0).all() else 2.0


def explicit(x):
    return x + float(x.get().sum())


def test_a_function_may_not_read_the_device(monkeypatch):
    with pytest.raises(strict_cupy.DeviceError, match="bool.. reads the device"):
        STRICT.wrap(hidden)(np.ones(3))
    with pytest.raises(AssertionError, match="explicit reads the device:\n     1  read get  test_legs.py"):
        STRICT.wrap(explicit)(np.ones(3))
    monkeypatch.setitem(READS, f"{HERE}.hidden", "as a test")
    monkeypatch.setitem(READS, f"{HERE}.explicit", "as a test")
    assert STRICT.wrap(hidden)(np.ones(3)) == 1.0
    assert (STRICT.wrap(explicit)(np.ones(3)) == 4.0).all()


def test_numpy_on_device_data_fails():
    with pytest.raises(TypeError):
        STRICT.wrap(lambda x: np.exp(x))(np.ones(3))


def test_functions_that_are_called_in_turn_are_left_alone():
    inner = STRICT.wrap(lambda x: array_module(x).exp(x))
    seen = []

    def outer(x):
        seen.append(inner(x))
        return seen[0]

    STRICT.wrap(outer)(np.ones(3))
    assert isinstance(seen[0], strict_cupy.ndarray)


def test_after_an_error_calls_are_wrapped_again():
    def fails(x):
        raise ValueError("as told")

    with pytest.raises(ValueError, match="as told"):
        STRICT.wrap(fails)(np.ones(3))
    assert STRICT.wrap(lambda x: isinstance(x, strict_cupy.ndarray))(np.ones(3))


def test_the_module_is_the_device_s():
    def function(shape, xp=np):
        return xp.ones(shape), xp

    for args, kwargs in (((3,), {}), ((3, np), {}), ((3,), {"xp": np})):
        made, xp = STRICT.wrap(function)(*args, **kwargs)
        assert (type(made), xp) == (np.ndarray, strict_cupy)
        assert READONLY.wrap(function)(*args, **kwargs)[1] is np


def test_a_numpy_number_is_an_array_where_the_signature_says_so():
    def function(mu: Array, dloss: Array | float, rate: float, cache: Any = None):
        return [type(value) for value in (mu, dloss, rate, cache[0])]

    number = np.float64(2.0)
    device = strict_cupy.ndarray
    assert STRICT.wrap(function)(number, number, number, (number,)) == [device, np.float64, np.float64, device]


def test_trees():
    tree = (1, Cache(2, {"a": [3, (4,)]}), None)
    assert map_arrays(tree, lambda x: 10 if x == 4 else x) == (1, Cache(2, {"a": [3, (10,)]}), None)
    assert map_arrays(tree, lambda x: x) is tree


def test_functions_in_tables_are_replaced():
    table = (hidden, Cache(hidden, {}), "name")
    assert _with(table, {hidden: explicit}) == (explicit, Cache(explicit, {}), "name")
    assert _with(table, {}) is table


def test_the_tables_name_what_is_there():
    names = {f"{module.__name__}.{name}" for module in modules() for name in vars(module)}
    assert set(READS) | HANDED <= names
    assert all(name.startswith(UNIT_SUITE) for name in HOST_ONLY)
