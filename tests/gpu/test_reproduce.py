"""Paper-size runs in pieces: the order, where a piece ends, what is copied; on the CPU at the preset smoke."""

import json

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS
from validation.gpu import reproduce


def piece(tmp_path, *more, minutes="9"):
    options = ["--preset", "smoke", "--device", "cpu", "--minutes", minutes]
    folders = ["--runs", str(tmp_path / "runs"), "--records", str(tmp_path / "out")]
    return reproduce.main(["planted-lm:LCCL", *more, *options, *folders])


@pytest.fixture
def commands(monkeypatch):
    """The commands that would be run; nothing is."""
    called = []
    monkeypatch.setattr(reproduce.subprocess, "call", lambda words: called.append(words) or 0)
    return called


def test_a_piece_trains_and_copies_its_record_but_no_checkpoint(tmp_path, capfd):
    assert piece(tmp_path) == 0
    out = tmp_path / "out" / "planted-lm-LCCL-smoke"
    assert sorted(path.name for path in out.iterdir()) == ["metrics.jsonl", "report.html", "run.json"]
    assert json.loads((out / "run.json").read_text())["configuration"] == "LCCL"
    assert "planted-lm:LCCL             2 of 2 epochs" in capfd.readouterr().out


def test_a_finished_run_is_not_begun_again(tmp_path, commands, monkeypatch):
    monkeypatch.setattr(reproduce, "epochs_done", lambda folder: 2)
    assert piece(tmp_path) == 0
    assert commands == []


def test_the_minutes_are_those_of_the_whole_piece(tmp_path, commands):
    assert piece(tmp_path, "word-ptb:LCCL") == 0
    assert [words[4] for words in commands] == ["planted-lm", "word-ptb"]
    left = [float(words[words.index("--minutes") + 1]) for words in commands]
    assert 8.9 < left[1] <= left[0] <= 9.0
    commands.clear()
    assert piece(tmp_path, minutes="0.4") == 0  # less than a run needs to begin
    assert commands == []


def test_a_run_that_fails_ends_the_piece_with_its_code(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce.subprocess, "call", lambda words: 2)
    assert piece(tmp_path, "word-ptb:LCCL") == 2


def test_every_run_that_is_wanted_exists_and_the_most_wanted_come_first():
    assert reproduce.WANTED[:3] == ("word-ptb:LCCL", "char-ptb:LCCL", "imdb:LLLCCL")
    for name in reproduce.WANTED:
        experiment, code = name.split(":")
        assert code in EXPERIMENTS[experiment].configurations
        assert "paper" in EXPERIMENTS[experiment].presets
