"""Part: what the host spends: on a launch, and on a training step until all its work is handed over."""

import tomllib
from types import ModuleType
from typing import Any

import numpy as np

from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import find_workloads
from refimpl.fast.cuda.noise import uniform
from refimpl.noise import Draw
from validation.gpu.device import ROOT, Context, timings
from validation.gpu.findings import ABSENT, NOTE, Findings, Row
from validation.gpu.steps import RefimplOnDevice

KIND = {"character": "characters", "word": "words", "text": "texts"}  # of budgets.toml
COUNTED_STEPS = 4  # time steps of a step there


def overhead(context: Context, findings: Findings) -> None:
    """Single calls, then whole steps of each workload by either engine."""
    xp, repeat = context.xp, 3 if context.dry else 300
    for name, call in calls(xp, context.kernels).items():
        findings.probe(f"call: {name}", lambda f=call: timings(xp, f, repeat=repeat) | {"status": NOTE})
    size = "tiny" if context.dry else "paper"
    for name in ("small", "imdb") if context.dry else ("small", "char", "word", "imdb"):
        workload = find_workloads(name, size)[0]
        for engine in ("fast", "reference"):
            if engine == "fast" and not context.kernels:
                findings.add(f"step: {name}, fast", ABSENT, why="no g++")
                continue
            findings.probe(f"step: {name}, {engine}", lambda w=workload, e=engine: step(w, e, context.dry, xp))


def calls(xp: ModuleType, kernels: bool) -> dict[str, Any]:
    """One call each, on arrays so small that only handing over costs."""
    x, W = xp.zeros((20, 256), dtype="float32"), xp.zeros((256, 256), dtype="float32")
    y, host = xp.empty_like(x), np.zeros(5000, dtype="int32")
    found = {
        "empty_like": lambda: xp.empty_like(x),
        "a view": lambda: x[:, 1:],
        "x + x": lambda: x + x,
        "add with out": lambda: xp.add(x, x, out=y),
        "tanh with out": lambda: xp.tanh(x, out=y),
        "sum": lambda: x.sum(axis=0),
        "matmul": lambda: x @ W,
        "matmul with out": lambda: xp.matmul(x, W, out=y),
        "asarray of 20 kB": lambda: xp.asarray(host),
        "get of one number": lambda: x[0, 0].get(),
    }
    return found | ({"a kernel of ours": lambda: uniform(Draw(1, "overhead"), (64,), "float32", xp)} if kernels else {})


def step(workload: Workload, engine: str, dry: bool, xp: ModuleType) -> Row:
    """Host and wall time of a step; the first close to the second means that the device waits for the host."""
    subject = RefimplOnDevice(workload, engine, xp)
    found = timings(xp, subject.step, repeat=1 if dry else 4, rounds=1 if dry else 3, warm_up=1 if dry else 2)
    share = found["host_us"] / found["wall_us"]
    return found | {"host_share": round(share, 3), "launches": expected_launches(workload, engine), "status": NOTE}


def expected_launches(workload: Workload, engine: str) -> dict[str, int]:
    """Of a step of this length, as counted on the stand-in for a model of its kind (tests/devices/budgets.toml)."""
    path = ROOT / "tests" / "devices" / "budgets.toml"
    row = tomllib.loads(path.read_text("utf-8"))[engine]["training_step"][KIND[workload.model]]
    more = row["by_time_step"] * (workload.steps - COUNTED_STEPS)
    return {"by_budget": row["launches"] + more, "of_noise": row["noise"]}
