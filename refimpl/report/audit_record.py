"""The audit as JSON, for programs: stable names, null for what is not finite."""

import math
from typing import Any

from refimpl import __version__
from refimpl.checks.planting import holds
from refimpl.report.audit_page import Page, results_of
from refimpl.report.learning_checks import Learning


def as_json(page: Page, runs: Learning | None) -> dict[str, Any]:
    """The record of an audit: results, gradients, planted runs, environment; null for what is not finite."""
    results = results_of(page)
    return {
        "refimpl": __version__,
        "created": page.created,
        "quick": page.quick,
        "holds": all(map(holds, results)),
        "seconds": round(page.seconds, 3),
        "results": [_plain(result._asdict() | {"holds": holds(result)}) for result in results],
        "gradients": [_plain(leaf._asdict()) for leaf in page.leaves],
        "learning": None if runs is None else _runs(runs),
        "environment": page.environment,
    }


def _runs(runs: Learning) -> dict[str, Any]:
    named: dict[str, Any] = {"planted-lm": runs.language, "random labels": runs.random}
    named |= {f"planted-sentiment, seed {found.seed}": found for found in runs.sentiment}
    return {name: _plain(result._asdict()) for name, result in named.items()}


def _plain(value: Any) -> Any:
    """What JSON can hold: parameters and other objects are left out."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items() if _fits(item)}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value


def _fits(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_fits, value.values()))
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return all(map(_fits, value))
    return value is None or isinstance(value, bool | int | float | str)
