"""Between the stand-in's arrays and NumPy's: operands, arguments, results and indices, with what is refused in them."""

from typing import Any

import numpy as np
from strict_rules import refuse

NUMBERS = (bool, int, float, complex, np.generic)


class DeviceMemory:
    """What holds a NumPy array as the memory of a device; the class of the arrays is built on it."""

    __slots__ = ("_host",)

    def __init__(self, host: np.ndarray[Any, Any]) -> None:
        self._host = host


def index_arrays(key: Any) -> list[np.ndarray[Any, Any]]:
    """The device arrays in an index. Errors: DeviceError if one is on the host."""
    found = []
    for part in key if type(key) is tuple else (key,):
        if isinstance(part, DeviceMemory):
            found.append(part._host)
        elif isinstance(part, list | np.ndarray):
            raise refuse("a host array or list as index would be copied to the device each time; use xp.asarray once")
    return found


def index_of(key: Any) -> Any:
    """The index for NumPy, which also refuses what is out of bounds (CuPy would wrap it around)."""
    if type(key) is tuple:
        return tuple(part._host if isinstance(part, DeviceMemory) else part for part in key)
    return key._host if isinstance(key, DeviceMemory) else key


def is_same_view(part: Any, new: Any) -> bool:
    if part.shape != new.shape or part.strides != new.strides or part.dtype != new.dtype:
        return False
    return bool(part.__array_interface__["data"] == new.__array_interface__["data"])


def check_no_index_twice(shape: tuple[int, ...], index: Any) -> None:
    """Judged on the whole index: of a[rows, columns] = v only the pairs must differ."""
    cells = np.arange(np.prod(shape, dtype=int)).reshape(shape)[index]
    if np.unique(cells).size < cells.size:
        raise refuse("an index occurs twice in an assignment; which value stays is undefined on a device")


def operand(x: Any) -> Any:
    """What NumPy computes with; NotImplemented for what is no number and no array."""
    if isinstance(x, DeviceMemory):
        return x._host
    if isinstance(x, NUMBERS):
        return x
    if isinstance(x, np.ndarray):
        raise refuse("a NumPy array met a device array; move it with xp.asarray where the data enter")
    return NotImplemented


def unwrapped(x: Any, found: list[Any]) -> Any:
    """An argument for NumPy; the arrays and NumPy scalars in it are added to found."""
    if isinstance(x, DeviceMemory):
        found.append(x._host)
        return x._host
    if isinstance(x, np.ndarray):
        return operand(x)
    if isinstance(x, np.generic):
        found.append(x)
    elif type(x) in (list, tuple):
        return type(x)(unwrapped(part, found) for part in x)
    return x


def is_view(result: Any, host: np.ndarray[Any, Any]) -> bool:
    return isinstance(result, np.ndarray) and np.may_share_memory(result, host)
