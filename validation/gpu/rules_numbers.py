"""Rules of the truth table: precision, an index that occurs twice or lies outside, sums in no fixed order."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from validation.gpu.rules import ORDER, PRECISION, Rule, done, double, ids, listed, single

REFUSED = "raises TypeError"


def _promoted(what: str, ask: Callable[[ModuleType, Any], Any], cupy: str = "device float64 (3,)") -> Rule:
    return Rule(what, lambda xp: ask(xp, single(xp, 3)), cupy, REFUSED, PRECISION)


PROMOTIONS = (
    _promoted("float32 * np.float64", lambda xp, x: x * np.float64(2.0)),
    _promoted("np.float64 * float32", lambda xp, x: np.float64(2.0) * x),
    _promoted("float32 + float64", lambda xp, x: x + double(xp, 3)),
    _promoted("float32 + float64 of no axes", lambda xp, x: x + double(xp, 1)[0]),
    _promoted("float32 + zeros", lambda xp, x: x + xp.zeros(3)),
    _promoted("float32 * int64", lambda xp, x: x * ids(xp, 1, 2, 3)),
    _promoted("float32 + complex128", lambda xp, x: x + xp.asarray(np.ones(3, complex)), "device complex128 (3,)"),
    _promoted("where(mask, float32, float64)", lambda xp, x: xp.where(x > 0, x, double(xp, 3))),
    _promoted("concatenate float32, float64", lambda xp, x: xp.concatenate([x, double(xp, 3)]), "device float64 (6,)"),
    _promoted("float32 @ float64", lambda xp, x: x @ double(xp, 3), "device float64 ()"),
    _promoted("float32 += float64", lambda xp, x: x.__iadd__(double(xp, 3)), "device float32 (3,)"),
    _promoted("float32 *= np.float64", lambda xp, x: x.__imul__(np.float64(2.0)), "device float32 (3,)"),
    _promoted(
        "multiply(float32, float64, out=float32)",
        lambda xp, x: xp.multiply(x, double(xp, 3), out=x),
        "device float32 (3,)",
    ),
    _promoted("multiply(float32, np.float64)", lambda xp, x: xp.multiply(x, np.float64(2.0))),
    _promoted(
        "add(float64, float64, out=float32)",
        lambda xp, x: xp.add(double(xp, 3), double(xp, 3), out=x),
        "device float32 (3,)",
    ),
    _promoted("complex64 + float64", lambda xp, x: (x + 1j) * (x + 1j) + double(xp, 3), "device complex128 (3,)"),
)


def _in_double(xp: ModuleType) -> Any:
    y = double(xp, 3)
    y += single(xp, 3)
    return xp.multiply(single(xp, 3), single(xp, 3), out=y)


KEPT = (
    Rule("float32 * 2.0", lambda xp: single(xp, 3) * 2.0, "device float32 (3,)"),
    Rule("2 * float32", lambda xp: 2 * single(xp, 3), "device float32 (3,)"),
    Rule("float32 ** 2", lambda xp: single(xp, 3) ** 2, "device float32 (3,)"),
    Rule("-float32", lambda xp: -single(xp, 3), "device float32 (3,)"),
    Rule(
        "where(mask, float32, 0.0)", lambda xp: xp.where(single(xp, 3) > 0, single(xp, 3), 0.0), "device float32 (3,)"
    ),
    Rule("maximum(float32, 0.5)", lambda xp: xp.maximum(single(xp, 3), 0.5), "device float32 (3,)"),
    Rule("float32 + 1j", lambda xp: single(xp, 3) + 1j, "device complex64 (3,)"),
    Rule("int64 / 2", lambda xp: ids(xp, 1, 2) / 2, "device float64 (2,)"),
    Rule("a comparison", lambda xp: single(xp, 3) > 1.0, "device bool (3,)"),
    Rule("where(mask, 1.0, 2.0)", lambda xp: xp.where(single(xp, 3) > 1.0, 1.0, 2.0), "device float64 (3,)"),
    Rule("a sum in float64 that is asked for", lambda xp: single(xp, 3).sum(dtype="float64"), "device float64 ()"),
    Rule("float64 takes float32", _in_double, "device float64 (3,)"),
    Rule("astype", lambda xp: single(xp, 3).astype("float64"), "device float64 (3,)"),
    Rule("a product with out", lambda xp: _product(xp), "[[1.0, 2.0], [3.0, 4.0]]"),
)


def _product(xp: ModuleType) -> Any:
    out = xp.empty((2, 2), dtype="float32")
    xp.matmul(single(xp, 2, 2), xp.asarray(np.eye(2, dtype="float32")), out=out)
    return listed(out)


def _assign(xp: ModuleType, *at: int) -> str:
    x = single(xp, 3)
    x[ids(xp, *at)] = single(xp, len(at))
    return "done"


def _add_twice(xp: ModuleType) -> str:
    x = single(xp, 3)
    x[ids(xp, 0, 0)] += 1.0
    return "done"


def _by_pairs(xp: ModuleType) -> list[Any]:
    x = xp.zeros((3, 2))
    x[xp.arange(3), ids(xp, 1, 0, 1)] -= 1.0
    return listed(x)


def _same_number(xp: ModuleType) -> list[Any]:
    x = single(xp, 3)
    x[ids(xp, 1, 1)] = 5.0
    return listed(x)


UNDEFINED = "which value stays is undefined"
INDICES = (
    Rule("an index twice in an assignment", lambda xp: _assign(xp, 1, 1), "done", REFUSED, UNDEFINED),
    Rule("an index twice in +=", _add_twice, "done", REFUSED, UNDEFINED),
    Rule("an index twice, one number", _same_number, "[1.0, 5.0, 3.0]"),
    Rule("pairs of indices, a column twice", _by_pairs, "[[0.0, -1.0], [-1.0, 0.0], [0.0, -1.0]]"),
    Rule(
        "an index out of bounds is wrapped around",
        lambda xp: listed(single(xp, 3)[ids(xp, 0, 3, 4)]),
        "[1.0, 1.0, 2.0]",
        "raises IndexError",
        "another number than was meant",
    ),
    Rule("an index of its own out of bounds", lambda xp: single(xp, 3)[3], "raises IndexError"),
)


def _add_at(xp: ModuleType, x: Any) -> Any:
    xp.add.at(x, ids(xp, 0, 0), x[:2] * 1)
    return listed(x)


def _unordered(what: str, ask: Callable[[ModuleType], Any], cupy: str) -> Rule:
    return Rule(what, ask, cupy, REFUSED, ORDER)


SUMS = (
    _unordered("add.at of float32", lambda xp: _add_at(xp, single(xp, 3)), "[4.0, 2.0, 3.0]"),
    _unordered("cumsum of float32", lambda xp: listed(xp.cumsum(single(xp, 3))), "[1.0, 3.0, 6.0]"),
    _unordered("ndarray.cumsum of float64", lambda xp: listed(double(xp, 3).cumsum()), "[1.0, 3.0, 6.0]"),
    _unordered("add.accumulate of float32", lambda xp: done(xp.add.accumulate(single(xp, 3))), "done"),
    _unordered("add.reduceat of float32", lambda xp: done(xp.add.reduceat(single(xp, 3), ids(xp, 0, 1))), "done"),
    Rule("add.at of int64", lambda xp: _add_at(xp, ids(xp, 1, 2, 3)), "[4, 2, 3]"),
    Rule("cumsum of int64", lambda xp: listed(xp.cumsum(ids(xp, 1, 2, 3))), "[1, 3, 6]"),
)

NUMBER_RULES = PROMOTIONS + KEPT + INDICES + SUMS
