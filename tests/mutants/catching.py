"""Run a check of the audit, a case of the gradient check, or a test, by the name that the table of mistakes has."""

import inspect
import math
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import pytest

from refimpl.checks import (
    CASES,
    counting_checks,
    gradcheck,
    invariances,
    kl_checks,
    noise_checks,
    optimiser_checks,
    select_cases,
    sharing_checks,
    value_checks,
)
from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult
from refimpl.tree import flatten

Piece = Callable[[], Any]  # makes some checks of a family: a result or a list of them


RESULTS = {str(CheckResult), str(list[CheckResult])}


def _pieces(module: ModuleType) -> tuple[Piece, ...]:
    """The functions of a family's module that make its checks, each by itself: those of the noise draw as they go."""
    functions = [f for f in vars(module).values() if isinstance(f, FunctionType) and f.__module__ == module.__name__]
    private = [f for f in functions if f.__name__.startswith("_") and not inspect.signature(f).parameters]
    return tuple(f for f in private if str(f.__annotations__.get("return")) in RESULTS)


FAMILIES: dict[str, tuple[Piece, ...]] = {
    "values": (value_checks.value_checks,),
    "KL": (kl_checks.kl_checks,),
    "noise": (*_pieces(noise_checks), *_pieces(sharing_checks)),
    "masks": (invariances.mask_checks,),
    "optimiser": (optimiser_checks.optimiser_checks,),
    "counting": (counting_checks.counting_checks,),
}
BROKEN = (ValueError, IndexError, ArithmeticError, RuntimeWarning)  # what a wrong number may lead to in a check


def passes(check: str) -> bool:
    """Whether the named check passes on the code as it now is; one that breaks does not pass."""
    try:
        if "::" in check:
            return _test_passes(*check.split("::"))
        family, _, name = check.partition(": ")
        return _gradients_pass(*name.split()) if family == "gradients" else _check_passes(family, name)
    except BROKEN:
        return False


@cache
def audit_checks() -> dict[tuple[str, str], Piece]:
    """What makes each check, by family and name. To be called before a mistake is planted."""
    return {
        (result.family, result.name): piece
        for pieces in FAMILIES.values()
        for piece in pieces
        for result in _results(piece, None)
    }


def _check_passes(family: str, name: str) -> bool:
    (found,) = (r for r in _results(audit_checks()[family, name], name) if r.name == name)
    return found.passed


def _results(piece: Piece, name: str | None) -> list[CheckResult]:
    """What the piece makes; the named check alone is measured, and no bug of the audit's own is planted."""

    def run(about: About, measure: Callable[[Any], float], right: Any, bound: float, **_: Any) -> CheckResult:
        if about.name == name:
            return run_check(about, measure, right, bound)
        return CheckResult(*about, figure=math.nan, bound=bound, passed=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[piece.__module__], "run_check", run)
        made = piece()
    return made if isinstance(made, list) else [made]


def _gradients_pass(case: str, leaf: str | None = None) -> bool:
    """All leaves, or the one that is named."""
    if case not in {known.name for known in CASES}:
        raise KeyError(f"gradients: no case named {case!r}")
    (found,) = select_cases([case])
    forward, backward, inputs, zero_leaves, fixed = found.build(0)
    if leaf is not None:
        fixed = [name for name in flatten(inputs) if name != leaf]
        fixed = [name for name in fixed if flatten(inputs)[name].dtype.kind == "f"]
    return all(r.passed for r in gradcheck(forward, backward, inputs, zero_leaves=zero_leaves, fixed=fixed))


def _test_passes(file: str, name: str) -> bool:
    module = import_module(file.removesuffix(".py").replace("/", "."))
    try:
        getattr(module, name)()
    except (AssertionError, pytest.fail.Exception):
        return False
    return True
