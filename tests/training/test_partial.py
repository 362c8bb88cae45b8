"""Checkpoints within an epoch: stopped and resumed at any read of the loss, a run is the uninterrupted one."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from refimpl.training import loop
from refimpl.training.checkpoint import load_checkpoint, save_checkpoint
from refimpl.training.engines import make_engine
from refimpl.training.loop import Breaks, train
from refimpl.training.partial import PARTIAL, load_partial
from refimpl.training.problem import steps_per_epoch
from refimpl.training.run_folder import BEST, LAST, METRICS
from tests.training import tiny
from tests.training.test_resume import CONFIGURATION, assert_same_arrays, assert_same_run

SIZES = {"words": {"train": 160}, "characters": {"train": 900}, "texts": {"train": 130}}
LENGTHS = {"words": 1, "characters": 6, "texts": 0}


def setup_of(kind, engine="reference", epochs=2):
    """Epochs of 33 to 52 steps: two or three reads of the loss within each; another sum would show in double."""
    setup = tiny.setup(kind, dtype="float64", epochs=epochs)
    batch = 3
    problem = tiny.problem(kind, **SIZES[kind])._replace(batch=batch, length=LENGTHS[kind])
    made = make_engine(engine, setup.recipe, batch, threads=1)
    return setup._replace(problem=problem, engine=made)


def stopping_after(reads):
    """Stop at that read of the loss within an epoch."""
    asked = iter(range(1, 1000))
    return Breaks(stop=lambda: next(asked) > reads)


def paused_in(folder, kind, engine="reference"):
    """A run that was stopped at the second read of the loss of its first epoch."""
    run = train(setup_of(kind, engine), folder, configuration=CONFIGURATION, breaks=stopping_after(2))
    assert run.paused == (1, 32, steps_per_epoch(setup_of(kind).problem))
    assert run.rows[-1]["epoch"] == 0
    return folder


@pytest.fixture(scope="module", params=[("words", "reference"), *((kind, "fast") for kind in tiny.KINDS)])
def whole(request, tmp_path_factory):
    kind, engine = request.param
    folder = tmp_path_factory.mktemp("whole") / "run"
    return kind, engine, train(setup_of(kind, engine), folder, configuration=CONFIGURATION), folder


def test_a_run_in_pieces_is_the_uninterrupted_one(whole, tmp_path):
    """Stopped at every read of the loss: of an epoch's last one nothing is asked, for its rows are stored then."""
    kind, engine, run, folder = whole
    places = []
    while True:
        piece = train(
            setup_of(kind, engine),
            tmp_path / "run",
            configuration=CONFIGURATION,
            resume=True,
            breaks=stopping_after(1),
        )
        if piece.paused is None:
            break
        places.append(piece.paused[:2])
    total = steps_per_epoch(setup_of(kind).problem)
    within = [(epoch, step) for epoch in (1, 2) for step in range(16, total, 16)]
    assert places == sorted([*within, (2, 0)])  # (2, 0): the end of the first epoch took the one permission
    assert_same_run(tmp_path / "run", folder)
    assert_same_arrays(piece.params, run.params)
    assert piece.best_epoch == run.best_epoch


def test_seconds_go_on_where_they_were(tmp_path):
    folder = paused_in(tmp_path / "run", "words")
    kept = load_checkpoint(folder / PARTIAL)
    longer = json.loads(kept.within)
    assert 0.0 < longer["seconds"] < 60.0
    save_checkpoint(folder / PARTIAL, kept._replace(within=json.dumps(longer | {"seconds": 1000.0})))
    rows = train(setup_of("words"), folder, configuration=CONFIGURATION, resume=True).rows
    assert 1000.0 < rows[1]["seconds"] < 1060.0
    assert rows[2]["seconds"] < 60.0


@pytest.mark.parametrize(("seconds", "expected"), [(0.0, 3), (1e9, 0)])
def test_it_is_written_by_the_clock_and_removed_with_the_epoch(tmp_path, seconds, expected):
    found = []

    def progress(epoch, step, steps, _):
        found.append((step, (tmp_path / PARTIAL).exists()))

    setup = setup_of("words", epochs=1)
    train(setup, tmp_path, configuration=CONFIGURATION, progress=progress, breaks=Breaks(seconds=seconds))
    assert [step for step, _ in found] == [16, 32, 48, 52]  # told before it is written
    assert sum(there for _, there in found) == expected
    assert {file.name for file in tmp_path.iterdir()} == {METRICS, LAST, BEST}


def test_so_many_seconds_lie_between_two_and_none_is_written_when_the_epoch_is_over(tmp_path, monkeypatch):
    """A second between two reads of the loss, at the steps 16, 32, 48 and 52, and two between checkpoints."""
    saved, clock = [], iter(map(float, range(100)))
    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(loop, "save_partial", lambda folder, partial, *_: saved.append(partial.sums.batches))
    train(setup_of("words", epochs=1), tmp_path, configuration=CONFIGURATION, breaks=Breaks(seconds=2.0))
    assert saved == [32]


def load(folder, **changes):
    setup = setup_of("words")
    place = {"epochs": 0, "step": 0, "batches": steps_per_epoch(setup.problem), "xp": np} | changes
    configuration = place.pop("configuration", CONFIGURATION)
    recipe = place.pop("recipe", setup.recipe)
    return load_partial(folder, recipe, configuration, **place)


def test_what_does_not_belong_to_the_epoch_is_passed_over_with_the_reason(tmp_path):
    folder = paused_in(tmp_path / "run", "words")
    partial, reason = load(folder)
    assert (partial.adam.step, partial.sums.batches, partial.sums.terms, reason) == (32, 32, 96, "")
    assert [tuple(state.h.shape) for state in partial.carried] == [(3, 3), (3, 2)]
    recipe = setup_of("words").recipe
    wider = recipe._replace(layers=tuple(layer._replace(size=4) for layer in recipe.layers))
    for changes, expected in (
        ({"epochs": 1}, "it belongs to epoch 1, and the run stands before epoch 2"),
        ({"configuration": '{"seed": 5}'}, "it was written by a run of another configuration"),
        ({"step": 52}, "it stands after 32 of 52 steps, and after step 32 of the run"),
        ({"batches": 30}, "it stands after 32 of 30 steps"),
        ({"recipe": wider}, "expected shape"),
    ):
        partial, reason = load(folder, **changes)
        assert partial is None
        assert reason.startswith(f"{folder / PARTIAL}: passed over (")
        assert expected in reason
        assert reason.endswith("the epoch begins anew")
    assert load(tmp_path) == (None, "")


def test_a_damaged_one_costs_the_epoch_and_nothing_else(tmp_path):
    setup, told = setup_of("words", epochs=1), []
    train(setup, tmp_path / "whole", configuration=CONFIGURATION)
    paused = paused_in(tmp_path / "run", "words")
    content = (paused / PARTIAL).read_bytes()
    (paused / PARTIAL).write_bytes(content[: len(content) // 2])
    train(setup, paused, configuration=CONFIGURATION, resume=True, breaks=Breaks(tell=told.append))
    assert len(told) == 1
    assert "passed over" in told[0]
    assert "damaged" in told[0]
    assert_same_run(paused, tmp_path / "whole")


def test_moments_states_or_sums_that_are_missing_are_noticed(tmp_path):
    folder = paused_in(tmp_path / "run", "words")
    found = load_checkpoint(folder / PARTIAL)
    for changed, expected in (
        (found._replace(m={}), "no optimiser state"),
        (found._replace(carried={"lstm1.h": found.carried["lstm1.h"]}), "it carries the states lstm1.h"),
        (found._replace(within=""), "it stands after 0 of 52 steps"),
        (found._replace(within='{"pages": 3}'), "pages"),
    ):
        save_checkpoint(folder / PARTIAL, changed)
        partial, reason = load(folder)
        assert partial is None
        assert expected in reason


def test_a_new_run_does_not_go_on_from_what_lies_there(tmp_path):
    """Without --resume; a checkpoint of another run may lie in the folder."""
    setup = setup_of("words", epochs=1)
    expected = train(setup, tmp_path / "whole", configuration=CONFIGURATION)
    other = train(setup._replace(seed=5), tmp_path / "other", configuration=CONFIGURATION, breaks=stopping_after(1))
    assert other.paused is not None
    (tmp_path / "run").mkdir()
    shutil.copy(tmp_path / "other" / PARTIAL, tmp_path / "run")
    run = train(setup, tmp_path / "run", configuration=CONFIGURATION)
    assert_same_arrays(run.params, expected.params)


def test_stopped_before_anything_was_trained(tmp_path):
    """Also a run that is told to stop at once has its first row, and can be resumed."""
    setup = setup_of("words", epochs=1)
    run = train(setup, tmp_path / "run", configuration=CONFIGURATION, breaks=stopping_after(0))
    assert run.paused == (1, 0, 52)
    assert {file.name for file in (tmp_path / "run").iterdir()} == {METRICS, LAST, BEST}
    train(setup, tmp_path / "run", configuration=CONFIGURATION, resume=True)
    train(setup, tmp_path / "whole", configuration=CONFIGURATION)
    assert_same_run(tmp_path / "run", tmp_path / "whole")
