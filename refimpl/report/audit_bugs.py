"""The table of the planted bugs: which mistake, and which check caught it."""

from collections.abc import Sequence
from html import escape

from refimpl.checks.result import CheckResult
from refimpl.report.audit_html import anchor_of, format_figure, html_cell, html_mark, html_row, html_table


def bug_section(results: Sequence[CheckResult]) -> str:
    """A section with a row for each bug that was planted in this run; empty if none was."""
    planted = [result for result in results if result.planted is not None]
    if not planted:
        return ""
    columns = ["bug planted", "caught by", "#figure with the bug", "#bound", "#without", ""]
    about = (
        "A check that cannot fail proves nothing: each row is a check that was run again, in this audit, on a copy "
        "with that mistake in it."
    )
    return (
        f'<h2 id="bugs">planted bugs<small>{len(planted)} mistakes, and what caught them</small></h2>'
        f"<p>{about}</p>{html_table(columns, map(_row, planted))}"
    )


def _row(r: CheckResult) -> str:
    caught = bool(r.planted_caught)
    cells = [
        html_cell(r.planted or "", "check"),
        f'<td><a href="#{anchor_of(r)}">{escape(r.family)}: {escape(r.name)}</a></td>',
        html_cell(format_figure(r.planted_figure), "number"),
        html_cell(format_figure(r.bound), "number"),
        html_cell(format_figure(r.figure), "number"),
        html_mark(caught, "caught", "missed"),
    ]
    return html_row(cells, caught)
