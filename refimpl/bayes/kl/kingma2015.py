"""Log-uniform prior, the polynomial of Kingma, Salimans and Welling 2015, for alpha <= 1 only.

    KL = -1/2 log alpha + C0 - c1 alpha - c2 alpha^2 - c3 alpha^3

Beyond alpha = 1 it is no approximation at all (at alpha = 2 it is -0.72, the exact KL 0.23), so such weights are
refused: nothing can be pruned with it. C0 is the exact constant, so that it compares with the other approximations.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, to_host
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.log_uniform import LOG_UNIFORM_C0
from refimpl.bayes.kl.ratio import RatioCache, ratio_backward, ratio_forward

KINGMA2015_C1 = 1.16145124  # Kingma, Salimans, Welling 2015, appendix C
KINGMA2015_C2 = -1.50204118
KINGMA2015_C3 = 0.58629921
ROUNDING = 64  # alpha may exceed 1 by 128 units of rounding: log sigma and its exponential are rounded


class Kingma2015Cache(NamedTuple):
    ratio: RatioCache
    q: Array
    alpha: Array


def kl_kingma2015_forward(mu: Array, log_sigma: Array) -> tuple[Array, Kingma2015Cache]:
    """KL of each weight, in nats.

    Shapes: mu and log_sigma alike -> kl alike.
    Dtype: one floating dtype; kl has it too.
    Equations: KL.KINGMA.F1 (Kingma, Salimans, Welling 2015, appendix C).
    Errors: ValueError if any alpha = sigma^2 / mu^2 exceeds 1; as ratio_forward.
    """
    xp = array_module(mu)
    q, tail, ratio = ratio_forward(mu, log_sigma, None)
    least = 1.0 - ROUNDING * float(xp.finfo(mu.dtype).eps)
    fits = (q.real >= least) | (q.real <= -least)
    if not to_host(fits.all()):
        many = int(to_host((~fits).sum()))
        raise ValueError(
            f"mu, log_sigma: kingma2015 expected alpha = sigma^2 / mu^2 <= 1 everywhere, got a larger one for "
            f"{many} of {fits.size} weights; clip log_sigma to log|mu|, or use another divergence"
        )
    r = q * q
    alpha = 1.0 / r
    series = alpha * (KINGMA2015_C1 + alpha * (KINGMA2015_C2 + alpha * KINGMA2015_C3))
    kl = 0.5 * xp.log(r) + LOG_UNIFORM_C0 - series + tail  # [KL.KINGMA.F1]
    return kl, Kingma2015Cache(ratio, q, alpha)


def kl_kingma2015_backward(dkl: Array | float, cache: Kingma2015Cache) -> KLGrads:
    """Gradients, given dkl = dL/dKL: an array of mu's shape, or a number.

    Equations: KL.KINGMA.B1.
    """
    ratio, q, alpha = cache
    series = KINGMA2015_C1 + alpha * (2.0 * KINGMA2015_C2 + alpha * (3.0 * KINGMA2015_C3))
    slope = q * alpha * (1.0 + 2.0 * alpha * series)  # [KL.KINGMA.B1]
    return ratio_backward(dkl, slope, ratio)
