"""Automatic relevance determination: the prior N(0, 1/tau) of each weight, with its best tau.

    min over tau of KL(N(mu, sigma^2) || N(0, 1/tau)) = 1/2 log(1 + 1/alpha),   at tau = 1 / (mu^2 + sigma^2)

S002 prints it with a minus sign: that is -KL.
"""

from typing import NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.log1p import log1p
from refimpl.bayes.kl.ratio import RatioCache, ratio_backward, ratio_forward


class ARDCache(NamedTuple):
    ratio: RatioCache
    q: Array


def kl_ard_forward(mu: Array, log_sigma: Array, *, log_alpha_clip: float | None) -> tuple[Array, ARDCache]:
    """KL of each weight, in nats.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.ARD.F1 (S002, "ARD"; MacKay 1992; Tipping 2001).
    Errors: as ratio_forward.
    """
    q, tail, ratio = ratio_forward(mu, log_sigma, log_alpha_clip)
    kl = 0.5 * log1p(q * q) + tail  # [KL.ARD.F1]
    return kl, ARDCache(ratio, q)


def kl_ard_backward(dkl: Array | float, cache: ARDCache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number.

    Equations: KL.ARD.B1; dKL/dmu = mu / (mu^2 + sigma^2).
    """
    q = cache.q
    slope = q / (1.0 + q * q)  # [KL.ARD.B1]
    return ratio_backward(dkl, slope, cache.ratio)
