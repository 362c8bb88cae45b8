"""What a run will take on this machine: training steps and evaluations timed here and now, times their number.

Each kind of run (experiment, configuration, preset) is timed on stand-ins for its corpus. A step that is too long for
its share of the time is timed on fewer time steps, twice, and the rest follows: it is a constant (noise, KL and Adam of
all weights) and so much for each time step.
"""

import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.cost_stand_ins import SIZES, stand_in
from refimpl.experiments.many_jobs import start_epochs
from refimpl.experiments.paper_tables import TABLES, Row
from refimpl.models.parameters import Params, parameter_shapes
from refimpl.models.recipe import Recipe
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.engines import make_engine
from refimpl.training.epoch import State, train_step
from refimpl.training.evaluate import evaluate
from refimpl.training.problem import Problem, epoch_batches, steps_per_epoch
from refimpl.training.setup import Options, Setup

BUDGET = 25.0  # seconds for all kinds together
SHORTEST, MORE = 2, 8  # time steps, at least

Kind = tuple[str, str]  # experiment, configuration


class Cost(NamedTuple):
    """Seconds of a step and of an evaluation (validation and test), and how many time steps were timed of how many."""

    step: float
    steps_per_epoch: int
    evaluation: float
    timed: int
    length: int

    def seconds(self, epochs: int, evaluate_every: int = 1) -> float:
        """Of a run of so many epochs."""
        return epochs * self.steps_per_epoch * self.step + (1 + epochs // evaluate_every) * self.evaluation


class Listed(NamedTuple):
    """A row of a table with what it takes. seconds: of the run, and of the one that it starts from; None: no preset."""

    table: str
    row: Row
    epochs: int | None
    seconds: float | None
    start_seconds: float | None


def listed(
    preset: str,
    *,
    threads: int | None = None,
    budget: float = BUDGET,
    tell: Callable[[str, int, int], None] = lambda *_: None,
) -> list[Listed]:
    """Every row of the papers' tables with its time at a preset. tell: told of each kind, its number and how many."""
    rows = [(table.id, row) for table in TABLES.values() for row in table.rows]
    kinds = [kind for _, row in rows for kind in _kinds(row) if preset in EXPERIMENTS[kind[0]].presets]
    distinct = list(dict.fromkeys(kind for kind in kinds if kind[0] in SIZES))
    costs: dict[Kind, Cost] = {}
    deadline = time.perf_counter() + budget
    for number, kind in enumerate(distinct, start=1):
        tell("-".join(kind), number, len(distinct))
        share = (deadline - time.perf_counter()) / (len(distinct) - number + 1)
        costs[kind] = measure(kind, preset, threads=threads, budget=share)
    return [_listed(table, row, preset, costs) for table, row in rows]


def _kinds(row: Row) -> list[Kind]:
    configurations = [row.configuration] + ([row.start[0]] if row.start else [])
    return [(row.experiment, configuration) for configuration in configurations]


def _listed(table: str, row: Row, preset: str, costs: dict[Kind, Cost]) -> Listed:
    size = EXPERIMENTS[row.experiment].presets.get(preset)
    own, *first = [costs.get(kind) for kind in _kinds(row)]
    if size is None or own is None:
        return Listed(table, row, None, None, None)
    epochs, every = size.options.epochs, size.options.evaluate_every
    before = None
    if row.start is not None and first and first[0] is not None:
        before = first[0].seconds(start_epochs(row, preset), every)
    return Listed(table, row, epochs, own.seconds(epochs, every), before)


def measure(kind: Kind, preset: str, *, threads: int | None = None, budget: float = 1.0, xp: ModuleType = np) -> Cost:
    """Time a step and an evaluation of a kind; budget: seconds that this may take, about."""
    experiment = EXPERIMENTS[kind[0]]
    size = experiment.presets[preset]
    problem = stand_in(experiment, size)
    classes = len(getattr(problem.corpus, "labels", ()))
    recipe = build_recipe(experiment, kind[1], size, len(problem.corpus.vocabulary.symbols), classes)
    engine = make_engine("fast", recipe, problem.batch, threads=threads, xp=xp)
    setup = Setup(recipe, problem, Options(1), 0, "float32", xp, engine)
    params = _plain_parameters(recipe, xp)
    batch = next(epoch_batches(problem, seed=0, epoch=1, dtype="float32", xp=xp))
    step, timed = _step_seconds(setup, params, batch, budget)
    return Cost(step, steps_per_epoch(problem), _evaluation_seconds(setup, params, timed), timed, len(batch.x))


def _plain_parameters(recipe: Recipe, xp: ModuleType) -> Params:
    """Of no meaning, and made at once: orthogonal matrices would take longer than what is timed."""
    return {
        name: xp.full(shape, -3.0 if name.endswith(".log_sigma") else 0.01, dtype="float32")
        for name, shape in parameter_shapes(recipe).items()
    }


def _step_seconds(setup: Setup, params: Params, batch: Batch, budget: float) -> tuple[float, int]:
    """Seconds of a training step, and the most time steps that were timed for it."""
    length = len(batch.x)
    state = State(params, adam_init(params))

    def seconds(steps: int) -> float:
        nonlocal state
        shorter = Batch(batch.x[:steps], batch.y[:steps] if batch.y.ndim == 2 else batch.y, _first(batch.mask, steps))
        began = time.perf_counter()
        state, step = train_step(setup, state._replace(carried=None), shorter, 1)
        float(step.loss.total)  # a device is waited for
        return time.perf_counter() - began

    few, more = max(SHORTEST, length // 16), min(max(MORE, length // 8), length)
    began = time.perf_counter()
    seconds(more)  # takes memory, which later steps use again
    first, second = seconds(few), seconds(more)
    slope = max(second - first, 0.0) / max(more - few, 1)
    whole = first + slope * (length - few)
    if time.perf_counter() - began + 2.0 * whole > budget and more < length:
        return whole, more
    seconds(length)
    return seconds(length), length


def _first(mask: Array | None, steps: int) -> Array | None:
    return None if mask is None else mask[:steps]


def _evaluation_seconds(setup: Setup, params: Params, timed: int) -> float:
    """Seconds of an evaluation on validation and test: of one batch, times their number.

    Of a batch of windows or texts, 256 at once, the first steps are enough: what does not grow with them is little.
    """
    problem = setup.problem
    length = problem.length if problem.kind == "words" else min(problem.length, max(timed // 2, SHORTEST) + 1)
    part, tokens = _one_batch(problem, length)
    evaluate(params, setup.recipe, part, "test", engine=setup.engine)
    began = time.perf_counter()
    evaluate(params, setup.recipe, part, "test", engine=setup.engine)
    return (time.perf_counter() - began) * sum(_tokens(getattr(problem.corpus, s)) for s in ("valid", "test")) / tokens


def _one_batch(problem: Any, length: int) -> tuple[Problem, int]:
    """The problem with a test part of one batch of that length, and its tokens."""
    test = problem.corpus.test
    if problem.kind == "texts":
        count = min(256, len(test.targets))
        cut = test._replace(
            ids=test.ids[:count, :length], mask=test.mask[:count, :length], targets=test.targets[:count]
        )
        return problem._replace(corpus=problem.corpus._replace(test=cut)), count * length
    streams = 256 + 1 if problem.kind == "characters" else problem.batch
    count = min(len(test), streams * length + (0 if problem.kind == "characters" else problem.batch))
    shorter = problem._replace(corpus=problem.corpus._replace(test=test[:count]), length=length)
    return shorter, count


def _tokens(part: Sequence[int]) -> int:
    ids = getattr(part, "ids", part)
    return int(np.size(ids))
