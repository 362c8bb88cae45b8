"""A plugin for pytest: each test's outcome as a line of a file, so that a run cut off leaves what it had.

Used as ``pytest -p validation.gpu.outcomes --outcomes FILE``.
"""

import json
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """--outcomes FILE."""
    parser.addoption("--outcomes", type=Path, help="write one line of JSON a test into this file")


def pytest_configure(config: pytest.Config) -> None:
    """Write them if a file was named."""
    path = config.getoption("--outcomes")
    if path is not None and not hasattr(config, "workerinput"):  # with xdist the controller hears of every test
        config.pluginmanager.register(Writer(path), "outcomes-writer")


class Writer:
    """Writes the outcome of each test when it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        words = str(report.longrepr).strip().splitlines()[-1:] if report.outcome == "failed" else []
        line = {"test": report.nodeid, "outcome": report.outcome, "seconds": round(report.duration, 3), "why": words}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            with self.path.open("a", encoding="utf-8") as file:
                line = {
                    "test": report.nodeid,
                    "outcome": "failed",
                    "seconds": 0.0,
                    "why": [str(report.longrepr)[-300:]],
                }
                file.write(json.dumps(line) + "\n")
