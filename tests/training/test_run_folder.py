"""A run's folder: what is written and in which order, what is read back, and what is refused."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from refimpl.models.parameters import initialise
from refimpl.training.adam import AdamState
from refimpl.training.checkpoint import load_checkpoint, save_checkpoint
from refimpl.training.run_folder import BEST, LAST, METRICS, read_rows, restore, store
from tests.training import tiny

RECIPE = tiny.recipe("characters")
PARAMS = initialise(RECIPE, 1)
ADAM = AdamState({k: v + 1.0 for k, v in PARAMS.items()}, {k: v + 2.0 for k, v in PARAMS.items()}, 30)
HERE = '"here"'
ROWS = [{"epoch": epoch, "nll": None if epoch == 0 else 1.0 / epoch, "valid": 2.0} for epoch in range(4)]


@pytest.fixture
def folder(tmp_path):
    """Three epochs, the second one the best."""
    folder = tmp_path / "runs" / "one"
    store(folder, ROWS[:3], PARAMS, ADAM._replace(step=20), HERE, best=True)
    store(folder, ROWS, PARAMS, ADAM, HERE, best=False)
    return folder


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_what_is_stored_is_restored(folder):
    assert files(folder).keys() == {METRICS, LAST, BEST}
    params, adam, rows = restore(folder, RECIPE, HERE, np)
    assert rows == read_rows(folder) == ROWS
    assert adam.step == 30
    for found, expected in ((params, PARAMS), (adam.m, ADAM.m), (adam.v, ADAM.v)):
        assert found.keys() == expected.keys()
        assert all(found[name].tobytes() == value.tobytes() for name, value in expected.items())
    best = load_checkpoint(folder / BEST)
    assert (best.epoch, best.step, best.m, best.v) == (2, 20, {}, {})


def test_rows_are_written_first_and_the_checkpoint_to_resume_from_last(tmp_path, monkeypatch):
    replace, written = Path.replace, []
    monkeypatch.setattr(Path, "replace", lambda self, to: [written.append(to.name), replace(self, to)][1])
    store(tmp_path, ROWS, PARAMS, ADAM, HERE, best=True)
    assert written == [METRICS, BEST, LAST]


def test_rows_after_the_checkpoint_are_cut(folder):
    store(folder, ROWS[:3], PARAMS, ADAM, HERE, best=False)
    (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    assert restore(folder, RECIPE, HERE, np)[2] == ROWS[:3]


def test_rows_that_end_before_the_checkpoint_are_refused(folder):
    for rows in (ROWS[:3], []):
        (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in rows))
        with pytest.raises(ValueError, match=r"metrics.jsonl ends before the checkpoint of epoch 3; start anew"):
            restore(folder, RECIPE, HERE, np)


def test_rows_of_another_run_are_refused_but_not_for_what_is_of_the_machine(folder):
    stored = read_rows(folder)

    def write(rows):
        (folder / METRICS).write_text("".join(json.dumps(row) + "\n" for row in rows))

    write([row | {"seconds": 3.5, "peak_mib": 7.0} for row in stored])
    assert restore(folder, RECIPE, HERE, np)[2][0]["seconds"] == 3.5
    write([*stored[:1], stored[1] | {"valid": 2.5}, *stored[2:]])
    with pytest.raises(
        ValueError, match=rf"^{folder / METRICS}: not the rows .* checkpoint of epoch 3 .*put them back"
    ):
        restore(folder, RECIPE, HERE, np)
    save_checkpoint(folder / LAST, load_checkpoint(folder / LAST)._replace(rows=""))  # as an older version wrote it
    assert restore(folder, RECIPE, HERE, np)[2][1]["valid"] == 2.5


def test_another_configuration_is_refused(folder):
    before = files(folder)
    with pytest.raises(
        ValueError, match=rf"^{folder / LAST}: written by a run of another configuration, by refimpl .*; resume with"
    ):
        restore(folder, RECIPE, '"there"', np)
    assert files(folder) == before


def test_another_model_and_a_checkpoint_without_optimiser_are_refused(folder):
    with pytest.raises(ValueError, match=r"^lstm.W_x.mu: expected shape"):
        restore(folder, RECIPE._replace(vocabulary=6), HERE, np)
    (folder / BEST).replace(folder / LAST)
    with pytest.raises(
        ValueError, match=rf"^{folder / LAST}: has no optimiser state .*best.safetensors.*start the run"
    ):
        restore(folder, RECIPE, HERE, np)


def test_a_checkpoint_that_is_not_finite_is_refused(folder):
    """Nobody resumes from NaN."""
    bad = PARAMS | {"output.b": np.full_like(PARAMS["output.b"], np.nan)}
    save_checkpoint(folder / LAST, load_checkpoint(folder / LAST)._replace(params=bad))
    with pytest.raises(ValueError, match=r"^output.b: expected finite values"):
        restore(folder, RECIPE, HERE, np)


@pytest.mark.parametrize(
    "content",
    [
        b'{"epoch": 0}\n{"epo',
        b'{"epoch": 0}\n\xff\n',
        b"7\n",
        b"[]\n",
        b'{"nll": 1.0}\n',
        b'{"epoch": 0}\n{"epoch": 2}\n',
    ],
)
def test_damaged_rows_are_refused(folder, content):
    (folder / METRICS).write_bytes(content)
    with pytest.raises(ValueError, match=rf"^{folder / METRICS}: damaged .*start the run anew"):
        read_rows(folder)


def test_missing_rows_are_said(folder):
    (folder / METRICS).unlink()
    with pytest.raises(FileNotFoundError, match=rf"^{folder / METRICS}: no metrics there; name a run folder"):
        restore(folder, RECIPE, HERE, np)


def test_a_row_that_is_no_json_is_not_written(folder):
    before = files(folder)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            store(folder, [*ROWS, {"epoch": 4, "valid": bad}], PARAMS, ADAM, HERE, best=True)
    assert files(folder) == before


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_full_disk_leaves_a_run_that_can_be_resumed(folder, monkeypatch, at):
    """Full at the rows, at the best checkpoint or at the last one."""
    fsync, calls = os.fsync, []

    def full(file):
        calls.append(file)
        if len(calls) == at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(file)

    row = ROWS[3] | {"epoch": 4}
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"free some space; what was stored before is whole"):
            store(folder, [*ROWS, row], PARAMS, ADAM._replace(step=40), HERE, best=True)
    assert files(folder).keys() == {METRICS, LAST, BEST}
    assert load_checkpoint(folder / BEST).step == (40 if at == 3 else 20)
    _, adam, rows = restore(folder, RECIPE, HERE, np)
    assert (adam.step, rows) == (30, ROWS)
