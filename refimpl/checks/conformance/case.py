"""What golden vectors and the cross-check are made of: cases, operations, mistakes, and the names of arrays.

A case is an operation with its options (``config``, JSON values) and arrays (``given``); its answers are arrays too:

    given    param.NAME      what is trained; of a Gaussian weight, NAME.mu and NAME.log_sigma
             input.NAME      data, states, masks, multipliers
             noise.NAME      explicit draws; an operation draws nothing itself
             cotangent.NAME  dL/d(out.NAME), where the operation's loss is L = sum over outputs of <cotangent, output>
    answers  mid.NAME        intermediate values, out.NAME outputs, grad.param.NAME and grad.input.NAME gradients of L

Where an operation has an output named loss and no cotangent of it, the gradients are those of out.loss itself.
A mistake is something that people get wrong, as a function of the computation: see ``wrapping``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refimpl.arrays import Array

Config: TypeAlias = dict[str, Any]
Given: TypeAlias = dict[str, Array]
Answers: TypeAlias = dict[str, Array]  # in the order in which a reader computes them: mid, out, grad
Compute: TypeAlias = Callable[[Config, Given], Answers]

PREFIXES = ("param.", "input.", "noise.", "cotangent.")
SUFFIXES = (".mu", ".log_sigma", "_each_step", "_each_gate")


class Case(NamedTuple):
    id: str  # "lstm-001"; never changes its meaning
    op: str  # key of OPS
    comment: str
    config: Config  # JSON values only: everything that is not an array
    given: Given  # float64, int64, bool


class Op(NamedTuple):
    name: str
    about: str  # what it computes, in a line
    compute: Compute


class Mistake(NamedTuple):
    name: str  # stable slug, "gate-order-iofg"
    kind: str  # bug type, the flag of the vectors: "gate-order"
    words: str  # what a diagnosis prints
    applies: Callable[[Case], bool]
    plant: Callable[[Compute], Compute]  # wraps, so that two compose: plant_a(plant_b(compute))


def quantity(name: str) -> str:
    """The last word of a name without prefix and suffix: "param.lstm.W_x.mu" and "noise.W_x_each_step" -> "W_x"."""
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name.rpartition(".")[2]


def difference(found: Array, expected: Array) -> float:
    """max |found - expected| / max |expected|, infinite where the shape differs or anything is not finite.

    Where everything expected is zero, 0 if all that was found is zero too, else infinite.
    """
    found, expected = np.asarray(found, dtype="float64"), np.asarray(expected, dtype="float64")
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    if found.size == 0:
        return 0.0
    most, scale = float(np.max(np.abs(found - expected))), float(np.max(np.abs(expected)))
    if scale == 0.0:
        return 0.0 if most == 0.0 else float("inf")
    return most / scale
