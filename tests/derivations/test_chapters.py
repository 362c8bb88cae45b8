"""The code of every chapter runs and prints what the chapter shows; its links lead somewhere."""

import re
from pathlib import Path

import pytest

from derivations.snippets import alternative_text, chapters, run_chapter, snippets, svg

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "derivations"
CHAPTERS = chapters(FOLDER)
by_name = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


@by_name
def test_the_snippets_of_a_chapter(path):
    run = run_chapter(path.read_text("utf-8"), path.name)
    assert not run.failures, "\n".join(run.failures)


@by_name
def test_a_chapter_reads_on_any_viewer(path):
    """Lines of 120 characters but for tables, one title, closed fences, links to what exists, no machine paths."""
    text = path.read_text("utf-8")
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("| ")] == []
    assert text.startswith("# ")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "```" not in prose
    assert len(re.findall(r"^# ", prose, re.MULTILINE)) == 1
    assert prose.count("$$") % 2 == 0
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", prose) if "://" not in link}
    assert [link for link in sorted(links) if link and not (FOLDER / link).exists()] == []
    assert not re.search(r"(?<![\w.:/])/(work|tmp|home|root|usr)\b", text)


def test_the_index_leads_to_every_chapter():
    index = (FOLDER / "index.md").read_text("utf-8")
    assert [path.name for path in CHAPTERS[1:] if f"({path.name})" not in index] == []


GOOD = """# A chapter
```python
>>> a = 2
>>> a + 1
3
```
```{code-cell} python
from derivations.figures import new_figure
figure = new_figure(1.0)
figure.add_subplot().set_title(str(a))
figure
```
```text
>>> not run
```
"""


def test_the_runner():
    """One session for the whole chapter; figures come out in order, the same text every time."""
    assert [(s.line, s.draws) for s in snippets(GOOD)] == [(3, False), (8, True)]
    run = run_chapter(GOOD, "good.md")
    assert run.failures == []
    assert alternative_text(run.figures[0]) == "2"
    assert svg(run.figures[0]) == svg(run_chapter(GOOD, "good.md").figures[0])


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("3\n", "4\n", "line 4, in bad.md"),
        (">>> a + 1\n3\n", ">>> b\n", "NameError"),
        (">>> a = 2\n>>> a + 1\n3\n", "a = 2\n", "bad.md:3: a snippet without a prompt (>>>) does not run"),
        ("str(a)", "str(b)", "bad.md:8: NameError: name 'b' is not defined"),
        (
            "\nfigure\n```",
            "\n1\n```",
            "bad.md:8: ValueError: the last line of a code-cell has to be a figure, and is int",
        ),
        ("\nfigure\n```", "\na = 1\n```", "has to be a figure"),
    ],
)
def test_a_failing_snippet_is_a_failure(right, wrong, words):
    assert GOOD.count(right) == 1
    failures = run_chapter(GOOD.replace(right, wrong), "bad.md").failures
    assert failures
    assert words in failures[0]
