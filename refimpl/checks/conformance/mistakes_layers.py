"""Mistakes in single layers: slopes of activations, multipliers shared where they should not be."""

from collections.abc import Callable

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Case, Config, Given, Mistake, quantity
from refimpl.checks.conformance.wrapping import Plant, by_answers, by_array
from refimpl.layers.activations import HARD_SIGMOID_SLOPE

ACTIVATIONS = ("sigmoid", "hard_sigmoid", "tanh", "softmax")
MULTIPLIERS = ("multiplier", "multiplier_x", "multiplier_h_in", "multiplier_h_out", "multiplier_gates", "factor")
SIXTH = 1.0 / 1.2


def _slope(op: str, y: Array) -> Array:
    """What is taken for dy/da: of the sigmoid y, of tanh 1 - y, of softmax the diagonal, of the hard one no corners."""
    slopes = {"sigmoid": y, "hard_sigmoid": HARD_SIGMOID_SLOPE, "tanh": 1.0 - y, "softmax": y * (1.0 - y)}
    return slopes[op]


def _wrong_slope(op: str) -> Mistake:
    def change(config: Config, given: Given, answers: Answers) -> Answers:
        return {"grad.input.a": (given["cotangent.y"] * _slope(op, answers["out.y"])).astype(given["input.a"].dtype)}

    words = {
        "sigmoid": "y in place of y (1 - y)",
        "hard_sigmoid": "the slope is 0.2 also where it is cut off",
        "tanh": "1 - y in place of 1 - y^2",
        "softmax": "the diagonal alone",
    }
    name = op.replace("_", "-")
    return Mistake(f"{name}-slope", "slope", f"derivative of {name}: {words[op]}", _is(op), by_answers(change))


def _is(op: str) -> Callable[[Case], bool]:
    return lambda case: case.op == op


def _shared(axis_size: Callable[[Array], int], axis: int) -> Plant:
    """The first entry of the axis for all of it; its gradient is the sum of theirs."""

    def select(name: str, array: Array) -> bool:
        return name.startswith("input.") and quantity(name) in MULTIPLIERS and axis_size(array) > 1

    def change(array: Array) -> Array:
        return np.repeat(array.take([0], axis=axis), array.shape[axis], axis=axis)

    def back(gradient: Array) -> Array:
        summed = np.zeros_like(gradient)
        first = tuple(slice(0, 1) if n == axis % gradient.ndim else slice(None) for n in range(gradient.ndim))
        summed[first] = gradient.sum(axis=axis, keepdims=True)
        return summed

    return by_array(select, change, back)


def _gates(array: Array) -> int:
    return int(array.shape[1]) if array.ndim == 3 else 1


def _objects(array: Array) -> int:
    return int(array.shape[0])


def _has(size: Callable[[Array], int]) -> Callable[[Case], bool]:
    def applies(case: Case) -> bool:
        found = [a for n, a in case.given.items() if n.startswith("input.") and quantity(n) in MULTIPLIERS]
        return any(size(array) > 1 for array in found)

    return applies


LAYER_MISTAKES = (
    *(_wrong_slope(op) for op in ACTIVATIONS),
    Mistake(
        "hard-sigmoid-sixth",
        "nonlinearity",
        "a / 6 + 0.5 (PyTorch, Keras 3) in place of 0.2 a + 0.5",
        _is("hard_sigmoid"),
        by_array(lambda name, array: name == "input.a", lambda a: SIXTH * a, lambda g: SIXTH * g),
    ),
    Mistake(
        "multiplier-shared-by-gates",
        "multiplier-sharing",
        "one multiplier for all gates",
        _has(_gates),
        _shared(_gates, 1),
    ),
    Mistake(
        "multiplier-shared-by-objects",
        "multiplier-sharing",
        "one multiplier for all objects",
        _has(_objects),
        _shared(_objects, 0),
    ),
)
