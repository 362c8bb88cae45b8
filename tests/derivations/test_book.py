"""`make book`: a small book is built by the real configuration; failing code and resources of a host end the build."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from derivations.offline import fetched

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("sphinx", "myst_parser", "sphinx_book_theme", "sphinx-mathjax-offline")
missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
built = pytest.mark.skipif(bool(missing), reason=f"not installed (extra docs): {', '.join(missing)}")

CHAPTER = """# Small

$$x^2 \\tag*{[RT.F1]}$$

```python
>>> 1 + 1
2
```

```{code-cell} python
from derivations.figures import new_figure
figure = new_figure(1.0)
figure.add_subplot().set_title("a panel")
figure
```
"""


def build(tmp_path: Path, chapter: str) -> subprocess.CompletedProcess[str]:
    """The configuration and figures of the book, with one chapter."""
    folder = tmp_path / "derivations"
    folder.mkdir()
    for name in ("conf.py", "snippets.py", "offline.py", "figures.py"):
        shutil.copy(ROOT / "derivations" / name, folder)
    shutil.copytree(ROOT / "derivations" / "_static", folder / "_static")
    (folder / "index.md").write_text("# Index\n", "utf-8")
    (folder / "00-small.md").write_text(chapter, "utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-b", "html", str(folder), str(tmp_path / "book")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@built
def test_a_book_holds_its_mathematics_and_figures(tmp_path):
    done = build(tmp_path, CHAPTER)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "book" / "00-small.html").read_text("utf-8")
    assert '<img class="figure" alt="a panel" src="data:image/svg+xml;base64,' in page
    assert "_static/tex-svg.js" in page
    assert (tmp_path / "book" / "_static" / "tex-svg.js").stat().st_size > 1_000_000
    assert "[RT.F1]" in page


@built
@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("\n2\n", "\n3\n", "00-small.md: code fails"),
        ("figure\n```", "1 / 0\n```", "ZeroDivisionError"),
        ("# Small", '# Small\n\n<script src="//example.org/a.js"></script>', "would be fetched from a host"),
    ],
)
def test_what_ends_the_build(tmp_path, right, wrong, words):
    assert CHAPTER.count(right) == 1
    done = build(tmp_path, CHAPTER.replace(right, wrong))
    assert done.returncode != 0
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(
    "page",
    [
        '<script async src="https://example.org/a.js">',
        "<img alt='x' src=//example.org/a.png>",
        '<link rel="stylesheet" href="http://example.org/a.css">',
        '@import "https://example.org/a.css";',
        "a { background: url(https://example.org/a.png) }",
        '<image xlink:href="https://example.org/a.png"/>',
    ],
)
def test_what_comes_from_a_host_is_found(page):
    assert len(fetched(page)) == 1


@pytest.mark.parametrize(
    "page",
    [
        '<a href="https://example.org">a link</a>',
        '<script src="_static/a.js">',
        '<img src="data:image/svg+xml;base64,PHN2Zz4=">',
        '<svg xmlns="http://www.w3.org/2000/svg">',
        "a { background: url(a.png) }",
    ],
)
def test_what_does_not_is_left_alone(page):
    assert fetched(page) == []
