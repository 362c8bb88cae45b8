"""Log-uniform prior, approximation in the code published with S000 (Chirkova, Lobacheva, Vetrov 2018).

    KL = 1/2 log(1 + 1/alpha) - 0.64 s(1.5 (log alpha + 1.3)) - 0.03,   s the logistic function

Its constant is kept, so that logged losses agree: the KL of a weight is at least -0.67, not 0. That code clips log
alpha to [-8, 8]. The largest error of the value (constant apart) is 0.0129, of the slope in log alpha 0.0193.
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array, array_module
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.ratio import RatioCache, ratio_backward, ratio_forward

RNN2018_K1 = 0.64  # 2018 code
RNN2018_K3 = 1.5
RNN2018_SHIFT = 1.3
RNN2018_CONSTANT = -0.03
T_FACTOR = math.exp(-RNN2018_K3 * RNN2018_SHIFT)


class RNN2018Cache(NamedTuple):
    ratio: RatioCache
    q: Array
    s: Array  # s(1.5 (log alpha + 1.3))


def kl_rnn2018_forward(mu: Array, log_sigma: Array, *, log_alpha_clip: float | None) -> tuple[Array, RNN2018Cache]:
    """KL of each weight, in nats.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.RNN2018.F1, KL.RNN2018.F2 (2018 code; S004 eq. 5 and 6 with other roundings).
    Errors: as ratio_forward.
    """
    xp = array_module(mu)
    q, tail, ratio = ratio_forward(mu, log_sigma, log_alpha_clip)
    r = q * q
    t = T_FACTOR * (r * xp.sqrt(r))  # [KL.RNN2018.F1]  exp(-1.5 (log alpha + 1.3)), and alpha^(-1.5) = r sqrt(r)
    s = 1.0 / (1.0 + t)
    # log(1 + r) is as good as log1p here, for the constants are far larger than the bits lost, and much faster
    kl = 0.5 * xp.log(1.0 + r) - RNN2018_K1 * s + (tail + RNN2018_CONSTANT)  # [KL.RNN2018.F2]
    return kl, RNN2018Cache(ratio, q, s)


def kl_rnn2018_backward(dkl: Array | float, cache: RNN2018Cache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number. At a mean of exactly 0 both are 0.

    Equations: KL.RNN2018.B1, with dt/dq = 3 exp(-1.95) q |q|.
    """
    ratio, q, s = cache
    xp = array_module(q)
    r = q * q
    factor = 2.0 * RNN2018_K1 * RNN2018_K3 * T_FACTOR
    slope = q * (1.0 / (1.0 + r) + factor * (xp.sqrt(r) * (s * s)))  # [KL.RNN2018.B1]
    return ratio_backward(dkl, slope, ratio)
