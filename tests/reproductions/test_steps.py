"""The steps laid beside the authors' are those of a run, and their means are the run's."""

import json
import math

import pytest

from refimpl.experiments.plan import make_plan
from refimpl.experiments.published_logs import published_rows
from refimpl.experiments.run import run_plan
from refimpl.training.run_folder import read_rows
from validation.published import steps


@pytest.fixture(scope="module")
def plan():
    return make_plan("planted-lm", preset="smoke", threads=1)


def test_the_steps_are_those_of_the_run(plan, tmp_path):
    run_plan(plan, tmp_path)
    rows = read_rows(tmp_path)
    for before, row, ours in zip(rows, rows[1:], steps.epochs(plan), strict=False):
        assert ours.nll == pytest.approx(row["nll"], rel=1e-12)
        kl = (ours.loss - ours.nll) * row["n_terms"]
        assert min(before["kl"], row["kl"]) < kl < max(before["kl"], row["kl"])
        assert 0.0 < ours.norm_mean < ours.norm_max
        assert (ours.valid, ours.test) == (row["valid"], row["test"])


def test_the_norm_is_that_of_all_parameters_before_clipping(plan):
    setup = plan.setup
    clipped = setup._replace(options=setup.options._replace(clip_norm=1e-3, learning_rate=0.0, epochs=1))
    free = setup._replace(options=setup.options._replace(clip_norm=None, learning_rate=0.0, epochs=1))
    (a,), (b,) = (list(steps.epochs(plan._replace(setup=s))) for s in (clipped, free))
    assert (a.norm_mean, a.norm_max) == (b.norm_mean, b.norm_max)
    assert a.norm_mean > 1e-3


def test_means_and_the_largest():
    told = [steps.Told(6, 1.0, -20.0, 0.5), steps.Told(2, 2.0, -40.0, 0.25)]
    expected = steps.EpochSteps(3, 2, 1.25, 1.25 - 2.5, 0.375, 0.5, 9.0, 8.0)
    assert steps.summary(3, told, terms=10, valid=9.0, test=8.0) == expected


def test_the_table_lays_ours_beside_the_logged_epochs():
    row = published_rows("word-ptb", "LCCL")[1]
    ours = steps.EpochSteps(2, 830, 6.0, row["loss"] + 0.5, *row["gradient_norm"], 390.0, row["test"])
    table = steps.table("word-ptb", "LCCL", [ours])
    assert [line[:2] for line in table.rows] == [
        [2, "loss, nats"],
        [2, "gradient norm, mean"],
        [2, "gradient norm, largest"],
        [2, "valid"],
        [2, "test"],
    ]
    assert [line[4].value for line in table.rows] == [0.5, 0.0, 0.0, 390.0 - row["valid"], 0.0]
    assert (table.rows[1][3].value, table.rows[2][3].value) == (0.26844431485, pytest.approx(0.6657870, abs=1e-7))
    assert steps.table("imdb", "LLLCCL", [ours]).rows == []  # of which every 20th epoch is logged


def test_what_was_not_logged_is_refused(capsys):
    assert steps.main(["imdb", "--config", "DCDCCD"]) == 2
    assert "expected one of LCLCCL, LLLCCL, LLLCLL, LLLLLL, of which a log is published" in capsys.readouterr().err


@pytest.mark.data
def test_the_command_prints_and_stores(tmp_path, capsys, data_dir):
    out = tmp_path / "steps.json"
    assert (
        steps.main(["word-ptb", "--config", "LCCL", "--preset", "smoke", "--data", str(data_dir), "--out", str(out)])
        == 0
    )
    assert "gradient norm, largest" in capsys.readouterr().out
    stored = json.loads(out.read_text())
    assert stored["run"]["preset"] == "smoke"
    assert stored["run"]["training"]["epochs"] == 1
    assert [epoch["epoch"] for epoch in stored["epochs"]] == [1]
    assert all(math.isfinite(value) for value in stored["epochs"][0].values())
