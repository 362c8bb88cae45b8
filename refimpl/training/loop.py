"""Training: epochs of ELBO steps with clipping and Adam, a row of metrics and a checkpoint after each.

A run is fixed by its setup: noise, order and offsets are drawn by (seed, step) and (seed, epoch), so that a run resumed
from its checkpoint continues bit for bit. Losses and parameters are read from the device once per interval; if one is
not finite, the interval is replayed to name the first tensor that is not, and the last good checkpoint stays.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array, to_host
from refimpl.models.network import States
from refimpl.models.occurring import draw_occurring, occurring
from refimpl.models.parameters import Params, check_params, initialise, parameter_shapes
from refimpl.models.sample import Noise, draw_noise
from refimpl.training.adam import AdamState, adam_init
from refimpl.training.batches import Batch
from refimpl.training.diverged import Diverged, first_bad_tensor, is_finite
from refimpl.training.elbo import Step, elbo_step
from refimpl.training.learning_rate import learning_rate
from refimpl.training.metrics import Row, best_row, metrics_row, out_of_patience
from refimpl.training.problem import epoch_batches, n_terms, steps_per_epoch
from refimpl.training.run_folder import LAST, restore, store
from refimpl.training.setup import Setup, check_setup
from refimpl.training.warmup import kl_weight

READ_INTERVAL = 16  # steps between two reads of the loss

Progress = Callable[[int, int, int, float], None]  # epoch, step of the epoch, steps of the epoch, nll so far


class State(NamedTuple):
    """Everything that changes from step to step."""

    params: Params
    adam: AdamState
    carried: States | None = None  # h and c of a stateful model, within an epoch


class Run(NamedTuple):
    """What a run ends with."""

    params: Params
    rows: list[Row]
    best_epoch: int | None


@np.errstate(over="ignore", divide="ignore", invalid="ignore")  # what is not finite is found and named below
def train(
    setup: Setup,
    folder: Path,
    *,
    configuration: str = "null",
    start: Params | None = None,
    resume: bool = False,
    progress: Progress = lambda *_: None,
) -> Run:
    """Train; write metrics.jsonl, last.safetensors and best.safetensors (best validation) into the folder.

    start: parameters to begin with in place of random ones. resume: continue from last.safetensors, or begin if there
    is none. configuration: a JSON text stored in each checkpoint; a checkpoint with another one is refused.
    Errors: Diverged (a FloatingPointError) with the name of the first bad tensor; ValueError on what cannot be trained,
    TypeError on parameters of another dtype, both before anything is written; OSError if the folder cannot be written.
    """
    recipe, problem, options = check_setup(setup)[:3]
    if resume and (folder / LAST).is_file():
        params, adam, rows = restore(folder, recipe, configuration, setup.xp)
        state = State(_of_the_run(params, setup), adam)
    else:
        params = initialise(recipe, setup.seed, setup.dtype, setup.xp) if start is None else start
        check_params(params, recipe)
        params = _of_the_run(params, setup)
        state = State(params, adam_init(params))
        rows = [_row(setup, state, 0, None, 0.0)]
        store(folder, rows, state.params, state.adam, configuration, best=True)
    for epoch in range(rows[-1]["epoch"] + 1, options.epochs + 1):
        if out_of_patience(rows, problem.metric, options.patience):
            break
        began = time.perf_counter()
        state, nll = train_epoch(setup, state, epoch, progress)
        rows.append(_row(setup, state, epoch, nll, time.perf_counter() - began))
        best = best_row(rows, problem.metric)
        is_best = best is None or best["epoch"] == epoch
        store(folder, rows, state.params, state.adam, configuration, best=is_best)
    best = best_row(rows, problem.metric)
    return Run(state.params, rows, None if best is None else best["epoch"])


def _of_the_run(params: Params, setup: Setup) -> Params:
    """The parameters in the order of the recipe: the norm of the gradient is summed in it, and a file has another."""
    ordered = setup.engine.keep({name: params[name] for name in parameter_shapes(setup.recipe)})
    for name, value in ordered.items():
        if value.dtype.name != setup.dtype:
            raise TypeError(f"{name}: expected dtype {setup.dtype} (that of the run), got {value.dtype.name}; cast it")
    return ordered


def train_epoch(setup: Setup, state: State, epoch: int, progress: Progress) -> tuple[State, float]:
    """One epoch: the new state, and the mean NLL per term over its stochastic steps."""
    total = steps_per_epoch(setup.problem)
    batches = epoch_batches(setup.problem, seed=setup.seed, epoch=epoch, dtype=setup.dtype, xp=setup.xp)
    state = state._replace(carried=None)
    nll_sum, scored = 0.0, 0
    kept, unread = _keep(setup, state), list[tuple[Batch, Array]]()
    for index, batch in enumerate(batches, start=1):
        state, step = train_step(setup, state, batch, epoch)
        unread.append((batch, step.loss.nll))
        if len(unread) == READ_INTERVAL or index == total:
            values = to_host(setup.xp.stack([nll for _, nll in unread])).tolist()
            after = (step.loss.total, *state.params.values(), *state.adam.v.values())
            if not math.isfinite(sum(values)) or not is_finite(*after):
                _explain(setup, kept, [b for b, _ in unread], epoch)
            sizes = [b.y.size for b, _ in unread]
            nll_sum += sum(value * size for value, size in zip(values, sizes, strict=True))
            scored += sum(sizes)
            progress(epoch, index, total, nll_sum / scored)
            if index < total:
                kept, unread = _keep(setup, state, kept), []
    return state, nll_sum / scored


def _keep(setup: Setup, state: State, into: State | None = None) -> State:
    """A state that outlasts the next steps, to replay them if they diverge; in the memory of one that is not needed."""
    memory = (None, None, None) if into is None else (into.params, into.adam.m, into.adam.v)
    params, m, v = map(setup.engine.keep, (state.params, state.adam.m, state.adam.v), memory)
    return state._replace(params=params, adam=state.adam._replace(m=m, v=v))


def train_step(setup: Setup, state: State, batch: Batch, epoch: int) -> tuple[State, Step]:
    """Noise, ELBO gradient, clipping, Adam.

    With the fast engine the state that was given is used up, and the step's arrays are valid until the next step.
    """
    recipe, problem, options, engine = *setup[:3], setup.engine
    with engine.step():
        rows, x, drawn = _draw(setup, batch, state.adam.step)
        step = elbo_step(
            state.params,
            drawn,
            batch._replace(x=x),
            recipe,
            n_terms=n_terms(problem),
            kl_weight=kl_weight(epoch, options.warmup),
            l2=options.l2,
            states=state.carried,
            rows=rows,
            engine=engine,
        )
        rate = learning_rate(epoch, options.learning_rate, options.learning_rate_drops)
        params, adam = engine.update(
            state.params, step.grads, state.adam, clip_norm=options.clip_norm, learning_rate=rate
        )
    return State(params, adam, step.outputs.states if problem.stateful else None), step


def _draw(setup: Setup, batch: Batch, step: int) -> tuple[Array | None, Array, Noise]:
    """The rows of the vocabulary to compute with (None: all), the ids among them, and the noise."""
    recipe, engine = setup.recipe, setup.engine
    options: dict[str, Any] = {"seed": setup.seed, "step": step, "dtype": setup.dtype}
    options |= {"normal": engine.normal, "bernoulli": engine.bernoulli}
    found = occurring(batch.x, recipe.vocabulary) if engine.occurring_rows else None
    if found is None:
        return None, batch.x, draw_noise(recipe, *batch.x.shape, xp=setup.xp, **options)
    return (
        found.rows,
        found.places,
        draw_occurring(recipe, found.rows, *batch.x.shape, normal_rows=engine.normal_rows, **options),
    )


def _explain(setup: Setup, state: State, batches: list[Batch], epoch: int) -> None:
    """Replay an interval from its start and raise Diverged with the first tensor that is not finite."""
    remedy = "the last checkpoint is kept; try a smaller learning rate or a lower clip norm"
    for batch in batches:
        before = _keep(setup, state)
        state, step = train_step(setup, state, batch, epoch)
        bad = first_bad_tensor(before.params, step, state.params, state.adam)
        if bad is not None:
            place = f"epoch {epoch}, step {before.adam.step + 1}"
            raise Diverged(f"training diverged in {place}: {bad} is the first tensor that is not finite; {remedy}")
    raise Diverged(f"training diverged in epoch {epoch}: a loss was not finite, and is when repeated; {remedy}")


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
