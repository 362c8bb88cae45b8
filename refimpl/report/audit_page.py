"""The audit as one HTML page: no scripts, no network; figures are embedded."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from refimpl import __version__
from refimpl.checks.gradcheck import LeafResult
from refimpl.checks.planting import holds
from refimpl.checks.result import CheckResult
from refimpl.report.audit_bugs import bug_section
from refimpl.report.audit_html import (
    anchor_of,
    format_figure,
    html_cell,
    html_derivation,
    html_evidence,
    html_folded,
    html_mark,
    html_row,
    html_table,
)
from refimpl.report.evidence import Evidence

SHORT_TABLE = 40  # a longer one shows what matters and folds the rest away


class Family(NamedTuple):
    """A family of checks as the page tells of it."""

    name: str
    title: str
    about: str
    results: list[CheckResult]
    evidence: list[Evidence]
    ids: tuple[str, ...] = ()  # of the equations that the family rests on


class Page(NamedTuple):
    """Everything that the page shows."""

    families: list[Family]
    leaves: list[LeafResult]
    environment: dict[str, Any]
    created: str
    seconds: float
    quick: bool


def results_of(page: Page) -> list[CheckResult]:
    """All results, family by family."""
    return [result for family in page.families for result in family.results]


def render(page: Page) -> str:
    """The page, whole."""
    style = files("refimpl.report").joinpath("style.css").read_text(encoding="utf-8")
    parts = [
        f"<h1>refimpl {escape(__version__)}: audit</h1>",
        f'<p class="when">{escape(page.created)}, {page.seconds:.0f} s on {escape(_machine(page.environment))}; '
        f"<code>refimpl audit{' --quick' if page.quick else ''}</code></p>",
        _verdict(page),
        _three_sentences(page),
        _summary(page),
        *(_family(family, page.leaves) for family in page.families),
        bug_section(results_of(page)),
        '<h2 id="environment">Environment</h2>',
        f"<pre>{escape(json.dumps(page.environment, indent=1))}</pre>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        # the browser itself then refuses scripts and anything from elsewhere
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">"
    )
    title = f"<title>refimpl audit: {_one_line(results_of(page))}</title>"
    body = "\n".join(parts)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}{title}\n<style>\n{style}</style></head>\n'
        f"<body><main>\n{body}\n</main></body>\n</html>\n"
    )


def _one_line(results: Sequence[CheckResult]) -> str:
    failing = sum(not holds(result) for result in results)
    return f"all {len(results)} checks hold" if failing == 0 else f"{failing} of {len(results)} checks fall short"


def _machine(environment: dict[str, Any]) -> str:
    versions = environment.get("versions", {})
    return (
        f"Python {versions.get('python', '?')}, NumPy {versions.get('numpy', '?')}, {environment.get('machine', '?')}"
    )


def _verdict(page: Page) -> str:
    results = results_of(page)
    failing = [result for result in results if not holds(result)]
    planted = [result for result in results if result.planted is not None]
    if not failing:
        return (
            f'<div class="verdict"><strong>All {len(results)} checks hold</strong>, and each of the {len(planted)} '
            "bugs planted "
            "in them is caught.</div>"
        )
    items = "".join(
        f'<li><a href="#{anchor_of(r)}">{escape(r.family)}: {escape(r.name)}</a>: {_why(r)}</li>' for r in failing
    )
    text = f"<strong>{len(failing)} of {len(results)} checks fall short:</strong>"
    return f'<div class="verdict short">{text}<ul>{items}</ul></div>'


def _why(result: CheckResult) -> str:
    if not result.passed:
        return f"{format_figure(result.figure)}, bound {format_figure(result.bound)}"
    return f"the planted bug, {escape(result.planted or '')}, is not caught ({format_figure(result.planted_figure)})"


def _three_sentences(page: Page) -> str:
    results = results_of(page)
    planted = sum(result.planted is not None for result in results)
    text = (
        "refimpl is Bayesian sparsification of LSTMs in NumPy, forward and backward by hand, and this page is what "
        "it can show of itself with embedded defaults: no data, no network, fixed seeds, so that the same command "
        "gives the same figures to rounding. Each check is a figure that may not exceed its bound, and each bound "
        "comes from the rounding of the sums involved, a standard error (z ≤ 5), the printed digits of a published "
        "number, or the stated target of a run on a source of known truth. So that you need not believe that a check "
        f"can fail, {planted} of the {len(results)} are run a second time, here, on a copy with a bug planted in it, "
        "and if one does not catch its bug the audit falls short."
    )
    quick = (
        '<div class="note">Quick: the runs on planted sources (family learning) were left out; '
        "<code>refimpl audit</code> has them.</div>"
    )
    return f"<p>{escape(text)}</p>" + (quick if page.quick else "")


def _summary(page: Page) -> str:
    rows = []
    for family in page.families:
        held = sum(holds(result) for result in family.results)
        bugs = [result for result in family.results if result.planted is not None]
        caught = sum(bool(result.planted_caught) for result in bugs)
        good = held == len(family.results)
        cells = [
            f'<td><a href="#{family.name}">{escape(family.name)}</a></td>',
            html_cell(family.title),
            html_cell(f"{held} of {len(family.results)}", "number"),
            html_cell(f"{caught} of {len(bugs)}", "number"),
            html_cell(f"{sum(result.seconds for result in family.results):.1f}", "number"),
            html_mark(good, "holds", "falls short"),
        ]
        rows.append(html_row(cells, good))
    columns = ["family", "what is shown", "#checks that hold", "#bugs caught", "#seconds", "verdict"]
    return html_table(columns, rows)


def _family(family: Family, leaves: Sequence[LeafResult]) -> str:
    parts = [
        f'<h2 id="{family.name}">{escape(family.name)}<small>{escape(family.title)}</small></h2>',
        f"<p>{escape(family.about)} {html_derivation(family.ids)}</p>",
    ]
    if len(family.results) <= SHORT_TABLE:
        parts.append(_table(family.results))
    else:
        first = [r for r in family.results if r.planted is not None or not holds(r)]
        rest = [r for r in family.results if r.planted is None and holds(r)]
        parts += [_table(first), html_folded(f"{len(rest)} more checks, all of which hold", _table(rest))]
    parts += map(html_evidence, family.evidence)
    if family.name == "gradients":
        parts.append(html_folded(f"all {len(leaves)} gradients, one a row", _leaves(leaves)))
    return "\n".join(parts)


def _table(results: Iterable[CheckResult]) -> str:
    columns = ["check", "what it would have caught", "#figure", "#bound", "verdict", "bug planted", "#its figure", ""]
    return html_table(columns, map(_check_row, results))


def _check_row(r: CheckResult) -> str:
    name = f'<strong>{escape(r.name)}</strong><span class="what">{escape(r.what)}</span>'
    cells = [
        f'<td class="check">{name}</td>',
        html_cell(r.catches, "catches"),
        html_cell(format_figure(r.figure), "number"),
        html_cell(f"≤ {format_figure(r.bound)}", "number"),
        html_mark(r.passed, "holds", "falls short"),
        html_cell(r.planted or "", "planted"),
        html_cell("" if r.planted is None else format_figure(r.planted_figure), "number"),
        html_cell("") if r.planted_caught is None else html_mark(r.planted_caught, "caught", "missed"),
    ]
    return html_row(cells, holds(r), anchor_of(r))


def _leaves(leaves: Sequence[LeafResult]) -> str:
    columns = ["layer", "gradient", "#entries", "#error", "worst index", "#by hand", "#complex step", ""]
    return html_table(columns, map(_leaf_row, leaves), "leaves")


def _leaf_row(leaf: LeafResult) -> str:
    cells = [
        html_cell(leaf.layer),
        html_cell(leaf.leaf),
        html_cell(f"{leaf.entries}", "number"),
        html_cell(format_figure(leaf.error), "number"),
        html_cell(str(list(leaf.worst_index))),
        html_cell(f"{leaf.hand:.17g}", "number"),
        html_cell(f"{leaf.step:.17g}", "number"),
        html_mark(leaf.passed, "", leaf.note),
    ]
    return html_row(cells, leaf.passed)
