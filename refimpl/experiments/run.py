"""Carry out a plan: the run's folder with run.json, metrics.jsonl and checkpoints."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refimpl.experiments.plan import Plan
from refimpl.experiments.run_stop import alone_in, naming_out
from refimpl.experiments.starts import starting_parameters
from refimpl.models.parameters import Params
from refimpl.training.checkpoint import load_checkpoint, write_atomically
from refimpl.training.environment import environment
from refimpl.training.epoch import Progress
from refimpl.training.identity import differences
from refimpl.training.loop import Breaks, Run, train
from refimpl.training.partial import PARTIAL
from refimpl.training.run_folder import BEST, LAST, METRICS, RECORD, RECORD_FORMAT, check_format, last_row
from refimpl.training.setup import check_setup


def run_plan(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    device: str = "cpu",
    progress: Progress = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
) -> Run:
    """Train a plan in a folder. resume: continue the run that the folder holds, or begin where it holds none.

    stop: asked every few steps whether to store what there is and stop (``Run.paused`` then says where).
    Errors: FileExistsError if the folder holds a run and resume is not asked for; ValueError if another process trains
    there, a later version did, its record is of another run, or its checkpoint is gone; else as ``loop.train``.
    """
    check_setup(plan.setup)
    if os.path.exists(folder) and not folder.is_dir():
        raise NotADirectoryError(f"out: expected a folder, {folder} is a file; name another --out")
    _check_held(plan, folder, resume)
    begun = os.path.exists(folder / LAST)
    earlier = None if start is None or begun else earlier_parameters(start)
    parameters = None if begun else starting_parameters(plan.setup, plan.starts, earlier)
    with naming_out(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with alone_in(folder):
        _check_held(plan, folder, resume)  # again: another process may have trained here in the meantime
        _write_record(plan, folder, device, tell)
        tell(summary(plan))
        options: dict[str, Any] = {"start": parameters, "resume": resume, "progress": progress}
        return train(plan.setup, folder, configuration=plan.identity, breaks=Breaks(stop, tell=tell), **options)


def _check_held(plan: Plan, folder: Path, resume: bool) -> None:
    """Errors: as ``run_plan`` says of what lies in the folder."""
    held = held_by(folder)
    if held and not resume:
        raise FileExistsError(
            f"{folder}: holds a run already ({', '.join(held)}); continue it with --resume, or name another --out"
        )
    if RECORD in held:
        check_format(folder / RECORD)
    if LAST in held:
        text = (folder / RECORD).read_text("utf-8") if RECORD in held else plan.identity
        other = differences(text, plan.identity)
        if other:
            raise ValueError(
                f"{folder / RECORD}: of a run of another configuration; {'; '.join(other)}; "
                "resume with that run's options, or choose a new --out"
            )
    elif _has_trained(folder, held):
        raise ValueError(
            f"{folder}: has what a run stored, but its {LAST} is gone, so that it cannot be continued; "
            "put it back, or name another --out"
        )


def _has_trained(folder: Path, held: list[str]) -> bool:
    """Whether a folder without a checkpoint has more than what precedes the first one: the row of epoch 0, and best."""
    row = last_row(folder)
    return (BEST in held or METRICS in held) if row is None else row["epoch"] > 0


def _write_record(plan: Plan, folder: Path, device: str, tell: Callable[[str], None]) -> None:
    """Write run.json of a run that begins; of one that is prolonged or shortened, the number of epochs."""
    path, epochs = folder / RECORD, plan.setup.options.epochs
    if not (folder / LAST).exists() or not path.exists():
        threads = {"threads": plan.setup.engine.threads}
        record = {"format": RECORD_FORMAT} | plan.record | {"environment": environment(device) | threads}
    else:
        record = json.loads(path.read_text("utf-8"))
        row = last_row(folder)
        reached = 0 if row is None else row["epoch"]
        if epochs < reached:
            tell(f"{folder}: has {reached} epochs already, {epochs} were asked for: there is nothing to train")
        told = (epochs, plan.record["deviations"])  # older versions stored no deviations
        if epochs < reached or told == (record["training"]["epochs"], record.get("deviations")):
            return
        record["training"]["epochs"], record["deviations"] = told
    write_atomically(path, (json.dumps(record, indent=2) + "\n").encode())


def held_by(folder: Path) -> list[str]:
    """The files of a run that a folder holds; none where it cannot be looked into."""
    return [name for name in (RECORD, METRICS, LAST, BEST, PARTIAL) if os.path.exists(folder / name)]


def continuation(run: Run) -> str:
    """Where a run that was stopped stands; "" if it was not."""
    if run.paused is None:
        return ""
    epoch, step, steps = run.paused
    where = f"in epoch {epoch} after {step} of {steps} steps" if step else f"after epoch {epoch - 1}"
    return f"stopped {where}; to continue, give the same command with --resume"


def earlier_parameters(start: Path) -> Params:
    """The parameters of the best checkpoint of an earlier run's folder, or of a checkpoint file.

    Errors: FileNotFoundError if there is none; else as ``load_checkpoint``.
    """
    path = start / BEST if start.is_dir() else start
    if not path.is_file():
        asked = "the folder of an earlier run or a checkpoint file"
        raise FileNotFoundError(f"start: expected {asked}, there is no checkpoint {path}; name another --start")
    return load_checkpoint(path).params


def summary(plan: Plan) -> str:
    """What is about to be trained, in a few lines."""
    record: dict[str, Any] = plan.record
    sizes = ", ".join(f"{name} {value:,}" for name, value in record["data"].items() if isinstance(value, int))
    return (
        f"{plan.experiment.title} ({plan.experiment.source}), "
        f"configuration {plan.configuration}, preset {plan.preset}\n"
        f"data: {sizes}\n"
        f"{record['weights']:,} weights, {record['n_terms']:,} likelihood terms: "
        f"{record['weights_per_term']:.3g} weights a term; epochs: {plan.setup.options.epochs}"
        + "".join(f"\n  differs: {sentence}" for sentence in record["deviations"])
    )
