"""Part: how the device rounds, and whether it gives the same bits twice."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from refimpl.arrays import scatter_add
from refimpl.fast.cuda.update import squared_norm
from refimpl.noise import Draw, normal, words
from validation.gpu.device import Context
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row

RANGES = {  # where each function is tried
    "exp": (-80.0, 80.0),
    "tanh": (-10.0, 10.0),
    "log": (1e-6, 1e6),
    "sin": (-6.3, 6.3),
    "cos": (-6.3, 6.3),
    "sqrt": (0.0, 1e6),
    "log1p": (-0.99, 1e3),
    "expm1": (-20.0, 20.0),
}
# CUDA C++ Programming Guide, "Mathematical Functions": at most 2 ulp for each of these; and the value of NumPy is
# itself up to 1 ulp off where the host has no wider type than float64
MOST_ULPS = 4.0
TF32_ERROR = 1e-4  # TF32 keeps 10 bits, an error near 1e-3; float32 sums of 1000 products stay near 1e-6


def numerics(context: Context, findings: Findings) -> None:
    """Rounding of functions, precision of products, determinism."""
    xp, count = context.xp, 1_000 if context.dry else 1_000_000
    for name, (low, high) in RANGES.items():
        for dtype in ("float32", "float64"):
            findings.probe(f"ulp: {name} {dtype}", lambda n=name, d=dtype, a=low, b=high: ulps(n, d, a, b, count, xp))
    size = 32 if context.dry else 1024
    for dtype in ("float32", "float64"):
        findings.probe(f"product: {dtype}", lambda d=dtype: product_error(size, d, xp))
    runs = 3 if context.dry else 30
    for name, (function, must) in repeated(size, xp).items():
        if not context.kernels and name.startswith("kernel"):
            findings.add(f"determinism: {name}", ABSENT, why="no g++")
            continue
        findings.probe(f"determinism: {name}", lambda f=function, m=must: determinism(f, runs, m))


def ulps(name: str, dtype: str, low: float, high: float, count: int, xp: ModuleType) -> Row:
    """The largest and mean distance from NumPy's value in the widest type of the host."""
    x = np.linspace(low, high, count).astype(dtype)
    exact = getattr(np, name)(x.astype("longdouble"))
    found = getattr(xp, name)(xp.asarray(x)).get().astype("longdouble")
    off = np.abs(found - exact) / np.spacing(np.abs(exact).astype(dtype)).astype("longdouble")
    worst = int(np.argmax(off))
    values = {"largest_ulp": float(off[worst]), "mean_ulp": float(off.mean()), "at": float(x[worst])}
    return values | {"status": OK if values["largest_ulp"] <= MOST_ULPS else FAILED}


def product_error(size: int, dtype: str, xp: ModuleType) -> Row:
    """A product against NumPy in float64; this is where TF32 would show."""
    a, b = (normal(Draw(1, name), (size, size), dtype) for name in "ab")
    exact = a.astype("float64") @ b.astype("float64")
    found = (xp.asarray(a) @ xp.asarray(b)).get()
    error = float(np.abs(found - exact).max() / np.abs(exact).max())
    limit = TF32_ERROR if dtype == "float32" else 1e-12
    return {"relative_error": error, "limit": limit, "status": OK if error <= limit else FAILED}


def repeated(size: int, xp: ModuleType) -> dict[str, tuple[Callable[[], Any], bool]]:
    """What is done over and over, and whether it must give the same bits each time."""
    a = xp.asarray(normal(Draw(1, "repeated"), (size, size), "float32"))
    rows = xp.asarray((words(Draw(1, "rows"), size * size) % 10).astype("int64"))
    many = xp.asarray((words(Draw(1, "rows"), size) % (size - 1)).astype("int64"))
    work: dict[str, tuple[Callable[[], Any], bool]] = {
        "matmul": (lambda: a @ a, True),
        "matmul of few rows": (lambda: a[:3] @ a, True),
        "sum": (lambda: a.sum(), True),
        "sum over the first axis": (lambda: a.sum(axis=0), True),
        "sum in float64": (lambda: a.sum(dtype="float64"), True),
        "scatter_add, few rows": (lambda: scatter_add(rows[:size], a, 10), True),
        "scatter_add, many rows": (lambda: scatter_add(many, a, 2 * size + 300), True),
        "kernel squared_norm": (lambda: squared_norm(a), True),
    }
    if xp.__name__ == "cupy":  # the stand-in refuses these
        work |= {
            "add.at": (lambda: _add_at(rows, a.reshape(-1), xp), False),
            "cumsum": (lambda: xp.cumsum(a), False),
            "add.reduceat": (lambda: xp.add.reduceat(a.reshape(-1), xp.arange(0, size * size, size)), False),
        }
    return work


def _add_at(rows: Any, values: Any, xp: ModuleType) -> Any:
    out = xp.zeros(10, dtype=values.dtype)
    xp.add.at(out, rows, values)
    return out


def determinism(function: Callable[[], Any], runs: int, must: bool) -> Row:
    """How many different results there are."""
    different = len({function().get().tobytes() for _ in range(runs)})
    status = NOTE if not must else OK if different == 1 else FAILED
    return {"status": status, "runs": runs, "different_results": different}
