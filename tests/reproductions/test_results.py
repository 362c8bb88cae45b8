"""The page of the papers' tables: nothing in it is typed in, and no empty cell is filled."""

import shlex

from refimpl.experiments.paper_tables import TABLES, command
from tests.reproductions.made import epoch, record
from validation.reproductions import claims, results
from validation.reproductions.records import read_all


def test_what_was_not_run_is_said_to_be_not_run():
    page = results.page([])
    rows = sum(len(table.rows) for table in TABLES.values())
    assert page.count("not yet run") >= 2 * rows
    assert "holds |" not in page


def test_a_run_of_fewer_epochs_stands_beside_the_authors_log_at_its_epoch():
    epochs = [epoch(e, 100.0, metric="perplexity", vocabulary=40) for e in range(6)]
    page = results.page([record("word-ptb", "LCCL", epochs, preset="paper")])
    (line,) = [line for line in page.splitlines() if line.startswith("| Word PTB, SparseVD |") and "epoch" in line]
    assert "log, epoch 5: 257.8 / 248.0" in line
    assert "epoch 5 (of 150): 100.0 / 100.0, 5×" in line


def test_a_row_in_miniature_is_the_mean_of_its_seeds_at_the_epoch_of_the_table():
    def epochs(test, gates, kept):
        early = epoch(1, 9.0, valid=9.0) | {"kept": {"lstm.W_x": [kept, kept, 100], "lstm.W_h": [100, 100, 100]}}
        return [early | {"epoch": 0}, early, early | epoch(2, test, valid=1.0, gates=gates) | {"kept": early["kept"]}]

    found = [record("char-ptb", "LCCL", epochs(2.0, 30, 10)), record("char-ptb", "LCCL", epochs(2.5, 40, 30), seed=1)]
    cells = results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, SparseVD"), found)
    assert cells == [
        "Char PTB, SparseVD", "0.5", "2", "2.25 (2 to 2.5)", "5", "50", "16", "35 (30 to 40)", "W_x 80.0"
    ]  # fmt: skip
    best = [record("char-ptb", "DCCD", [epoch(1, 2.0, valid=2.0, gates=30), epoch(2, 3.0, valid=3.0)])]
    assert results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, Original"), best)[3] == "2"
    assert results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, Original"), best)[7] == "30"


def test_the_command_of_a_started_row_makes_its_start_too():
    """With --start of the run of another row it would start from more epochs than the paper's 4, 11, 50 or 200."""
    table = TABLES["workshop2017-sentiment"]
    for row in table.rows:
        words = shlex.split(command(table.id, row, "paper"))
        started = ["--table", table.id, "--row", row.label] if row.start else ["cornell", "--config", row.configuration]
        assert words == ["refimpl", "reproduce", *started, "--preset", "paper"]


def test_the_figures_of_a_row_are_told_as_its_source_prints_them():
    told = {
        ("emnlp2018-generation", "Char PTB, SparseVD"): "1.472 / 1.429, 7.9×, 50 characters (S002: 7.6×)",
        ("workshop2017-sentiment", "SparseVD (VBD)"): "0.1475, zeros W_x 99.63, W_h 99.49 %",
        ("structured", "Word PTB, W+G+N"): "122.0 / 116.5, 24.461×, 9,972 words, 117 neurons, 201 gates",
        ("structured", "IMDb, W"): "85.87 % / 84.1 %, 1,208.5×, 5,054 words, 9 neurons, 20 gates",
    }
    assert {place: results.printed_figures(claims.row_of(*place)) for place in told} == told


def test_the_committed_page_is_of_the_committed_records():
    assert results.PAGE.read_text() == results.page(read_all())
