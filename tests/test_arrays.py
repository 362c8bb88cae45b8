"""arrays.py: the module an array belongs to; every check names the argument, what was expected and what came."""

import math
import sys
from types import ModuleType

import numpy as np
import pytest

from refimpl.arrays import (
    ONE_HOT_ROWS,
    array_module,
    check_choice,
    check_dtypes,
    check_ids,
    check_shapes,
    device_module,
    scatter_add,
    to_host,
)


class DeviceArray:
    """As much of a CuPy array as these functions look at."""

    def __init__(self, host: np.ndarray) -> None:
        self.host, self.dtype, self.shape = host, host.dtype, host.shape

    def get(self) -> np.ndarray:
        return self.host


DeviceArray.__module__ = "cupy"


@pytest.fixture
def cupy(monkeypatch):
    """A module that answers to the name cupy, with no device."""
    module = ModuleType("cupy")
    module.cuda = type("cuda", (), {"is_available": staticmethod(lambda: False)})
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_array_module_of_host_arrays():
    assert array_module(np.zeros(2), None, np.float32(1.0), np.zeros((), dtype=int)) is np
    assert array_module(None) is np


def test_array_module_of_device_arrays(cupy):
    assert array_module(DeviceArray(np.zeros(2)), None) is cupy


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ((np.zeros(1), DeviceArray(np.zeros(1))), r"\['cupy', 'numpy'\]"),
        ((np.zeros(1), 1.0), r"\['builtins', 'numpy'\]"),
        (([1.0],), r"\['builtins'\]"),
    ],
)
def test_array_module_refuses_a_mix_and_what_is_no_array(cupy, arrays, found):
    with pytest.raises(TypeError, match=rf"arrays: expected only NumPy or only CuPy arrays, got types from {found}"):
        array_module(*arrays)


def test_device_module_on_the_host():
    assert device_module("cpu") is np
    with pytest.raises(ValueError, match='device: expected "cpu" or "cuda", got \'gpu\''):
        device_module("gpu")


def test_device_module_says_what_is_missing(monkeypatch, cupy):
    with pytest.raises(RuntimeError, match="finds no CUDA device; use cpu"):
        device_module("cuda")
    cupy.cuda = type("cuda", (), {"is_available": staticmethod(lambda: True)})
    assert device_module("cuda") is cupy
    monkeypatch.setitem(sys.modules, "cupy", None)  # what Python does where the package is not installed
    with pytest.raises(RuntimeError, match=r"install refimpl\[cuda12\] or refimpl\[cuda13\], or use cpu"):
        device_module("cuda")


def test_to_host():
    x = np.arange(3.0)
    assert to_host(x) is x
    assert isinstance(to_host(np.float32(2.0)), np.ndarray)
    assert to_host(np.float32(2.0)).dtype == np.float32
    assert to_host(DeviceArray(x)) is x


def test_check_shapes_returns_the_sizes():
    x, w, gates = np.zeros((5, 2, 3)), np.zeros((3, 4, 6)), np.zeros((2, 1, 6))
    sizes = check_shapes({"x": (x, "T B D"), "W": (w, "D 4 H"), "b": (None, "4 H"), "gates": (gates, "B 1|4 H")})
    assert sizes == {"T": 5, "B": 2, "D": 3, "H": 6}
    assert check_shapes({"W": (w, "D 4 H")}, H=6) == {"H": 6, "D": 3}
    assert check_shapes({"scalar": (np.zeros(()), "")}) == {}


@pytest.mark.parametrize(
    ("shape", "words", "sizes", "message"),
    [
        ((3, 4, 6), "D 4 H", {"D": 2}, r"W: expected shape \(D=2, 4, H\), got \(3, 4, 6\)"),  # another size of a name
        ((3, 5, 6), "D 4 H", {}, r"W: expected shape \(D=3, 4, H\), got \(3, 5, 6\)"),  # another number
        ((3, 2, 6), "B 1|4 H", {}, r"W: expected shape \(B=3, 1\|4, H\), got \(3, 2, 6\)"),  # neither alternative
        ((3, 4), "D 4 H", {}, r"W: expected shape \(D, 4, H\), got \(3, 4\)"),  # too few axes
        ((3, 4, 6, 1), "D 4 H", {}, r"W: expected shape \(D, 4, H\), got \(3, 4, 6, 1\)"),  # too many axes
        ((3, 2), "N N", {}, r"W: expected shape \(N=3, N=3\), got \(3, 2\)"),  # a square
        ((1, 6), "B H", {"B": 2}, r"W: expected shape \(B=2, H\), got \(1, 6\)"),  # would broadcast: refused
    ],
)
def test_check_shapes_says_what_was_expected(shape, words, sizes, message):
    with pytest.raises(ValueError, match=message):
        check_shapes({"W": (np.zeros(shape), words)}, **sizes)


def test_check_shapes_names_the_argument_at_fault():
    with pytest.raises(ValueError, match=r"^h: expected shape \(B=2, H\), got \(3, 4\)$"):
        check_shapes({"x": (np.zeros((5, 2, 3)), "T B D"), "h": (np.zeros((3, 4)), "B H")})
    with pytest.raises(TypeError, match=r"^h: expected an array of shape \(B H\), got list$"):
        check_shapes({"h": ([[1.0]], "B H")})


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_check_dtypes_returns_the_one_dtype(dtype):
    assert check_dtypes(x=np.zeros(2, dtype), W=None, b=np.zeros((), dtype)) == np.dtype(dtype)


def test_check_dtypes_refuses():
    with pytest.raises(TypeError, match=r"^W: expected dtype float32 \(that of x\), got float64; cast one of them$"):
        check_dtypes(x=np.zeros(2, "float32"), W=np.zeros(2))
    for dtype in ("int64", "float16", "bool", "complex64"):
        with pytest.raises(TypeError, match=f"^x: expected dtype float32 or float64, got {dtype}; cast it explicitly$"):
            check_dtypes(x=np.zeros(2, dtype))
    with pytest.raises(TypeError, match="at least one floating array, got none"):
        check_dtypes(W=None)


def test_check_ids_accepts():
    for dtype in ("int64", "int32", "uint8", "uint64"):
        check_ids("tokens", np.array([[0, 2], [1, 2]], dtype=dtype), 3)
    check_ids("tokens", np.zeros((0, 2), dtype=int), 0)
    check_ids("tokens", DeviceArray(np.array([0, 1])), 2)


def test_check_ids_never_wraps():
    ids = np.array([[0, 2], [-1, 5]])
    with pytest.raises(IndexError, match=r"^tokens: expected ids from 0 to 5, got -1 at index \(1, 0\)$"):
        check_ids("tokens", ids, 6)
    with pytest.raises(IndexError, match=r"^tokens: expected ids from 0 to 1, got 2 at index \(0, 1\)$"):
        check_ids("tokens", ids, 2)
    with pytest.raises(
        IndexError, match=r"^tokens: expected ids from 0 to 2, got 3 at index \(1,\)$"
    ):  # the first beyond
        check_ids("tokens", np.array([2, 3]), 3)
    with pytest.raises(IndexError, match=r"got 18446744073709551615 at index \(0,\)"):  # -1 as an unsigned number
        check_ids("tokens", np.array([-1]).astype(np.uint64), 6)


@pytest.mark.parametrize(
    ("ids", "found"), [(np.zeros(2), "float64"), (np.zeros(2, bool), "bool"), ([0, 1], "list"), (3, "int")]
)
def test_check_ids_wants_an_integer_array(ids, found):
    with pytest.raises(TypeError, match=f"^tokens: expected an integer array, got {found}$"):
        check_ids("tokens", ids, 6)


def test_check_choice():
    check_choice("gates", "sigmoid", ("sigmoid", "hard_sigmoid"))
    with pytest.raises(ValueError, match="^gates: expected one of 'sigmoid', 'hard_sigmoid', got 'tanh'$"):
        check_choice("gates", "tanh", ("sigmoid", "hard_sigmoid"))


ROWS = np.array([4, 0, 4, 6, 0, 4, 1])  # repeated, unsorted; rows 2, 3 and 5 of 7 stay empty, the last row does not


COUNTS = (7, ONE_HOT_ROWS + 1)  # one product, and sorting


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("trailing", [(), (3,), (4, 2)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_scatter_add_is_add_at(count, trailing, dtype):
    rng = np.random.default_rng(3)
    values = rng.integers(-9, 10, (len(ROWS), *trailing)).astype(dtype)  # whole numbers: sums are exact in any order
    rows, kept = ROWS.copy(), values.copy()
    expected = np.zeros((count, *trailing), dtype)
    np.add.at(expected, ROWS, values)
    out = scatter_add(rows, values, count)
    assert out.dtype == dtype
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(rows, ROWS)
    np.testing.assert_array_equal(values, kept)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [40, ONE_HOT_ROWS + 44])
def test_scatter_add_against_exact_sums(count, dtype):
    """Both ways. Error of a sum of n terms in any order: at most n eps sum |term| (Higham 2002, section 4.2)."""
    rng = np.random.default_rng(4)
    rows, values = rng.integers(0, count, 3000), rng.standard_normal((3000, 2)).astype(dtype)
    out = scatter_add(rows, values, count)
    for row, column in np.ndindex(count, 2):
        terms = values[rows == row, column].tolist()
        bound = len(terms) * float(np.finfo(dtype).eps) * sum(map(abs, terms))
        assert abs(float(out[row, column]) - math.fsum(terms)) <= bound


def test_scatter_add_depends_only_on_the_order_within_a_row():
    """Many rows: the same bits however the rows are interleaved, which is what the stable sort is for."""
    rng = np.random.default_rng(5)
    count = ONE_HOT_ROWS + 44
    rows, values = rng.integers(0, count, 9000), rng.standard_normal((9000, 2)).astype("float32")
    by_row = np.argsort(rows, kind="stable")
    out = scatter_add(rows, values, count)
    np.testing.assert_array_equal(scatter_add(rows[by_row], values[by_row], count), out)
    backwards = np.concatenate([np.flatnonzero(rows == row) for row in reversed(range(count))])
    np.testing.assert_array_equal(scatter_add(rows[backwards], values[backwards], count), out)


@pytest.mark.parametrize("count", COUNTS)
def test_scatter_add_of_nothing(count):
    out = scatter_add(np.zeros(0, dtype=int), np.zeros((0, 3), "float32"), count)
    assert out.shape == (count, 3)
    assert out.dtype == np.float32
    assert not out.any()


@pytest.mark.parametrize("count", COUNTS)
def test_scatter_add_of_one_row(count):
    out = scatter_add(np.full(6, 2), np.arange(12.0).reshape(6, 2), count)
    assert out[2].tolist() == [30, 36]
    assert np.count_nonzero(out) == 2


@pytest.mark.gpu
def test_scatter_add_on_a_device():
    xp = device_module("cuda")
    values = np.random.default_rng(3).integers(-9, 10, (len(ROWS), 3)).astype("float32")
    out = scatter_add(xp.asarray(ROWS), xp.asarray(values), 7)
    np.testing.assert_array_equal(to_host(out), scatter_add(ROWS, values, 7))
