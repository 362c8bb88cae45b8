"""README's section on the cross-check: its file is diagnosed, and prints what is shown."""

import re
from pathlib import Path

import pytest

from refimpl.checks.crosscheck.command import crosscheck_command

pytest.importorskip("torch", reason="torch is not installed (extra crosscheck)")

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
SECTION = README.partition("## Check your own implementation\n")[2].partition("\n## ")[0]


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    return found


def test_the_file_is_diagnosed_as_shown(tmp_path, monkeypatch):
    (tmp_path / "my_lstm.py").write_text(block("py"))
    monkeypatch.chdir(tmp_path)
    said = []
    command, *shown = block("console").splitlines()
    assert command == "$ refimpl crosscheck my_lstm.py"
    assert crosscheck_command("my_lstm.py", tell=said.append) == 1
    printed = iter(said[0].splitlines())
    missing = [line for line in shown if line != "..." and line not in printed]  # in this order
    assert missing == []


def test_nn_lstm_agrees_as_said():
    assert "refimpl crosscheck torch.nn:LSTM " in SECTION
    assert crosscheck_command("torch.nn:LSTM", tell=lambda text: None) == 0
