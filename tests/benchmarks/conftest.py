"""A record as a benchmark makes it, small and made up; and the arrays that a worker reads."""

from typing import Any

import pytest

from refimpl.benchmarks.measure import SEED
from refimpl.benchmarks.summary import summarise
from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import GROWTH, GROWTH_CENTRE, find_workloads, make_batch, make_params

TIMES = {"refimpl": (2.0, 3.0, 4.0), "torch": (1.0, 2.0, 4.0), "gemm": (1.0, 1.0, 1.0)}
PEAKS = {"refimpl": 50.0, "torch": 200.0, "gemm": 10.0}


def block(wall: float, others: float | None = 0.0) -> dict[str, Any]:
    return {"wall": wall, "cpu": wall, "steps": 1, "others": others, "tries": 1}


def contender(name: str, factor: float, others: float | None = 0.0) -> dict[str, Any]:
    pool = {"user_api": "blas", "internal_api": "openblas", "version": "0.3", "architecture": "Zen"}
    environment = {"versions": {"numpy": "2.4"}, "blas": [pool]} if name != "torch" else {"versions": {"torch": "2.13"}}
    blocks = [block(factor * wall, others) for wall in TIMES[name]]
    return {"blocks": blocks, "peak_mb": PEAKS[name], "pinned": [0], "environment": environment}


def row_of(workload: Workload, threads: int = 1, factor: float = 1.0, others: float | None = 0.0) -> dict[str, Any]:
    """refimpl's times are multiplied by the factor."""
    factors = {"refimpl": factor, "torch": 1.0, "gemm": 1.0}
    return {
        "workload": workload._asdict(),
        "threads": threads,
        "agreement": {"torch": {"loss": 1e-8, "gradients": {"lstm.b": 2e-6, "output.b": 1e-7}, "holds": True}},
        "failed": {},
        "contenders": summarise({name: contender(name, factors[name], others) for name in TIMES}, 0.15),
    }


def record_of(*rows: dict[str, Any], growth: bool = False) -> dict[str, Any]:
    return {
        "date": "2026-11-22T10:00",
        "refimpl": "0.1.0",
        "machine": {"processor": "A processor", "processors": 2, "memory": "1 kB", "system": "Linux"},
        "growth_centre": GROWTH_CENTRE["tiny"]._asdict() if growth else None,
        "absent": {"jax": "no package jax in python"},
        "rows": list(rows),
    }


@pytest.fixture
def record():
    return record_of(row_of(find_workloads("char", "tiny")[0]))


@pytest.fixture
def growth_record():
    """Time grows with the square of the size."""
    centre = GROWTH_CENTRE["tiny"]
    rows = []
    for workload in find_workloads(GROWTH, "tiny"):
        size = workload.steps * workload.batch * workload.hidden / (centre.steps * centre.batch * centre.hidden)
        rows += [row_of(workload, threads, size**2 / threads) for threads in (1, 2)]
    return record_of(*rows, growth=True)


@pytest.fixture
def make():
    """row_of and record_of, for tests that build their own records."""
    return row_of, record_of


class Inputs(dict):
    """Arrays by name, as a file of NumPy has them."""

    @property
    def files(self) -> list[str]:
        return list(self)


@pytest.fixture
def inputs_of():
    """A function that makes the arrays of a workload."""

    def make_inputs(workload: Workload) -> Inputs:
        batch = {key: value for key, value in make_batch(workload, SEED)._asdict().items() if value is not None}
        params = {f"param/{key}": value for key, value in make_params(workload, SEED).items()}
        return Inputs(params | batch)

    return make_inputs
