"""A rule that the stand-in claims of CuPy: what is asked, and the answer of each."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from validation.gpu.findings import FAILED, OK, Row

Array = Any
PRECISION = "precision that is lost, or paid for, without a word"
WAITS = "the host waits where nobody said so"
HIDDEN_COPY = "a copy to the device that nobody sees"
DISPATCH = "NumPy hands over to CuPy; the code reads as if it ran on the host"
ORDER = "other last bits in every run"


class Rule(NamedTuple):
    """cupy: the answer expected of CuPy; stand_in: that of the stand-in, None if it is the same.

    why: the reason for which they differ on purpose.
    """

    what: str
    ask: Callable[[ModuleType], Any]
    cupy: str
    stand_in: str | None = None
    why: str = ""


def check(rule: Rule, xp: ModuleType) -> Row:
    """The row of a rule, as asked of this xp."""
    dry = xp.__name__ != "cupy"
    expected = rule.stand_in if dry and rule.stand_in is not None else rule.cupy
    found = answer(rule.ask, xp)
    agrees = found == expected or (expected == "raises" and found.startswith("raises "))
    row: Row = {"status": OK if agrees else FAILED, "expected": expected, "found": found, "agrees": agrees}
    if rule.why:
        row |= {"differs_on_purpose": rule.why, "cupy": rule.cupy, "stand_in": rule.stand_in}
    return row


def answer(ask: Callable[[ModuleType], Any], xp: ModuleType) -> str:
    """The answer in words: the kind of an array, a value, or the built-in class of the error."""
    try:
        value = ask(xp)
    except Exception as error:
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return f"raises {known.__name__}"
    if isinstance(value, xp.ndarray):
        return f"device {value.dtype} {tuple(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"host {value.dtype} {value.shape}"
    return str(value)


def single(xp: ModuleType, *shape: int) -> Array:
    """1, 2, 3, ... in float32."""
    return xp.asarray(np.arange(1.0, 1.0 + np.prod(shape, dtype=int), dtype="float32").reshape(shape))


def double(xp: ModuleType, *shape: int) -> Array:
    """The same in float64."""
    return single(xp, *shape).astype("float64")


def ids(xp: ModuleType, *values: int) -> Array:
    """Integers, int64."""
    return xp.asarray(np.array(values))


def listed(x: Array) -> list[Any]:
    """The values of a device array."""
    values: list[Any] = x.get().tolist()
    return values


def done(_: Any) -> str:
    """For what is only of interest in that it does not raise."""
    return "done"
