"""A run's folder: metrics.jsonl, last.safetensors, best.safetensors.

The rows of an epoch are written before its checkpoint: a kill in between costs the epoch and nothing else, because
resuming cuts the rows back to the checkpoint.
"""

import json
from pathlib import Path
from types import ModuleType

from refimpl.models.parameters import Params, check_params
from refimpl.models.recipe import Recipe
from refimpl.training.adam import AdamState
from refimpl.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_atomically
from refimpl.training.metrics import Row

METRICS, LAST, BEST = "metrics.jsonl", "last.safetensors", "best.safetensors"


def store(folder: Path, rows: list[Row], params: Params, adam: AdamState, configuration: str, *, best: bool) -> None:
    """Write the rows, then the checkpoints of the last row's epoch. Errors: OSError; what was stored before stays."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / METRICS, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())
    checkpoint = Checkpoint(params, adam.m, adam.v, rows[-1]["epoch"], adam.step, configuration)
    if best:
        save_checkpoint(folder / BEST, checkpoint._replace(m={}, v={}))
    save_checkpoint(folder / LAST, checkpoint)


def read_rows(folder: Path) -> list[Row]:
    """All rows of metrics.jsonl. Errors: FileNotFoundError, ValueError on a line that is no row."""
    path = folder / METRICS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no metrics there; name a run folder")
    try:
        rows: list[Row] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: damaged ({error}); start the run anew") from error
    if [row.get("epoch") if isinstance(row, dict) else None for row in rows] != list(range(len(rows))):
        raise ValueError(f"{path}: damaged (expected a row for each epoch from 0 on); start the run anew")
    return rows


def restore(folder: Path, recipe: Recipe, configuration: str, xp: ModuleType) -> tuple[Params, AdamState, list[Row]]:
    """Parameters, optimiser and rows at the last checkpoint.

    Errors: ValueError if the checkpoint is damaged, was written by another configuration, holds no optimiser state (as
    best.safetensors), or is ahead of the rows.
    """
    path = folder / LAST
    checkpoint = load_checkpoint(path, xp.asarray)
    if checkpoint.configuration != configuration:
        raise ValueError(
            f"{path}: written by a run of another configuration; resume with that run's options, or choose a new --out"
        )
    check_params(checkpoint.params, recipe)
    if not checkpoint.params.keys() == checkpoint.m.keys() == checkpoint.v.keys():
        raise ValueError(f"{path}: has no optimiser state for every parameter (is it {BEST}?); start the run anew")
    rows = [row for row in read_rows(folder) if row["epoch"] <= checkpoint.epoch]
    if not rows or rows[-1]["epoch"] != checkpoint.epoch:
        raise ValueError(f"{folder}: metrics.jsonl ends before the checkpoint of epoch {checkpoint.epoch}; start anew")
    return checkpoint.params, AdamState(checkpoint.m, checkpoint.v, checkpoint.step), rows
