"""Carry out a plan: the run's folder with run.json, metrics.jsonl and checkpoints."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from refimpl.experiments.plan import Plan, start_from
from refimpl.models.parameters import Params
from refimpl.training.checkpoint import load_checkpoint, write_atomically
from refimpl.training.environment import environment
from refimpl.training.loop import Progress, Run, train
from refimpl.training.run_folder import BEST, LAST, METRICS
from refimpl.training.setup import check_setup

RECORD = "run.json"


def run_plan(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    start: Path | None = None,
    device: str = "cpu",
    progress: Progress = lambda *_: None,
    tell: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train a plan in a folder. resume: continue the run that the folder holds, or begin where it holds none.

    Errors: FileExistsError if the folder holds a run and resume is not asked for; else as ``loop.train``.
    """
    check_setup(plan.setup)
    held = [name for name in (RECORD, METRICS, LAST) if (folder / name).exists()]
    if held and not resume:
        raise FileExistsError(
            f"{folder}: holds a run already ({', '.join(held)}); continue it with --resume, or name another --out"
        )
    parameters = None if start is None else earlier_parameters(start, plan)
    folder.mkdir(parents=True, exist_ok=True)
    engine = plan.setup.engine
    record = plan.record | {"environment": environment(device) | {"threads": engine.threads}}
    if not (folder / LAST).exists():
        write_atomically(folder / RECORD, (json.dumps(record, indent=2) + "\n").encode())
    tell(summary(plan))
    return train(plan.setup, folder, configuration=plan.identity, start=parameters, resume=resume, progress=progress)


def earlier_parameters(start: Path, plan: Plan) -> Params:
    """Starting values from the best checkpoint of an earlier run's folder, or from a checkpoint file."""
    path = start / BEST if start.is_dir() else start
    setup = plan.setup
    return start_from(load_checkpoint(path).params, setup.recipe, setup.seed, setup.dtype, setup.xp)


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
    )
