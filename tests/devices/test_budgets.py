"""What a training step may ask of a device, counted on the stand-in: launches, reads, copies; see ``budgets.toml``.

A cost by time step is the difference between T and 2 T steps, over T, so that what is done once does not count.
"""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import strict_cupy as xp
from strict_cupy import Stats, recording

from refimpl.fast.cuda import lstm_recurrence as cuda
from refimpl.layers.lstm_recurrence import (
    LSTMState,
    RecurrenceMultipliers,
    RecurrenceParams,
    recurrence_backward,
    recurrence_forward,
)
from refimpl.models.parameters import initialise
from refimpl.noise import Draw, normal
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.device_engine import device_engine
from refimpl.training.engine import REFERENCE
from refimpl.training.epoch import State, train_step
from tests.training import tiny

BUDGETS = tomllib.loads(Path(__file__).with_name("budgets.toml").read_text("utf-8"))
STEPS, B, H = 4, 3, 5


class Counted(NamedTuple):
    """An engine whose work is counted: its recurrence, and the engine that a setup takes."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    engine: Any


ENGINES = {
    "reference": Counted(recurrence_forward, recurrence_backward, REFERENCE),
    "fast": Counted(cuda.recurrence_forward, cuda.recurrence_backward, device_engine(1)),
}


def by_time_step(count: Callable[[int], int]) -> int:
    once, more = divmod(count(2 * STEPS) - count(STEPS), STEPS)
    assert more == 0, "the cost is not the same for every time step"
    return once


# The recurrence


def recurrence_inputs(steps: int, everything: bool) -> dict[str, Any]:
    def draw(name, *shape):
        return xp.asarray(normal(Draw(1, name), shape, "float32"))

    inputs: dict[str, Any] = {
        "u": draw("u", steps, B, 4, H),
        "params": RecurrenceParams(draw("W", H, 4, H), draw("b", 4, H)),
        "state": LSTMState(draw("h", B, H), draw("c", B, H)),
    }
    if everything:
        inputs["params"] = inputs["params"]._replace(peephole=draw("p", 3, H))
        inputs["multipliers"] = RecurrenceMultipliers(draw("h_in", B, 4, H), draw("h_out", B, H), draw("z", B, 4, H))
        inputs["mask"] = xp.asarray(np.arange(steps * B).reshape(steps, B) % 4 > 0)
    return inputs


def recurrence(engine: Counted, steps: int, everything: bool) -> tuple[Stats, Stats]:
    inputs = recurrence_inputs(steps, everything)
    with recording() as forward:
        outputs, cache = engine.forward(**inputs)
    with recording() as backward:
        engine.backward(outputs, cache)
    return forward, backward


@pytest.mark.parametrize("kind", ["plain", "everything"])
@pytest.mark.parametrize("name", ENGINES)
def test_launches_of_the_recurrence_by_time_step(name, kind):
    def count(steps, direction):
        return recurrence(ENGINES[name], steps, kind == "everything")[direction].launches

    found = {word: by_time_step(lambda t, i=i: count(t, i)) for i, word in enumerate(("forward", "backward"))}
    assert found == BUDGETS[name]["recurrence"][kind]


@pytest.mark.parametrize("everything", [False, True])
@pytest.mark.parametrize("name", ENGINES)
def test_the_recurrence_reads_and_copies_nothing(name, everything):
    for stats in recurrence(ENGINES[name], STEPS, everything):
        assert (stats.reads, stats.copies) == (0, 0), stats.table()


# The whole training step


def batch(kind: str, steps: int) -> Batch:
    ids = tiny.drawn_ids("budget", steps, B)
    if kind == "texts":
        return Batch(*(xp.asarray(x) for x in (ids, ids[0] % 2, np.arange(steps)[:, None] >= ids[0])))
    return Batch(xp.asarray(ids), xp.asarray(ids))


def training_step(engine: Counted, kind: str, steps: int) -> Stats:
    """The second step of a run: what is made once is made in the first."""
    setup = tiny.setup(kind)._replace(engine=engine.engine, xp=xp)
    params = initialise(setup.recipe, setup.seed, setup.dtype, xp)
    state, given = State(params, adam_init(params)), batch(kind, steps)
    state, _ = train_step(setup, state, given, 1)
    with recording(launch_sites=True) as stats:
        train_step(setup, state, given, 1)
    return stats


def launches_of_noise(stats: Stats) -> int:
    return sum(n for (what, _, place), n in stats.sites.items() if what == "launch" and place.startswith("noise.py"))


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("name", ENGINES)
def test_a_training_step(name, kind):
    """launches: of a step with STEPS time steps, without the noise; by_time_step: of them for each; noise: its own."""
    short, long = (training_step(ENGINES[name], kind, steps) for steps in (STEPS, 2 * STEPS))
    launches = {STEPS: short.launches - launches_of_noise(short), 2 * STEPS: long.launches - launches_of_noise(long)}
    found = {
        "launches": launches[STEPS],
        "by_time_step": by_time_step(launches.__getitem__),
        "noise": launches_of_noise(short),
        "reads": short.reads,
        "copies": short.copies,
    }
    assert found == BUDGETS[name]["training_step"][kind], short.table()


def test_every_row_is_measured():
    assert BUDGETS.keys() == ENGINES.keys()
    for rows in BUDGETS.values():
        assert rows.keys() == {"recurrence", "training_step"}
        assert rows["training_step"].keys() == set(tiny.KINDS)
