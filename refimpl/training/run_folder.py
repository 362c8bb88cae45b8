"""A run's folder: metrics.jsonl, last.safetensors, best.safetensors, and within an epoch partial.safetensors.

The rows of an epoch are written before its checkpoint: a kill in between costs at most the epoch and nothing else,
because resuming cuts the rows back to the checkpoint.
"""

import hashlib
import json
from pathlib import Path
from types import ModuleType

from refimpl import __version__
from refimpl.models.parameters import Params, check_params
from refimpl.models.recipe import Recipe
from refimpl.training.adam import AdamState
from refimpl.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, write_atomically
from refimpl.training.identity import differences
from refimpl.training.metrics import Row, repeatable
from refimpl.training.partial import PARTIAL

RECORD, METRICS, LAST, BEST = "run.json", "metrics.jsonl", "last.safetensors", "best.safetensors"
RECORD_FORMAT = 1  # of run.json; records without a number are older, and are read


def store(folder: Path, rows: list[Row], params: Params, adam: AdamState, configuration: str, *, best: bool) -> None:
    """Write the rows, then the checkpoints of the last row's epoch; what was stored within that epoch goes.

    Errors: OSError; what was stored before stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / METRICS, "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows).encode())
    checkpoint = Checkpoint(params, adam.m, adam.v, rows[-1]["epoch"], adam.step, configuration, rows=_digest(rows))
    if best:
        save_checkpoint(folder / BEST, checkpoint._replace(m={}, v={}))
    save_checkpoint(folder / LAST, checkpoint)
    (folder / PARTIAL).unlink(missing_ok=True)


def _digest(rows: list[Row]) -> str:
    """BLAKE2b of rows, without what is not the same when a run is repeated."""
    return hashlib.blake2b(json.dumps(repeatable(rows), sort_keys=True).encode(), digest_size=16).hexdigest()


def check_format(path: Path) -> None:
    """Errors: ValueError if a record (run.json) is damaged, or of a later format, with the version that wrote it."""
    try:
        record = json.loads(path.read_text("utf-8"))
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: expected a JSON object ({error}); start the run anew") from error
    if not isinstance(record, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(record).__name__}; start the run anew")
    found = record.get("format", 0)
    if not isinstance(found, int) or found > RECORD_FORMAT:
        raise ValueError(
            f"{path}: format {found!r}, written by refimpl {_writer(record)}; this is refimpl {__version__}, "
            f"which reads formats up to {RECORD_FORMAT}; use that version"
        )


def _writer(record: object) -> str:
    """The version that wrote a record; a later one may have arranged it in another way."""
    for name in ("environment", "versions", "refimpl"):
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, str) else "an unknown version"


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


def last_row(folder: Path) -> Row | None:
    """The last row that is stored, or None if there is none that can be read."""
    try:
        return read_rows(folder)[-1]
    except (OSError, ValueError, IndexError):
        return None


def restore(folder: Path, recipe: Recipe, configuration: str, xp: ModuleType) -> tuple[Params, AdamState, list[Row]]:
    """Parameters, optimiser and rows at the last checkpoint.

    Errors: ValueError if the checkpoint is damaged, was written by another configuration, holds no optimiser state (as
    best.safetensors), or is ahead of the rows; or if the rows are not those that were stored with it.
    """
    path = folder / LAST
    checkpoint = load_checkpoint(path, xp.asarray)
    other = differences(checkpoint.configuration, configuration)
    if other:
        raise ValueError(
            f"{path}: written by a run of another configuration, by refimpl {checkpoint.version}; {'; '.join(other)}; "
            "resume with that run's options, or choose a new --out"
        )
    check_params(checkpoint.params, recipe)
    if not checkpoint.params.keys() == checkpoint.m.keys() == checkpoint.v.keys():
        raise ValueError(f"{path}: has no optimiser state for every parameter (is it {BEST}?); start the run anew")
    rows = [row for row in read_rows(folder) if row["epoch"] <= checkpoint.epoch]
    if not rows or rows[-1]["epoch"] != checkpoint.epoch:
        raise ValueError(f"{folder}: metrics.jsonl ends before the checkpoint of epoch {checkpoint.epoch}; start anew")
    if checkpoint.rows and checkpoint.rows != _digest(rows):
        raise ValueError(
            f"{folder / METRICS}: not the rows that were stored with the checkpoint of epoch {checkpoint.epoch} "
            "(damaged, or of another run); put them back, or start the run anew"
        )
    return checkpoint.params, AdamState(checkpoint.m, checkpoint.v, checkpoint.step), rows
