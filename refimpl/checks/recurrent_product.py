"""A recurrent weight met twice, y = w (w x): not Gaussian, and not what LRT at each step would draw.

For w ~ N(mu, sigma^2), w^2 / sigma^2 is a noncentral chi-square variable with one degree of freedom. Two independent
draws w, w', which is what LRT at each step amounts to, give w w' instead: a mean that lacks sigma^2, half of the
variance, half of the excess kurtosis.
"""

import math
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.noise import Draw, normal

MU, SIGMA, DRAWS = 0.8, 0.6, 200_000


class Law(NamedTuple):
    """Mean and central moments of order 2 to 8 (index 0 is order 2) of y for x = 1."""

    mean: float
    central: tuple[float, ...]

    @property
    def excess_kurtosis(self) -> float:
        """0 for a normal."""
        return self.central[2] / self.central[0] ** 2 - 3.0


def cumulant(order: int, mu: float, sigma: float) -> float:
    """Of w^2: 2^(n-1) (n-1)! sigma^(2n) (1 + n mu^2 / sigma^2)."""
    scale = 2.0 ** (order - 1) * math.factorial(order - 1)
    return scale * sigma ** (2 * order - 2) * (sigma**2 + order * mu**2)  # [MOMENTS.E10]


def law_of_rt(mu: float, sigma: float) -> Law:
    """One weight for both steps: central moments from the cumulants, m_n = sum_k C(n-1, k) m_k kappa_(n-k)."""
    m = [1.0, 0.0]
    for n in range(2, 9):
        m.append(sum(math.comb(n - 1, k) * m[k] * cumulant(n - k, mu, sigma) for k in range(n - 1)))
    return Law(cumulant(1, mu, sigma), tuple(m[2:]))


def law_of_lrt(mu: float, sigma: float) -> Law:
    """A draw at each step: E (w w')^n = (E w^n)^2, centred by the binomial theorem."""
    raw = [1.0, mu]
    for n in range(2, 9):
        raw.append(mu * raw[-1] + (n - 1) * sigma**2 * raw[-2])  # E w^n, by Stein's identity
    central = [
        math.fsum(math.comb(n, k) * raw[k] ** 2 * (-(mu**2)) ** (n - k) for k in range(n + 1)) for n in range(2, 9)
    ]
    return Law(mu**2, tuple(central))


def excess_kurtosis(alpha: float) -> float:
    """Of w^2 x for x other than 0, alpha = sigma^2 / mu^2."""
    return 12.0 * alpha * (alpha + 4.0) / (alpha + 2.0) ** 2  # [MOMENTS.E11]


def by_rt() -> Array:
    """DRAWS values of y: each object has its own weight, and meets it twice."""
    params = GaussianParams(np.array([[MU]]), np.array([[math.log(SIGMA)]]))
    W, _ = gaussian_weights_forward(params, normal(Draw(15, "audit.W"), (DRAWS, 1, 1)))
    y = np.ones((1, DRAWS, 1))
    for _ in range(2):
        y, _ = affine_forward(y, AffineParams(W, None))
    return y.reshape(-1)


def by_lrt() -> Array:
    """DRAWS values of y by LRT with new noise at each step."""
    params = AffineLRTParams(np.array([[MU]]), np.array([[math.log(SIGMA)]]))
    y = np.ones((1, DRAWS, 1))
    for step in range(2):
        y, _ = affine_lrt_forward(y, params, normal(Draw(15, "audit.eps", step), y.shape), var_floor=0.0)
    return y.reshape(-1)


def z_of_moments(y: Array, law: Law) -> float:
    """Largest |z| of mean, second and fourth central moment; standard errors from the exact moments of twice the order.

    The fourth is what tells w^2 from a normal of the same variance.
    """
    deviation, m, n = y - law.mean, law.central, len(y)
    z = [abs(deviation.mean()) / math.sqrt(m[0] / n)]
    z += [abs(np.mean(deviation**k) - m[k - 2]) / math.sqrt((m[2 * k - 2] - m[k - 2] ** 2) / n) for k in (2, 4)]
    return float(max(z))


def z_of_normality(y: Array) -> float:
    """The sample's excess kurtosis in standard errors sqrt(24 / n), those of a normal."""
    deviation = y - y.mean()
    kurtosis = np.mean(deviation**4) / np.mean(deviation**2) ** 2 - 3.0
    return float(abs(kurtosis)) / math.sqrt(24.0 / len(y))
