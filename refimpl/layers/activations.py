"""Elementwise nonlinearities, and softmax: sigmoid, hard sigmoid, tanh; each maps an array a to y of the same shape.

Each function has one input, so its backward function gives back da itself.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes

HARD_SIGMOID_SLOPE, HARD_SIGMOID_OFFSET = 0.2, 0.5  # Theano's and Keras 1-2's; the 2018 classifiers use it for gates


class SigmoidCache(NamedTuple):
    y: Array


class HardSigmoidCache(NamedTuple):
    slope: Array  # dy/da: 0.2 inside, 0 where y stands still at 0 or 1


class TanhCache(NamedTuple):
    y: Array


class SoftmaxCache(NamedTuple):
    y: Array  # (..., K)


def _check_cotangent(dy: Array, like: Array) -> None:
    check_shapes({"dy": (dy, " ".join(map(str, like.shape)))})
    check_dtypes(y=like, dy=dy)


def sigmoid_forward(a: Array) -> tuple[Array, SigmoidCache]:
    """Logistic sigmoid y = 1 / (1 + exp(-a)).

    Shapes: a of any shape -> y of the same shape.
    Dtype: one floating dtype. The form by tanh cannot overflow; its error is absolute (a rounding of 1), not relative.
    Equations: SIGMOID.F1 (the sigm of S004 eq. 11).
    Errors: TypeError if a is not floating.
    """
    xp = array_module(a)
    check_dtypes(a=a)
    y = xp.tanh(0.5 * a)
    y *= 0.5
    y += 0.5  # [SIGMOID.F1]  y = tanh(a / 2) / 2 + 1 / 2, in one array
    return y, SigmoidCache(y)


def sigmoid_backward(dy: Array, cache: SigmoidCache) -> Array:
    """da given dy, of the same shape. Equations: SIGMOID.B1. Errors: as forward, for dy."""
    _check_cotangent(dy, cache.y)
    return dy * cache.y * (1.0 - cache.y)  # [SIGMOID.B1]


def hard_sigmoid_forward(a: Array) -> tuple[Array, HardSigmoidCache]:
    """Piecewise linear sigmoid y = clip(0.2 a + 0.5, 0, 1), saturated from |a| = 2.5 on.

    Shapes: a of any shape -> y of the same shape.
    Dtype: one floating dtype.
    Equations: HARDSIGMOID.F1 (the gates of the 2018 classifiers).
    Errors: TypeError if a is not floating.
    """
    xp = array_module(a)
    check_dtypes(a=a)
    line = HARD_SIGMOID_SLOPE * a + HARD_SIGMOID_OFFSET
    low, high = line.real <= 0.0, line.real >= 1.0  # NaN is neither, and so stays NaN
    y = xp.where(low, 0.0, xp.where(high, 1.0, line)).astype(a.dtype)  # [HARDSIGMOID.F1]
    slope = xp.where(low | high, 0.0, HARD_SIGMOID_SLOPE).astype(a.dtype)
    return y, HardSigmoidCache(slope)


def hard_sigmoid_backward(dy: Array, cache: HardSigmoidCache) -> Array:
    """da given dy: slope 0.2 strictly inside, 0 outside and on the two corners. Equations: HARDSIGMOID.B1."""
    _check_cotangent(dy, cache.slope)
    return dy * cache.slope  # [HARDSIGMOID.B1]


def tanh_forward(a: Array) -> tuple[Array, TanhCache]:
    """Hyperbolic tangent.

    Shapes: a of any shape -> y of the same shape.
    Dtype: one floating dtype.
    Equations: TANH.F1.
    Errors: TypeError if a is not floating.
    """
    check_dtypes(a=a)
    y = array_module(a).tanh(a)  # [TANH.F1]
    return y, TanhCache(y)


def tanh_backward(dy: Array, cache: TanhCache) -> Array:
    """da given dy, of the same shape. Equations: TANH.B1. Errors: as forward, for dy."""
    _check_cotangent(dy, cache.y)
    return dy * (1.0 - cache.y * cache.y)  # [TANH.B1]


def softmax_forward(a: Array) -> tuple[Array, SoftmaxCache]:
    """Softmax over the last axis, y_k = exp(a_k) / sum_j exp(a_j).

    Shapes: a (..., K), K at least 1 -> y (..., K).
    Dtype: one floating dtype. Shifting by the real maximum changes nothing but the range: exp cannot overflow.
    Equations: SOFTMAX.F1.
    Errors: ValueError if there is no last axis or it is empty, TypeError if a is not floating.
    """
    xp = array_module(a)
    check_dtypes(a=a)
    if a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"a: expected shape (..., K) with K at least 1, got {tuple(a.shape)}")
    e = xp.exp(a - a.real.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)  # [SOFTMAX.F1]
    return y, SoftmaxCache(y)


def softmax_backward(dy: Array, cache: SoftmaxCache) -> Array:
    """da given dy (..., K). Equations: SOFTMAX.B1. Errors: as forward, for dy."""
    y = cache.y
    _check_cotangent(dy, y)
    return y * (dy - (dy * y).sum(axis=-1, keepdims=True))  # [SOFTMAX.B1]
