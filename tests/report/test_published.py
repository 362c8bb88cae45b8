"""A run against the authors': epochs, quantities and units are matched; bounds hold or not; what cannot be compared."""

import csv
import io
import math

import pytest

from refimpl.report.html import Picture
from refimpl.report.published_alignment import align, authors_rows, not_comparable, verdicts
from refimpl.report.published_comparison import (
    compare,
    difference_tables,
    differences_csv,
    extremes_table,
    published_section,
    summary,
)
from refimpl.report.tables import cell_text

# The authors' IMDb LLLCCL at epochs 20 and 60, typed from the log.
THEIRS = {
    20: {"valid": 0.7365, "test": 0.7442, "vocabulary": 2192, "neurons": 128, "gates": 151, "embedding.W": 8858,
         "lstm.W_x": 4629, "lstm.W_h": 5851, "output.W": 117},
    60: {"valid": 0.8029, "test": 0.8007, "vocabulary": 919, "neurons": 124, "gates": 124, "embedding.W": 1841,
         "lstm.W_x": 679, "lstm.W_h": 1211, "output.W": 87},
}  # fmt: skip


@pytest.fixture(autouse=True)
def blank(monkeypatch):
    """Pictures are made (test_published_figure.py looks at them), not rendered."""
    monkeypatch.setattr(
        "refimpl.report.published_comparison.picture", lambda _, caption: Picture("data:image/png;base64,AAAA", caption)
    )


def texts(table):
    return [[cell_text(cell) for cell in row] for row in table.rows]


def halve_words(row):
    row["vocabulary"] = [row["vocabulary"][0] // 2 - 1, row["vocabulary"][1]]


def test_each_quantity_is_the_authors_at_that_epoch(paper_run):
    run = paper_run()
    aligned = align([run.rows], authors_rows(run))
    assert sorted({one.epoch for one in aligned}) == [20, 40, 60]
    for epoch, expected in THEIRS.items():
        found = {one.quantity: one for one in aligned if one.epoch == epoch}
        assert {name: found[name].theirs for name in expected} == expected
        assert {name: found[name].ours for name in expected} == expected
        assert found["compression"].theirs == pytest.approx(6220164 / sum(list(expected.values())[5:]), rel=1e-10)
    assert all(one.difference == 0.0 and one.percent == 0.0 for one in aligned)


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        (lambda row: row.update(valid=row["test"], test=row["valid"]), {"valid", "test"}),
        (lambda row: row.update(valid=100 * row["valid"]), {"valid"}),
        (lambda row: row["kept"].update({"lstm.W_x": row["kept"]["lstm.W_h"]}), {"lstm.W_x"}),
        (lambda row: row.update(neurons=row["gates"]), {"neurons"}),
        (lambda row: row.update(vocabulary=row["vocabulary"][::-1]), {"vocabulary"}),
        (lambda row: row.update(compression=1.0 / row["compression"]), {"compression"}),
    ],
)
def test_what_differs_is_found_where_it_differs(paper_run, change, touched):
    run = paper_run(change=change)
    assert {one.quantity for one in align([run.rows], authors_rows(run)) if one.difference != 0.0} == touched


def test_an_epoch_too_late_is_a_difference(paper_run):
    run = paper_run("word-ptb", "LCCL", 10)
    late = run._replace(rows=[row | {"epoch": row["epoch"] + 1} for row in run.rows])
    assert verdicts([run], authors_rows(run))[0].holds is True
    assert verdicts([late], authors_rows(run))[0].holds is False
    first = [one for one in align([late.rows], authors_rows(run)) if one.quantity == "valid"]
    assert all(one.difference > 0.0 for one in first[1:])  # the authors' perplexity falls at each of these epochs


def test_the_raw_count_is_not_what_is_compared(paper_run):
    def more(row):
        row["kept"] = {name: [kept, total, total] for name, (kept, _, total) in row["kept"].items()}

    run = paper_run(change=more)
    assert all(one.difference == 0.0 for one in align([run.rows], authors_rows(run)))


def test_percentages_are_of_theirs(paper_run):
    run = paper_run("word-ptb", "LCCL", 3, lambda row: row.update(valid=1.02 * row["valid"], test=0.9 * row["test"]))
    found = [one for one in align([run.rows], authors_rows(run)) if one.quantity in ("valid", "test")]
    assert [one.percent for one in found] == pytest.approx([2.0, -10.0] * 3)
    assert found[0].difference == pytest.approx(0.02 * found[0].theirs)


@pytest.mark.parametrize(
    ("experiment", "key", "inside", "outside", "which"),
    [
        ("word-ptb", "valid", (0.981, 1.019), (0.979, 1.021), 0),
        ("word-ptb", "test", (0.981, 1.019), (0.979, 1.021), 0),
        ("char-ptb", "compression", (0.91, 1.09), (0.89, 1.11), 1),
    ],
)
def test_bounds_of_language_models(paper_run, experiment, key, inside, outside, which):
    for factors, holds in ((inside, True), (outside, False)):
        for factor in factors:

            def at_two(row, factor=factor):
                row[key] *= factor if row["epoch"] == 2 else 1.0

            found = verdicts([run := paper_run(experiment, "LCCL", 3, at_two)], authors_rows(run))
            assert [verdict.holds for verdict in found] == [holds if k == which else True for k in range(2)]
            assert f"{100 * (factor - 1):+.2f} %, {key} at epoch 2" in found[which].detail


def test_exactly_at_a_bound_is_within(paper_run):
    """In floats 2.2 / 2.0 is 1.1000000000000001."""
    for key, factors, which in (("valid", (0.98, 1.02), 0), ("compression", (0.9, 1.1), 1)):
        for factor in factors:
            run = paper_run("char-ptb", "LCCL", 200, lambda row, key=key, f=factor: row.update({key: row[key] * f}))
            assert verdicts([run], authors_rows(run))[which].holds is True


def test_the_farthest_is_the_one_farthest_out(paper_run):
    """0.91 is within 0.9 and 1.1 by less than 1.095 is, though 1.095 is nearer to 1; outside as well."""
    for low, high, told, holds in ((0.905, 1.103, "+10.30 %", False), (0.895, 1.101, "-10.50 %", False)):

        def change(row, low=low, high=high):
            row["compression"] *= {1: low, 2: high}.get(row["epoch"], 1.0)

        run = paper_run("char-ptb", "LCCL", 3, change)
        verdict = verdicts([run], authors_rows(run))[1]
        assert verdict.holds is holds
        assert told in verdict.detail


def test_bounds_of_imdb_are_asked_for_at_epoch_60(paper_run):
    def early(row):
        if row["epoch"] < 60:
            halve_words(row)

    for change, holds in ((lambda row: None, True), (early, True), (halve_words, False)):
        found = verdicts([run := paper_run(change=change)], authors_rows(run))
        assert [verdict.holds for verdict in found] == [holds, True, True]
    found = verdicts([run := paper_run(epochs=59)], authors_rows(run))
    assert [verdict.holds for verdict in found] == [None] * 3
    assert "not reached yet" in "".join(published_section([run]).paragraphs)
    assert published_section([run]).checks == []


def test_a_bound_is_open_until_every_seed_has_reached_it(paper_run):
    late = paper_run(epochs=40, seed=1)
    found = verdicts([paper_run(), late], authors_rows(late))
    assert [verdict.holds for verdict in found] == [None] * 3
    assert found[0].detail.endswith("1 compared; not reached yet by seed 1")
    found = verdicts([paper_run(change=halve_words), late], authors_rows(late))
    assert [verdict.holds for verdict in found] == [False, None, None]


def test_a_value_that_is_not_finite_does_not_hold(paper_run):
    def lose(row):
        if row["epoch"] == 2:
            row["valid"] = None

    run = paper_run("word-ptb", "LCCL", 3, lose)
    verdict = verdicts([run], authors_rows(run))[0]
    assert verdict.holds is False
    assert "no value, valid at epoch 2" in verdict.detail
    run.config["training"]["evaluate_every"] = 3  # then epochs 1 and 2 were not evaluated, and nothing is missing
    for row in run.rows[1:3]:
        row.update(valid=None, test=None)
    verdict = verdicts([run], authors_rows(run))[0]
    assert verdict.holds is True
    assert "2 compared" in verdict.detail


def test_nothing_kept_is_no_compression(paper_run):
    def empty(row):
        row["kept"] = {name: [0, 0, total] for name, (_, _, total) in row["kept"].items()}
        row["compression"] = 6.2e14

    run = paper_run(change=empty)
    found = {one.quantity: one for one in align([run.rows], authors_rows(run))}
    assert math.isnan(found["compression"].ours)
    assert found["output.W"].ours == 0.0
    assert verdicts([run], authors_rows(run))[2].holds is False


def test_every_seed_is_asked(paper_run):
    near, far = paper_run(seed=1), paper_run(change=halve_words, seed=2)
    found = compare([near, far])
    assert [verdict.holds for verdict in found.verdicts] == [False, True, True]
    assert "vocabulary at epoch 60, seed 2; 2 compared" in found.verdicts[0].detail
    words = next(one for one in found.aligned if one.quantity == "vocabulary" and one.epoch == 60)
    assert (words.low, words.ours, words.high) == (458, 688.5, 919)
    assert "seeds 1, 2" in summary(found)


def test_a_shorter_seed_limits_the_common_epochs(paper_run):
    found = compare([paper_run(epochs=60), paper_run(epochs=40, seed=1)])
    assert sorted({one.epoch for one in found.aligned}) == [20, 40]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"preset": "small"}, "the preset small is not the authors' network"),
        ({"configuration": "DCDCCD"}, "the authors published no log of imdb DCDCCD"),
        ({"experiment": "cornell"}, "the authors published no log of cornell LLLCCL"),
    ],
)
def test_what_cannot_be_compared_says_why(paper_run, changed, reason):
    run = paper_run()
    run.config.update(changed)
    assert reason in not_comparable(run)
    with pytest.raises(ValueError, match="run: not compared with the authors' run: "):
        compare([run])


def test_a_language_model_from_another_start_is_not_compared(paper_run):
    run = paper_run("word-ptb", "LCCL", 3, start="word-ptb-DCCD")
    assert not_comparable(run) == "it starts from word-ptb-DCCD, the authors' run from random values"


def test_a_classifier_from_another_start_is_compared_for_the_authors_had_one_too(paper_run):
    assert not_comparable(paper_run(start="imdb-DCDCCD-paper-0")) is None


def test_other_sizes_are_not_compared(paper_run):
    run = paper_run()
    for row in run.rows:
        row["kept"]["lstm.W_x"], row["kept"]["lstm.W_h"] = row["kept"]["lstm.W_h"], row["kept"]["lstm.W_x"]
    assert "its matrices have" in not_comparable(run)
    run = paper_run()
    run.rows[0]["metric"] = "rmse"
    assert not_comparable(run) == "its metric is rmse, the authors' accuracy"


def test_the_section_is_there_where_there_is_a_log(paper_run):
    run = paper_run(deviations=["the start is another"])
    section = published_section([run])
    assert len(section.figures) == 1
    assert [check.passed for check in section.checks] == [True] * 3
    assert "3 common epochs, 20 to 60" in section.paragraphs[0]
    run.config["preset"] = "small"
    section = published_section([run])
    assert (section.figures, section.tables, section.checks) == ((), (), ())
    assert "the preset small is not" in section.paragraphs[0]
    run.config["experiment"] = "planted-lm"
    assert published_section([run]) is None


def test_tables_show_accuracy_in_per_cent_and_thin_long_runs(paper_run):
    found = compare([paper_run(change=lambda row: row.update(valid=row["valid"] + 0.01))])
    quality, weights, structures = difference_tables(found)
    assert texts(quality)[2][:5] == ["60", "81.29", "80.29", "1.00", "+1.25"]
    assert texts(quality)[2][5:9] == ["80.07", "80.07", "0.00", "+0.00"]
    assert texts(quality)[2][9:] == ["1,629", "1,629", "0", "+0.00"]
    assert texts(weights)[2][5:9] == ["679", "679", "0", "+0.00"]
    assert texts(structures)[2][1:5] == ["919", "919", "0", "+0.00"]
    assert "percentage points" in quality.caption
    found = compare([paper_run("word-ptb", "LCCL", 100)])
    short = difference_tables(found, most=25)[0]
    assert [row[0] for row in short.rows] == [*range(1, 101, 4), 100]
    assert "Every 4th of 100 common epochs" in short.caption
    assert len(difference_tables(found)[0].rows) == 100


def test_extremes_show_the_shape_that_the_papers_tell(paper_run):
    words = {row[0]: row for row in texts(extremes_table(compare([paper_run("word-ptb", "LCIL", 20)])))}
    least, greatest = words["vocabulary"][1:5], words["vocabulary"][5:9]
    assert least[:2] == least[2:]
    assert 660 <= int(least[0]) <= 700
    assert int(least[1]) <= 5
    assert greatest[1] == greatest[3] == "20"
    shape = {row[0]: row for row in texts(extremes_table(compare([paper_run("word-ptb", "LCCL", 20)])))}
    assert shape["compression"][5:9] == ["29.34", "10", "29.34", "10"]


def test_csv_holds_every_quantity_in_stored_units(paper_run):
    found = compare([paper_run(), paper_run(change=halve_words, seed=1)])
    rows = list(csv.DictReader(io.StringIO(differences_csv(found))))
    assert len(rows) == 3 * 10
    by_place = {(int(row["epoch"]), row["quantity"]): row for row in rows}
    assert float(by_place[60, "valid"]["ours"]) == 0.8029
    words = by_place[60, "vocabulary"]
    told = [float(words[key]) for key in ("seeds", "ours", "ours_low", "ours_high", "theirs", "difference")]
    assert told == [2, 688.5, 458, 919, 919, -230.5]
    assert float(words["difference_percent"]) == pytest.approx(-100 * 230.5 / 919)


def test_a_run_that_was_prolonged_is_judged_beyond_the_epochs_that_its_record_names(paper_run):
    """run.json keeps the number of epochs of the first call; the last one of each call is evaluated."""

    def sparse(row):
        if row["epoch"] not in (5, 8):
            row.update(valid=None, test=None)
        elif row["epoch"] == 8:
            row["valid"] *= 3.0

    run = paper_run("word-ptb", "LCCL", 8, sparse, training={"epochs": 5, "evaluate_every": 5})
    quality = verdicts([run], authors_rows(run))[0]
    assert quality.holds is False
    assert "valid at epoch 8" in quality.detail
    assert quality.detail.endswith("4 compared")


def test_theirs_are_shown_where_ours_has_no_value(paper_run):
    """Nothing is left of ours at epoch 60, where theirs is greatest; and at none at all."""

    def empty(row):
        row["kept"] = {name: [0, 0, total] for name, (_, _, total) in row["kept"].items()}
        row["compression"] = 6.2e14

    late = paper_run(change=lambda row: empty(row) if row["epoch"] == 60 else None)
    (cells,) = (row for row in texts(extremes_table(compare([late]))) if row[0] == "compression")
    assert cells[5:9] == ["518", "40", "1,629", "60"]
    (cells,) = (row for row in texts(extremes_table(compare([paper_run(change=empty)]))) if row[0] == "compression")
    assert cells[1:] == ["–", "–", "320", "20", "–", "–", "1,629", "60"]


def test_the_extremes_of_each_side_are_its_own(paper_run):
    """Ours rises where theirs falls: least and greatest stand at other epochs."""
    run = paper_run(change=lambda row: row.update(vocabulary=[row["epoch"], 20003]))
    (words,) = (row for row in texts(extremes_table(compare([run]))) if row[0] == "vocabulary")
    assert words[1:] == ["20", "20", "919", "60", "60", "60", "2,192", "20"]
