"""Who takes part: names, what each one needs, and how it is made in a worker."""

from importlib import import_module
from typing import Any, NamedTuple, Protocol

from refimpl.benchmarks.traits import Plan

Arrays = dict[str, Any]
BETA1 = 0.9  # Adam's; after the first step its running mean is (1 - beta1) times the gradient


class Inputs(Protocol):
    """The arrays of the driver by name, each read from disk when it is asked for."""

    files: list[str]

    def __getitem__(self, name: str) -> Any: ...


class Subject(Protocol):
    """What a worker runs: parameters, the optimiser's state and a batch."""

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        """A training step with this noise: its loss, and the clipped gradient as Adam saw it, in refimpl's layout."""

    def step(self) -> float:
        """A training step with fresh noise: its loss."""

    def environment(self) -> dict[str, Any]:
        """Versions, libraries and threads."""


class Contender(NamedTuple):
    """module has a function make(plan, inputs, name) -> Subject; package: what it needs beyond NumPy."""

    module: str
    what: str
    package: str | None = None
    checked: bool = True  # against the reference; the matrix products alone have no loss


CONTENDERS = {
    "refimpl": Contender("refimpl_step", "refimpl, the fast engine"),
    "reference": Contender("refimpl_step", "refimpl, the engine that is read"),
    "torch": Contender("torch_step", "PyTorch eager: the kernel of nn.LSTM on sampled weights, fused Adam", "torch"),
    "torch-compiled": Contender("torch_step", "the same, KL and output layer by torch.compile", "torch"),
    "torch-cell": Contender("torch_step", "PyTorch eager, the LSTM a loop over cells", "torch"),
    "jax": Contender("jax_step", "JAX: one jitted function, lax.scan, rbg random numbers, donated buffers", "jax"),
    "gemm": Contender("gemm_step", "the step's matrix products in NumPy, nothing else", checked=False),
}
REFERENCE = "reference"
GROWTH_CONTENDERS = ("refimpl", "torch", "gemm")


def make_subject(name: str, plan: Plan, inputs: Inputs) -> Subject:
    """The contender of that name."""
    module = import_module(f"refimpl.benchmarks.{CONTENDERS[name].module}")
    subject: Subject = module.make(plan, inputs, name)
    return subject


def params_of(inputs: Inputs) -> dict[str, str]:
    """The names of the parameters in the order of the recipe, with the key of each one's array."""
    prefix = "param/"
    return {key.removeprefix(prefix): key for key in inputs.files if key.startswith(prefix)}
