"""Standard normal prior: KL(N(mu, sigma^2) || N(0, 1)) = -log sigma + (sigma^2 + mu^2) / 2 - 1/2, exact."""

import math
from typing import NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.kl.arguments import KLGrads, check_arguments, check_cotangent


class StandardNormalCache(NamedTuple):
    mu: Array
    sigma2_minus_1: Array


def kl_standard_normal_forward(mu: Array, log_sigma: Array) -> tuple[Array, StandardNormalCache]:
    """KL of each weight, in nats; infinite where mu^2 / 2 cannot be represented.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.NORMAL.F1, KL.NORMAL.F2 (Kingma and Welling 2014, appendix B; S002; 2018 code, config "N").
    Errors: ValueError on unequal shapes, TypeError on a mix of dtypes.
    """
    xp = check_arguments(mu, log_sigma)
    largest = 0.999 * math.sqrt(float(xp.finfo(mu.dtype).max))
    half_root = math.sqrt(0.5) * mu
    overflows = (half_root.real > largest) | (half_root.real < -largest)
    half_root = xp.where(overflows, 1.0, half_root)
    half_mu2 = xp.where(overflows, math.inf, half_root * half_root)  # [KL.NORMAL.F1]
    sigma2_minus_1 = xp.expm1(2.0 * log_sigma)
    kl = 0.5 * sigma2_minus_1 - log_sigma + half_mu2  # [KL.NORMAL.F2]
    return kl, StandardNormalCache(mu, sigma2_minus_1)


def kl_standard_normal_backward(dkl: Array | float, cache: StandardNormalCache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number.

    Equations: KL.NORMAL.B1, KL.NORMAL.B2.
    Errors: ValueError or TypeError if dkl's shape or dtype is not that of mu.
    """
    dkl = check_cotangent(dkl, cache.mu)
    return KLGrads(
        mu=dkl * cache.mu,  # [KL.NORMAL.B1]
        log_sigma=dkl * cache.sigma2_minus_1,  # [KL.NORMAL.B2]
    )
