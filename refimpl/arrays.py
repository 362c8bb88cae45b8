"""Arrays on the host (NumPy) and on a device (CuPy): the only file that names cupy.

Every function of the package starts with ``xp = array_module(x)`` and writes ``xp.exp``; the same line serves both.
The checks of shape, dtype and index range are here too, so that every error names the argument in the same words.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # numpy.ndarray or cupy.ndarray
Shape: TypeAlias = tuple[int, ...]

DEVICE_MODULES = ("cupy", "strict_cupy")  # the second is the tests' stand-in, which needs no GPU

ONE_HOT_ROWS = 256  # up to here a product with the one-hot matrix is faster than sorting
STATIC_SHARED_BYTES = 48 << 10  # what a block may have of shared memory without being granted more
FLOATING = ("float32", "float64", "complex128")  # complex128 serves the complex-step check


def array_module(*arrays: Array | None) -> ModuleType:
    """The module (numpy or cupy) that all the given arrays belong to; None is passed over.

    Errors: TypeError if an argument is no array, or if host and device arrays are mixed.
    """
    for array in arrays:  # called often, and nearly always with NumPy arrays alone
        if array is not None and type(array) is not np.ndarray:
            return _module_of(arrays)
    return np


def _module_of(arrays: tuple[Array | None, ...]) -> ModuleType:
    modules = {type(a).__module__.partition(".")[0] for a in arrays if a is not None}
    if modules == {"numpy"}:
        return np
    found = sorted(modules)
    if len(found) == 1 and found[0] in DEVICE_MODULES:
        return sys.modules.get(found[0]) or import_module(found[0])
    raise TypeError(f"arrays: expected only NumPy or only CuPy arrays, got types from {found}")


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


def device_memory_held(xp: ModuleType) -> int | None:
    """Bytes that the pool of a device holds, in arrays or kept for the next ones: it gives nothing back, so their peak.

    None on the host.
    """
    pool = getattr(xp, "get_default_memory_pool", None)
    return None if pool is None else int(pool().total_bytes())


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

    Ids on a device are not read, which would make the host wait: they are checked on the host, before they go there.
    Errors: TypeError if not an integer array; on the host IndexError with the first bad value and its place.
    """
    if not hasattr(ids, "dtype") or ids.dtype.kind not in "iu":
        raise TypeError(f"{name}: expected an integer array, got {getattr(ids, 'dtype', type(ids).__name__)}")
    if not isinstance(ids, np.ndarray | np.generic):
        return
    host = np.asarray(ids)
    if host.size and (int(host.min()) < 0 or int(host.max()) >= count):
        place = tuple(int(i) for i in np.argwhere((host < 0) | (host >= count))[0])
        raise IndexError(f"{name}: expected ids from 0 to {count - 1}, got {int(host[place])} at index {place}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Errors: ValueError that names the argument unless value is one of choices."""
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


def scatter_add(rows: Array, values: Array, count: int) -> Array:
    """Sum values (N, K) into a new array (count, K) at the given rows (N,): out[rows[n]] += values[n].

    Deterministic on every device, no atomics, and a device is not read: few rows by one product with the one-hot
    matrix, many by sorting them (stably) and summing each run.
    """
    xp = array_module(rows, values)
    out = xp.zeros((count, *values.shape[1:]), dtype=values.dtype)
    if rows.size == 0:
        return out
    if count <= ONE_HOT_ROWS:
        one_hot = (rows == xp.arange(count)[:, None]).astype(values.dtype)
        return (one_hot @ values.reshape(len(rows), -1)).reshape(out.shape)
    order = xp.argsort(rows, kind="stable")
    if xp is not np:
        return _sums_of_runs(rows[order], values[order], count, xp)
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([np.ones(1, dtype=bool), ordered[1:] != ordered[:-1]]))
    out[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
    return out


def _sums_of_runs(ordered: Array, values: Array, count: int, xp: ModuleType) -> Array:
    """Sums over the runs of equal entries of ordered (N,), on a device: how many runs there are is not asked.

    In log2(N) passes each entry adds the one 1, 2, 4, ... places before it if that is of its run (Hillis and Steele
    1986), so that the last of a run holds its sum. CuPy's own add.reduceat takes differences of one long cumulative
    sum, which cancels, and which is not the same in every run.
    """
    sums = values.reshape(len(ordered), -1).copy()
    distance = 1
    while distance < len(ordered):
        same_run = (ordered[distance:] == ordered[:-distance])[:, None]
        sums[distance:] += xp.where(same_run, sums[:-distance], 0.0)
        distance *= 2
    wanted = xp.arange(count, dtype=ordered.dtype)
    last = xp.searchsorted(ordered, wanted, side="right") - 1  # -1 where all entries are greater
    present = ordered[xp.maximum(last, 0)] == wanted
    return xp.where(present[:, None], sums[xp.maximum(last, 0)], 0.0).reshape(count, *values.shape[1:])


@cache
def compile_kernel(
    code: str, name: str, xp: ModuleType, *, cooperative: bool = False, shared_bytes: int = 0
) -> Callable[..., None]:
    """The kernel of that name in a CUDA C source: kernel(grid, block, args, shared_mem=bytes). Made once.

    cooperative: all blocks run at the same time, and may wait for each other. shared_bytes: the most shared memory that
    a launch will ask for; above 48 KiB a device has to be told before.
    Errors: SyntaxError or CuPy's CompileException, at the first launch or here, if the source is wrong.
    """
    kernel = xp.RawKernel(code, name, options=("--std=c++17",), enable_cooperative_groups=cooperative)
    if shared_bytes > STATIC_SHARED_BYTES:
        kernel.max_dynamic_shared_size_bytes = shared_bytes
    return kernel  # type: ignore[no-any-return, unused-ignore]
