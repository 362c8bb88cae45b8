"""Part: the reference engine and the fast one on the device, against each other and against NumPy.

Whole training steps from the same parameters: loss, every gradient, and the parameters after clipping and Adam. The
error of a leaf is max |difference| / max |value|.
"""

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl import noise
from refimpl.arrays import to_host
from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import make_batch, setup_of
from refimpl.fast.cuda import noise as cuda_noise
from refimpl.models.parameters import initialise
from refimpl.noise import Draw
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.engines import make_engine
from refimpl.training.epoch import State, train_step
from refimpl.training.problem import epoch_batches
from refimpl.training.setup import Setup
from tests.training import tiny
from validation.gpu.device import Context, to_device
from validation.gpu.findings import ABSENT, FAILED, OK, Findings, Row

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
WORKLOADS = (  # larger than tiny, smaller than paper: each in float64 too, and fast on the host
    Workload("char", "character", "LCCL", 50, 200, 30, 40, 100_000),
    Workload("char, all z", "character", "LLLL", 50, 96, 20, 16, 100_000),
    Workload("char, standard normal", "character", "NLRN", 40, 65, 20, 17, 100_000),
    Workload("word", "word", "LCRL", 2_000, 130, 20, 32, 50_000),
    Workload("imdb", "text", "LLLLLL", 1_000, 70, 40, 33, 1_000, embedding=60),
)
SEED = 3


class Case(NamedTuple):
    """A setup in float64, and a batch on the host."""

    name: str
    setup: Setup
    batch: Batch


def agreement(context: Context, findings: Findings) -> None:
    """Models of the benchmark's kinds, and those of the tests, which have masks, hard sigmoids and two layers."""
    engines = ("reference", "fast") if context.kernels else ("reference",)
    for case in cases(context.dry):
        for dtype in TOLERANCE:
            for name in engines:
                findings.probe(
                    f"{case.name}, {name} on the device, {dtype}",
                    lambda c=case, d=dtype, n=name: compare(c, d, n, context.xp),
                )
    if not context.kernels:
        findings.add("fast engine, draws", ABSENT, why="no g++ to compile CUDA text for the CPU")
        return
    for dtype in TOLERANCE:
        findings.probe(f"draws, {dtype}", lambda d=dtype: draws(d, 1_000 if context.dry else 3_000_001, context.xp))


def cases(dry: bool) -> list[Case]:
    """All models."""
    found = []
    for workload in () if dry else WORKLOADS:
        found.append(Case(workload.name, setup_of(workload, SEED), make_batch(workload, SEED)))
    for kind in tiny.KINDS:
        setup = tiny.setup(kind)
        found.append(Case(f"tests, {kind}", setup, next(iter(epoch_batches(setup.problem, seed=SEED, epoch=1)))))
    return found


def start(case: Case, dtype: str, xp: ModuleType) -> State:
    """Nothing is at its starting value, and nothing explodes: log sigma and means spread a little."""
    host = initialise(case.setup.recipe, SEED, dtype)
    for name, value in host.items():
        value += np.asarray(0.1, dtype=dtype) * noise.normal(Draw(SEED, f"spread.{name}"), value.shape, dtype)
    params = host if xp is np else to_device(host, xp)
    return State(params, adam_init(params))


def step(case: Case, dtype: str, engine: str, xp: ModuleType) -> dict[str, np.ndarray[Any, Any]]:
    """Loss, gradients and new parameters of one step, on the host."""
    setup = case.setup._replace(dtype=dtype, xp=xp)
    made = make_engine(engine, setup.recipe, setup.problem.batch, threads=1, xp=xp)
    batch = case.batch if xp is np else to_device(case.batch, xp)
    state, done = train_step(setup._replace(engine=made), start(case, dtype, xp), batch, 1)
    found = {f"gradient of {name}": to_host(value) for name, value in done.grads.items()}
    found |= {f"new {name}": to_host(value) for name, value in state.params.items()}
    return found | {name: np.asarray(to_host(getattr(done.loss, name))) for name in ("total", "nll", "kl")}


def compare(case: Case, dtype: str, engine: str, xp: ModuleType) -> Row:
    """The device against NumPy's reference; the fast engine also against the reference on the same device."""
    found = step(case, dtype, engine, xp)
    against = {"numpy": step(case, dtype, "reference", np)}
    if engine == "fast":
        against["reference_there"] = step(case, dtype, "reference", xp)
    row: Row = {"limit": TOLERANCE[dtype]}
    worst = 0.0
    for name, expected in against.items():
        loss, gradient, updated = (_worst(found, expected, kind) for kind in ("", "gradient of ", "new "))
        row[f"against_{name}"] = {"loss": loss, "gradient": gradient, "parameter": updated}
        # an update is the sign of a gradient at first: where that is noise, so is the sign; it is told, not judged
        worst = max(worst, loss[1], gradient[1])
    return row | {"largest_relative_error": worst, "status": OK if worst <= TOLERANCE[dtype] else FAILED}


def _worst(found: dict[str, Any], expected: dict[str, Any], kind: str) -> tuple[str, float]:
    names = [n for n in expected if (n.startswith(kind) if kind else " " not in n)]
    errors = {name: relative_error(found[name], expected[name]) for name in names}
    name = max(errors, key=errors.__getitem__)
    return name, errors[name]


def relative_error(found: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """max |difference| / max |value|; infinite if a shape or dtype differs, or a number is not finite."""
    if found.shape != expected.shape or found.dtype != expected.dtype or not np.all(np.isfinite(found)):
        return float("inf")
    scale = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(found - expected), initial=0.0)) / (scale or 1.0)


def draws(dtype: str, count: int, xp: ModuleType) -> Row:
    """Uniforms and masks bit for bit, by the kernels and by array operations; normals by their largest distance."""
    draw, shape = Draw(2**64 - 1, "gpu", 2**64 - 1), (count,)
    equal = {
        "uniform": np.array_equal(
            cuda_noise.uniform(draw, shape, dtype, xp).get(), expected := noise.uniform(draw, shape, dtype)
        ),
        "uniform_by_arrays": np.array_equal(noise.uniform(draw, shape, dtype, xp).get(), expected),
        "bernoulli": np.array_equal(
            cuda_noise.bernoulli(draw, shape, 0.3, dtype, xp).get(), noise.bernoulli(draw, shape, 0.3, dtype)
        ),
    }
    host = noise.normal(draw, shape, dtype)
    row: Row = {"count": count, "bit_equal": equal}
    for name, function in (("kernel", cuda_noise.normal), ("arrays", noise.normal)):
        found = function(draw, shape, dtype, xp).get()
        row[f"normal_by_{name}_ulp"] = float(np.max(np.abs(found - host) / np.spacing(np.abs(host))))
    return row | {"status": OK if all(equal.values()) else FAILED}
