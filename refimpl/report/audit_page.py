"""The audit as one HTML page: no scripts, no network; figures are embedded."""

import json
import math
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

from refimpl import __version__
from refimpl.checks.gradcheck import LeafResult
from refimpl.checks.planting import holds
from refimpl.checks.result import CheckResult
from refimpl.report.audit_figures import Named
from refimpl.report.drawing import to_data_uri

SHORT_TABLE = 40  # a longer one shows what matters and folds the rest away


class Family(NamedTuple):
    """A family of checks as the page tells of it."""

    name: str
    title: str
    about: str
    results: list[CheckResult]
    figures: list[Named]


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


def format_figure(value: float | None) -> str:
    """A figure as the page and the command print it."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite"
    return "0" if value == 0.0 else f"{value:.3g}"


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
        f'<li><a href="#{_anchor(r)}">{escape(r.family)}: {escape(r.name)}</a>: {_why(r)}</li>' for r in failing
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
            _cell(family.title),
            _cell(f"{held} of {len(family.results)}", "number"),
            _cell(f"{caught} of {len(bugs)}", "number"),
            _cell(f"{sum(result.seconds for result in family.results):.1f}", "number"),
            _mark(good, "holds", "falls short"),
        ]
        rows.append(_row(cells, good))
    columns = ["family", "what is shown", "#checks that hold", "#bugs caught", "#seconds", "verdict"]
    return _html_table(columns, rows)


def _html_table(columns: Sequence[str], rows: Iterable[str], kind: str = "checks") -> str:
    """A table that scrolls by itself where the page is narrow; # marks a column of numbers."""
    head = "".join(f'<th class="number">{c[1:]}</th>' if c.startswith("#") else f"<th>{c}</th>" for c in columns)
    body = "".join(rows)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def _row(cells: Iterable[str], good: bool, anchor: str = "") -> str:
    place = f' id="{anchor}"' if anchor else ""
    kind = "" if good else ' class="short"'
    return f"<tr{place}{kind}>{''.join(cells)}</tr>"


def _cell(text: str, kind: str = "") -> str:
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def _mark(good: bool, yes: str, no: str) -> str:
    words, kind = (f"✓ {yes}", "good") if good else (f"✗ {no}", "bad")
    return f'<td><span class="{kind}">{escape(words.strip())}</span></td>'


def _anchor(result: CheckResult) -> str:
    words = "".join(c if c.isalnum() else "-" for c in result.name)
    return f"{result.family}-{words}"


def _family(family: Family, leaves: Sequence[LeafResult]) -> str:
    parts = [
        f'<h2 id="{family.name}">{escape(family.name)}<small>{escape(family.title)}</small></h2>',
        f"<p>{escape(family.about)}</p>",
    ]
    if len(family.results) <= SHORT_TABLE:
        parts.append(_table(family.results))
    else:
        first = [r for r in family.results if r.planted is not None or not holds(r)]
        rest = [r for r in family.results if r.planted is None and holds(r)]
        parts += [_table(first), _folded(f"{len(rest)} more checks, all of which hold", _table(rest))]
    parts += [_figure(*named) for named in family.figures]
    if family.name == "gradients":
        parts.append(_folded(f"all {len(leaves)} gradients, one a row", _leaves(leaves)))
    return "\n".join(parts)


def _folded(summary: str, content: str) -> str:
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def _table(results: Iterable[CheckResult]) -> str:
    columns = ["check", "what it would have caught", "#figure", "#bound", "verdict", "bug planted", "#its figure", ""]
    return _html_table(columns, map(_check_row, results))


def _check_row(r: CheckResult) -> str:
    name = f'<strong>{escape(r.name)}</strong><span class="what">{escape(r.what)}</span>'
    cells = [
        f'<td class="check">{name}</td>',
        _cell(r.catches, "catches"),
        _cell(format_figure(r.figure), "number"),
        _cell(f"≤ {format_figure(r.bound)}", "number"),
        _mark(r.passed, "holds", "falls short"),
        _cell(r.planted or "", "planted"),
        _cell("" if r.planted is None else format_figure(r.planted_figure), "number"),
        _cell("") if r.planted_caught is None else _mark(r.planted_caught, "caught", "missed"),
    ]
    return _row(cells, holds(r), _anchor(r))


def _figure(title: str, figure: Any, caption: str) -> str:
    image = f'<img alt="{escape(title, quote=True)}" src="{to_data_uri(figure)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>"


def _leaves(leaves: Sequence[LeafResult]) -> str:
    columns = ["layer", "gradient", "#entries", "#error", "worst index", "#by hand", "#complex step", ""]
    return _html_table(columns, map(_leaf_row, leaves), "leaves")


def _leaf_row(leaf: LeafResult) -> str:
    cells = [
        _cell(leaf.layer),
        _cell(leaf.leaf),
        _cell(f"{leaf.entries}", "number"),
        _cell(format_figure(leaf.error), "number"),
        _cell(str(list(leaf.worst_index))),
        _cell(f"{leaf.hand:.17g}", "number"),
        _cell(f"{leaf.step:.17g}", "number"),
        _mark(leaf.passed, "", leaf.note),
    ]
    return _row(cells, leaf.passed)
