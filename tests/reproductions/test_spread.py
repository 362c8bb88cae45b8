"""The page that sets the authors' run among ours of several seeds says what the records say."""

import json

import numpy as np
import pytest
from scipy import stats

from refimpl.experiments.published_logs import published_rows
from validation.published import spread


def record(seed, **figures):
    row = {"epoch": 1, "loss": 6.0, "norm_mean": 0.3, "norm_max": 1.5, "valid": 340.0, "test": 330.0}
    run = {"experiment": "word-ptb", "configuration": "DCCD", "seed": seed}
    return {"run": run, "epochs": [row | figures, row | {"epoch": 500}]}


def written(folder, *records):
    for k, one in enumerate(records):
        (folder / f"{k}.json").write_text(json.dumps(one))
    return spread.read(folder)


def test_the_committed_page_is_of_the_committed_records(tmp_path, monkeypatch):
    committed = (spread.HERE / "README.md").read_bytes()
    for path in spread.HERE.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(spread, "HERE", tmp_path)
    assert spread.main() == 0
    assert (tmp_path / "README.md").read_bytes() == committed


def test_mean_range_and_theirs(tmp_path):
    found = written(tmp_path, record(0), record(1, valid=350.0))
    table = spread.table("word-ptb", "DCCD", found["word-ptb", "DCCD"])
    theirs = published_rows("word-ptb", "DCCD")[0]
    valid = next(row for row in table.rows if row[:3] == [1, "valid", 2])
    assert [cell.value for cell in valid[3:8]] == [345.0, 340.0, 350.0, theirs["valid"], pytest.approx(-0.864725, 1e-4)]
    assert valid[8:] == [None, None]  # two seeds say nothing of a spread
    assert {row[0] for row in table.rows} == {1}  # the authors have no epoch 500
    norms = [row[6].value for row in table.rows if "norm" in row[1]]
    assert norms == theirs["gradient_norm"]


def test_the_interval_holds_the_share_of_further_runs_that_it_says():
    """Among normal figures with a mean and spread that are estimated from four."""
    draws = np.random.default_rng(0).normal(5.0, 2.0, (4000, 5))
    inside = np.mean([spread.among(row[:4].tolist(), row[4])[-1] == "inside" for row in draws])
    assert abs(inside - spread.SHARE) < 4.0 * np.sqrt(0.95 * 0.05 / 4000)


def test_the_interval_is_students():
    ours = [1.0, 2.0, 4.0]
    width = stats.t.interval(0.95, 2)[1] * np.std(ours, ddof=1) * np.sqrt(4.0 / 3.0)
    assert spread.among(ours, np.mean(ours) + 0.999 * width)[-1] == "inside"
    assert spread.among(ours, np.mean(ours) - 1.001 * width)[-1] == "outside"


def test_two_records_of_one_seed_are_refused(tmp_path):
    with pytest.raises(
        ValueError, match=r"1\.json: expected one record of each seed, got a second one"
    ):
        written(tmp_path, record(0), record(0))
