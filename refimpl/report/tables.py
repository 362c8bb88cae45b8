"""Tables of the report: cells, how they are printed, and records as tables."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple, TypeAlias

from refimpl.benchmarks.table import aligned


class Number(NamedTuple):
    """A number and how it is printed, as a format specification; the exact value is shown on pointing at it.

    A note, such as a range, stands after it, on a page on a line of its own.
    """

    value: float
    spec: str = ".4g"
    unit: str = ""
    note: str = ""


Cell: TypeAlias = str | int | float | bool | Number | None  # bool: whether something holds; None: not there


class Table(NamedTuple):
    """Every row has a cell for each column."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""


def cell_text(cell: Cell) -> str:
    """A cell as people read it: 12,345; 0.1235; 7.9×; holds; – where there is none."""
    if cell is None:
        return "–"
    if isinstance(cell, bool):
        return "✓ holds" if cell else "✗ falls short"
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, str):
        return cell
    shown = cell if isinstance(cell, Number) else Number(cell)
    if shown.note:
        return f"{cell_text(shown._replace(note=''))} {shown.note}"
    if math.isnan(shown.value):
        return "not a number"
    if math.isinf(shown.value):
        return "infinite" if shown.value > 0 else "minus infinite"
    return f"{shown.value:{shown.spec}}{shown.unit}"


def text_table(table: Table) -> str:
    """The table for a terminal, the caption below it."""
    lines = aligned([list(table.columns), *([cell_text(cell) for cell in row] for row in table.rows)])
    return "\n".join([*lines, table.caption] if table.caption else lines)


def markdown_table(table: Table) -> str:
    """The table in Markdown, the caption below it."""
    rows = [list(table.columns), ["---"] * len(table.columns)]
    rows += [[cell_text(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in table.rows]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([*lines, "", table.caption] if table.caption else lines)


def verdict_mark(passed: bool) -> str:
    """Whether something holds, by a word, a sign and a colour."""
    return f'<span class="{"good" if passed else "bad"}">{cell_text(passed)}</span>'


def render_table(table: Table) -> str:
    """The table as HTML, numbers to the right; a row with a check that falls short is shaded.

    Errors: ValueError if a row has more or fewer cells than there are columns.
    """
    for row in table.rows:
        if len(row) != len(table.columns):
            raise ValueError(f"rows: expected {len(table.columns)} cells ({', '.join(table.columns)}), got {len(row)}")
    numeric = [any(_is_number(row[k]) for row in table.rows) for k in range(len(table.columns))]
    head = "".join(
        f"<th{_number_class(right)}>{escape(name)}</th>" for name, right in zip(table.columns, numeric, strict=True)
    )
    body = "".join(
        f"<tr{' class=short' if any(c is False for c in row) else ''}>"
        + "".join(_cell(cell, right) for cell, right in zip(row, numeric, strict=True))
        + "</tr>\n"
        for row in table.rows
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>'


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, int | float | Number) and not isinstance(cell, bool)


def _number_class(right: bool) -> str:
    return ' class="number"' if right else ""


def _cell(cell: Cell, right: bool) -> str:
    if isinstance(cell, bool):
        return f"<td>{verdict_mark(cell)}</td>"
    exact = cell.value if isinstance(cell, Number) else cell if isinstance(cell, float) else None
    title = "" if exact is None else f' title="{exact!r}"'
    note = ""
    if isinstance(cell, Number) and cell.note:
        cell, note = cell._replace(note=""), f'<span class="what">{escape(cell.note)}</span>'
    return f"<td{_number_class(right)}{title}>{escape(cell_text(cell))}{note}</td>"


def settings_table(settings: Mapping[str, Any], caption: str = "") -> Table:
    """A nested record as rows of dotted name and value."""
    rows = [[name, value] for name, value in flat_settings(settings).items()]
    return Table(["setting", "value"], rows, caption)


def flat_settings(value: Any, prefix: str = "") -> dict[str, str]:
    """Every leaf of nested dicts and lists by its dotted name, as text that gives the exact value."""
    children: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        children = [(str(key), child) for key, child in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        children = [(str(index), child) for index, child in enumerate(value)]
    if not children:
        return {prefix: "–" if value is None else str(value)}
    flat: dict[str, str] = {}
    for name, child in children:
        flat |= flat_settings(child, f"{prefix}.{name}" if prefix else name)
    return flat
