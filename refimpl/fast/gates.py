"""Gate activations and their slopes, in place; gates stand in front: (4, B, H), order i, f, g, o."""

import numpy as np

from refimpl.arrays import Array
from refimpl.layers.activations import HARD_SIGMOID_OFFSET, HARD_SIGMOID_SLOPE


def activate(a: Array, minus_b: Array, kind: str, g: int | None) -> None:
    """Turn preactivations into gates, a <- s(a + b); tanh(a + b) at index g of the first axis, if there is one.

    One exponential serves sigmoid and tanh: tanh(a) = 2 s(2 a) - 1. Its error is absolute, a rounding of 1, as that of
    the reference's sigmoid.
    """
    if kind == "hard_sigmoid":
        a -= minus_b
        if g is not None:
            np.tanh(a[g], out=a[g])
        for gates in (a,) if g is None else (a[:g], a[g + 1 :]):
            gates *= HARD_SIGMOID_SLOPE
            gates += HARD_SIGMOID_OFFSET
            np.clip(gates, 0.0, 1.0, out=gates)
        return
    np.subtract(minus_b, a, out=a)
    if g is not None:
        a[g] *= 2.0
    np.exp(a, out=a)  # may overflow to infinity: its reciprocal is then 0, as it should be
    a += 1.0
    np.reciprocal(a, out=a)
    if g is not None:
        a[g] *= 2.0
        a[g] -= 1.0


def gate_slope(y: Array, kind: str, out: Array) -> None:
    """out <- ds/da as a function of y = s(a), from 0 to 1."""
    np.subtract(1.0, y, out=out)
    out *= y
    if kind == "hard_sigmoid":
        np.ceil(out, out=out)  # y (1 - y) is above 0 strictly inside: 1 there, 0 at both ends
        out *= HARD_SIGMOID_SLOPE
