"""A run that is stopped by Ctrl-C or by the clock is stored and continued; a folder has one run at a time."""

import os
import signal
import threading
import time
from types import SimpleNamespace

import pytest

from refimpl.cli import main
from refimpl.cli import reproduce as command
from refimpl.experiments import run_stop
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import continuation, held_by, run_plan
from refimpl.experiments.run_stop import STOPPING, alone_in, stoppable
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.metrics import repeatable
from refimpl.training.partial import PARTIAL
from refimpl.training.run_folder import BEST, LAST, METRICS, RECORD, read_rows
from tests.commands import contents

RUN = ["reproduce", "planted-lm", "--preset", "smoke", "--epochs", "2"]  # 25 steps an epoch: reads after 16 and 25


class PressesCtrlC(command.ProgressBar):
    """At the n-th read of the loss."""

    at, number = 1, signal.SIGINT

    def __call__(self, *arguments):
        super().__call__(*arguments)
        PressesCtrlC.at -= 1
        if PressesCtrlC.at <= 0:
            signal.raise_signal(self.number)


@pytest.fixture
def pressed(monkeypatch):
    monkeypatch.setattr(command, "ProgressBar", PressesCtrlC)

    def at(read, number=signal.SIGINT):
        PressesCtrlC.at, PressesCtrlC.number = read, number

    return at


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """They take longer than all the rest."""
    monkeypatch.setattr(command, "run_report", lambda folder: "")


@pytest.mark.parametrize(
    ("read", "number", "within", "where"),
    [(1, signal.SIGINT, True, "in epoch 1 after 16 of 25"), (2, signal.SIGTERM, False, "epoch 1")],
)
def test_ctrl_c_stores_and_says_how_to_go_on(pressed, tmp_path, capsys, whole, read, number, within, where):
    folder = tmp_path / "run"
    before = [signal.getsignal(each) for each in run_stop.SIGNALS]
    pressed(read, number)
    assert main([*RUN, "--out", str(folder)]) == 130
    assert [signal.getsignal(each) for each in run_stop.SIGNALS] == before
    said = capsys.readouterr().err
    assert STOPPING in said
    assert f"{folder}: stopped {where if within else 'after ' + where}" in said
    assert "--resume" in said
    assert (folder / PARTIAL).exists() == within
    pressed(100)
    assert main([*RUN, "--out", str(folder), "--resume"]) == 0
    assert repeatable(read_rows(folder)) == repeatable(read_rows(whole))
    ours, theirs = (load_checkpoint(path / LAST).params for path in (folder, whole))
    assert all(ours[name].tobytes() == value.tobytes() for name, value in theirs.items())


def test_a_second_ctrl_c_ends_at_once(tmp_path, capsys, monkeypatch):
    class Impatient(command.ProgressBar):
        def __call__(self, *_):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(command, "ProgressBar", Impatient)
    assert main([*RUN, "--out", str(tmp_path / "run")]) == 130
    assert "continue with --resume" in capsys.readouterr().err
    assert held_by(tmp_path / "run") == [RECORD, METRICS, LAST, BEST]


def test_a_run_in_pieces_by_the_clock(tmp_path, capsys, monkeypatch, whole):
    folder = tmp_path / "run"
    moments = iter([0.0, 59.0, 59.0, 60.0])  # begun; before and within the first epoch; after it
    monkeypatch.setattr(run_stop, "time", SimpleNamespace(time=lambda: next(moments)))
    assert main([*RUN, "--out", str(folder), "--minutes", "1"]) == 0
    assert f"{folder}: stopped after epoch 1; to continue, " in capsys.readouterr().err
    monkeypatch.setattr(run_stop, "time", time)
    assert main([*RUN, "--out", str(folder), "--minutes", "1000", "--resume"]) == 0
    assert repeatable(read_rows(folder)) == repeatable(read_rows(whole))


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf"])
def test_minutes_are_a_number_above_0(minutes, capsys, tmp_path):
    assert main([*RUN, "--minutes", minutes, "--out", str(tmp_path / "run")]) == 2
    assert "minutes: expected a number above 0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_clock_and_the_signal():
    told = []
    with stoppable(None, told.append) as stop:
        assert not stop()
        signal.raise_signal(signal.SIGINT)
        assert stop()
        assert stop.interrupted
        assert told == [STOPPING]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with stoppable(1e-9, told.append) as stop:
        assert stop()
        assert not stop.interrupted


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_what_nohup_has_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable(None, print) as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_a_thread_there_is_no_signal_to_wait_for():
    before, seen = signal.getsignal(signal.SIGINT), []

    def inside():
        with stoppable(None, print) as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [(False, True)]


@pytest.mark.skipif(run_stop.fcntl is None, reason="this system cannot hold a folder")
def test_a_folder_has_one_run_at_a_time(tmp_path, whole):
    plan = make_plan("planted-lm", preset="smoke")
    before = contents(whole)
    with alone_in(whole), pytest.raises(ValueError, match=rf"^{whole}: another process trains a run there; wait"):
        run_plan(plan, whole, resume=True)
    assert contents(whole) == before
    run_plan(plan, whole, resume=True)  # it was let go


def test_a_file_system_that_cannot_hold_is_no_obstacle(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(os.strerror(95))

    if run_stop.fcntl is not None:
        monkeypatch.setattr(run_stop.fcntl, "flock", refuse)
        with alone_in(tmp_path):
            pass
    monkeypatch.setattr(run_stop, "fcntl", None)
    with alone_in(tmp_path):
        pass


def test_where_a_run_stands():
    class Run:
        paused = None

    assert continuation(Run) == ""
    Run.paused = (3, 0, 25)
    assert continuation(Run) == "stopped after epoch 2; to continue, give the same command with --resume"
    Run.paused = (3, 16, 25)
    assert continuation(Run).startswith("stopped in epoch 3 after 16 of 25 steps; ")
