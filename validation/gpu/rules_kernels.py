"""Rules of the truth table: kernels in CUDA C, what they are handed and what a launch may ask for."""

import warnings
from types import ModuleType
from typing import Any

import numpy as np

from validation.gpu.findings import ABSENT, FAILED, OK, Row
from validation.gpu.rules import Rule, listed, single

BYTES = "handed over as 8 bytes, whatever the kernel expects"
SILENT = "the kernel sees memory, not strides"
SOURCE = """
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i];
}
extern "C" __global__ void is_null(const float* x, float* y) { y[0] = x == 0 ? 1.0f : 0.0f; }
extern "C" __global__ void of_int(float* y, int n) { y[0] = (float)n; }
extern "C" __global__ void of_float(float* y, float a) { y[0] = a; }
extern "C" __global__ void of_bool(float* y, bool a, bool b) { y[0] = a ? 1.0f : 0.0f; y[1] = b ? 1.0f : 0.0f; }
"""
GRID = 'extern "C" __global__ void blocks_of(float* y) { if (blockIdx.x + threadIdx.x == 0) y[0] = (float)gridDim.x; }'


def run(xp: ModuleType, name: str, args: Any, threads: int = 4, shared_mem: int = 0, granted: int = 0) -> Any:
    """Launch a kernel of SOURCE; what its second last array, or its only one, holds then."""
    kernel = xp.RawKernel(SOURCE, name, options=("--std=c++17",), enable_cooperative_groups=False)
    if granted:
        kernel.max_dynamic_shared_size_bytes = granted
    kernel((2,), (threads,), args, shared_mem=shared_mem)
    arrays = [x for x in args if isinstance(x, xp.ndarray)]
    return listed(arrays[-1])


def _twice(xp: ModuleType, x: Any, n: int = 3, **options: int) -> Any:
    return run(xp, "twice", (x, xp.zeros(3, dtype="float32"), np.int32(n)), **options)


KERNEL_RULES = (
    Rule("a kernel runs", lambda xp: _twice(xp, single(xp, 3)), "[2.0, 4.0, 6.0]"),
    Rule("a host array as argument", lambda xp: _twice(xp, np.ones(3, dtype="float32")), "raises TypeError"),
    Rule(
        "a strided array as argument",
        lambda xp: _twice(xp, single(xp, 6)[::2]),
        "[2.0, 4.0, 6.0]",
        "raises TypeError",
        SILENT,
    ),
    Rule(
        "np.uint64(0) is a null pointer",
        lambda xp: run(xp, "is_null", (np.uint64(0), xp.zeros(1, dtype="float32"))),
        "[1.0]",
    ),
    Rule("np.int32 for int", lambda xp: run(xp, "of_int", (xp.zeros(1, dtype="float32"), np.int32(-5))), "[-5.0]"),
    Rule(
        "a Python int for int",
        lambda xp: run(xp, "of_int", (xp.zeros(1, dtype="float32"), 5)),
        "[5.0]",
        "raises TypeError",
        BYTES,
    ),
    Rule(
        "a Python float for float",
        lambda xp: run(xp, "of_float", (xp.zeros(1, dtype="float32"), 2.0)),
        "[0.0]",  # the low half of the double 2.0
        "raises TypeError",
        BYTES,
    ),
    Rule(
        "np.bool_ for bool",
        lambda xp: run(xp, "of_bool", (xp.zeros(2, dtype="float32"), np.bool_(True), np.bool_(False))),
        "[1.0, 0.0]",
    ),
    Rule("1025 threads a block", lambda xp: _twice(xp, single(xp, 3), threads=1025), "raises"),
    Rule("60 KiB of shared memory, not granted", lambda xp: _twice(xp, single(xp, 3), shared_mem=60 << 10), "raises"),
    Rule(
        "60 KiB of shared memory, granted",
        lambda xp: _twice(xp, single(xp, 3), shared_mem=60 << 10, granted=60 << 10),
        "[2.0, 4.0, 6.0]",
    ),
)


def cooperative_grid(xp: ModuleType) -> Row:
    """More blocks than fit: CuPy takes fewer, and only warns. That the plans' grids fit is what this is about."""
    if xp.__name__ != "cupy":
        return {"status": ABSENT}
    kernel = xp.RawKernel(GRID, "blocks_of", enable_cooperative_groups=True)
    y = xp.zeros(1, dtype="float32")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            kernel((1 << 20,), (1024,), (y,))
        except Exception as error:
            return {"status": FAILED, "expected": "a warning", "found": f"raises {type(error).__name__}: {error}"}
    words = [str(w.message)[:100] for w in caught]
    blocks = int(y.get()[0])
    fewer = 0 < blocks < 1 << 20 and bool(words)
    return {
        "status": OK if fewer else FAILED,
        "expected": "fewer blocks, and a warning",
        "blocks": blocks,
        "said": words,
    }
