"""What the audit says to prove: ids that are listed, and that stand in the chapter that it names."""

import re
from pathlib import Path

import pytest

from refimpl.report.audit_html import html_derivation, html_evidence
from refimpl.report.audit_texts import TEXTS
from refimpl.report.evidence import CHAPTERS, Evidence, Table, chapter_of

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    ROOT / "refimpl" / "report" / name for name in ("audit_texts.py", "audit_evidence.py", "audit_frameworks.py")
]
ID = re.compile(r'"([A-Z][A-Z0-9]*(?:\.[A-Z0-9]+)*\.[FBE][0-9]+)"')


def test_every_id_of_the_report_stands_in_its_chapter():
    named = {name for source in SOURCES for name in ID.findall(source.read_text("utf-8"))}
    assert len(named) > 20
    for name in sorted(named):
        (chapter,) = (ROOT / "derivations").glob(f"{chapter_of(name)}-*.md")
        assert f"[{name}]" in chapter.read_text("utf-8"), f"{name} is not derived in {chapter.name}"


def test_every_family_says_what_it_rests_on():
    assert [name for name, text in TEXTS.items() if not text.ids] == []


def test_the_longest_piece_decides_the_chapter():
    assert (CHAPTERS["KL"], CHAPTERS["KL.ARD"]) == ("04", "05")
    assert [chapter_of(name) for name in ("KL.MOLCHANOV.F1", "KL.ARD.F1", "LSTM.B4")] == ["04", "05", "07"]
    with pytest.raises(KeyError):
        chapter_of("NONE.F1")


def test_chapters_are_named_once_each():
    text = html_derivation(("LSTM.B4", "LRT.B4", "LSTM.B9"))
    assert text.count("chapter 07, [LSTM.B4] [LSTM.B9]; chapter 03, [LRT.B4]") == 1
    assert html_derivation(()) == ""


def test_a_table_is_evidence():
    shown = html_evidence(
        Evidence("a < b", Table(("name", "#value"), [("x", "1"), ("<y>", "2")]), "It is.", ("RT.F1",))
    )
    assert "a &lt; b" in shown
    assert shown.count("<tr>") == 3
    assert '<td class="number">2</td>' in shown
    assert "&lt;y&gt;" in shown
    with pytest.raises(ValueError, match="argument"):
        html_evidence(Evidence("t", Table(("name", "#value"), [("x",)]), "It is."))
