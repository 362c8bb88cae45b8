"""Losses at the top of the network: a negative log-likelihood or squared error for each of N rows, summed or averaged.

The loss is a 0-d number in float64, gradients have the input's dtype. Targets have no gradient.
With probability_clip = c the probability given to the target is clipped to [c, 1 - c] and its derivative outside is 0
(the 2018 classifiers, c = 1e-6). Clipping p to [c, 1 - c] is clipping -log p to [-log(1 - c), -log c].
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_choice, check_dtypes, check_ids, check_shapes


class SoftmaxCrossEntropyCache(NamedTuple):
    p: Array  # (N, K) probabilities
    targets: Array  # (N,)
    inside: Array | None  # (N,) bool: probability of the target strictly between the clips; None: no clip
    divisor: int  # 1, or N for a mean


class BinaryCrossEntropyCache(NamedTuple):
    sign: Array  # (N,) +1 where the target is 0, -1 where it is 1
    q: Array  # (N,) probability of the other class
    inside: Array | None
    divisor: int


class SquaredErrorCache(NamedTuple):
    error: Array  # (N,)
    divisor: int


def divisor_of(reduction: str, count: int) -> int:
    """What the sum of N terms is divided by. Errors: ValueError on another reduction, or a mean of N = 0."""
    check_choice("reduction", reduction, ("mean", "sum"))
    if reduction == "sum":
        return 1
    if count == 0:
        raise ValueError('reduction: expected at least one row for "mean", got N = 0; use "sum", whose loss is then 0')
    return count


def reduce_terms(terms: Array, divisor: int) -> Array:
    """The sum of terms (N,) over the divisor, accumulated and given in double precision."""
    return terms.sum(dtype="complex128" if terms.dtype.kind == "c" else "float64") / divisor  # [LOSS.F1]


def clip_nll(nll: Array, probability_clip: float | None) -> tuple[Array, Array | None]:
    """nll (N,) for p clipped to [c, 1 - c], and where p is strictly inside; (nll, None) without a clip."""
    if probability_clip is None:
        return nll, None
    if not 0.0 < probability_clip < 0.5:
        raise ValueError(f"probability_clip: expected a number between 0 and 0.5, or None, got {probability_clip!r}")
    xp = array_module(nll)
    low, high = -math.log1p(-probability_clip), -math.log(probability_clip)
    below, above = nll.real <= low, nll.real >= high  # NaN is neither, and so stays NaN
    clipped = xp.where(below, low, xp.where(above, high, nll)).astype(nll.dtype)  # [LOSS.F2]
    return clipped, ~(below | above)


def row_cotangents(dloss: Array | float, divisor: int, inside: Array | None, like: Array) -> Array:
    """dL/d(term) of the rows: 0-d without a clip, (N,) with one; of like's dtype."""
    xp = array_module(like)
    shape = getattr(dloss, "shape", ())
    if shape != ():
        raise ValueError(f"dloss: expected a number or a 0-d array, got shape {tuple(shape)}")
    scale = xp.full((), dloss / divisor, dtype=like.dtype)  # [LOSS.B1]  full copies no number to a device
    return scale if inside is None else xp.where(inside, scale, xp.zeros_like(scale))  # [LOSS.B2]


def softmax_cross_entropy_forward(
    logits: Array, targets: Array, *, reduction: str, probability_clip: float | None = None
) -> tuple[Array, SoftmaxCrossEntropyCache]:
    """Negative log-likelihood (nats) of the targets under softmax(logits).

    Shapes: logits (N, K), targets (N,) integers in [0, K) -> loss 0-d.
    Dtype: logits floating; loss float64. One (N, K) array is made, the probabilities.
    Equations: CE.F1-F2, LOSS.F1-F2; reduction "sum" or "mean", the likelihood term of S004 eq. 10 and 13 (S000).
    Errors: ValueError on a wrong shape, reduction or clip, or a mean of N = 0; IndexError if a target is not in [0, K).
    """
    xp = array_module(logits, targets)
    check_dtypes(logits=logits)
    sizes = check_shapes({"logits": (logits, "N K"), "targets": (targets, "N")})
    check_ids("targets", targets, sizes["K"])
    divisor = divisor_of(reduction, sizes["N"])
    p = logits - logits.real.max(axis=1, keepdims=True)  # the real shift cancels; p is ours, and is changed in place
    at_target = p[xp.arange(sizes["N"]), targets]
    xp.exp(p, out=p)
    total = p.sum(axis=1)
    p /= total[:, None]  # [CE.F1]
    nll, inside = clip_nll(xp.log(total) - at_target, probability_clip)  # [CE.F2]
    return reduce_terms(nll, divisor), SoftmaxCrossEntropyCache(p, targets, inside, divisor)


def softmax_cross_entropy_backward(dloss: Array | float, cache: SoftmaxCrossEntropyCache) -> Array:
    """dlogits (N, K) given dloss, a number or 0-d array. Equations: CE.B1, LOSS.B1-B2."""
    p, targets, inside, divisor = cache
    xp = array_module(p)
    dnll = row_cotangents(dloss, divisor, inside, p)
    dlogits = p * (dnll if inside is None else dnll[:, None])
    dlogits[xp.arange(len(p)), targets] -= dnll  # [CE.B1]  each row has one target, so no cell is met twice
    return dlogits


def binary_cross_entropy_forward(
    logits: Array, targets: Array, *, reduction: str, probability_clip: float | None = None
) -> tuple[Array, BinaryCrossEntropyCache]:
    """Negative log-likelihood (nats) of targets 0 or 1, with P(1) = sigmoid(logit).

    -log P(target) = softplus(v), v = logit where the target is 0 and -logit where it is 1; nothing overflows and both
    tails keep their relative accuracy.
    Shapes: logits (N,), targets (N,) integers 0 or 1 -> loss 0-d.
    Dtype: logits floating; loss float64.
    Equations: BCE.F1-F3, LOSS.F1-F2.
    Errors: as softmax_cross_entropy_forward.
    """
    xp = array_module(logits, targets)
    check_dtypes(logits=logits)
    sizes = check_shapes({"logits": (logits, "N"), "targets": (targets, "N")})
    check_ids("targets", targets, 2)
    divisor = divisor_of(reduction, sizes["N"])
    sign = 1.0 - 2.0 * targets.astype(logits.dtype)
    v = sign * logits  # [BCE.F1]
    positive = v.real > 0.0
    minus_abs = xp.where(positive, -v, v)  # analytic on either side
    nll = xp.where(positive, v, xp.zeros_like(v)) + xp.log1p(xp.exp(minus_abs))  # [BCE.F2]
    q = xp.exp(v - nll)  # [BCE.F3]  sigmoid(v)
    clipped, inside = clip_nll(nll, probability_clip)
    return reduce_terms(clipped, divisor), BinaryCrossEntropyCache(sign, q, inside, divisor)


def binary_cross_entropy_backward(dloss: Array | float, cache: BinaryCrossEntropyCache) -> Array:
    """dlogits (N,) given dloss, a number or 0-d array. Equations: BCE.B1, LOSS.B1-B2."""
    sign, q, inside, divisor = cache
    return sign * q * row_cotangents(dloss, divisor, inside, q)  # [BCE.B1]


def squared_error_forward(y: Array, targets: Array, *, reduction: str) -> tuple[Array, SquaredErrorCache]:
    """(y - t)^2, summed or averaged; no factor 1/2, so the mean is the MSE and its root the RMSE of S004 table 1.

    Shapes: y and targets (N,) -> loss 0-d.
    Dtype: one floating dtype; loss float64.
    Equations: SE.F1, LOSS.F1.
    Errors: ValueError on a wrong shape or reduction, or a mean of N = 0; TypeError on a mix of dtypes.
    """
    array_module(y, targets)
    check_dtypes(y=y, targets=targets)
    sizes = check_shapes({"y": (y, "N"), "targets": (targets, "N")})
    divisor = divisor_of(reduction, sizes["N"])
    error = y - targets
    return reduce_terms(error * error, divisor), SquaredErrorCache(error, divisor)  # [SE.F1]


def squared_error_backward(dloss: Array | float, cache: SquaredErrorCache) -> Array:
    """dy (N,) given dloss, a number or 0-d array. Equations: SE.B1, LOSS.B1."""
    return 2.0 * cache.error * row_cotangents(dloss, cache.divisor, None, cache.error)  # [SE.B1]
