"""refimpl's side: the step of its own training loop, by either engine."""

from typing import Any

from refimpl.benchmarks.contenders import BETA1, Arrays, Inputs, params_of
from refimpl.benchmarks.traits import Plan
from refimpl.benchmarks.workloads import setup_of
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.engines import make_engine
from refimpl.training.environment import environment
from refimpl.training.epoch import State, train_step
from refimpl.training.setup import Setup

ENGINE = {"refimpl": "fast", "reference": "reference"}


def with_engine(setup: Setup, name: str, threads: int) -> Setup:
    """The setup with the engine of that name."""
    engine = make_engine(name, setup.recipe, setup.problem.batch, threads=threads, xp=setup.xp)
    return setup._replace(engine=engine)


class RefimplStep:
    """``step`` is ``train_step`` as the loop calls it."""

    def __init__(self, plan: Plan, inputs: Inputs, engine: str) -> None:
        self.setup = with_engine(setup_of(plan.workload, plan.seed), engine, plan.threads)
        params = {name: inputs[key] for name, key in params_of(inputs).items()}
        self.state = State(params, adam_init(params))
        self.batch = Batch(inputs["x"], inputs["y"], inputs["mask"] if "mask" in inputs.files else None)

    def step(self) -> float:
        self.state, step = train_step(self.setup, self.state, self.batch, 1)
        return float(step.loss.total)

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        """The noise is not read: it is what the first step of this seed draws by itself."""
        loss = self.step()
        return loss, {name: m / (1.0 - BETA1) for name, m in self.state.adam.m.items()}

    def environment(self) -> dict[str, Any]:
        return environment("cpu")


def make(plan: Plan, inputs: Inputs, name: str) -> RefimplStep:
    """The contender "refimpl" or "reference"."""
    return RefimplStep(plan, inputs, ENGINE[name])
