"""A report as one HTML file: no scripts, no network, figures embedded; readable on a phone, in the dark, and printed.

A page is data (sections of paragraphs, tables, pictures and checks), and ``render`` alone writes markup, so that every
word that comes from outside is escaped in one place.
"""

import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from refimpl.report.drawing import to_data_uri
from refimpl.report.tables import Table, render_table, verdict_mark
from refimpl.training.checkpoint import write_atomically


class Picture(NamedTuple):
    """An image as a data URI; see ``picture``."""

    uri: str
    caption: str


class Check(NamedTuple):
    """One thing that the page claims, and whether it holds; the verdict at the top counts them."""

    name: str
    passed: bool
    detail: str = ""


class Section(NamedTuple):
    """A part of the page. In paragraphs, text between backticks is set as code."""

    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[Table] = ()
    figures: Sequence[Picture] = ()
    checks: Sequence[Check] = ()


def picture(figure: Figure, caption: str) -> Picture:
    """A figure for a section."""
    return Picture(to_data_uri(figure), caption)


def render(title: str, summary: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole page: title, verdict (if any section has checks), summary, table of contents, sections.

    Errors: ValueError if a picture is no data URI, for the page would then need the network.
    """
    style = files("refimpl.report").joinpath("style.css").read_text(encoding="utf-8")
    body = [
        f"<h1>{escape(title)}</h1>",
        _verdict(sections),
        *map(_paragraph, summary),
        _contents(sections),
        *(_section(number, section) for number, section in enumerate(sections, start=1)),
    ]
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # the browser itself then refuses scripts and anything from elsewhere
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\">",
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style>",
    ]
    return "\n".join(
        ["<!DOCTYPE html>", '<html lang="en">', "<head>", *head, "</head>", "<body><main>"]
        + [part for part in body if part]
        + ["</main></body>", "</html>", ""]
    )


def write_report(path: Path | str, page: str) -> None:
    """Write a page: to a temporary file, then renamed, so that an earlier report stays whole until then."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page.encode("utf-8"))


def _verdict(sections: Sequence[Section]) -> str:
    checks = [(number, check) for number, section in enumerate(sections, start=1) for check in section.checks]
    short = [(number, check) for number, check in checks if not check.passed]
    if not checks:
        return ""
    if not short:
        words = "The one check holds" if len(checks) == 1 else f"All {len(checks)} checks hold"
        return f'<div class="verdict"><strong>{words}</strong></div>'
    items = "".join(
        f'<li><a href="#section-{number}">{escape(check.name)}</a>{_detail(check)}</li>' for number, check in short
    )
    words = f"{len(short)} of {len(checks)} checks {'falls' if len(short) == 1 else 'fall'} short:"
    return f'<div class="verdict short"><strong>{words}</strong><ul>{items}</ul></div>'


def _contents(sections: Sequence[Section]) -> str:
    items = []
    for number, section in enumerate(sections, start=1):
        short = sum(not check.passed for check in section.checks)
        mark = f" <span class=bad>({short} {'falls' if short == 1 else 'fall'} short)</span>" if short else ""
        items.append(f'<li><a href="#section-{number}">{escape(section.title)}</a>{mark}</li>')
    return f'<nav aria-label="Contents"><ul>{"".join(items)}</ul></nav>' if len(items) > 1 else ""


def _section(number: int, section: Section) -> str:
    parts = [f'<h2 id="section-{number}">{escape(section.title)}</h2>', *map(_paragraph, section.paragraphs)]
    if section.checks:
        lines = (f"<li>{verdict_mark(c.passed)}: {escape(c.name)}{_detail(c)}</li>" for c in section.checks)
        parts.append(f"<ul>{''.join(lines)}</ul>")
    parts += [_picture(figure) for figure in section.figures]
    parts += [render_table(table) for table in section.tables]
    return "\n".join(["<section>", *parts, "</section>"])


def _detail(check: Check) -> str:
    return f" <small>({escape(check.detail)})</small>" if check.detail else ""


def _paragraph(text: str) -> str:
    return "<p>" + re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)) + "</p>"


def _picture(shown: Picture) -> str:
    if not re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", shown.uri):
        raise ValueError(f"figures: expected a data URI of an image, got {shown.uri[:40]!r}; use picture(...)")
    caption = escape(shown.caption)
    image = f'<div class="scroll"><img alt="{caption}" src="{shown.uri}"></div>'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
