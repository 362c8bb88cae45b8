"""Reports of run folders: the numbers are the record's, checkpoints become pictures, a broken record is named."""

import json

import numpy as np
import pytest

from refimpl.models.parameters import initialise
from refimpl.models.recipe import Output, Recipe, Recurrent, Weight
from refimpl.report.html import Picture
from refimpl.report.record_checks import record_checks
from refimpl.report.records import read_run
from refimpl.report.run_report import comparison_report, run_report, run_sections
from refimpl.report.run_tables import comparison_table, epochs_table, matrices_table
from refimpl.report.tables import cell_text
from refimpl.training.checkpoint import Checkpoint, save_checkpoint
from refimpl.tree import as_plain

RT = Weight("rt")
RECIPE = Recipe("language_model", 5, 5, (Recurrent("lstm", 4, RT, RT, z_h="rnn2018"),), Output(Weight("lrt")))


@pytest.fixture
def blank(monkeypatch):
    """Pictures are not rendered, only made."""
    monkeypatch.setattr(
        "refimpl.report.run_report.picture", lambda _, caption: Picture("data:image/png;base64,AAAA", caption)
    )


def texts(table):
    return [[cell_text(cell) for cell in row] for row in table.rows]


def values(row):
    return [cell.value if hasattr(cell, "value") else cell for cell in row]


def test_comparison_table_holds_the_recorded_numbers(rows, write_run, make):
    make_row, nothing_kept = make
    rows[3] = rows[3] | {"valid": 1.25}
    folders = [write_run("LCCL", rows), write_run("LLRL", [make_row(0, 1.0), nothing_kept(1)])]
    table = comparison_table(folders)
    first = dict(zip(range(len(table.columns)), values(table.rows[0]), strict=True))
    assert first[0] == "LCCL"
    assert [first[k] for k in (1, 2, 3)] == [3, 1.25, rows[3]["test"]]
    assert [first[k] for k in (4, 5, 6)] == [4, rows[4]["valid"], rows[4]["test"]]
    assert [first[k] for k in (7, 8)] == [rows[4]["compression"], rows[4]["compression_raw"]]
    assert [first[k] for k in (9, 10, 11)] == ["2 of 10", "1 of 5", "4 of 20"]
    assert [first[k] for k in (12, 13)] == [0.2, 2.5]
    assert texts(table)[1][7:9] == ["all pruned", "all pruned"]


def test_runs_that_differ_in_the_seed_are_told_apart(rows, write_run):
    folders = [write_run(f"r{seed}", rows, configuration="LCCL", seed=seed) for seed in (1, 2)]
    assert [row[0] for row in comparison_table(folders).rows] == ["LCCL seed 1", "LCCL seed 2"]
    started = [write_run(f"t{start}", rows, configuration="LCCL", start=start) for start in ("random", "vbd-mini-0")]
    labels = [row[0] for row in comparison_table(started).rows]
    assert labels == ["LCCL from random", "LCCL from vbd-mini-0"]
    same = [write_run(f"s{k}", rows, configuration="LCCL") for k in (1, 2)]
    assert [row[0] for row in comparison_table(same).rows] == [f"LCCL ({folder})" for folder in same]


def test_accuracy_is_shown_in_percent(write_run, make):
    make_row, _ = make
    rows = [make_row(k, 1.0, "accuracy", valid=0.5 + 0.1 * k, test=None) for k in range(3)]
    table = comparison_table([write_run("LCCL", rows)])
    assert texts(table)[0][1:7] == ["2", "70.00", "–", "2", "70.00", "–"]
    assert "accuracy (%)" in table.caption


def test_matrices_table_adds_up(rows, write_run):
    table = texts(matrices_table(read_run(write_run("LCCL", rows))))
    assert table == [["lstm.W_x", "16", "18", "80", "20"], ["lstm.W_h", "20", "22", "100", "20"],
                     ["output.W", "4", "6", "20", "20"], ["all", "40", "46", "200", "20"]]  # fmt: skip


def test_long_runs_are_thinned_but_keep_best_and_last(write_run, make):
    make_row, _ = make
    rows = [make_row(k, 0.5, valid=1.0 if k == 57 else 2.0) for k in range(100)]
    table = epochs_table(read_run(write_run("LCCL", rows)), most=10)
    assert [row[0] for row in table.rows] == [0, 10, 20, 30, 40, 50, 57, 60, 70, 80, 90, 99]
    assert "Every 10 epochs" in table.caption


def test_report_of_a_run_without_checkpoint(rows, write_run):
    page = run_report(write_run("LCCL", rows))
    assert "All 3 checks hold" in page
    assert page.count("<img") == 2
    assert "training.warmup.kind" in page
    assert "http" not in page.split("</head>")[1].replace("data:image/png;base64", "")


def test_report_of_a_run_that_has_only_begun(rows, write_run, blank):
    assert "planted-lm, one" in run_report(write_run("one", rows[:1]))


def test_report_of_a_run_with_a_checkpoint(rows, write_run, blank):
    folder = write_run("LCCL", rows, recipe=as_plain(RECIPE))
    params = initialise(RECIPE, 1, "float64", np)
    save_checkpoint(folder / "last.safetensors", Checkpoint(params, {}, {}, 4, 40, "{}"))
    sections = run_sections(folder)
    assert [section.title for section in sections] == ["Results", "Learning", "Sparsity", "Parameters", "Record"]
    assert len(sections[3].figures) == 4  # histograms, W_x, W_h, output
    assert "epoch 4" in sections[3].paragraphs[0]


def test_comparison_report_names_the_run_whose_record_is_wrong(rows, write_run, blank):
    wrong = [dict(row) for row in rows]
    wrong[2]["compression"] *= 1.001
    page = comparison_report([write_run("LCCL", rows), write_run("LLRL", wrong)])
    assert "1 of 6 checks falls short:" in page
    assert "LLRL: compression is the one that the counts give" in page
    assert "not at epoch 2" in page


@pytest.mark.parametrize(
    ("change", "which"),
    [
        ({"nll": None}, 0),
        ({"kl": None}, 0),
        ({"kept": {"lstm.W_x": [3, 2, 80]}, "compression": 80 / (3 + 1e-8), "compression_raw": 80 / (2 + 1e-8)}, 1),
        ({"compression_raw": 1.5}, 2),
    ],
)
def test_record_checks_find_what_is_wrong(rows, write_run, change, which):
    rows[2] = rows[2] | change
    checks = record_checks(read_run(write_run("LCCL", rows)))
    assert [check.passed for check in checks] == [k != which for k in range(3)]
    assert checks[which].detail == "not at epoch 2"


def test_a_run_that_pruned_everything_is_consistent(write_run, make, blank):
    make_row, nothing_kept = make
    folder = write_run("LCCL", [make_row(0, 1.0), nothing_kept(1)])
    assert all(check.passed for check in record_checks(read_run(folder)))
    assert "all pruned" in run_report(folder)


def test_page_of_a_paper_size_run_lies_over_the_authors(write_run, paper_run, blank, monkeypatch):
    monkeypatch.setattr(
        "refimpl.report.published_comparison.picture", lambda _, caption: Picture("data:image/png;base64,AAAA", caption)
    )
    run = paper_run(change=lambda row: row.update(peak_mib=700.0 + row["epoch"], compression_raw=row["compression"]))
    folder = write_run("imdb", run.rows, **run.config | {"deviations": ["the start is another"]})
    titles = [section.title for section in run_sections(folder)]
    assert titles[:3] == ["Results", "Against the published run", "Learning"]
    page = run_report(folder)
    assert "Peak memory: 760.0 MiB of the process." in page
    assert page.count("the start is another") == 1  # in the table of deviations; the figure has it as a picture
    assert "vocabulary within a factor 2 at epoch 60" in page
    assert "Against the published run: LLLCCL" in comparison_report([folder])


def test_a_run_of_another_preset_says_why_it_is_not_compared(write_run, paper_run, blank):
    run = paper_run(preset="small")
    page = run_report(write_run("imdb", run.rows, **run.config))
    assert "the preset small is not the authors" in page
    assert "Peak memory: not recorded." in page
    assert "none known" in page


def test_deviations_and_memory_of_a_device(rows, write_run, blank):
    rows[3] = rows[3] | {"peak_mib": 812.34, "device_peak_mib": 1024.0}
    folder = write_run("LCCL", rows)
    page = run_report(folder)
    assert "Peak memory: 812.3 MiB of the process, 1,024.0 MiB on the device." in page
    assert "not recorded" in page  # an older record names no deviations
    assert comparison_table([folder]).columns[-1] == "peak MiB"
    assert texts(comparison_table([folder]))[0][-1] == "812"


def test_hostile_names_are_escaped(rows, write_run, blank):
    page = run_report(write_run("x", rows, experiment="<script>alert(1)</script>", data={"<b>": "<i>"}))
    assert "<script" not in page
    assert "data.&lt;b&gt;" in page


def test_a_record_in_one_file_is_read_as_its_folder(tmp_path, rows, write_run):
    folder = read_run(write_run("LCCL", rows))
    path = tmp_path / "record.json"
    path.write_text(json.dumps({"run": folder.config, "metrics": folder.rows}))
    assert read_run(path) == folder._replace(folder=path)
    for text, message in [
        ("[]", "expected a JSON object, got list"),
        ('{"run": {}}', r"expected an object run and a list metrics, got the keys \['run'\]"),
        ('{"run": {}, "metrics": []}', "expected at least one row"),
        ('{"run": {}, "metrics": [{"epoch": 1, "metric": "rmse"}]}', "expected a row for each epoch from 0 on"),
        ('{"run": {}, "metrics": [{"epoch": 0, "metric": "bleu"}]}', r"record\.json: metric: expected one of"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_run(path)


@pytest.mark.parametrize(
    ("config", "row", "message"),
    [
        ({"training": {"evaluate_every": 0}}, {}, "training.evaluate_every: expected an integer of at least 1, got 0"),
        ({"training": {"evaluate_every": "5"}}, {}, "training.evaluate_every: expected an integer of at least 1"),
        ({"training": [5]}, {}, "training: expected a JSON object"),
        ({"seed": "x"}, {}, "seed: expected an integer, got 'x'"),
        ({"deviations": 5}, {}, "deviations: expected a list of texts, got 5"),
        ({"deviations": [5]}, {}, "deviations: expected a list of texts"),
        ({}, {"metric": ["rmse"]}, "rows: expected one metric in all rows"),
        ({}, {"kept": [5]}, "kept, epoch 4: expected a JSON object"),
        ({}, {"kept": 5}, "kept, epoch 4: expected a JSON object"),
        ({}, {"kept": {"lstm.W_x": [1, 2]}}, r"kept, lstm\.W_x: expected 3 integers, got \[1, 2\] at epoch 4"),
        ({}, {"kept": {"lstm.W_x": 7}}, r"kept, lstm\.W_x: expected 3 integers, got 7 at epoch 4"),
        ({}, {"kept": {"lstm.W_x": [1, None, 2]}}, r"kept, lstm\.W_x: expected 3 integers"),
        ({}, {"vocabulary": 5}, "vocabulary: expected 2 integers, got 5 at epoch 4"),
        ({}, {"gates": ["1", "2"]}, "gates: expected 2 integers"),
    ],
)
def test_a_count_that_is_none_is_told_with_its_file(rows, write_run, config, row, message):
    rows[4] = rows[4] | row
    folder = write_run("LCCL", rows, **config)
    with pytest.raises(ValueError, match=f"^{folder}: {message}"):
        read_run(folder)


def test_bad_folders_say_what_is_wrong(tmp_path, rows, write_run):
    with pytest.raises(FileNotFoundError, match=r"run\.json: no record there"):
        read_run(tmp_path)
    folder = write_run("LCCL", rows)
    (folder / "metrics.jsonl").write_text("")
    with pytest.raises(ValueError, match="expected at least one row"):
        read_run(folder)
    (folder / "metrics.jsonl").write_text('{"epoch": 0, "metric": "bleu"}\n')
    with pytest.raises(ValueError, match="metric: expected one of 'bits_per_char'"):
        read_run(folder)
    (folder / "run.json").write_text("[]")
    with pytest.raises(ValueError, match=r"run\.json: expected a JSON object, got list"):
        read_run(folder)
    (folder / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json: expected a JSON object"):
        read_run(folder)
