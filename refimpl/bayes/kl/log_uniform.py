"""Log-uniform prior p(w) ~ 1/|w|, exact.

The prior is improper, so the KL exists up to a constant; here KL -> 0 for alpha -> infinity. With w = sigma (eps + q),

    KL = E log|eps + q| + C0,   eps ~ N(0, 1),   C0 = (gamma + log 2) / 2 = -E log|eps|

With y = q^2 / 2 = 1 / (2 alpha), (eps + q)^2 is a chi-square variable with 1 + 2k degrees of freedom, k ~ Pois(y), so

    KL = E h_k = y E[h_(k+1) / (k+1)],   h_k = 1 + 1/3 + ... + 1/(2k - 1)      for y < 36
    KL = -1/2 log alpha + C0 - alpha/2 - 3/4 alpha^2 - 15/6 alpha^3 - ...      above

and its derivative is Dawson's integral: dKL/dq = sqrt(2) F(q / sqrt(2)).
"""

import math
from itertools import accumulate
from typing import NamedTuple

from refimpl.arrays import Array, array_module
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.dawson import dawson
from refimpl.bayes.kl.poisson import TERMS, Y_SWITCH, poisson_mean, poisson_weights
from refimpl.bayes.kl.polynomial import polynomial
from refimpl.bayes.kl.ratio import RatioCache, ratio_backward, ratio_forward

EULER_GAMMA = 0.5772156649015329
LOG_UNIFORM_C0 = 0.5 * (EULER_GAMMA + math.log(2.0))  # limit of KL + 1/2 log alpha for alpha -> 0
ODD_HARMONIC = accumulate(1.0 / (2 * k + 1) for k in range(TERMS))  # h_1, h_2, ...
NEAR = poisson_weights([h / (k + 1) for k, h in enumerate(ODD_HARMONIC)])
# (2k - 1)!! / (2k) / 72^k, k >= 1: the polynomial is in 36 / y = 72 alpha
FAR = (0.0, *(math.prod(range(1, 2 * k, 2)) / (2 * k) / (2 * Y_SWITCH) ** k for k in range(1, 28)))


class LogUniformCache(NamedTuple):
    ratio: RatioCache
    q: Array


def kl_log_uniform_forward(
    mu: Array, log_sigma: Array, *, log_alpha_clip: float | None
) -> tuple[Array, LogUniformCache]:
    """KL of each weight, in nats; exact to about 1e-15 of its value in float64.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.LOGUNIFORM.F1, KL.LOGUNIFORM.F2 (S004 eq. 5 and 6 and S002 approximate this).
    Errors: as ratio_forward.
    """
    xp = array_module(mu)
    q, tail, ratio = ratio_forward(mu, log_sigma, log_alpha_clip)
    y = 0.5 * (q * q)
    near = y.real < Y_SWITCH
    y_far = xp.where(near, Y_SWITCH, y)
    y_near = xp.where(near, y, 0.0)
    kl_near = y_near * poisson_mean(y_near, NEAR)  # [KL.LOGUNIFORM.F1]
    kl_far = 0.5 * xp.log(2.0 * y_far) + LOG_UNIFORM_C0 - polynomial(Y_SWITCH / y_far, FAR)  # [KL.LOGUNIFORM.F2]
    return xp.where(near, kl_near, kl_far) + tail, LogUniformCache(ratio, q)


def kl_log_uniform_backward(dkl: Array | float, cache: LogUniformCache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number.

    Equations: KL.LOGUNIFORM.B1.
    """
    slope = math.sqrt(2.0) * dawson(math.sqrt(0.5) * cache.q)  # [KL.LOGUNIFORM.B1]
    return ratio_backward(dkl, slope, cache.ratio)
