"""Part: training steps of the benchmark's workloads on the GPU, against PyTorch with cuDNN on the same one."""

import gc
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from refimpl.arrays import to_host
from refimpl.benchmarks.agreement import GRADIENT_TOLERANCE, LOSS_TOLERANCE, relative_difference
from refimpl.benchmarks.contenders import BETA1
from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import describe, find_workloads, first_noise, make_batch, make_params, setup_of
from refimpl.training.adam import adam_init
from refimpl.training.engines import make_engine
from refimpl.training.epoch import State, train_step
from validation.gpu.device import Context, free_memory, peak_reserved_mb, synchronise, to_device
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row

SEED = 1
NAMES = ("char", "word", "imdb", "small")
ROUNDS = 7
BLOCK_SECONDS = 0.25  # of a round, at least one step
WARM_UP = 3
WANT_NOISE = ("torch", "torch-tf32")  # the others draw the same by themselves
INEXACT = ("torch-tf32",)

FirstStep = tuple[float, dict[str, Any]]
Maker = Callable[[Workload], Any]


@lru_cache(maxsize=1)
def host_params(workload: Workload) -> dict[str, Any]:
    """Parameters, the same for all contenders; each copies them."""
    return make_params(workload, SEED)


@lru_cache(maxsize=1)
def host_noise(workload: Workload) -> Any:
    """The noise that refimpl's first step draws."""
    return first_noise(workload, SEED)


class RefimplOnDevice:
    """``train_step`` as the loop calls it; the loss stays on the device."""

    def __init__(self, workload: Workload, engine: str, xp: ModuleType) -> None:
        self.xp, self.name = xp, engine
        setup = setup_of(workload, SEED)
        made = make_engine(engine, setup.recipe, setup.problem.batch, threads=1, xp=xp)
        self.setup = setup._replace(xp=xp, engine=made)
        params = to_device(host_params(workload), xp)
        self.state = State(params, adam_init(params))
        self.batch = to_device(make_batch(workload, SEED), xp)

    def step(self) -> Any:
        self.state, step = train_step(self.setup, self.state, self.batch, 1)
        return step.loss.total

    def first_step(self) -> tuple[float, dict[str, Any]]:
        """Loss, and the clipped gradient as Adam saw it."""
        loss = float(to_host(self.step()))
        return loss, {name: to_host(m) / (1.0 - BETA1) for name, m in self.state.adam.m.items()}

    def synchronise(self) -> None:
        synchronise(self.xp)

    def peak_mb(self) -> dict[str, float | None]:
        return {"peak_reserved_mb": peak_reserved_mb(self.xp)}

    def forget(self) -> None:
        """Give back what nobody uses, so that peaks are one's own."""
        gc.collect()
        free_memory(self.xp)


def steps(context: Context, findings: Findings) -> None:
    """Each workload: agreement on one step from the same noise, then times in turns of those that agree."""
    makers = contenders(context, findings)
    for name in NAMES[:2] if context.dry else NAMES:
        workload = find_workloads(name, "tiny" if context.dry else "paper")[0]
        agreed = that_agree(workload, makers, findings)
        findings.probe(f"{name}: times", lambda w=workload, a=agreed: times(w, a, context))


def that_agree(workload: Workload, makers: dict[str, Maker], findings: Findings) -> dict[str, Maker]:
    """The contenders whose first step is that of the first of them, the reference; of TF32 it is told, not asked."""
    expected: FirstStep | None = None
    agreed: dict[str, Maker] = {}
    for name, make in makers.items():
        try:
            subject = make(workload)
            found = subject.first_step(host_noise(workload)) if name in WANT_NOISE else subject.first_step()
            row = agrees(found, expected)
        except Exception as error:
            row = {"status": FAILED, "error": f"{type(error).__name__}: {str(error)[:500]}"}
        else:
            expected = expected or found
            if name in INEXACT and row["status"] == FAILED:
                row["status"] = NOTE
            if row.get("status") != FAILED:
                agreed[name] = make
        findings.add(f"{workload.name}: one step, {name}", row.pop("status", OK), **row)
    return agreed


def contenders(context: Context, findings: Findings) -> dict[str, Maker]:
    """The reference first: the others are compared with it."""
    found: dict[str, Maker] = {"reference": lambda w: RefimplOnDevice(w, "reference", context.xp)}
    if context.kernels:
        found["fast"] = lambda w: RefimplOnDevice(w, "fast", context.xp)
    if context.dry:
        findings.add("PyTorch with cuDNN", ABSENT)
        return found
    try:
        torch_on_gpu = import_module("validation.gpu.torch_on_gpu")
    except ImportError as error:
        findings.add("PyTorch with cuDNN", NOTE, why=f"not compared: {error}")
        return found
    if not torch_on_gpu.available():
        findings.add("PyTorch with cuDNN", NOTE, why="not compared: this PyTorch has no CUDA device")
        return found
    found["torch"] = lambda w: torch_on_gpu.make(w, host_params(w), SEED, tf32=False)
    found["torch-tf32"] = lambda w: torch_on_gpu.make(w, host_params(w), SEED, tf32=True)
    return found


def agrees(found: FirstStep, expected: FirstStep | None) -> Row:
    """Loss, and gradients in the 2-norm, against the reference's, within the limits of ``refimpl bench``."""
    if expected is None:
        return {"loss": found[0]}
    loss = abs(found[0] - expected[0]) / abs(expected[0])
    errors = {name: relative_difference(name, np.asarray(found[1][name]), g) for name, g in expected[1].items()}
    worst = max(errors, key=errors.__getitem__)
    holds = loss <= LOSS_TOLERANCE and errors[worst] <= GRADIENT_TOLERANCE
    status = OK if holds else FAILED
    return {"status": status, "loss_relative_error": loss, "worst_gradient": worst, "relative_error": errors[worst]}


def times(workload: Workload, makers: dict[str, Maker], context: Context) -> Row:
    """Medians over rounds of a step's wall time, in turns whose order alternates; then peaks, one after the other."""
    rounds = 2 if context.dry else ROUNDS
    found, counts = in_turns({name: make(workload) for name, make in makers.items()}, rounds, context.dry)
    row: Row = {"sizes": describe(workload), "rounds": rounds}
    for name, values in found.items():
        row[name] = {"median_ms": statistics.median(values), "least_ms": min(values), "most_ms": max(values)}
        row[name]["steps_of_a_round"] = counts[name]
    for name in found:
        ratios = [a / b for a, b in zip(found[name], found["fast"], strict=True)] if "fast" in found else []
        row[name]["times_of_fast"] = statistics.median(ratios) if ratios else None
    for name, make in makers.items():
        row[name] |= peak(workload, make)
    return row | {"status": NOTE}


def in_turns(subjects: dict[str, Any], rounds: int, dry: bool) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Milliseconds of a step by contender and round, and the steps of a round. Keeps no contender alive."""
    found = {name: list[float]() for name in subjects}
    counts: dict[str, int] = {}
    for name, subject in subjects.items():
        block_ms(subject, 1 if dry else WARM_UP)
        counts[name] = 1 if dry else max(int(BLOCK_SECONDS * 1e3 / block_ms(subject, 1)), 1)
    for turn in range(rounds):
        order = list(subjects)
        for name in order if turn % 2 == 0 else order[::-1]:
            found[name].append(block_ms(subjects[name], counts[name]))
    return found, counts


def block_ms(subject: Any, count: int) -> float:
    """Wall time of a step, over so many: the host hands them over without waiting, then waits once."""
    subject.synchronise()
    began = time.perf_counter()
    for _ in range(count):
        subject.step()
    subject.synchronise()
    return (time.perf_counter() - began) / count * 1e3


def peak(workload: Workload, make: Maker) -> Row:
    """Memory of a contender alone, over a few steps."""
    subject = make(workload)
    subject.forget()
    block_ms(subject, 2)
    values: Row = subject.peak_mb()
    return values
