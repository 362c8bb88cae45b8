"""The CUDA C text of the kernels, by topic and dtype, with the constants that the Python twins define."""

import math
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np

from refimpl.arrays import compile_kernel
from refimpl.bayes.kl import molchanov2017, ratio, rnn2018
from refimpl.layers.activations import HARD_SIGMOID_OFFSET, HARD_SIGMOID_SLOPE
from refimpl.noise import PHILOX_MULTIPLIERS, PHILOX_ROUNDS, PHILOX_WEYL

THREADS = 256  # of a block, where the kernel does not ask for another number
MOST_BLOCKS = 4096  # a larger grid brings nothing: each thread then takes several numbers
NULL = np.uint64(0)  # an absent array: eight bytes of zero, in every version of CuPy

CONSTANTS: dict[str, dict[str, float | str]] = {
    "recurrence": {"HARD_SIGMOID_SLOPE": HARD_SIGMOID_SLOPE, "HARD_SIGMOID_OFFSET": HARD_SIGMOID_OFFSET},
    "persistent": {},
    "noise": {
        "PHILOX_ROUNDS": PHILOX_ROUNDS,
        "PHILOX_MULTIPLIER_0": f"{PHILOX_MULTIPLIERS[0]:#x}ULL",
        "PHILOX_MULTIPLIER_1": f"{PHILOX_MULTIPLIERS[1]:#x}ULL",
        "PHILOX_WEYL_0": f"{PHILOX_WEYL[0]:#x}ULL",
        "PHILOX_WEYL_1": f"{PHILOX_WEYL[1]:#x}ULL",
        "TWO_PI": 2.0 * math.pi,
    },
    "update": {
        "Q_MAX": ratio.Q_MAX,
        "SQRT_HALF": math.sqrt(0.5),
        "RNN2018_K1": rnn2018.RNN2018_K1,
        "RNN2018_K3": rnn2018.RNN2018_K3,
        "RNN2018_CONSTANT": rnn2018.RNN2018_CONSTANT,
        "RNN2018_T_FACTOR": rnn2018.T_FACTOR,
        "MOLCHANOV2017_K1": molchanov2017.MOLCHANOV2017_K1,
        "MOLCHANOV2017_K3": molchanov2017.MOLCHANOV2017_K3,
        "MOLCHANOV2017_T_FACTOR": math.exp(-molchanov2017.MOLCHANOV2017_K2),
    },
}
TOPICS = tuple(CONSTANTS)


@cache
def source(topic: str, dtype: str) -> str:
    """The text of <topic>.cu for float32 or float64.

    Errors: KeyError on an unknown topic, TypeError on another dtype.
    """
    if dtype not in ("float32", "float64"):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype}; the kernels have no other")
    single = dtype == "float32"
    head = {"REAL": "float" if single else "double", "SINGLE": int(single), **CONSTANTS[topic]}
    folder = files(__package__)
    return "\n".join(
        (
            *(f"#define {name} {value}" for name, value in head.items()),
            folder.joinpath("common.cuh").read_text("utf-8"),
            folder.joinpath(f"{topic}.cu").read_text("utf-8"),
        )
    )


def kernel(
    topic: str, name: str, dtype: str, xp: ModuleType, *, cooperative: bool = False, shared_bytes: int = 0
) -> Callable[..., None]:
    """The kernel of that name, compiled at its first launch: kernel(grid, block, args, shared_mem=bytes)."""
    return compile_kernel(source(topic, dtype), name, xp, cooperative=cooperative, shared_bytes=shared_bytes)


def launch(run: Callable[..., None], count: int, args: tuple[Any, ...]) -> None:
    """One thread a number, or a stride where they are many; no launch for none."""
    if count:
        run((min(-(-count // THREADS), MOST_BLOCKS),), (THREADS,), args)
