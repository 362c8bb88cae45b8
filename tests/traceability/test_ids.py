"""Equation ids tie together the lines of refimpl/, the derivations, the tests, and the list in derivations/equations.d.

An id is words of capitals and digits joined by dots, the last one F, B or E and a number. A comment names it in square
brackets of its own, at the end of the line that computes it; two ids stand in two pairs of brackets; no ranges. In a
chapter it stands in the same brackets beside its equation.
"""

import io
import re
import tokenize
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
EQUATIONS = ROOT / "derivations" / "equations.d"

ID = r"[A-Z][A-Z0-9]*(?:\.[A-Z0-9_]+)*\.[FBE][0-9]+"
BRACKETS = re.compile(r"\[([^\[\]]*)\]")
WORD = re.compile(rf"(?<![\w.]){ID}(?![\w])")
FENCED = re.compile(r"^```.*?^```[ \t]*$", re.MULTILINE | re.DOTALL)


class SourceIds(NamedTuple):
    on_code: set[str]  # in a comment at the end of a line of code
    alone: set[str]  # in a comment that has its line to itself
    malformed: set[str]  # starts like an id and is none: a range, a list in one pair of brackets


def source_ids(text: str) -> SourceIds:
    """The ids that the comments of a Python source name."""
    found = SourceIds(set(), set(), set())
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type != tokenize.COMMENT:
            continue
        has_code = bool(token.line[: token.start[1]].strip())
        for inside in BRACKETS.findall(token.string):
            if re.fullmatch(ID, inside):
                (found.on_code if has_code else found.alone).add(inside)
            elif re.match(ID, inside):
                found.malformed.add(inside)
    return found


def read_list(files: Iterable[Path]) -> tuple[dict[str, str], list[str]]:
    """(id -> the file that lists it, faults) of TOML files of entries ["ID"] line = "...", source = "..."."""
    listed: dict[str, str] = {}
    faults = []
    for file in sorted(files):
        for name, entry in tomllib.loads(file.read_text("utf-8")).items():
            if name in listed:
                faults.append(f"{name}: listed in {listed[name]} and in {file.name}")
            if not re.fullmatch(ID, name):
                faults.append(f"{name}: in {file.name}, not of the form of an id")
            for key in ("line", "source"):
                if not (isinstance(entry, dict) and isinstance(entry.get(key), str) and entry[key].strip()):
                    faults.append(f"{name}: in {file.name}, has no {key}")
            listed[name] = file.name
    return listed, faults


@pytest.fixture(scope="module")
def listed() -> dict[str, str]:
    names, _ = read_list(EQUATIONS.glob("*.toml"))
    assert names, "derivations/equations.d lists no id"
    return names


@pytest.fixture(scope="module")
def code() -> dict[str, SourceIds]:
    files = sorted((ROOT / "refimpl").rglob("*.py"))
    return {str(file.relative_to(ROOT)): source_ids(file.read_text("utf-8")) for file in files}


def test_the_list_is_well_formed():
    _, faults = read_list(EQUATIONS.glob("*.toml"))
    assert not faults, "\n".join(faults)


def test_ids_in_the_code_are_well_formed(code):
    faults = [f"{file}: [{name}]" for file, ids in code.items() for name in sorted(ids.malformed)]
    assert not faults, "one id in each pair of brackets, and no ranges:\n" + "\n".join(faults)


def test_every_id_in_the_code_is_listed(code, listed):
    faults = [
        f"{file}: {name}" for file, ids in code.items() for name in sorted((ids.on_code | ids.alone) - listed.keys())
    ]
    assert not faults, "not in derivations/equations.d:\n" + "\n".join(faults)


def test_every_listed_id_stands_on_a_line_of_code(code, listed):
    on_code = set().union(*(ids.on_code for ids in code.values()))
    faults = [f"{listed[name]}: {name}" for name in sorted(listed.keys() - on_code)]
    assert not faults, "on no line of code in refimpl/:\n" + "\n".join(faults)


def test_every_listed_id_is_named_by_a_test(listed):
    here = Path(__file__).parent
    files = [file for file in (ROOT / "tests").rglob("*.py") if here not in file.parents]
    named = {name for file in files for name in WORD.findall(file.read_text("utf-8"))}
    faults = [f"{listed[name]}: {name}" for name in sorted(listed.keys() - named)]
    assert not faults, "named in no file under tests/:\n" + "\n".join(faults)


class ChapterIds(NamedTuple):
    beside: set[str]  # in a paragraph or table with a formula
    elsewhere: set[str]
    malformed: set[str]


def chapter_ids(text: str) -> ChapterIds:
    """The ids in brackets in a chapter, code left out."""
    found = ChapterIds(set(), set(), set())
    for paragraph in re.split(r"\n[ \t]*\n", FENCED.sub("", text)):
        for inside in BRACKETS.findall(paragraph):
            if re.fullmatch(ID, inside):
                (found.beside if "$" in paragraph else found.elsewhere).add(inside)
            elif re.match(ID, inside):
                found.malformed.add(inside)
    return found


@pytest.fixture(scope="module")
def book() -> dict[str, ChapterIds]:
    files = sorted((ROOT / "derivations").glob("*.md"))
    return {file.name: chapter_ids(file.read_text("utf-8")) for file in files}


def test_every_id_in_a_chapter_is_listed(book, listed):
    faults = [f"{file}: {name}" for file, ids in book.items() for name in sorted(set().union(*ids) - listed.keys())]
    assert not faults, "in a chapter and not in derivations/equations.d:\n" + "\n".join(faults)


def test_every_listed_id_stands_in_a_chapter(book, listed):
    missing = sorted(listed.keys() - set().union(*(ids.beside for ids in book.values())))
    faults = [f"{listed[name]}: {name}" for name in missing]
    assert not faults, "beside no equation in derivations/*.md:\n" + "\n".join(faults)


def test_the_reader_of_sources():
    """What the tests above rest on: code, comment, string and range are told apart."""
    text = """
y = x @ W  # [AB.F1] [AB.C_D2.F2] why
# [AB.B3]
z = f(
    x,  # [AB.B4]
)
s = "# [AB.F5]"
t = x[0]  # [AB.F6-F9] [AB.F7, AB.F8] [S004] [1] [ab.F1] [AB.G1]
"""
    found = source_ids(text)
    assert found.on_code == {"AB.F1", "AB.C_D2.F2", "AB.B4"}
    assert found.alone == {"AB.B3"}
    assert found.malformed == {"AB.F6-F9", "AB.F7, AB.F8"}


def test_the_reader_of_chapters():
    text = """
$$
y = x W
\\tag*{[AB.F1] [AB.F2]}
$$

| $y = x$ | [AB.F3] |

Only a mention [AB.F4]. [AB.F5-F6]

```python
>>> y = "$"  # [AB.F7]
```
"""
    assert chapter_ids(text) == ({"AB.F1", "AB.F2", "AB.F3"}, {"AB.F4"}, {"AB.F5-F6"})


def test_the_reader_of_names():
    assert WORD.findall('"""[AB.F1] AB.F12, XAB.F3 (AB.CD.B4)."""') == ["AB.F1", "AB.F12", "XAB.F3", "AB.CD.B4"]
    assert WORD.findall("AB.F1x xAB.F1 x.AB.F1") == []


def test_the_reader_of_lists(tmp_path):
    (tmp_path / "a.toml").write_text('["AB.F1"]\nline = "y = x"\nsource = "S004"\n["ab.F1"]\nline = "y"\nsource = ""\n')
    (tmp_path / "b.toml").write_text('["AB.F1"]\nline = "y = x"\nsource = "S004"\n')
    listed, faults = read_list(tmp_path.glob("*.toml"))
    assert set(listed) == {"AB.F1", "ab.F1"}
    assert faults == [
        "ab.F1: in a.toml, not of the form of an id",
        "ab.F1: in a.toml, has no source",
        "AB.F1: listed in a.toml and in b.toml",
    ]
