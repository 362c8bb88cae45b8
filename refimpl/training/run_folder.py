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


def store(
    folder: Path, rows: list[Row], params: Params, adam: AdamState, configuration: str, *, best: bool
) -> None:
    """Write the rows, then the checkpoints of the last row's epoch. Errors: OSError; what was stored before stays."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / METRICS, "".join(json.dumps(row) + "\n" for row in rows).encode())
    checkpoint = Checkpoint(params, adam.m, adam.v, rows[-1]["epoch"], adam.step, configuration)
    if best:
        save_checkpoint(folder / BEST, checkpoint._replace(m={}, v={}))
    save_checkpoint(folder / LAST, checkpoint)


def read_rows(folder: Path) -> list[Row]:
    """All rows of metrics.jsonl. Errors: FileNotFoundError, ValueError on a line that is no JSON."""
    path = folder / METRICS
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no metrics there; name a run folder")
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: damaged ({error}); start the run anew") from error


def restore(folder: Path, recipe: Recipe, configuration: str, xp: ModuleType) -> tuple[Params, AdamState, list[Row]]:
    """Parameters, optimiser and rows at the last checkpoint.

    Errors: ValueError if the checkpoint is damaged, was written by another configuration, or is ahead of the rows.
    """
    path = folder / LAST
    checkpoint = load_checkpoint(path, xp.asarray)
    if checkpoint.configuration != configuration:
        raise ValueError(
            f"{path}: written by a run of another configuration; resume with that run's options, or choose a new --out"
        )
    check_params(checkpoint.params, recipe)
    rows = [row for row in read_rows(folder) if row["epoch"] <= checkpoint.epoch]
    if not rows or rows[-1]["epoch"] != checkpoint.epoch:
        raise ValueError(f"{folder}: metrics.jsonl ends before the checkpoint of epoch {checkpoint.epoch}; start anew")
    return checkpoint.params, AdamState(checkpoint.m, checkpoint.v, checkpoint.step), rows
