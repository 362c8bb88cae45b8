"""Log-uniform prior, approximation of Molchanov, Ashukha and Vetrov 2017.

    KL = 1/2 log(1 + 1/alpha) + k1 (1 - s(k2 + k3 log alpha)),   s the logistic function

shifted so that KL -> 0 for alpha -> infinity. The largest error of the value is 0.0094, of the slope in log alpha
0.0137. k1 stands in for the exact limit C0 = 0.63518, hence an error of 0.0006 for alpha -> 0.
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.log1p import log1p
from refimpl.bayes.kl.ratio import RatioCache, ratio_backward, ratio_forward

MOLCHANOV2017_K1 = 0.63576  # Molchanov 2017 eq. 14; S002
MOLCHANOV2017_K2 = 1.87320
MOLCHANOV2017_K3 = 1.48695


class Molchanov2017Cache(NamedTuple):
    ratio: RatioCache
    q: Array
    power: Array  # q^(2 k3 - 2)
    s: Array  # s(k2 + k3 log alpha)


def kl_molchanov2017_forward(
    mu: Array, log_sigma: Array, *, log_alpha_clip: float | None
) -> tuple[Array, Molchanov2017Cache]:
    """KL of each weight, in nats.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.MOLCHANOV.F1, KL.MOLCHANOV.F2 (Molchanov 2017 eq. 14; S002 "Log-uniform prior distribution";
        S004 eq. 5 and 6 print -KL with rounded constants).
    Errors: as ratio_forward.
    """
    q, tail, ratio = ratio_forward(mu, log_sigma, log_alpha_clip)
    r = q * q
    power = r ** (MOLCHANOV2017_K3 - 1.0)
    t = math.exp(-MOLCHANOV2017_K2) * power * r  # [KL.MOLCHANOV.F1]
    s = 1.0 / (1.0 + t)
    kl = 0.5 * log1p(r) + MOLCHANOV2017_K1 * (t * s) + tail  # [KL.MOLCHANOV.F2]  1 - s = t s, without cancellation
    return kl, Molchanov2017Cache(ratio, q, power, s)


def kl_molchanov2017_backward(dkl: Array | float, cache: Molchanov2017Cache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number.

    Equations: KL.MOLCHANOV.B1, with dt/dq = 2 k3 exp(-k2) q power.
    """
    ratio, q, power, s = cache
    factor = 2.0 * MOLCHANOV2017_K1 * MOLCHANOV2017_K3 * math.exp(-MOLCHANOV2017_K2)
    slope = q * (1.0 / (1.0 + q * q) + factor * (power * (s * s)))  # [KL.MOLCHANOV.B1]
    return ratio_backward(dkl, slope, ratio)
