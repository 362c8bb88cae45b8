"""The rules of the stand-in for CuPy: what it refuses, what it counts, and for whom.

Which names and keywords exist was recorded from CuPy 14.2 (``cupy_surface_14.2.json``, written by ``surface.py``).
What happens to a host read is decided by the code around it, not by a setting that could leak into the next test:
a read that does not say so (float(), bool(), a boolean mask, ...) raises, unless it stands inside ``allow_reads()``;
``get`` and ``asnumpy`` say what they do and never raise. Every read, copy and launch is counted by each ``recording()``
around it.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
SURFACE: dict[str, Any] = json.loads((HERE / "cupy_surface_14.2.json").read_text())
OWN_FILES = tuple(map(str, HERE.glob("strict_*.py")))

NARROW, WIDE = "efF", "dD"  # dtype characters: float16, float32, complex64; float64, complex128


class DeviceError(TypeError):
    """Something that fails on a CUDA device, or silently means something else there."""


class Stats:
    """What happened inside a ``recording()``.

    A launch is counted for each operation that computes or copies on the device; CuPy may need more than one for some
    (a sort, a mean), never none. sites counts by (what, its name, "file:line").
    """

    def __init__(self, launch_sites: bool) -> None:
        self.launches = self.reads = self.copies = self.synchronizations = 0
        self.sites: Counter[tuple[str, str, str]] = Counter()
        self.launch_sites = launch_sites  # to find the place of a launch takes longer than the launch

    def __repr__(self) -> str:
        return f"<{self.launches} launches, {self.reads} reads, {self.copies} copies>"

    def table(self) -> str:
        """The sites as text, most frequent first."""
        return "\n".join(f"{n:6d}  {what} {name}  {place}" for (what, name, place), n in self.sites.most_common())


_recorders: list[Stats] = []
_allowed = 0


@contextmanager
def recording(*, launch_sites: bool = False) -> Iterator[Stats]:
    """Count launches, reads of the device and copies to it; launch_sites also says where each launch is."""
    stats = Stats(launch_sites)
    _recorders.append(stats)
    try:
        yield stats
    finally:
        _recorders.remove(stats)


@contextmanager
def allow_reads() -> Iterator[None]:
    """Inside, float() and its like may read the device; they are counted all the same."""
    global _allowed
    _allowed += 1
    try:
        yield
    finally:
        _allowed -= 1


def place() -> str:
    """File and line of the code that uses the stand-in."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename in OWN_FILES:
        frame = frame.f_back
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}"


def refuse(message: str) -> DeviceError:
    """The error, with the place."""
    return DeviceError(f"{message} (at {place()})")


def launched(name: str) -> None:
    for stats in _recorders:
        stats.launches += 1
        if stats.launch_sites:
            stats.sites["launch", name, place()] += 1


def copied(name: str) -> None:
    """From the host to the device."""
    for stats in _recorders:
        stats.copies += 1
        stats.sites["copy", name, place()] += 1


def read(name: str, *, explicit: bool = False) -> None:
    """From the device to the host: the host waits until the device has caught up."""
    for stats in _recorders:
        stats.reads += 1
        stats.sites["read", name, place()] += 1
    if not explicit and not _allowed:
        raise refuse(f"{name} reads the device and makes the host wait; where that is meant, say so with to_host")


def synchronized() -> None:
    for stats in _recorders:
        stats.synchronizations += 1


def check_keywords(name: str, known: list[str] | None, given: dict[str, Any]) -> None:
    """known None: not recorded, NumPy checks."""
    if known is not None:
        for keyword in given:
            if keyword not in known:
                raise refuse(f"cupy {name}() has no keyword {keyword!r}; it has {', '.join(known)}")


def check_promotion(name: str, result: Any, operands: Any, target: Any = None) -> None:
    """Single precision that becomes double unasked costs twice the memory and more time, and nobody sees it.

    Refused: a result in double precision of which an operand is single (integers and Python numbers have no precision),
    and a mix that is computed in double and rounded into a single target. A double target says what it wants.
    """
    if target is None:
        if isinstance(result, np.ndarray | np.generic) and result.dtype.char in WIDE:
            for x in operands:
                if isinstance(x, np.ndarray | np.generic) and x.dtype.char in NARROW:
                    raise refuse(f"{name}: {x.dtype} silently promoted to {result.dtype}")
    elif target.dtype.char in NARROW:
        for x in operands:
            if isinstance(x, np.ndarray | np.generic) and x.dtype.char in WIDE:
                raise refuse(f"{name}: computed in {x.dtype} and rounded to {target.dtype}; cast explicitly")


def check_order_of_sums(name: str, dtype: np.dtype[Any]) -> None:
    """Atomic additions and CuPy's prefix sums add floats in an order that is not the same in every run."""
    if dtype.kind in "fc":
        raise refuse(f"{name} of {dtype}: CuPy gives other last bits in every run; use refimpl.arrays.scatter_add")
