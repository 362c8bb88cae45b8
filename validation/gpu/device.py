"""The device that is tried, CuPy's or the stand-in's, and how time is taken on it."""

import importlib
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import device_module

ROOT = Path(__file__).resolve().parents[2]


class Context(NamedTuple):
    """What a part is given."""

    xp: ModuleType
    dry: bool  # on the stand-in, at tiny sizes
    kernels: bool  # whether CUDA text can be run: on the stand-in it takes g++
    folder: Path  # for files of the part's own
    data: Path | None  # where the corpora are
    seconds: float  # after which the part is ended


def make_context(*, dry: bool, folder: Path, data: Path | None, seconds: float) -> Context:
    """Errors: RuntimeError if there is no CuPy or no GPU, and it is not dry."""
    sys.path.insert(0, str(ROOT / "tests" / "devices"))  # where the stand-in and the record of CuPy's names are
    if not dry:
        return Context(device_module("cuda"), False, True, folder, data, seconds)
    xp = importlib.import_module("strict_cupy")
    return Context(xp, True, shutil.which("g++") is not None, folder, data, seconds)


def synchronise(xp: ModuleType) -> None:
    """Wait until the device has done all its work."""
    xp.cuda.Device().synchronize()


def has_events(xp: ModuleType) -> bool:
    """The stand-in has none: its launches end before they return."""
    return hasattr(xp.cuda, "Event")


def timings(
    xp: ModuleType, function: Callable[[], Any], *, repeat: int, rounds: int = 5, warm_up: int = 2
) -> dict[str, float]:
    """Medians over rounds, of one call: until the host is free, until the device is done, and between CUDA events."""
    found: dict[str, list[float]] = {"host_us": [], "wall_us": [], "event_us": []}
    for _ in range(warm_up):
        function()
    for _ in range(rounds):
        synchronise(xp)
        start, end = (xp.cuda.Event(), xp.cuda.Event()) if has_events(xp) else (None, None)
        began = time.perf_counter()
        if start is not None:
            start.record()
        for _ in range(repeat):
            function()
        if end is not None:
            end.record()
        found["host_us"].append((time.perf_counter() - began) / repeat * 1e6)
        synchronise(xp)
        found["wall_us"].append((time.perf_counter() - began) / repeat * 1e6)
        if start is not None:
            found["event_us"].append(xp.cuda.get_elapsed_time(start, end) / repeat * 1e3)
    return {name: round(statistics.median(values), 3) for name, values in found.items() if values}


def peak_reserved_mb(xp: ModuleType) -> float | None:
    """What CuPy's pool has taken from the device since ``free_memory``: its peak, as a pool gives nothing back."""
    return round(xp.get_default_memory_pool().total_bytes() / 2**20, 1) if xp.__name__ == "cupy" else None


def free_memory(xp: ModuleType) -> None:
    """Give back what nobody uses."""
    if xp.__name__ == "cupy":
        xp.get_default_memory_pool().free_all_blocks()


def to_device(tree: Any, xp: ModuleType, dtype: str | None = None) -> Any:
    """A dict, tuple or NamedTuple of host arrays on the device; floating ones in the dtype."""
    if isinstance(tree, dict):
        return {name: to_device(value, xp, dtype) for name, value in tree.items()}
    if isinstance(tree, tuple):
        parts = [to_device(value, xp, dtype) for value in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else tuple(parts)
    if tree is None:
        return None
    host = np.asarray(tree)
    return xp.asarray(host.astype(dtype) if dtype and host.dtype.kind == "f" else host)
