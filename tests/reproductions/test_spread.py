"""The page that sets the authors' run among ours of several seeds says what the records say."""

import json

import numpy as np
import pytest
from scipy import stats

from refimpl.experiments.published_logs import published_rows
from validation.published import spread
from validation.reproductions.records import Record, read_all

STEPS = {"loss": 6.0, "norm_mean": 0.3, "norm_max": 1.5, "valid": 340.0, "test": 330.0}


def of_steps(folder, *records):
    for k, (seed, figures) in enumerate(records):
        run = {"experiment": "word-ptb", "configuration": "DCCD", "seed": seed}
        rows = [{"epoch": epoch, "steps": 830} | STEPS | figures for epoch in (1, 500)]
        (folder / f"{k}.json").write_text(json.dumps({"run": run, "epochs": rows}))
    return dict(spread.of_steps(folder))


def test_the_committed_page_is_of_the_committed_records(tmp_path, monkeypatch):
    committed = (spread.HERE / "README.md").read_bytes()
    for path in spread.HERE.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(spread, "HERE", tmp_path)
    assert spread.main() == 0
    assert (tmp_path / "README.md").read_bytes() == committed


def test_mean_range_and_theirs(tmp_path):
    table = spread.table("word-ptb", "DCCD", of_steps(tmp_path, (0, {}), (1, {"valid": 350.0})))
    theirs = published_rows("word-ptb", "DCCD")[0]
    valid = next(row for row in table.rows if row[:3] == [1, "valid", 2])
    assert [cell.value for cell in valid[3:8]] == [345.0, 340.0, 350.0, theirs["valid"], pytest.approx(-0.864725, 1e-4)]
    assert valid[8:] == [None, None]  # two seeds say nothing of a spread
    assert {row[0] for row in table.rows} == {1}  # the authors have no epoch 500
    assert [row[6].value for row in table.rows if "norm" in row[1]] == theirs["gradient_norm"]
    assert [row[6].value for row in table.rows if "loss" in row[1]] == [theirs["loss"]]


def test_a_seed_alone_is_no_spread(tmp_path):
    assert spread.table("word-ptb", "DCCD", of_steps(tmp_path, (0, {}))).rows == []


def test_runs_that_change_more_than_the_seed_are_left_out():
    word = next(record for record in read_all() if record.name == "word-ptb-LCCL" and record.run["preset"] == "paper")
    assert [e[2:] for e, _ in spread.of_runs([word])] == [(0, epoch) for epoch in range(1, len(word.rows))]
    figures = dict(spread.of_runs([word]))["word-ptb", "LCCL", 0, 2]
    row = word.rows[2]
    assert figures == {name: row[name] for name in ("valid", "test", "compression")} | {
        "vocabulary": row["vocabulary"][0]
    }
    other = Record("word-ptb-LCCL-warmup", word.run, word.rows)
    small = word._replace(run=word.run | {"preset": "small"})
    unknown = word._replace(name="word-ptb-none", run=word.run | {"configuration": "none"})
    faster = word._replace(run=word.run | {"training": word.run["training"] | {"learning_rate": 0.5}})
    assert list(spread.of_runs([other, small, unknown, faster])) == []


def test_the_interval_holds_the_share_of_further_runs_that_it_says():
    """Among normal figures whose mean and spread are estimated from four."""
    draws = np.random.default_rng(0).normal(5.0, 2.0, (4000, 5))
    inside = np.mean([spread.among(row[:4].tolist(), row[4])[-1] == "inside" for row in draws])
    assert abs(inside - spread.SHARE) < 4.0 * np.sqrt(spread.SHARE * (1.0 - spread.SHARE) / 4000)


def test_the_interval_is_students():
    ours = [1.0, 2.0, 4.0]
    width = stats.t.interval(0.95, 2)[1] * np.std(ours, ddof=1) * np.sqrt(4.0 / 3.0)
    assert spread.among(ours, np.mean(ours) + 0.999 * width)[-1] == "inside"
    assert spread.among(ours, np.mean(ours) - 1.001 * width)[-1] == "outside"


def test_two_records_of_one_seed_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"1\.json: expected one record of each seed, got a second one"):
        of_steps(tmp_path, (0, {}), (0, {}))
