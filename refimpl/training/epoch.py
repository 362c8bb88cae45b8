"""An epoch: ELBO steps with clipping and Adam, read from the device once per interval.

If a loss or a parameter is not finite, the interval is replayed to name the first tensor that is not.
"""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from refimpl.arrays import Array, to_host
from refimpl.models.network import States
from refimpl.models.occurring import draw_occurring, occurring
from refimpl.models.parameters import Params
from refimpl.models.sample import Noise, draw_noise
from refimpl.training.adam import AdamState
from refimpl.training.batches import Batch
from refimpl.training.diverged import Diverged, first_bad_tensor, is_finite
from refimpl.training.elbo import Step, elbo_step
from refimpl.training.learning_rate import learning_rate
from refimpl.training.problem import epoch_batches, n_terms, steps_per_epoch
from refimpl.training.setup import Setup
from refimpl.training.warmup import kl_weight

READ_INTERVAL = 16  # steps between two reads of the loss

Progress = Callable[[int, int, int, float], None]  # epoch, step of the epoch, steps of the epoch, nll so far


class State(NamedTuple):
    """Everything that changes from step to step."""

    params: Params
    adam: AdamState
    carried: States | None = None  # h and c of a stateful model, within an epoch


class Sums(NamedTuple):
    """How far an epoch has come."""

    batches: int = 0
    nll: float = 0.0  # summed over the terms, nats
    terms: int = 0
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """NLL per term, nats."""
        return self.nll / self.terms


NOTHING = Sums()


def train_epoch(setup: Setup, state: State, epoch: int, progress: Progress) -> tuple[State, float]:
    """One epoch: the new state, and the mean NLL per term over its stochastic steps."""
    total = steps_per_epoch(setup.problem)
    sums = NOTHING
    for after, done in intervals(setup, state, epoch):
        state, sums = after, done
        progress(epoch, sums.batches, total, sums.mean)
    return state, sums.mean


def intervals(setup: Setup, state: State, epoch: int, sums: Sums = NOTHING) -> Iterator[tuple[State, Sums]]:
    """Train what is left of an epoch of which sums is done; state and sums after each read of the loss."""
    total = steps_per_epoch(setup.problem)
    batches = epoch_batches(setup.problem, seed=setup.seed, epoch=epoch, dtype=setup.dtype, xp=setup.xp)
    if sums.batches == 0:
        state = state._replace(carried=None)
    kept, unread = _keep(setup, state), list[tuple[Batch, Array]]()
    for index, batch in enumerate(islice(batches, sums.batches, None), start=sums.batches + 1):
        state, step = train_step(setup, state, batch, epoch)
        unread.append((batch, step.loss.nll))
        if len(unread) == READ_INTERVAL or index == total:
            values = to_host(setup.xp.stack([nll for _, nll in unread])).tolist()
            after = (step.loss.total, *state.params.values(), *state.adam.v.values())
            if not math.isfinite(sum(values)) or not is_finite(*after):
                _explain(setup, kept, [b for b, _ in unread], epoch)
            sizes = [b.y.size for b, _ in unread]
            nll = sums.nll + sum(value * size for value, size in zip(values, sizes, strict=True))
            sums = sums._replace(batches=index, nll=nll, terms=sums.terms + sum(sizes))
            yield state, sums
            if index < total:
                kept, unread = _keep(setup, state, kept), []


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
