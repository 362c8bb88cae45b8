"""The page: self-contained, escaped, well formed, and its verdict."""

from html.parser import HTMLParser

import pytest

from refimpl.report.drawing import new_figure
from refimpl.report.html import Check, Picture, Section, picture, render, write_report
from refimpl.report.tables import (
    Number,
    Table,
    cell_text,
    markdown_table,
    render_table,
    settings_table,
    text_table,
)

HOSTILE = "<script>alert('x')</script><img src=\"http://evil\" onerror='y'>&amp;"
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Checks that tags close in order; keeps tags with attributes, and text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.words = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def cells(self):
        return [words for words in self.words if words.strip()]


def assert_self_contained(page):
    reader = Reader(page)
    assert "<script" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert "url(" not in page
    for tag, attributes in reader.tags:
        assert tag not in {"script", "link", "iframe", "object", "embed"}
        assert not any(name.startswith("on") for name in attributes)
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    ids = {attributes["id"] for _, attributes in reader.tags if "id" in attributes}
    assert {a["href"][1:] for _, a in reader.tags if "href" in a} <= ids
    return reader


def test_page_is_self_contained_and_well_formed():
    sections = [
        Section("Curves", ["Made by `refimpl reproduce`."], figures=[picture(new_figure(1.0), "Learning.")]),
        Section("Numbers", tables=[Table(["a", "b"], [["x", 1]], "caption")], checks=[Check("sum", True)]),
    ]
    reader = assert_self_contained(render("Report", ["In short."], sections))
    assert "refimpl reproduce" in reader.words  # set as code, by itself
    assert any(tag == "code" for tag, _ in reader.tags)


def test_hostile_words_are_escaped_everywhere():
    figure = new_figure(1.0)
    table, check = Table([HOSTILE], [[HOSTILE]], HOSTILE), Check(HOSTILE, False, HOSTILE)
    section = Section(HOSTILE, [HOSTILE], [table], [picture(figure, HOSTILE)], [check])
    page = render(HOSTILE, [HOSTILE], [section, section])
    reader = Reader(page)
    assert "<script" not in page
    assert not any(tag == "script" or "onerror" in attributes for tag, attributes in reader.tags)
    assert sum(tag == "img" for tag, _ in reader.tags) == 2  # the two figures
    assert reader.words.count(HOSTILE) >= 12


def test_a_picture_from_elsewhere_is_refused():
    for uri in ("http://example.org/x.png", 'data:image/png;base64,AA" onload="x', "data:text/html;base64,AAAA"):
        with pytest.raises(ValueError, match="expected a data URI of an image"):
            render("t", [], [Section("s", figures=[Picture(uri, "")])])


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        ([], None),
        ([True], "The one check holds"),
        ([True, True, True], "All 3 checks hold"),
        ([True, False, True], "1 of 3 checks falls short:"),
        ([False, False, True], "2 of 3 checks fall short:"),
    ],
)
def test_verdict_counts_the_checks(passed, words):
    checks = [Check(f"check {k}", p, "0.2 > 0.1") for k, p in enumerate(passed)]
    reader = Reader(render("t", [], [Section("a", checks=checks[:1]), Section("b", checks=checks[1:])]))
    verdicts = [attributes for _, attributes in reader.tags if attributes.get("class", "").startswith("verdict")]
    if words is None:
        assert verdicts == []
        return
    assert words in reader.words
    assert verdicts == [{"class": "verdict short" if False in passed else "verdict"}]
    named = [name for name, p in zip(["check 0", "check 1", "check 2"], passed, strict=False) if not p]
    assert [word for word in reader.words if word in ("check 0", "check 1", "check 2")] == named  # linked at the top


def test_contents_link_every_section_and_mark_what_falls_short():
    reader = Reader(render("t", [], [Section("one"), Section("two", checks=[Check("c", False)])]))
    links = [attributes["href"] for tag, attributes in reader.tags if tag == "a"]
    assert links == ["#section-2", "#section-1", "#section-2"]  # verdict, then contents
    assert "(1 falls short)" in reader.words


def test_report_is_written_whole_and_replaces_the_old(tmp_path):
    path = tmp_path / "new" / "report.html"
    write_report(path, "first")
    write_report(path, "zweite – Ä")
    assert path.read_text(encoding="utf-8") == "zweite – Ä"
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_failed_write_keeps_the_old_report(tmp_path, monkeypatch):
    path = tmp_path / "report.html"
    write_report(path, "old")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        write_report(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (12345, "12,345"), (0.12345678, "0.1235"), (Number(7.926, ".3g", "×"), "7.93×"), ("LCCL", "LCCL"), (None, "–"),
        (True, "✓ holds"), (False, "✗ falls short"), (float("nan"), "not a number"), (float("-inf"), "minus infinite"),
        (Number(float("inf")), "infinite"), (0, "0"), (-0.5, "-0.5"),
    ],
)  # fmt: skip
def test_cell_text(cell, text):
    assert cell_text(cell) == text


def test_table_holds_exact_numbers_to_the_right():
    page = render_table(Table(["name", "value"], [["a", 0.1234567891], ["b", Number(1234.5678, ",.1f")], ["c", None]]))
    reader = Reader(page)
    cells = [attributes for tag, attributes in reader.tags if tag == "td"]
    assert [cell.get("title") for cell in cells] == [None, "0.1234567891", None, "1234.5678", None, None]
    assert [cell.get("class") for cell in cells] == [None, "number"] * 3
    assert reader.cells() == ["name", "value", "a", "0.1235", "b", "1,234.6", "c", "–"]


def test_table_marks_a_row_that_falls_short():
    reader = Reader(render_table(Table(["c", "v"], [["a", True], ["b", False]])))
    assert [attributes.get("class") for tag, attributes in reader.tags if tag == "tr"] == [None, None, "short"]


def test_table_with_a_missing_cell_is_refused():
    with pytest.raises(ValueError, match=r"rows: expected 2 cells \(a, b\), got 1"):
        render_table(Table(["a", "b"], [["x"]]))


def test_settings_are_flattened_and_exact():
    recipe = {"layers": [{"size": 8}], "clip": None, "rate": 1e-08, "drops": [], "x": {}, "s": [1, 2]}
    table = settings_table({"recipe": recipe})
    assert [tuple(row) for row in table.rows] == [
        ("recipe.layers.0.size", "8"), ("recipe.clip", "–"), ("recipe.rate", "1e-08"), ("recipe.drops", "[]"),
        ("recipe.x", "{}"), ("recipe.s", "[1, 2]"),
    ]  # fmt: skip


def test_a_note_stands_on_a_line_of_its_own():
    table = Table(["run", "valid"], [["a|b", Number(84.104, ".1f", note="[83.2, 85.0]")], ["c", None]], "caption")
    assert '84.1<span class="what">[83.2, 85.0]</span></td>' in render_table(table)
    assert 'title="84.104"' in render_table(table)
    assert text_table(table).splitlines() == [
        "run              valid",
        "a|b  84.1 [83.2, 85.0]",
        "c                    –",
        "caption",
    ]
    assert markdown_table(table).splitlines() == [
        "| run | valid |",
        "| --- | --- |",
        "| a\\|b | 84.1 [83.2, 85.0] |",
        "| c | – |",
        "",
        "caption",
    ]
    assert text_table(table._replace(caption="")).endswith("–")
