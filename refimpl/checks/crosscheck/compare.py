"""Every tensor of a subject against the reference's, in the order of computation.

The error of a tensor is max |found - expected| / max |expected|: relative to its largest entry, or absolute where all
entries are zero. Bounds: 1e-12 in float64. In float32 2e-5, about 300 units of rounding: the longest chain of a case is
some tens of products and activations, each with a relative error of a few units of 2^-24 = 6e-8.
"""

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import Answers

TOLERANCES = {"float64": 1e-12, "float32": 2e-5}
SINGLE = "agrees within rounding of float32: something inside is single precision"
AGREES, DIFFERS, MISSING = "agrees", "differs", "missing"


class Verdict(NamedTuple):
    """What is said about one tensor."""

    name: str
    verdict: str  # agrees, differs or missing (the subject does not give it)
    error: float | None = None  # None: cannot be measured
    tolerance: float | None = None
    worst: tuple[int, ...] | None = None  # where the error is
    found: float | None = None
    expected: float | None = None
    note: str = ""


def compare(expected: Answers, found: Answers) -> tuple[Verdict, ...]:
    """A verdict for each answer of the reference."""
    return tuple(
        compare_tensor(name, array, found[name]) if name in found else Verdict(name, MISSING)
        for name, array in expected.items()
    )


def compare_tensor(name: str, expected: Array, found: Array) -> Verdict:
    """One tensor; found is measured in its own precision."""
    tolerance = tolerance_of(found)
    if found.shape != expected.shape:
        return Verdict(name, DIFFERS, tolerance=tolerance, note=_shapes(expected, found))
    if found.dtype.kind not in "fiub":
        return Verdict(name, DIFFERS, tolerance=tolerance, note=f"expected real numbers, got dtype {found.dtype}")
    want, got = expected.astype("float64"), found.astype("float64")
    if want.size == 0:
        return Verdict(name, AGREES, 0.0, tolerance)
    with np.errstate(invalid="ignore"):  # infinity less infinity, settled in the next two lines
        away = np.where(np.isfinite(got), np.abs(got - want), np.inf)
    away = np.where((got == want) | (np.isnan(got) & np.isnan(want)), 0.0, away)
    worst = tuple(int(i) for i in np.unravel_index(int(np.argmax(away)), away.shape))
    error = float(away[worst]) / scale_of(want)
    verdict = AGREES if error <= tolerance else DIFFERS
    note = "" if verdict == AGREES else describe(want, got, tolerance)
    return Verdict(name, verdict, error, tolerance, worst, float(got[worst]), float(want[worst]), note)


def same(expected: Answers, found: Answers) -> bool:
    """Whether all answers that were found are those expected; the short way of ``compare``."""
    return all(
        array.shape == expected[name].shape
        and bool(np.max(np.abs(array - expected[name]), initial=0.0) <= tolerance_of(array) * scale_of(expected[name]))
        for name, array in found.items()
    )


def scale_of(expected: Array) -> float:
    """The largest entry, or 1 where all are zero (or none is finite)."""
    finite = expected[np.isfinite(expected)]
    largest = float(np.max(np.abs(finite), initial=0.0))
    return largest if largest > 0.0 else 1.0


def tolerance_of(found: Array) -> float:
    """The bound for an answer in its precision."""
    return TOLERANCES.get(found.dtype.name, TOLERANCES["float64"])


def first_diverging(verdicts: Sequence[Verdict]) -> Verdict | None:
    """The first tensor in the order of computation that differs."""
    return next((v for v in verdicts if v.verdict == DIFFERS), None)


def _shapes(expected: Array, found: Array) -> str:
    """Shapes that differ, and whether turning axes mends them."""
    said = f"shape {found.shape}, expected {expected.shape}"
    if found.ndim != expected.ndim or found.ndim > 4:
        if found.size == expected.size:
            equal = np.allclose(found.reshape(expected.shape), expected, rtol=0, atol=1e-9 * scale_of(expected))
            said += "; the values are right, reshape them" if equal else ""
        return said
    for axes in permutations(range(found.ndim)):
        turned = found.transpose(axes)
        if turned.shape == expected.shape:
            equal = np.max(np.abs(turned - expected), initial=0.0) <= tolerance_of(found) * scale_of(expected)
            return f"{said}; with its axes in the order {axes} " + ("it agrees" if equal else "it would fit")
    return said


def describe(want: Array, got: Array, tolerance: float) -> str:
    """What can be said of the relation of two tensors of one shape that differ."""
    if not np.isfinite(got).all():
        return f"{int((~np.isfinite(got)).sum())} of {got.size} entries are not finite"
    scale = scale_of(want)
    ratio = float(np.vdot(want, got)) / max(float(np.vdot(want, want)), 1e-300)
    if got.size > 1 and np.max(np.abs(got - ratio * want)) <= tolerance * max(scale, abs(ratio) * scale):
        return f"{ratio:.6g} times the expected tensor"
    shift = got - want
    if got.size > 1 and np.max(np.abs(shift - shift.flat[0])) <= tolerance * scale:
        return f"the expected tensor plus {float(shift.flat[0]):.6g}"
    if tolerance < TOLERANCES["float32"] and np.max(np.abs(shift)) <= TOLERANCES["float32"] * scale:
        return SINGLE
    right = np.abs(shift) <= tolerance * scale
    if want.ndim and right.any():
        steps = right.reshape(len(right), -1).all(axis=1)
        if steps[0] and not steps.all():
            return f"agrees before [{int(np.argmin(steps))}]"
        if steps.any():
            return f"agrees at {', '.join(f'[{i}]' for i in np.flatnonzero(steps)[:6])}"
        return f"{int(right.sum())} of {right.size} entries agree"
    return ""
