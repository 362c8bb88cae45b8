"""Records of runs: written, read, kept apart, and free of text and paths."""

import json

import pytest

from tests.reproductions.made import epoch, record
from validation.reproductions import records
from validation.reproductions.records import HERE


def test_a_record_does_not_take_the_place_of_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "HERE", tmp_path)
    longer = record("char-ptb", "LCCL", [epoch(1, 2.0), epoch(2, 1.5)])
    records.write(longer._replace(rows=longer.rows[:1]))
    records.write(longer)  # the same run, gone on with
    other = longer._replace(run=longer.run | {"training": longer.run["training"] | {"learning_rate": 0.1}})
    for refused, words in (
        (other, "learning_rate"),
        (longer._replace(rows=longer.rows[:1]), "epochs: stored 40, now 39"),
    ):
        with pytest.raises(ValueError, match=f"char-ptb-LCCL.json: holds another run .*{words}.* --as NAME"):
            records.write(refused)
    records.write(other, "again")
    assert {r.name: r.rows for r in records.read_all()} == {"char-ptb-LCCL": longer.rows, "again": longer.rows}


def test_csv_holds_every_count():
    header, line = records.as_csv([epoch(1, 2.0, peak_mib=3.5)]).splitlines()
    values = dict(zip(header.split(","), line.split(","), strict=True))
    assert (values["lstm.W_x.kept"], values["lstm.W_x.kept_raw"], values["lstm.W_x.weights"]) == ("10", "12", "100")
    assert (values["gates"], values["gates_all"], values["peak_mib"]) == ("40", "64", "3.5")


def test_a_record_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "HERE", tmp_path)
    written = record("char-ptb", "LCCL", [epoch(1, 2.0), epoch(2, 1.5)], seed=2)
    records.write(written)
    assert (tmp_path / "mini" / "char-ptb-LCCL-seed2.csv").is_file()
    assert records.read_all() == [written]


def test_committed_records_hold_no_text_and_no_path():
    for path in HERE.glob("*/*.json"):
        run = json.loads(path.read_text())["run"]
        assert "/" not in run["start"]
        assert len(run["data"]["sha256"]) == 64
