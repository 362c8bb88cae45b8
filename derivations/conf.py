"""The derivations as a book: ``make book`` writes it to build/book, and it reads without a network.

While a chapter is read its code is run (snippets.py): a failing snippet ends the build with an error. When all is
written, a resource that would be fetched from a host ends it too.
"""

import base64
import html
import importlib.util
import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.errors import ExtensionError

os.environ.setdefault("MPLBACKEND", "Agg")
FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))  # the chapters import derivations.figures

from derivations.offline import fetched  # noqa: E402
from derivations.snippets import alternative_text, run_chapter, svg  # noqa: E402

project = "refimpl: derivations"
author = "refimpl contributors"
project_copyright = "refimpl contributors, MIT licence"
extensions = ["myst_parser", "sphinx.ext.mathjax"]
exclude_patterns = ["equations.d", "_static", "__pycache__"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

html_theme = "sphinx_book_theme"
html_title = "Derivations"
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "article_header_end": [],
    "secondary_sidebar_items": [],  # room for formulas
    "navbar_persistent": [],  # the search stands in the side bar already
}
html_context = {"default_mode": "light"}  # figures are drawn on white
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_last_updated_fmt = None
pygments_style = "friendly"

# One file of MathJax 3 that holds its fonts too, from a wheel of that name: nothing is fetched when a page is read.
_mathjax = importlib.util.find_spec("sphinx-mathjax-offline")
if _mathjax is None or not _mathjax.submodule_search_locations:
    raise ExtensionError("sphinx-mathjax-offline is not installed; install the extra docs")
MATHJAX = Path(_mathjax.submodule_search_locations[0]) / "static" / "mathjax" / "tex-svg.js"
html_static_path = ["_static", str(MATHJAX)]
html_css_files = ["book.css"]
mathjax_path = MATHJAX.name
mathjax3_config = {
    "options": {"enableMenu": False},  # parts of the menu would be fetched when they are opened
    "svg": {"fontCache": "global", "scale": 0.95},
}

# $$ formula \tag*{[ID]} $$: the ids stand beside the formula, or below it where the page is narrow.
TAGGED = re.compile(r"^\$\$(?P<formula>[^$]*?)\\tag\*\{(?P<ids>[^}]*)\}(?P<rest>[^$]*)\$\$$", re.MULTILINE)
BESIDE = """<div class="equation">

$${formula}{rest}$$

<div class="ids">{ids}</div></div>
"""
# Added to the index when it is read, so that the file itself is plain Markdown.
CONTENTS = "\n\n```{toctree}\n:hidden:\n:glob:\n\n[0-9][0-9]-*\n```\n"
figures: dict[str, list[Any]] = {}  # of each chapter, in the order of its code-cells


def run_code(app: Any, chapter: str, source: list[str]) -> None:
    """Sphinx's event source-read: run the chapter before it is parsed."""
    run = run_chapter(source[0], f"{chapter}.md")
    if run.failures:
        raise ExtensionError("\n".join([f"{chapter}.md: code fails", *run.failures]))
    figures[chapter] = list(run.figures)
    source[0] = TAGGED.sub(lambda found: BESIDE.format(**found.groupdict()), source[0])
    if chapter == "index":
        source[0] += CONTENTS


class CodeCell(Directive):
    """A code-cell: its code, and the figure that the run of the chapter has made of it."""

    has_content = True
    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        figure = figures[self.state.document.settings.env.docname].pop(0)
        code = nodes.literal_block("\n".join(self.content), "\n".join(self.content), language="python")
        uri = "data:image/svg+xml;base64," + base64.b64encode(svg(figure).encode()).decode()
        image = f'<img class="figure" alt="{html.escape(alternative_text(figure))}" src="{uri}">'
        text = f'<div class="figure-box">{image}</div>'  # scrolls where the page is narrow
        return [code, nodes.raw("", text, format="html")]


def check_offline(app: Any, error: Exception | None) -> None:
    """Sphinx's event build-finished: no page, style sheet or picture asks a host for anything."""
    if error or app.builder.format != "html":
        return
    found = []
    for path in sorted(Path(app.outdir).rglob("*")):
        if path.suffix in (".html", ".css", ".svg"):
            found += [f"{path.name}: {resource}" for resource in fetched(path.read_text("utf-8"))]
    if found:
        raise ExtensionError("\n".join(["these would be fetched from a host:", *found]))


def setup(app: Any) -> dict[str, bool]:
    """Sphinx calls this."""
    app.add_directive("code-cell", CodeCell)
    app.connect("source-read", run_code)
    app.connect("build-finished", check_offline)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
