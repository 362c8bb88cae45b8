"""Rows and run folders as a run writes them, small and made up."""

import json
from pathlib import Path
from typing import Any

import pytest

from refimpl.experiments.published_logs import published_rows
from refimpl.report.records import RunRecord

MATRICES = {"lstm.W_x": 80, "lstm.W_h": 100, "output.W": 20}


def make_row(epoch: int, share: float, metric: str = "bits_per_char", **changed: Any) -> dict[str, Any]:
    """A row at which a share of the weights is kept; raw counts keep two more of each matrix."""
    counts = {name: [int(share * n), min(n, int(share * n) + 2), n] for name, n in MATRICES.items()}
    total = sum(MATRICES.values())
    row = {
        "epoch": epoch,
        "nll": None if epoch == 0 else 1.0 + 1.0 / epoch,
        "kl": 300.0 / (1 + epoch),
        "kl_weight": 1.0,
        "n_terms": 1000,
        "valid": 1.5 + 1.0 / (1 + epoch),
        "test": 1.4 + 1.0 / (1 + epoch),
        "metric": metric,
        "kept": counts,
        "vocabulary": [int(10 * share), 10],
        "neurons": [int(5 * share), 5],
        "gates": [int(20 * share), 20],
        "seconds": 30.0,
    }
    row = row | changed
    for name, which in (("compression", 0), ("compression_raw", 1)):
        row.setdefault(name, total / (sum(count[which] for count in row["kept"].values()) + 1e-8))
    return row


def nothing_kept(epoch: int, **changed: Any) -> dict[str, Any]:
    """A row at which every weight is pruned, by either count."""
    return make_row(epoch, 0.0, kept={name: [0, 0, n] for name, n in MATRICES.items()}, **changed)


@pytest.fixture(autouse=True)
def coarse_pictures(monkeypatch):
    """Few dots an inch: what is tested here does not depend on them."""
    monkeypatch.setattr("refimpl.report.drawing.DPI", 40)


@pytest.fixture
def rows():
    return [make_row(epoch, 1.0 / (1 + epoch)) for epoch in range(5)]


@pytest.fixture
def write_run(tmp_path):
    """A function that writes a run folder and returns its path."""

    def write(name, rows, **config):
        folder = tmp_path / name
        folder.mkdir()
        record = {"experiment": "planted-lm", "configuration": name, "preset": "smoke", "seed": 3}
        record |= {"engine": "reference", "weights": 200, "n_terms": 1000, "weights_per_term": 0.2}
        record |= {"training": {"epochs": 4, "warmup": {"kind": "constant"}}}
        (folder / "run.json").write_text(json.dumps(record | config))
        (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder

    return write


@pytest.fixture
def make():
    """make_row and nothing_kept, for tests that build their own rows."""
    return make_row, nothing_kept


@pytest.fixture
def paper_run():
    """A function that makes the record of a paper-size run whose numbers are the authors', but for what is changed.

    change(row) alters a row of epoch >= 1 in place; epochs is the last one; between the authors' epochs stands the row
    before.
    """

    def make(experiment="imdb", configuration="LLLCCL", epochs=60, change=lambda row: None, **config):
        theirs = {row["epoch"]: row for row in published_rows(experiment, configuration)}
        rows, now = [], next(iter(theirs.values()))
        for epoch in range(epochs + 1):
            now = theirs.get(epoch, now)
            row = now | {"epoch": epoch, "nll": None if epoch == 0 else 0.5, "kl": -1.0, "n_terms": 100}
            row["kept"] = {name: [kept, kept, total] for name, (kept, _, total) in now["kept"].items()}
            if epoch:
                change(row)
            rows.append(row)
        record = {"experiment": experiment, "configuration": configuration, "preset": "paper", "seed": 0}
        record |= {"start": "random", "training": {"epochs": epochs, "evaluate_every": 1}, "deviations": []}
        return RunRecord(Path("run"), record | config, rows)

    return make
