"""The ratio q = mu / sigma: every KL divergence that ignores the scale of a weight is an even function of it.

    alpha = sigma^2 / mu^2 = 1 / q^2        log alpha = -log q^2

Written in q such a KL is analytic at mu = 0, where log alpha is infinite. It is then K(q), and by the chain rule

    dKL/dmu = K'(q) / sigma        dKL/dlog sigma = -q K'(q) = -mu dKL/dmu

With ``log_alpha_clip`` = c, log alpha is clipped to [-c, c] as in the 2018 code: outside, K keeps its value at the edge
and its derivative is exactly 0. Without a clip (None), |q| is held at Q_MAX, where every such K has become log|q| plus
a constant to the last bit, and the rest of the logarithm is handed out as ``tail``: so q^2 never overflows float32.
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.kl.arguments import KLGrads, check_arguments, check_cotangent

Q_MAX = 1e12  # the next term of any K is of order 1/Q_MAX^2 = 1e-24
LARGEST_CLIP = 50.0  # exp(50 / 2) < Q_MAX


class RatioCache(NamedTuple):
    mu: Array
    dq_dmu: Array  # 1 / sigma; 0 where clipped; 1 / sigma times Q_MAX / |q| in the tail


def ratio_forward(mu: Array, log_sigma: Array, log_alpha_clip: float | None) -> tuple[Array, Array | float, RatioCache]:
    """q = mu / sigma, held in range, and the tail log(|mu| / sigma / Q_MAX) where |q| is held at Q_MAX (0 elsewhere).

    The sign of q is meaningless where it is clipped. With a clip the tail is the number 0.0.
    Shapes: mu and log_sigma alike -> q and tail alike.
    Dtype: one floating dtype.
    Equations: KL.RATIO.F1, KL.RATIO.F2, KL.RATIO.F3.
    Errors: ValueError on unequal shapes or a clip out of range, TypeError on a mix of dtypes.
    Source: S004 eq. 4 (alpha); 2018 code (the clip).
    """
    xp = check_arguments(mu, log_sigma)
    inverse_sigma = xp.exp(-log_sigma)
    q = mu * inverse_sigma  # [KL.RATIO.F1]
    if log_alpha_clip is None:
        positive, negative = q.real > Q_MAX, q.real < -Q_MAX
        excess = xp.where(positive, q * (1.0 / Q_MAX), xp.where(negative, q * (-1.0 / Q_MAX), xp.ones_like(q)))
        q = xp.where(positive, Q_MAX, xp.where(negative, -Q_MAX, q))
        return q, xp.log(excess), RatioCache(mu, inverse_sigma / excess)  # [KL.RATIO.F2]
    check_log_alpha_clip(log_alpha_clip)
    most, least = math.exp(0.5 * log_alpha_clip), math.exp(-0.5 * log_alpha_clip)
    above = (q.real > most) | (q.real < -most)
    below = (q.real < least) & (q.real > -least)
    q = xp.where(above, most, xp.where(below, least, q))  # [KL.RATIO.F3]
    return q, 0.0, RatioCache(mu, xp.where(above | below, 0.0, inverse_sigma))


def check_log_alpha_clip(log_alpha_clip: float) -> None:
    """Errors: ValueError if the clip is out of range."""
    if not 0.0 < log_alpha_clip <= LARGEST_CLIP:
        raise ValueError(
            f"log_alpha_clip: expected None or a number in (0, {LARGEST_CLIP:g}], got {log_alpha_clip!r}; "
            "the 2018 code has 8.0, None does not clip"
        )


def ratio_backward(dkl: Array | float, slope: Array, cache: RatioCache) -> KLGrads:
    """Gradients through q, given slope = K'(q) and dkl = dL/dKL (an array of mu's shape, or a number for all).

    Equations: KL.RATIO.B1, KL.RATIO.B2.
    Errors: ValueError or TypeError if dkl's shape or dtype is not that of mu.
    """
    mu = check_cotangent(dkl, cache.mu) * (slope * cache.dq_dmu)  # [KL.RATIO.B1]
    return KLGrads(mu=mu, log_sigma=-cache.mu * mu)  # [KL.RATIO.B2]
