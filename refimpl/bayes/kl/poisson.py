"""Means over a Poisson variable, E_k a_k with k ~ Pois(y): all terms positive, so nothing cancels.

A noncentral chi-square variable is a Poisson mixture of central ones, which is how these means enter the exact KL.
"""

import math
from collections.abc import Sequence

from refimpl.arrays import Array, array_module
from refimpl.bayes.kl.polynomial import polynomial

Y_SWITCH = 36.0  # the means are used for y below, asymptotic series above
TERMS = 108  # the probability of k >= 108 is 2e-22 at y = 36
SCALE = 32  # the polynomial is in y / 32, which keeps its coefficients inside float32


def poisson_weights(values: Sequence[float]) -> tuple[float, ...]:
    """The coefficients values[k] 32^k / k!."""
    return tuple(value * (SCALE**k / math.factorial(k)) for k, value in enumerate(values))


def poisson_mean(y: Array, weights: Sequence[float]) -> Array:
    """exp(-y) sum_k values[k] y^k / k! for 0 <= y <= 36, elementwise, with weights = poisson_weights(values).

    Equations: KL.POISSON.E1.
    """
    xp = array_module(y)
    return xp.exp(-y) * polynomial(y * (1.0 / SCALE), weights)  # [KL.POISSON.E1]
