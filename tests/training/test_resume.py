"""A run that was killed and resumed is the run that was not, bit for bit, wherever the kill came."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from refimpl import __version__
from refimpl.training import loop
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.loop import Run, train
from refimpl.training.metrics import repeatable
from refimpl.training.run_folder import BEST, LAST, METRICS, read_rows
from tests.training import tiny

ROOT = Path(__file__).parents[2]
CONFIGURATION = json.dumps({"seed": 4})
EPOCHS = 2


def setup_of(kind, **options):
    """In double precision a sum in another order would show."""
    setup = tiny.setup(kind, dtype="float64", **({"epochs": EPOCHS} | options))
    return setup._replace(problem=setup.problem._replace(length=10)) if kind == "words" else setup


class Recorded(NamedTuple):
    """A run that nobody killed, and the folder as a kill would have left it at each moment of danger."""

    run: Run
    folder: Path
    killed: dict[str, Path]


def record(kind, top):
    """Files outlive the process that wrote them: a copy of the folder is what a kill at that moment leaves."""
    folder, killed = top / "run", {}
    replace = Path.replace

    def keep(moment):
        killed[moment] = top / moment
        if folder.exists():
            shutil.copytree(folder, top / moment)

    def kept_replace(self, target):
        rows = self if target.name == METRICS else self.with_name(METRICS)
        moment = f"epoch {len(rows.read_text().splitlines()) - 1}, {target.name}"
        keep(f"{moment} written and not renamed")
        if target.name == LAST:
            keep(f"{moment} half written")
            with (killed[f"{moment} half written"] / self.name).open("r+b") as file:
                file.truncate(self.stat().st_size // 2)
        return replace(self, target)

    def progress(epoch, step, steps, _):
        if step == steps:
            keep(f"epoch {epoch}, trained and nothing written")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Path, "replace", kept_replace)
        run = train(setup_of(kind), folder, configuration=CONFIGURATION, progress=progress)
    return Recorded(run, folder, killed)


@pytest.fixture(scope="module", params=tiny.KINDS)
def recorded(request, tmp_path_factory):
    return request.param, record(request.param, tmp_path_factory.mktemp(request.param))


def assert_same_arrays(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype
        assert found[name].tobytes() == value.tobytes(), name


def assert_same_run(folder, expected):
    """Parameters, Adam's moments, step, rows but for the seconds, and the best checkpoint."""
    assert {file.name for file in folder.iterdir()} == {METRICS, LAST, BEST}
    for name in (LAST, BEST):
        ours, theirs = load_checkpoint(folder / name), load_checkpoint(expected / name)
        for a, b in zip(ours[:3], theirs[:3], strict=True):
            assert_same_arrays(a, b)
        assert ours[3:] == theirs[3:]
    assert repeatable(read_rows(folder)) == repeatable(read_rows(expected))


def test_a_resumed_run_is_the_uninterrupted_one(recorded, tmp_path):
    """For words at every moment; for the others before a checkpoint, in one, and between a row and its checkpoint."""
    kind, (run, folder, killed) = recorded
    assert run.rows[-1]["epoch"] == EPOCHS
    assert len(killed) >= 3 * (EPOCHS + 1) + EPOCHS  # renames and half files of LAST, and each trained epoch
    few = (
        f"epoch 0, {BEST} written and not renamed",
        f"epoch 1, {LAST} half written",
        f"epoch {EPOCHS}, {BEST if run.best_epoch == EPOCHS else LAST} written and not renamed",
    )
    for moment in killed if kind == "words" else few:
        left = shutil.copytree(killed[moment], tmp_path / moment)
        resumed = train(setup_of(kind), left, configuration=CONFIGURATION, resume=True)
        assert_same_run(left, folder)
        assert_same_arrays(resumed.params, run.params)
        assert list(resumed.params) == list(run.params)  # the norm of the gradient is a sum in this order
        assert resumed.best_epoch == run.best_epoch


def test_moments_are_those_that_were_meant(recorded):
    """What a kill leaves: the old checkpoint whole, rows perhaps one epoch ahead of it, an unfinished new file."""
    _, (_, folder, killed) = recorded
    first = killed[f"epoch 0, {BEST} written and not renamed"]
    assert {file.name for file in first.iterdir()} == {METRICS, f"{BEST}.new"}
    between = killed[f"epoch 1, {LAST} half written"]
    assert [row["epoch"] for row in read_rows(between)] == [0, 1]
    assert load_checkpoint(between / LAST).epoch == 0
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(between / f"{LAST}.new")
    assert load_checkpoint(folder / LAST).epoch == EPOCHS


CHILD = """
import os, signal, sys
from pathlib import Path
from refimpl.training.loop import train
from refimpl.training.run_folder import LAST, METRICS
from tests.training.test_resume import CONFIGURATION, setup_of

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def run(moment, folder):
    replace, done = Path.replace, []
    def killing(self, target):
        if moment == "before the first checkpoint" and target.name == LAST:
            kill()
        if moment == "in a checkpoint" and done.count(LAST) == 1 and target.name == LAST:
            kill()
        replace(self, target)
        done.append(target.name)
        if moment == "between row and checkpoint" and done.count(METRICS) == 3:
            kill()
    Path.replace = killing
    train(setup_of("words"), folder, configuration=CONFIGURATION)

top = Path(sys.argv[1])
for moment in ("before the first checkpoint", "in a checkpoint", "between row and checkpoint"):
    child = os.fork()
    if child == 0:
        run(moment, top / moment)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_processes_that_are_killed_are_resumed_by_another(tmp_path):
    """Three children of one interpreter (which starts slowly), each killed by SIGKILL in the middle of its run."""
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (made.stderr, made.stdout.split()) == ("", ["-9"] * 3)
    train(setup_of("words"), tmp_path / "whole", configuration=CONFIGURATION)
    left = {folder.name: {file.name for file in folder.iterdir()} for folder in tmp_path.iterdir()}
    assert left["before the first checkpoint"] == {METRICS, BEST, f"{LAST}.new"}
    assert left["in a checkpoint"] == {METRICS, BEST, LAST, f"{LAST}.new"}
    assert left["between row and checkpoint"] == {METRICS, BEST, LAST}
    assert len(read_rows(tmp_path / "between row and checkpoint")) == 3
    for name in left:
        train(setup_of("words"), tmp_path / name, configuration=CONFIGURATION, resume=True)
        assert_same_run(tmp_path / name, tmp_path / "whole")


@pytest.fixture
def copy(tmp_path, words):
    return Path(shutil.copytree(words.folder, tmp_path / "copy"))


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words") / "run"
    return Recorded(train(setup_of("words", epochs=1), folder, configuration=CONFIGURATION), folder, {})


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def refused(folder, error, message, **changes):
    before = files(folder)
    setup = setup_of("words")._replace(**changes)
    with pytest.raises(error, match=message):
        train(setup, folder, configuration=CONFIGURATION, resume=True)
    assert files(folder) == before


def test_another_configuration_is_refused_with_a_remedy(copy):
    before = files(copy)
    remedy = "resume with that run's options, or choose a new"
    for other, found in (("null", "seed: stored 4, asked (absent)"), ('{"seed": 5}', "seed: stored 4, asked 5")):
        message = rf"another configuration, by refimpl {__version__}; .*{re.escape(found)}; {remedy}"
        with pytest.raises(ValueError, match=message):
            train(setup_of("words"), copy, configuration=other, resume=True)
    assert files(copy) == before


def test_another_model_or_dtype_is_refused(copy):
    deterministic = setup_of("words").recipe
    wider = tuple(layer._replace(size=4) for layer in deterministic.layers)
    refused(copy, ValueError, r"^lstm1.W_x.mu: expected shape", recipe=deterministic._replace(layers=wider))
    refused(copy, TypeError, r"^lstm1.W_x.mu: expected dtype float32 \(that of the run\), got float64", dtype="float32")


def flipped(whole, place):
    return whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "damaged"),
        (lambda whole: flipped(whole, len(whole) - 9), "damaged"),
        (lambda whole: b"", "damaged"),
        (lambda whole: b"x" * len(whole), "damaged"),
    ],
)
def test_a_damaged_checkpoint_is_refused_and_left_as_it_is(copy, damage, message):
    (copy / LAST).write_bytes(damage((copy / LAST).read_bytes()))
    refused(copy, ValueError, rf"^{copy / LAST}: {message}.*use another checkpoint")
    assert load_checkpoint(copy / BEST).epoch == 1


def test_a_checkpoint_with_any_byte_of_its_header_changed_is_refused(copy):
    """What the byte says differs from file to file: safetensors writes the metadata in no fixed order."""
    whole = (copy / LAST).read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for place in range(0, header, 7):
        (copy / LAST).write_bytes(flipped(whole, place))
        with pytest.raises(ValueError, match=rf"^{copy / LAST}: .*; (not a checkpoint of refimpl, )?use "):
            load_checkpoint(copy / LAST)


def test_a_checkpoint_of_another_epoch_or_without_moments_is_refused(copy):
    shutil.copy(copy / BEST, copy / LAST)
    refused(copy, ValueError, r"has no optimiser state")


def test_resume_without_a_checkpoint_begins(tmp_path, words):
    setup = setup_of("words", epochs=1)
    train(setup, tmp_path / "run", configuration=CONFIGURATION, resume=True)
    assert_same_run(tmp_path / "run", words.folder)


def test_a_run_can_be_prolonged(copy, tmp_path):
    """More epochs under the same text of the configuration: the same as having asked for them at once."""
    whole = train(setup_of("words"), tmp_path / "whole", configuration=CONFIGURATION)
    prolonged = train(setup_of("words"), copy, configuration=CONFIGURATION, resume=True)
    assert_same_arrays(prolonged.params, whole.params)
    assert_same_run(copy, tmp_path / "whole")


def test_a_finished_run_is_returned_as_it_is(copy, words, monkeypatch):
    monkeypatch.setattr(loop, "intervals", None)
    before = files(copy)
    again = train(
        setup_of("words", epochs=1), copy, configuration=CONFIGURATION, resume=True, start={"not": np.ones(1)}
    )
    assert_same_arrays(again.params, words.run.params)
    assert (again.rows, again.best_epoch) == (words.run.rows, words.run.best_epoch)
    assert files(copy) == before
