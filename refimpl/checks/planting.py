"""How a check of the audit is run: on the code as it is, and again on a copy with a bug planted, which it has to catch.

A check is a measure, a function from its subject (a layer, a sampler, a rule) to a number, and a bound that the number
may not exceed. What cannot be measured (NaN) exceeds every bound.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.result import CheckResult
from refimpl.tree import Tree, flatten

Subject = TypeVar("Subject")


class About(NamedTuple):
    """What a reader is told about a check."""

    family: str
    name: str
    what: str  # what is compared with what, in a sentence
    catches: str  # the mistakes it would have caught


def run_check(
    about: About,
    measure: Callable[[Subject], float],
    right: Subject,
    bound: float,
    *,
    planted: str | None = None,
    wrong: Subject | None = None,
) -> CheckResult:
    """Measure the right subject, and the wrong one where a bug is planted: its name in words, the subject that has it.

    Errors: ValueError if a bug is named and no wrong subject is given, or the other way round.
    """
    if (planted is None) != (wrong is None):
        raise ValueError(f"{about.name}: expected both planted and wrong, or neither")
    began = time.perf_counter()
    figure = float(measure(right))
    planted_figure = None if wrong is None else float(measure(wrong))
    return CheckResult(
        *about,
        figure=figure,
        bound=bound,
        passed=figure <= bound,
        planted=planted,
        planted_figure=planted_figure,
        planted_caught=None if planted_figure is None else not planted_figure <= bound,
        seconds=time.perf_counter() - began,
    )


def holds(result: CheckResult) -> bool:
    """Whether the check passes and catches the bug planted in it, if there is one."""
    return result.passed and result.planted_caught is not False


def gap(found: Tree, expected: Tree) -> float:
    """max |found - expected| / max |expected| of the worst leaf; infinite where names, shapes or finiteness differ."""
    leaves, others = flatten({"tree": found}), flatten({"tree": expected})
    if leaves.keys() != others.keys():
        return math.inf
    return max(_leaf_gap(np.asarray(leaves[name]), np.asarray(other)) for name, other in others.items())


def _leaf_gap(found: Array, expected: Array) -> float:
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return math.inf
    most, scale = float(np.max(np.abs(found - expected))), float(np.max(np.abs(expected)))
    return most / scale if scale > 0.0 else (0.0 if most == 0.0 else math.inf)
