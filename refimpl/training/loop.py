"""Training: epochs, a row of metrics and a checkpoint after each, and every few minutes a checkpoint within one.

A run is fixed by its setup: noise, order and offsets are drawn by (seed, step) and (seed, epoch), so that a run resumed
from its checkpoint continues bit for bit. If it diverges, the last good checkpoint stays.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refimpl.models.parameters import Params, check_params, initialise, parameter_shapes
from refimpl.training.adam import adam_init
from refimpl.training.epoch import Progress, State, Sums, intervals
from refimpl.training.metrics import Row, best_row, metrics_row, out_of_patience
from refimpl.training.partial import Partial, load_partial, save_partial
from refimpl.training.problem import steps_per_epoch
from refimpl.training.run_folder import LAST, restore, store
from refimpl.training.setup import Setup, check_setup
from refimpl.training.warmup import kl_weight


class Run(NamedTuple):
    """What a run ends with."""

    params: Params
    rows: list[Row]
    best_epoch: int | None
    paused: tuple[int, int, int] | None = None  # stopped in that epoch, after so many of so many steps; None: finished


class Breaks(NamedTuple):
    """Where a run may be broken off and taken up again; nothing of it enters the results."""

    stop: Callable[[], bool] = lambda: False  # asked between two reads of the loss: whether to store and stop
    seconds: float = 300.0  # between checkpoints within an epoch
    tell: Callable[[str], None] = lambda _: None  # why a checkpoint within an epoch is not used


UNBROKEN = Breaks()


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # what is not finite is found and named below
def train(
    setup: Setup,
    folder: Path,
    *,
    configuration: str = "null",
    start: Params | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
    breaks: Breaks = UNBROKEN,
) -> Run:
    """Train; write metrics.jsonl, last.safetensors and best.safetensors (best validation) into the folder.

    start: parameters to begin with in place of random ones. resume: continue from last.safetensors, and within an epoch
    from partial.safetensors, or begin if there is none. configuration: a JSON text stored in each checkpoint; a
    checkpoint with another one is refused.
    Errors: Diverged (a FloatingPointError) with the name of the first bad tensor; ValueError on what cannot be trained,
    TypeError on parameters of another dtype, both before anything is written; OSError if the folder cannot be written.
    """
    recipe, problem, options = check_setup(setup)[:3]
    total = steps_per_epoch(problem)
    sums = Sums()
    if resume and (folder / LAST).is_file():
        state, rows, sums = _resumed(setup, folder, configuration, breaks)
    else:
        params = initialise(recipe, setup.seed, setup.dtype, setup.xp) if start is None else start
        check_params(params, recipe)
        params = _of_the_run(params, setup)
        state = State(params, adam_init(params))
        rows = [_row(setup, state, 0, None, 0.0)]
        store(folder, rows, state.params, state.adam, configuration, best=True)
    paused = None
    for epoch in range(rows[-1]["epoch"] + 1, options.epochs + 1):
        if out_of_patience(rows, problem.metric, options.patience):
            break
        if not breaks.stop():
            state, sums = _train_epoch(setup, state, epoch, sums, progress, folder, configuration, breaks)
        if sums.batches < total:
            paused = epoch, sums.batches, total
            break
        rows.append(_row(setup, state, epoch, sums.mean, sums.seconds))
        best = best_row(rows, problem.metric)
        is_best = best is None or best["epoch"] == epoch
        store(folder, rows, state.params, state.adam, configuration, best=is_best)
        sums = Sums()
    best = best_row(rows, problem.metric)
    return Run(state.params, rows, None if best is None else best["epoch"], paused)


def _resumed(setup: Setup, folder: Path, configuration: str, breaks: Breaks) -> tuple[State, list[Row], Sums]:
    """State, rows and sums of the run in a folder, within an epoch where it was stored there."""
    params, adam, rows = restore(folder, setup.recipe, configuration, setup.xp)
    place: dict[str, Any] = {"epochs": rows[-1]["epoch"], "step": adam.step, "batches": steps_per_epoch(setup.problem)}
    partial, reason = load_partial(folder, setup.recipe, configuration, **place, xp=setup.xp)
    if reason:
        breaks.tell(reason)
    if partial is None:
        return State(_of_the_run(params, setup), adam), rows, Sums()
    return State(_of_the_run(partial.params, setup), partial.adam, partial.carried), rows, partial.sums


def _of_the_run(params: Params, setup: Setup) -> Params:
    """The parameters in the order of the recipe: the norm of the gradient is summed in it, and a file has another."""
    ordered = setup.engine.keep({name: params[name] for name in parameter_shapes(setup.recipe)})
    for name, value in ordered.items():
        if value.dtype.name != setup.dtype:
            raise TypeError(f"{name}: expected dtype {setup.dtype} (that of the run), got {value.dtype.name}; cast it")
    return ordered


def _train_epoch(
    setup: Setup,
    state: State,
    epoch: int,
    sums: Sums,
    progress: Progress,
    folder: Path,
    configuration: str,
    breaks: Breaks,
) -> tuple[State, Sums]:
    """The rest of an epoch, with checkpoints within it; fewer batches than the epoch has if it was told to stop."""
    total = steps_per_epoch(setup.problem)
    written = time.perf_counter()
    began = written - sums.seconds
    for after, done in intervals(setup, state, epoch, sums):
        now = time.perf_counter()
        state, sums = after, done._replace(seconds=now - began)
        progress(epoch, sums.batches, total, sums.mean)
        stop = sums.batches < total and breaks.stop()
        if stop or (sums.batches < total and now - written >= breaks.seconds):
            partial = Partial(state.params, state.adam, state.carried, sums)
            save_partial(folder, partial, setup.recipe, epoch - 1, configuration)
            written = now
        if stop:
            break
    return state, sums


def _row(setup: Setup, state: State, epoch: int, nll: float | None, seconds: float) -> Row:
    options = setup.options
    return metrics_row(
        state.params,
        setup.recipe,
        setup.problem,
        epoch=epoch,
        nll=nll,
        kl_weight=kl_weight(max(epoch, 1), options.warmup),
        seconds=seconds,
        scored=epoch % options.evaluate_every == 0 or epoch == options.epochs,
        samples=options.samples,
        seed=setup.seed,
        engine=setup.engine,
    )
