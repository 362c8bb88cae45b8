"""``refimpl audit``: every check on the embedded defaults, one HTML page and one JSON file; True if everything holds."""

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from refimpl import __version__
from refimpl.checks.counting_checks import counting_checks
from refimpl.checks.gradcheck import LeafResult
from refimpl.checks.gradient_checks import gradient_checks
from refimpl.checks.invariances import mask_checks
from refimpl.checks.kl_checks import kl_checks
from refimpl.checks.noise_checks import noise_checks
from refimpl.checks.optimiser_checks import optimiser_checks
from refimpl.checks.planting import holds
from refimpl.checks.result import CheckResult
from refimpl.checks.value_checks import value_checks
from refimpl.report import audit_figures
from refimpl.report.audit_page import Family, Page, format_figure, render, results_of
from refimpl.report.drawing import write_whole
from refimpl.report.learning_checks import Learning, learning_checks, planted_runs
from refimpl.training.environment import environment

GRADIENT_CASES: list[str] | None = None  # names of cases or groups; None: all
Tell = Callable[[str], None]


class FamilyText(NamedTuple):
    """What the page says about a family."""

    title: str
    about: str


TEXTS = {
    "gradients": FamilyText(
        "every hand-written backward pass against the complex step",
        "dL/dw = Im L(w + ih) / h with h = 1e-30: no difference is taken, so the oracle has 15 digits. The error of a "
        "gradient is "
        "max |hand - step| / max |step|; a gradient that is zero everywhere fails, for then nothing was checked.",
    ),
    "values": FamilyText(
        "the layers against loops over single numbers",
        "A gradient check cannot see an error that forward and backward share. These loops are written from the "
        "equations, with "
        "Python floats and no matrix product; the figure is max |layer - loop| / max |loop|.",
    ),
    "KL": FamilyText(
        "exact divergences and their approximations",
        "Log-uniform prior, shifted so that KL is 0 for alpha -> infinity. Quadrature and Dawson's integral share no "
        "code with "
        "what they judge; the largest errors of the approximations are held from both sides, so that a wrong constant "
        "fails.",
    ),
    "noise": FamilyText(
        "what is drawn, and what each draw is shared over",
        "Mean and variance do not tell RT, LRT and LRT with shared noise apart; covariances over time and over "
        "objects do. z-scores "
        "are bounded by 5 (a chance of 6e-7), and the neighbouring scheme is rejected.",
    ),
    "masks": FamilyText(
        "what must not matter: padding, cuts, order",
        "The LSTM with everything on: peepholes, multipliers at every place, states other than zero.",
    ),
    "optimiser": FamilyText(
        "Adam, clipping, and the N of the ELBO",
        "The loss is NLL per term + KL / N, so over an epoch the KL counts once for the whole data set.",
    ),
    "counting": FamilyText(
        "what is pruned, removed and counted",
        "Compression is a claim about counts; removal must not change the function that was counted.",
    ),
    "learning": FamilyText(
        "the whole chain on sources of known truth",
        "A language whose entropy rate is known exactly, texts whose Bayes accuracy and telling words are known, and "
        "the same texts "
        "with coin flips for labels.",
    ),
}


def audit(out: Path, *, quick: bool, tell: Tell) -> bool:
    """Run every check and write index.html and audit.json into the folder out; True if and only if everything holds.

    quick leaves out the runs on planted sources. A check that raises is reported as one that falls short.
    Errors: OSError if the folder cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    families: list[Family] = []
    with threadpool_limits(limits=1):
        leaves = _quick_families(families, tell)
        runs = None if quick else _learning(families, tell)
        where = environment("cpu")
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = Page(families, leaves, where, created, time.perf_counter() - began, quick)
    write_whole(out / "audit.json", (json.dumps(as_json(page, runs), indent=1, allow_nan=False) + "\n").encode())
    write_whole(out / "index.html", render(page).encode())
    results = results_of(page)
    failing = [result for result in results if not holds(result)]
    for result in failing:
        tell(f"FALLS SHORT  {_line(result)}")
    verdict = f"{len(failing)} of {len(results)} checks fall short" if failing else f"all {len(results)} checks hold"
    tell(f"{verdict} ({page.seconds:.0f} s); report: {out / 'index.html'}")
    return not failing


def _line(result: CheckResult) -> str:
    figure = f"{format_figure(result.figure)}, bound {format_figure(result.bound)}"
    missed = "" if result.planted_caught is not False else f"; planted bug not caught: {result.planted}"
    return f"{result.family}: {result.name}: {figure}{missed}"


def _quick_families(families: list[Family], tell: Tell) -> list[LeafResult]:
    """All families but learning, in order; the leaves of the gradient check."""
    leaves: list[LeafResult] = []

    def gradients() -> list[CheckResult]:
        results, found = gradient_checks(GRADIENT_CASES)
        leaves.extend(found)
        return results

    _run("gradients", gradients, families, tell, lambda results: [
        ("gradient "
         "errors", audit_figures.gradient_errors(leaves, results), "Each dot is one gradient, its worst entry; "
                                                                   "crosses are "
         "the same check on a broken backward pass.")])  # fmt: skip
    _run("values", value_checks, families, tell)
    _run("KL", kl_checks, families, tell, lambda _: [
        ("KL "
         "divergences", audit_figures.kl_curves(), "The dashed line is the threshold of pruning, log alpha = 3. ARD's "
                                                   "difference from "
         "the exact KL grows to 0.635 and is off this scale.")])  # fmt: skip
    _run("noise", noise_checks, families, tell, lambda _: [
        ("covariances", audit_figures.covariances(), "Two steps of one object, means and variances alike. LRT with "
                                                     "noise shared over "
         "time (S004 eq. 14) is not the weights' own covariance.")])  # fmt: skip
    for name, checks in (("masks", mask_checks), ("optimiser", optimiser_checks), ("counting", counting_checks)):
        _run(name, checks, families, tell)
    return leaves


def _learning(families: list[Family], tell: Tell) -> Learning | None:
    found: list[Learning] = []

    def checks() -> list[CheckResult]:
        found.append(planted_runs(tell))
        return learning_checks(found[0])

    _run("learning", checks, families, tell, lambda _: audit_figures.learning_figures(found[0]) if found else [])
    return found[0] if found else None


def _run(
    name: str,
    checks: Callable[[], list[CheckResult]],
    families: list[Family],
    tell: Tell,
    figures: Callable[[list[CheckResult]], list[audit_figures.Named]] = lambda _: [],
) -> None:
    """Run a family; whatever it raises becomes a result that falls short, and the others still run."""
    began = time.perf_counter()
    try:
        results = checks()
        drawn = figures(results)
    except Exception as error:
        results, drawn = [_raised(name, error)], []
    families.append(Family(name, *TEXTS[name], results, drawn))
    held = sum(map(holds, results))
    bugs = [result for result in results if result.planted is not None]
    caught = sum(bool(result.planted_caught) for result in bugs)
    tell(f"{name:10} {held:3} of {len(results):3} checks hold, {caught:2} of {len(bugs):2} planted bugs caught "
         f"({time.perf_counter() - began:.1f} s)")  # fmt: skip


def _raised(name: str, error: Exception) -> CheckResult:
    what = f"the family stopped with {type(error).__name__}: {error}"
    return CheckResult(name, f"{name} could be run", what, "", math.inf, 0.0, passed=False)


def as_json(page: Page, runs: Learning | None) -> dict[str, Any]:
    """The record of an audit: results, gradients, rows of the planted runs, environment. null stands for what is not finite."""
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
    named = {"planted-lm": runs.language, "random labels": runs.random}
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
