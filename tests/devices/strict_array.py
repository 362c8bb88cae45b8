"""The array of the stand-in for CuPy: values by NumPy, rules by CuPy (see ``strict_rules.py``)."""

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from strict_operands import (
    DeviceMemory,
    check_no_index_twice,
    index_arrays,
    index_of,
    is_same_view,
    is_view,
    operand,
    unwrapped,
)
from strict_rules import (
    SURFACE,
    WIDE,
    check_keywords,
    check_order_of_sums,
    check_promotion,
    copied,
    launched,
    read,
    refuse,
)

METHODS: dict[str, list[str] | None] = SURFACE["classes"]["ndarray"]
OF_THE_HOST = ("shape", "dtype", "ndim", "size", "itemsize", "nbytes", "strides", "flags")  # known without a read
VIEWS = ("reshape", "transpose", "swapaxes", "ravel", "squeeze", "view", "diagonal", "astype")  # where they can be
TO_THE_HOST = ("item", "tolist", "tobytes", "dump", "dumps", "tofile")
READS = (*TO_THE_HOST, "nonzero", "compress")  # the size of these two is known on the device only
PREFIX_SUMS = ("cumsum", "cumprod")
# A NumPy object in their place would let the host's memory out; nothing here needs them.
NOT_HERE = ("base", "data", "flat", "device", "byteswap", "choose", "put")


class DeviceArray(DeviceMemory):
    """A NumPy array that behaves as cupy.ndarray does, and refuses what is not allowed on a device."""

    __slots__ = ()
    __module__ = "strict_cupy"  # what array_module looks at
    __array_ufunc__ = None  # NumPy itself then refuses np.exp(device) and host + device
    __hash__ = None

    # What NumPy asks for when it is handed a device array

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise refuse("a device array was handed to NumPy, which would copy it to the host; use to_host")

    def __array_function__(self, function: Callable[..., Any], *args: Any) -> Any:
        raise refuse(f"np.{function.__name__} was called with a device array; use xp.{function.__name__}")

    # To the host

    def get(self) -> np.ndarray[Any, Any]:
        read("get", explicit=True)
        return self._host.copy()

    def set(self, host: np.ndarray[Any, Any]) -> None:
        copied("set")
        self._host[...] = host

    def __repr__(self) -> str:  # no values: CuPy's would read them, and pytest shows arguments by it
        return f"<device {self._host.dtype} {list(self._host.shape)}>"

    def __str__(self) -> str:
        read("str")
        return str(self._host)

    def __format__(self, spec: str) -> str:
        read("format")
        return format(self._host, spec)

    # Parts

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator["DeviceArray"]:
        return (self[i] for i in range(len(self._host)))

    def __getitem__(self, key: Any) -> "DeviceArray":
        by_array = index_arrays(key)
        for index in by_array:
            if index.dtype == bool:
                read("boolean mask")
        if by_array:
            launched("take")
        return DeviceArray(np.asarray(self._host[index_of(key)]))

    def __setitem__(self, key: Any, value: Any) -> None:
        by_array, index = index_arrays(key), index_of(key)
        new = operand(value)
        if new is NotImplemented:
            raise refuse(f"a {type(value).__name__} was assigned into a device array")
        if not by_array and isinstance(value, DeviceArray) and is_same_view(self._host[index], new):
            return  # the end of x[i] += y, where CuPy has nothing left to do
        for array in by_array:
            if array.dtype == bool:
                read("boolean mask")
        if by_array and np.size(new) > 1:
            check_no_index_twice(self._host.shape, index)
        if by_array and not isinstance(value, DeviceArray):
            copied("assigned number")  # CuPy makes an array of it first
        launched("assignment")
        self._host[index] = new

    @property
    def T(self) -> "DeviceArray":
        return DeviceArray(self._host.T)

    @property
    def real(self) -> "DeviceArray":
        return DeviceArray(np.asarray(self._host.real))

    @property
    def imag(self) -> "DeviceArray":
        if self._host.dtype.kind != "c":
            launched("imag")  # zeros
            return DeviceArray(np.zeros_like(self._host))
        return DeviceArray(np.asarray(self._host.imag))


def wrapped(result: Any) -> Any:
    """Arrays of the host as arrays of the device; a reduction to one number stays on the device, 0-d."""
    if isinstance(result, np.ndarray | np.generic):
        return DeviceArray(np.asarray(result))
    if isinstance(result, tuple | list):
        return tuple(map(wrapped, result)) if isinstance(result, tuple) else list(map(wrapped, result))
    return result


def _computed(name: str, result: Any, left: Any, right: Any) -> DeviceArray:
    launched(name)
    if result.dtype.char in WIDE:
        check_promotion(name, result, (left, right))
    return DeviceArray(np.asarray(result))


def _add_binary(name: str) -> None:
    function, in_place_function = getattr(operator, name), getattr(operator, f"i{name.rstrip('_')}", None)
    bare = name.rstrip("_")

    def forward(self: DeviceArray, other: Any) -> Any:
        value = operand(other)
        if value is NotImplemented:
            return NotImplemented
        return _computed(bare, function(self._host, value), self._host, value)

    def reflected(self: DeviceArray, other: Any) -> Any:
        value = operand(other)
        if value is NotImplemented:
            return NotImplemented
        return _computed(bare, function(value, self._host), value, self._host)

    def in_place(self: DeviceArray, other: Any) -> Any:
        value = operand(other)
        if value is NotImplemented:
            return NotImplemented
        check_promotion(bare, None, (value,), self._host)
        launched(bare)
        self._host = in_place_function(self._host, value)
        return self

    setattr(DeviceArray, f"__{bare}__", forward)
    if in_place_function is not None:
        setattr(DeviceArray, f"__r{bare}__", reflected)
        setattr(DeviceArray, f"__i{bare}__", in_place)


def _add_unary(name: str) -> None:
    function = getattr(operator, name)

    def call(self: DeviceArray) -> DeviceArray:
        return _computed(name, function(self._host), self._host, None)

    setattr(DeviceArray, f"__{name}__", call)


def _add_conversion(name: str) -> None:
    def call(self: DeviceArray) -> Any:
        read(f"{name}()")
        return getattr(self._host, f"__{name}__")()

    setattr(DeviceArray, f"__{name}__", call)


def _add_method(name: str) -> None:
    method = getattr(np.ndarray, name)

    def call(self: DeviceArray, *args: Any, **kwargs: Any) -> Any:
        check_keywords(name, METHODS[name], kwargs)
        if name in READS:
            read(name)
        if name in PREFIX_SUMS:
            check_order_of_sums(name, self._host.dtype)
        found: list[Any] = []
        given = {key: unwrapped(value, found) for key, value in kwargs.items()}
        result = method(self._host, *[unwrapped(x, found) for x in args], **given)
        if not (name in VIEWS and is_view(result, self._host)):
            launched(name)
        if name != "astype" and given.get("dtype") is None:
            check_promotion(name, result, (self._host, *found), given.get("out"))
        if given.get("out") is not None:
            return kwargs["out"]
        return result if name in TO_THE_HOST else wrapped(result)

    setattr(DeviceArray, name, call)


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
    _add_binary(_name)
for _name in ("lshift", "rshift", "lt", "le", "gt", "ge", "eq", "ne"):
    _add_binary(_name)
for _name in ("neg", "pos", "abs", "invert"):
    _add_unary(_name)
for _name in ("bool", "float", "int", "complex", "index"):
    _add_conversion(_name)
for _name in OF_THE_HOST:
    setattr(DeviceArray, _name, property(operator.attrgetter(f"_host.{_name}")))
for _name in METHODS:
    if callable(getattr(np.ndarray, _name, None)) and _name not in NOT_HERE and not hasattr(DeviceArray, _name):
        _add_method(_name)
