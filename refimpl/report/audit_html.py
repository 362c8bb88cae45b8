"""Pieces of the audit's page: tables, rows, cells, folded parts, figures, and where their derivations stand."""

import math
from collections.abc import Iterable, Sequence
from html import escape

from refimpl.checks.result import CheckResult
from refimpl.report.drawing import to_data_uri
from refimpl.report.evidence import Evidence, Table, chapter_of


def format_figure(value: float | None) -> str:
    """A figure as the page and the command print it."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite"
    return "0" if value == 0.0 else f"{value:.3g}"


def anchor_of(result: CheckResult) -> str:
    """The id of a check's row on the page."""
    words = "".join(c if c.isalnum() else "-" for c in result.name)
    return f"{result.family}-{words}"


def html_table(columns: Sequence[str], rows: Iterable[str], kind: str = "checks") -> str:
    """A table that scrolls by itself where the page is narrow; # marks a column of numbers."""
    head = "".join(
        f'<th class="number">{escape(c[1:])}</th>' if c.startswith("#") else f"<th>{escape(c)}</th>" for c in columns
    )
    body = "".join(rows)
    table = f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>'


def html_row(cells: Iterable[str], good: bool = True, anchor: str = "") -> str:
    """A row, shaded where it is not good."""
    place = f' id="{anchor}"' if anchor else ""
    kind = "" if good else ' class="short"'
    return f"<tr{place}{kind}>{''.join(cells)}</tr>"


def html_cell(text: str, kind: str = "") -> str:
    """A cell of plain text."""
    return f'<td class="{kind}">{escape(text)}</td>' if kind else f"<td>{escape(text)}</td>"


def html_mark(good: bool, yes: str, no: str) -> str:
    """A cell with a verdict."""
    words, kind = (f"✓ {yes}", "good") if good else (f"✗ {no}", "bad")
    return f'<td><span class="{kind}">{escape(words.strip())}</span></td>'


def html_folded(summary: str, content: str) -> str:
    """What is shown on demand."""
    return f"<details><summary>{escape(summary)}</summary>{content}</details>"


def html_derivation(ids: Sequence[str]) -> str:
    """Where the equations are derived: chapters and ids, in the order given."""
    chapters: dict[str, list[str]] = {}
    for name in ids:
        chapters.setdefault(chapter_of(name), []).append(f"[{name}]")
    parts = [f"chapter {chapter}, {' '.join(names)}" for chapter, names in chapters.items()]
    return f'<span class="derivation">Derivation: {escape("; ".join(parts))}</span>' if parts else ""


def html_evidence(evidence: Evidence) -> str:
    """A figure or a table, what it proves, and where that is derived."""
    content = evidence.content
    if isinstance(content, Table):
        shown = f"<h3>{escape(evidence.title)}</h3>{_plain_table(content)}"
    else:
        image = f'<img alt="{escape(evidence.title, quote=True)}" src="{to_data_uri(content)}">'
        shown = f'<div class="scroll">{image}</div>'
    caption = f"<figcaption>{escape(evidence.proves)} {html_derivation(evidence.ids)}</figcaption>"
    return f"<figure>{shown}{caption}</figure>"


def _plain_table(table: Table) -> str:
    kinds = ["number" if name.startswith("#") else "" for name in table.columns]
    rows = (html_row(html_cell(*cell) for cell in zip(row, kinds, strict=True)) for row in table.rows)
    return html_table(table.columns, rows, "plain")
