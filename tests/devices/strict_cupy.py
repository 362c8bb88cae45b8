"""A stand-in for CuPy that needs no GPU: this module is the namespace, ``import strict_cupy as xp``.

NumPy computes, CuPy's rules decide what may be asked for (``strict_rules.py``), arrays are of ``strict_array.py``.
It refuses what CuPy has not, what CuPy refuses, and what CuPy does without a word although nobody meant it: reads of
the device, copies of host arrays, single precision that becomes double, an assignment in which an index occurs twice,
sums in an order that changes. It cannot tell how a CUDA device rounds, races, real time, or the device's memory.
"""

from typing import Any

import numpy as np
import strict_array as _array
import strict_operands as _operands
import strict_rules as _rules
from strict_array import DeviceArray
from strict_machine import Cuda, Random, RawKernel
from strict_rules import DeviceError, Stats, allow_reads, recording

__all__ = ["DeviceArray", "DeviceError", "RawKernel", "Stats", "allow_reads", "array", "asarray", "asnumpy", "cuda"]
__all__ += ["linalg", "ndarray", "random", "recording"]

ndarray = DeviceArray
newaxis = None
cuda = Cuda()
is_available = cuda.is_available
random = Random()

_READS = ("nonzero", "flatnonzero", "argwhere", "unique", "bincount", "extract", "compress", "trim_zeros", "histogram")
_READS += ("unique_all", "unique_counts", "unique_inverse", "unique_values", "array_str", "array_repr", "save", "savez")
_VIEWS = ("ascontiguousarray", "asfortranarray", "broadcast_to", "broadcast_arrays", "expand_dims", "moveaxis")
_VIEWS += ("ravel", "reshape", "rollaxis", "squeeze", "swapaxes", "transpose", "split", "array_split", "diagonal")
_VIEWS += ("flip", "fliplr", "flipud", "rot90", "atleast_1d", "atleast_2d", "atleast_3d", "real", "matrix_transpose")
_NO_LAUNCH = ("empty", "empty_like", "result_type", "can_cast", "promote_types", "shape", "ndim", "size", "isscalar")
_PREFIX_SUMS = ("cumsum", "cumprod", "cumulative_sum", "cumulative_prod")


class _Function:
    """A function of CuPy's, with the keywords that CuPy has."""

    def __init__(self, name: str, function: Any, keywords: list[str] | None) -> None:
        self.__name__, self._function, self._keywords = name, function, keywords

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        name = self.__name__
        _rules.check_keywords(name, self._keywords, kwargs)
        if name in _READS or (name == "where" and len(args) + len(kwargs) == 1):
            _rules.read(name)
        return self._run(name, self._function, args, kwargs)

    def _run(self, name: str, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        found: list[Any] = []
        values = [_operands.unwrapped(x, found) for x in args]
        given = {key: _operands.unwrapped(value, found) for key, value in kwargs.items()}
        if name in _PREFIX_SUMS and found:
            _rules.check_order_of_sums(name, found[0].dtype)
        result = function(*values, **given)
        if name not in _NO_LAUNCH and not (name in _VIEWS and _is_view(result, found)):
            _rules.launched(name)
        out = given.get("out")
        if given.get("dtype") is None:
            _rules.check_promotion(name, result, [x for x in found if x is not out], out)
        return _array.wrapped(result) if out is None else kwargs["out"]


class _Ufunc(_Function):
    """A function of CuPy's that works entry by entry; of the methods only those that CuPy has for it."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for x in args:
            if _operands.operand(x) is NotImplemented:
                raise _rules.refuse(f"{self.__name__}: expected device arrays and numbers, got {type(x).__name__}")
        return super().__call__(*args, **kwargs)

    def _method(self, method: str, *args: Any, **kwargs: Any) -> Any:
        name, has = f"{self.__name__}.{method}", _rules.SURFACE["ufunc_methods"][method]
        if has != "*" and self.__name__ not in has:
            raise NotImplementedError(f"cupy.{name} is not supported (at {_rules.place()})")
        if method in ("at", "accumulate", "reduceat"):
            _rules.check_order_of_sums(name, args[0].dtype)
        if method == "at":
            _operands.index_arrays(args[1])
        return self._run(name, getattr(self._function, method), args, kwargs)

    def reduce(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("reduce", *args, **kwargs)

    def accumulate(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("accumulate", *args, **kwargs)

    def reduceat(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("reduceat", *args, **kwargs)

    def outer(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("outer", *args, **kwargs)

    def at(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("at", *args, **kwargs)


def _is_view(result: Any, found: list[Any]) -> bool:
    parts = result if isinstance(result, list | tuple) else [result]
    return all(any(_operands.is_view(part, x) for x in found if isinstance(x, np.ndarray)) for part in parts)


def _member(module: Any, space: str, name: str) -> Any:
    """The name of a namespace of CuPy's ("" for cupy itself). Errors: AttributeError if CuPy has it not."""
    where = f"cupy.{space}" if space else "cupy"
    if name not in _rules.SURFACE["spaces"][space]:
        raise AttributeError(f"{where} has no {name!r} (at {_rules.place()})")
    if not hasattr(module, name) or name == "dtype_":
        raise AttributeError(f"{where}.{name} is not in the stand-in (at {_rules.place()})")
    value, keywords = getattr(module, name), _rules.SURFACE["spaces"][space][name]
    if isinstance(value, np.ufunc):
        return _Ufunc(name, value, keywords)
    if isinstance(value, type) or not callable(value):
        return value
    return _Function(name, value, keywords)


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    value = _member(np, "", name)
    globals()[name] = value  # the next time Python finds it without coming here
    return value


class _Linalg:
    def __getattr__(self, name: str) -> Any:
        return _member(np.linalg, "linalg", name)


linalg = _Linalg()


# To the device and back


def asarray(x: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None) -> DeviceArray:
    """A device array as it is if it can be; anything of the host is copied, and counted."""
    if isinstance(x, DeviceArray):
        if copy or (dtype is not None and x.dtype != dtype):
            return x.astype(x.dtype if dtype is None else dtype)
        return x
    _rules.copied("asarray")
    return DeviceArray(np.array(x, dtype=dtype, order=order or "K"))


def array(x: Any, dtype: Any = None, copy: bool = True, order: str = "K", *, ndmin: int = 0) -> DeviceArray:
    """As asarray, but a device array is copied too."""
    made = asarray(x, dtype, copy=copy) if isinstance(x, DeviceArray) else asarray(x, dtype, order)
    return made.reshape((1,) * (ndmin - made.ndim) + made.shape)


def asnumpy(x: DeviceArray) -> np.ndarray[Any, Any]:
    """A copy on the host; this read says what it does, and is counted."""
    return x.get()
