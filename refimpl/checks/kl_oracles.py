"""What the KL divergences are judged by: quadrature, SciPy's Dawson integral, formulas as printed; no shared code."""

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.integrate import quad
from scipy.special import dawsn

from refimpl.arrays import Array

EULER_GAMMA = 0.57721566490153286
C0 = 0.5 * (EULER_GAMMA + math.log(2.0))  # -E log|eps|, the constant for which KL -> 0 as alpha -> infinity
FAR = 40.0  # a normal's density is exp(-800) there

# k1, k2, k3 of 1/2 log(1 + 1/alpha) + k1 (1 - s(k2 + k3 log alpha))
MOLCHANOV = (0.63576, 1.87320, 1.48695)
RNN2018 = (0.64, 1.95, 1.5)
S004_ROUNDED = (0.64, 1.87, 1.49)
KINGMA = (1.16145124, -1.50204118, 0.58629921)  # c1, c2, c3

KLFunction = Callable[[Array, Array], Array]  # mu, log_sigma -> KL of each weight


def by_quadrature(mu: float, sigma: float) -> float:
    """E log|eps + mu / sigma| + C0: the integral over t > 0 of log t (phi(t - q) + phi(t + q)), split at 1 and q."""
    q = abs(mu) / sigma

    def integrand(t: float) -> float:
        if t == 0.0:
            return 0.0
        return math.log(t) * (math.exp(-0.5 * (t - q) ** 2) + math.exp(-0.5 * (t + q) ** 2)) / math.sqrt(2.0 * math.pi)

    ends = sorted({0.0, 1.0, max(q - 8.0, 0.0), q, q + 8.0, q + FAR})
    pieces = [quad(integrand, a, b, epsabs=1e-13, epsrel=1e-13, limit=200)[0] for a, b in pairwise(ends)]
    return math.fsum(pieces) + C0


def standard_normal_by_quadrature(mu: float, sigma: float) -> float:
    """KL(N(mu, sigma^2) || N(0, 1)) as the integral of q log(q / p)."""

    def integrand(eps: float) -> float:
        w = mu + sigma * eps
        return math.exp(-0.5 * eps * eps) / math.sqrt(2.0 * math.pi) * (0.5 * w * w - 0.5 * eps * eps - math.log(sigma))

    return math.fsum(quad(integrand, a, a + 4.0, epsabs=1e-13, epsrel=1e-13)[0] for a in np.arange(-12.0, 12.0, 4.0))


def slope_by_dawson(log_alpha: Array) -> Array:
    """dKL / dlog alpha of the exact KL: -x F(x), x = 1 / sqrt(2 alpha)."""
    x = np.sqrt(0.5) * np.exp(-0.5 * log_alpha)
    return -x * dawsn(x)


def fitted(k1: float, k2: float, k3: float) -> KLFunction:
    """The fit of Molchanov et al. with the given constants, in the form in which the papers print it."""

    def kl(mu: Array, log_sigma: Array) -> Array:
        log_alpha = 2.0 * log_sigma - np.log(mu * mu)
        return 0.5 * np.log1p(np.exp(-log_alpha)) + k1 * (1.0 - 1.0 / (1.0 + np.exp(-(k2 + k3 * log_alpha))))

    return kl


def fitted_slope(k1: float, k2: float, k3: float) -> Callable[[Array], Array]:
    """Its derivative in log alpha, as a function of log alpha."""

    def slope(log_alpha: Array) -> Array:
        s = 1.0 / (1.0 + np.exp(-(k2 + k3 * log_alpha)))
        return -0.5 / (1.0 + np.exp(log_alpha)) - k1 * k3 * s * (1.0 - s)

    return slope


def at_best_precision(mu: float, sigma: float) -> float:
    """min over tau of KL(N(mu, sigma^2) || N(0, 1/tau)), by golden sections of log tau."""

    def kl(log_tau: float) -> float:
        return 0.5 * (math.exp(log_tau) * (mu * mu + sigma * sigma) - 1.0 - 2.0 * math.log(sigma) - log_tau)

    low, high = -20.0, 20.0
    ratio = 0.5 * (math.sqrt(5.0) - 1.0)
    for _ in range(80):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if kl(left) < kl(right) else (left, high)
    return kl(0.5 * (low + high))
