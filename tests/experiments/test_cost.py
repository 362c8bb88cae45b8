"""What a run will take: stand-ins of the right size, times that add up, and every row of the papers' tables."""

import os

import numpy as np
import pytest

from refimpl.experiments import cost
from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.cost import Cost, listed, measure
from refimpl.experiments.cost_stand_ins import SIZES, stand_in
from refimpl.experiments.many_jobs import start_epochs
from refimpl.experiments.paper_tables import TABLES
from refimpl.experiments.plan import make_plan
from refimpl.report.recipe_list import list_rows, list_table
from refimpl.training.engines import load
from refimpl.training.problem import n_terms, steps_per_epoch

PAPER_N = {"char-ptb": 4_967_127, "word-ptb": 929_536, "imdb": 21_250}  # likelihood terms, as the 2018 code has them


@pytest.mark.parametrize("name", PAPER_N)
def test_stand_ins_have_the_size_of_the_papers_data(name):
    problem = stand_in(EXPERIMENTS[name], EXPERIMENTS[name].presets["paper"])
    assert n_terms(problem) == PAPER_N[name]


@pytest.mark.parametrize("name", SIZES)
def test_stand_ins_can_be_trained_on_and_follow_zipf(name):
    size = EXPERIMENTS[name].presets["smoke"]
    problem = stand_in(EXPERIMENTS[name], size)
    symbols = len(problem.corpus.vocabulary.symbols)
    train = problem.corpus.train
    ids = np.ravel(getattr(train, "ids", train))
    assert (ids.min(), ids.max() < symbols) == (0, True)
    counts = np.bincount(ids, minlength=symbols)
    assert counts[0] > 1.5 * counts[1] > 1.5 * counts[3] > 0


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(SIZES.keys() - {"agnews"}))
def test_stand_ins_have_the_steps_of_the_data(name):
    real = make_plan(name, preset="small").setup.problem
    ours = stand_in(EXPERIMENTS[name], EXPERIMENTS[name].presets["small"])
    assert steps_per_epoch(ours) == steps_per_epoch(real)
    assert len(ours.corpus.vocabulary.symbols) == len(real.corpus.vocabulary.symbols)


def test_a_run_is_its_steps_and_its_evaluations():
    found = Cost(step=2.0, steps_per_epoch=10, evaluation=5.0, timed=4, length=4)
    assert found.seconds(3) == 3 * 10 * 2.0 + 4 * 5.0  # epoch 0 is evaluated too
    assert found.seconds(30, evaluate_every=10) == 30 * 20.0 + 4 * 5.0


def ticking(monkeypatch, seconds_of):
    """A clock that a training step moves by what its number of time steps says."""
    now, steps = [0.0], []

    def step(setup, state, batch, epoch):
        steps.append(len(batch.x))
        now[0] += seconds_of(len(batch.x))
        return train_step(setup, state, batch, epoch)

    train_step = cost.train_step
    monkeypatch.setattr(cost, "train_step", step)
    monkeypatch.setattr(cost.time, "perf_counter", lambda: now[0])
    return steps


def test_a_step_is_timed_whole_where_there_is_time(monkeypatch):
    steps = ticking(monkeypatch, lambda length: 0.01)
    found = measure(("word-ptb", "LCIL"), "smoke", threads=1, budget=10.0)
    assert (found.step, found.timed, found.length) == (pytest.approx(0.01), 20, 20)
    assert steps[-1] == 20


def test_a_long_step_follows_from_two_short_ones(monkeypatch):
    steps = ticking(monkeypatch, lambda length: 3.0 + 0.5 * length)
    found = measure(("char-ptb", "LCCL"), "smoke", threads=1, budget=1.0)
    assert found.length == 49
    assert found.step == pytest.approx(3.0 + 0.5 * 49, rel=1e-12)
    assert max(steps) == found.timed < 10


@pytest.mark.parametrize("name", SIZES)
def test_every_kind_of_problem_is_measured(name):
    found = measure((name, EXPERIMENTS[name].default), "smoke", threads=1, budget=0.0)
    assert found.step > 0.0
    assert found.evaluation > 0.0
    assert found.steps_per_epoch > 1


@pytest.fixture(scope="module")
def rows():
    told = []
    with pytest.MonkeyPatch.context() as patched:
        made = Cost(step=1.0, steps_per_epoch=10, evaluation=0.0, timed=1, length=1)
        patched.setattr(cost, "measure", lambda kind, preset, **_: made)
        found = listed("smoke", tell=lambda *words: told.append(words))
    kinds = {(row.experiment, row.configuration) for table in TABLES.values() for row in table.rows}
    assert len(told) == len(kinds)
    assert told[-1][1:] == (len(kinds), len(kinds))
    return found


def test_every_row_of_the_tables_is_listed(rows):
    assert [(found.table, found.row) for found in rows] == [(t.id, row) for t in TABLES.values() for row in t.rows]
    for found in rows:
        epochs = EXPERIMENTS[found.row.experiment].presets["smoke"].options.epochs
        assert (found.epochs, found.seconds) == (epochs, 10.0 * epochs)
        started = found.row.start is not None
        assert found.start_seconds == (10.0 * start_epochs(found.row, "smoke") if started else None)


def test_the_list_shows_the_papers_figures_and_the_time(rows):
    text = list_table(rows, "smoke", None)
    assert "measured now on this machine" in text
    for found in rows:
        (line,) = [
            line
            for part in text.split(f"\n{found.table}: ")[1:]
            for line in part.split("\n\n")[0].splitlines()
            if line.startswith(f"  {found.row.label} ")
        ]
        assert f" {found.row.configuration} " in line
        assert "20 s" in line
        if found.row.published.test is not None:
            assert f"{found.row.published.test:.5g}" in line
    record = list_rows(rows, "smoke", 0.25)
    assert (record["preset"], record["times"]) == ("smoke", "measured now on this machine")
    assert record["rows"][0].keys() == {
        "table", "label", "experiment", "configuration", "start", "published", "metric", "epochs", "seconds",
        "start_seconds", "command",
    }  # fmt: skip
    assert record["load"] == 0.25
    commands = [row["command"] for row in record["rows"]]
    assert "refimpl reproduce word-ptb --config LCCL --preset smoke" in commands
    assert 'refimpl reproduce --table workshop2017-sentiment --row "SparseVD (VBD)" --preset smoke' in commands


def test_a_busy_machine_is_told(rows):
    """Two BLAS threads on two processors of which one has other work can take a hundred times as long."""
    alone = [list_table(rows, "smoke", load) for load in (None, 0.0, 0.4)]
    busy = list_table(rows, "smoke", 3.96).splitlines()
    assert busy[1] == "other work keeps 4.0 processors busy, so all takes longer than alone; least with --threads 1"
    assert [*busy[:1], *busy[2:]] == alone[0].splitlines()
    assert len(set(alone)) == 1


def test_the_load_is_the_systems_or_unknown(monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1.5, 2.0, 3.0), raising=False)
    assert load() == 1.5
    monkeypatch.delattr(os, "getloadavg")
    assert load() is None


def test_an_experiment_without_the_preset_has_no_time():
    with pytest.MonkeyPatch.context() as patched:
        made = Cost(step=1.0, steps_per_epoch=10, evaluation=0.0, timed=1, length=1)
        patched.setattr(cost, "measure", lambda kind, preset, **_: made)
        found = listed("warmup")  # imdb alone has it
    assert {row.row.experiment for row in found if row.seconds is not None} == {"imdb"}
    assert "no such preset" in list_table(found, "warmup", None)
