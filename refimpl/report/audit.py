"""``refimpl audit``: every check on the embedded defaults, and a report of them as one HTML page and one JSON file."""

import json
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from threadpoolctl import threadpool_limits

from refimpl.checks.conformance_checks import Diagnosis, conformance_checks
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
from refimpl.report import audit_evidence
from refimpl.report.audit_frameworks import framework_checks, of_frameworks, read_crosscheck
from refimpl.report.audit_html import format_figure
from refimpl.report.audit_page import Family, Page, render, results_of
from refimpl.report.audit_record import as_json
from refimpl.report.audit_texts import TEXTS
from refimpl.report.evidence import Evidence
from refimpl.report.learning_checks import Learning, learning_checks, planted_runs
from refimpl.training.checkpoint import write_atomically
from refimpl.training.environment import environment

GRADIENT_CASES: list[str] | None = None  # names of cases or groups; None: all
Tell = Callable[[str], None]


def audit(out: Path, *, quick: bool, tell: Tell, crosscheck: Path | None = None) -> bool:
    """Run every check and write index.html and audit.json into the folder out; True if and only if everything holds.

    quick leaves out the runs on planted sources. crosscheck: the record that ``make crosscheck`` wrote, to be shown.
    A check that raises is reported as one that falls short.
    Errors: OSError if the folder cannot be written, ValueError if the record is not one.
    """
    record = None if crosscheck is None else read_crosscheck(crosscheck)
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    families: list[Family] = []
    with threadpool_limits(limits=1):
        leaves = _quick_families(families, tell)
        if record is not None:
            _run("frameworks", lambda: framework_checks(record), families, tell, lambda _: of_frameworks(record))
        runs = None if quick else _learning(families, tell)
        where = environment("cpu")
    created = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = Page(families, leaves, where, created, time.perf_counter() - began, quick)
    write_atomically(out / "audit.json", (json.dumps(as_json(page, runs), indent=1, allow_nan=False) + "\n").encode())
    write_atomically(out / "index.html", render(page).encode())
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

    _run("gradients", gradients, families, tell, lambda results: audit_evidence.of_gradients(leaves, results))
    _run("values", value_checks, families, tell)
    _run("KL", kl_checks, families, tell, lambda _: audit_evidence.of_kl())
    _run("noise", noise_checks, families, tell, lambda _: audit_evidence.of_noise())
    for name, checks in (("masks", mask_checks), ("optimiser", optimiser_checks), ("counting", counting_checks)):
        _run(name, checks, families, tell)
    _conformance(families, tell)
    return leaves


def _conformance(families: list[Family], tell: Tell) -> None:
    found: list[Diagnosis] = []

    def checks() -> list[CheckResult]:
        results, diagnoses = conformance_checks()
        found.extend(diagnoses)
        return results

    _run("conformance", checks, families, tell, lambda _: audit_evidence.of_conformance(found))


def _learning(families: list[Family], tell: Tell) -> Learning | None:
    found: list[Learning] = []

    def checks() -> list[CheckResult]:
        found.append(planted_runs(tell))
        return learning_checks(found[0])

    _run("learning", checks, families, tell, lambda _: audit_evidence.of_learning(found[0]) if found else [])
    return found[0] if found else None


def _run(
    name: str,
    checks: Callable[[], list[CheckResult]],
    families: list[Family],
    tell: Tell,
    evidence: Callable[[list[CheckResult]], list[Evidence]] = lambda _: [],
) -> None:
    """Run a family; whatever it raises becomes a result that falls short, and the others still run."""
    began = time.perf_counter()
    try:
        results = checks()
        shown = evidence(results)
    except Exception as error:
        results, shown = [_raised(name, error)], []
    text = TEXTS[name]
    families.append(Family(name, text.title, text.about, results, shown, text.ids))
    held = sum(map(holds, results))
    bugs = [result for result in results if result.planted is not None]
    caught = sum(bool(result.planted_caught) for result in bugs)
    tell(f"{name:11} {held:3} of {len(results):3} checks hold, {caught:2} of {len(bugs):2} planted bugs caught "
         f"({time.perf_counter() - began:.1f} s)")  # fmt: skip


def _raised(name: str, error: Exception) -> CheckResult:
    what = f"the family stopped with {type(error).__name__}: {error}"
    return CheckResult(name, f"{name} could be run", what, "", math.inf, 0.0, passed=False)
