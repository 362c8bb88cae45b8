"""Run the code of a chapter: one session a chapter, from its first line to its last.

Two kinds of fences are code. In ```python everything stands after prompts, with what it prints below, as in doctest. A
```{code-cell} draws: its last line is a Matplotlib figure, which the built book shows under the code. Other fences are
text. Used by the tests and, through conf.py, by the build of the book: in both a failing snippet is a failure.
"""

import ast
import contextlib
import doctest
import io
import re
from pathlib import Path
from typing import Any, NamedTuple

FENCE = re.compile(r"^```(?P<kind>python|\{code-cell\})[^\n]*\n(?P<code>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.REPORT_NDIFF
FILTERED = {"svg.hashsalt": "refimpl", "svg.fonttype": "path"}  # equal figures are equal text


class Snippet(NamedTuple):
    line: int  # of the first line of code, from 1
    draws: bool
    code: str


class Run(NamedTuple):
    failures: list[str]
    figures: list[Any]  # of each code-cell in order; None where there is none


def snippets(text: str) -> list[Snippet]:
    """The code of a chapter in order."""
    return [
        Snippet(text.count("\n", 0, found.start("code")) + 1, found["kind"] != "python", found["code"])
        for found in FENCE.finditer(text)
    ]


def run_chapter(text: str, name: str) -> Run:
    """Run all snippets of a chapter one after the other with the same names."""
    names: dict[str, Any] = {"__name__": "__main__"}
    run = Run([], [])
    for snippet in snippets(text):
        if snippet.draws:
            run.figures.append(_draw(snippet, names, name, run.failures))
        else:
            _doctest(snippet, names, name, run.failures)
    return run


def _doctest(snippet: Snippet, names: dict[str, Any], name: str, failures: list[str]) -> None:
    test = doctest.DocTestParser().get_doctest(snippet.code, names, name, name, snippet.line - 1)
    if not test.examples:
        failures.append(f"{name}:{snippet.line}: a snippet without a prompt (>>>) does not run")
        return
    test.globs = names  # the parser has copied them
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(test, out=report.append, clear_globs=False)
    failures.extend(report)


def _draw(snippet: Snippet, names: dict[str, Any], name: str, failures: list[str]) -> Any:
    """The value of the last line, if it is a figure."""
    try:
        tree = ast.parse("\n" * (snippet.line - 1) + snippet.code, name)
        last = tree.body.pop()
        if not isinstance(last, ast.Expr):
            raise ValueError("the last line of a code-cell has to be a figure")
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, name, "exec"), names)
            figure = eval(compile(ast.Expression(last.value), name, "eval"), names)
        if not hasattr(figure, "savefig"):
            raise ValueError(f"the last line of a code-cell has to be a figure, and is {type(figure).__name__}")
    except Exception as error:
        failures.append(f"{name}:{snippet.line}: {type(error).__name__}: {error}")
        return None
    return figure


def svg(figure: Any) -> str:
    """The figure as SVG text."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context(FILTERED):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def alternative_text(figure: Any) -> str:
    """What the figure shows, for people who do not see it: the titles of its panels."""
    titles = (axes.get_title(loc="left") or axes.get_title() for axes in figure.axes)
    return "; ".join(title for title in titles if title)


def chapters(folder: Path) -> list[Path]:
    """The chapters in order, the index first."""
    return [folder / "index.md", *sorted(folder.glob("[0-9][0-9]-*.md"))]
