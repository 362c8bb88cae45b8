"""Arrays on the host (NumPy) and on a device (CuPy): the only file that names cupy.

Every function of the package starts with ``xp = array_module(x)`` and writes ``xp.exp``; the same line serves both.
The checks of shape, dtype and index range are here too, so that every error names the argument in the same words.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray
Shape: TypeAlias = tuple[int, ...]

ONE_HOT_ROWS = 256  # up to here a product with the one-hot matrix is faster than sorting
FLOATING = ("float32", "float64", "complex128")  # complex128 serves the complex-step check


def array_module(*arrays: Array | None) -> ModuleType:
    """The module (numpy or cupy) that all the given arrays belong to; None is passed over.

    Errors: TypeError if an argument is no array, or if host and device arrays are mixed.
    """
    modules = {type(a).__module__.partition(".")[0] for a in arrays if a is not None}
    if modules <= {"numpy"}:
        return np
    if modules == {"cupy"}:
        import cupy  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return cupy  # type: ignore[no-any-return, unused-ignore]
    raise TypeError(f"arrays: expected only NumPy or only CuPy arrays, got types from {sorted(modules)}")


def device_module(device: str) -> ModuleType:
    """numpy for "cpu", cupy for "cuda".

    Errors: ValueError on another name; RuntimeError if there is no CuPy or no CUDA device.
    """
    if device == "cpu":
        return np
    if device != "cuda":
        raise ValueError(f'device: expected "cpu" or "cuda", got {device!r}')
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError("device: cuda needs CuPy; install refimpl[cuda12] or refimpl[cuda13], or use cpu") from error
    if not cupy.cuda.is_available():
        raise RuntimeError("device: cuda was asked for and CuPy finds no CUDA device; use cpu")
    return cupy  # type: ignore[no-any-return, unused-ignore]


def to_host(x: Array) -> np.ndarray[Any, Any]:
    """x as a NumPy array; the one place where a device is read."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x)
    return np.asarray(x.get())


def check_shapes(arguments: Mapping[str, tuple[Array | None, str]], **sizes: int) -> dict[str, int]:
    """Check shapes given as words, such as {"x": (x, "T B D"), "W": (W, "D 4 H")}, and return the sizes found.

    A number must match exactly, a name must be the same size wherever it stands, "1|4" allows either.
    An absent optional argument (None) is passed over.
    Errors: ValueError that names the argument, the shape expected and the shape found; TypeError if it is no array.
    """
    known = dict(sizes)
    for name, (array, words) in arguments.items():
        if array is None:
            continue
        shape = getattr(array, "shape", None)
        if shape is None:
            raise TypeError(f"{name}: expected an array of shape ({words}), got {type(array).__name__}")
        expected = words.split()
        if len(shape) != len(expected) or not all(
            _size_fits(size, word, known) for size, word in zip(shape, expected, strict=True)
        ):
            given = ", ".join(f"{w}={known[w]}" if w in known else w for w in expected)
            raise ValueError(f"{name}: expected shape ({given}), got {tuple(shape)}")
    return known


def _size_fits(size: int, word: str, known: dict[str, int]) -> bool:
    allowed = [int(w) if w.isdigit() else known.setdefault(w, size) for w in word.split("|")]
    return size in allowed


def check_dtypes(**arrays: Array | None) -> np.dtype[Any]:
    """The one floating dtype of all the given arrays (None is passed over).

    Errors: TypeError that names the argument if a dtype is not floating or differs from the first one's.
    """
    dtype: np.dtype[Any] | None = None
    first = ""
    for name, array in arrays.items():
        if array is None:
            continue
        if array.dtype.name not in FLOATING:
            raise TypeError(f"{name}: expected dtype float32 or float64, got {array.dtype.name}; cast it explicitly")
        if dtype is None:
            dtype, first = array.dtype, name
        elif array.dtype != dtype:
            raise TypeError(
                f"{name}: expected dtype {dtype.name} (that of {first}), got {array.dtype.name}; cast one of them"
            )
    if dtype is None:
        raise TypeError("arrays: expected at least one floating array, got none")
    return dtype


def check_ids(name: str, ids: Array, count: int) -> None:
    """Check that ids are integers in [0, count): an index is never wrapped.

    Errors: TypeError if not an integer array; IndexError with the first bad value and its place.
    """
    if not hasattr(ids, "dtype") or ids.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected an integer array, got {getattr(ids, 'dtype', type(ids).__name__)}")
    host = to_host(ids)
    if host.size and (int(host.min()) < 0 or int(host.max()) >= count):
        place = tuple(int(i) for i in np.argwhere((host < 0) | (host >= count))[0])
        raise IndexError(f"{name}: expected ids from 0 to {count - 1}, got {int(host[place])} at index {place}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Errors: ValueError that names the argument unless value is one of choices."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


def scatter_add(rows: Array, values: Array, count: int) -> Array:
    """Sum values (N, K) into a new array (count, K) at the given rows (N,): out[rows[n]] += values[n].

    Deterministic on every device, no atomics: few rows by one product with the one-hot matrix, many by sorting them
    (stably) and summing each run.
    """
    xp = array_module(rows, values)
    out = xp.zeros((count, *values.shape[1:]), dtype=values.dtype)
    if rows.size == 0:
        return out
    if count <= ONE_HOT_ROWS:
        one_hot = (rows == xp.arange(count)[:, None]).astype(values.dtype)
        return (one_hot @ values.reshape(len(rows), -1)).reshape(out.shape)
    order = xp.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = xp.flatnonzero(xp.concatenate([xp.ones(1, dtype=bool), ordered[1:] != ordered[:-1]]))
    out[ordered[starts]] = xp.add.reduceat(values[order], starts, axis=0)
    return out
