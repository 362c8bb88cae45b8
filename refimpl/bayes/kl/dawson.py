"""Dawson's integral F(x) = exp(-x^2) * integral of exp(t^2) from 0 to x, for arrays on any device.

    F(x) / x = E[1 / (2k + 1)], k ~ Pois(x^2)                        for x^2 < 36
    F(x) / x = 1/(2 x^2) (1 + 1/(2 x^2) + 3/(2 x^2)^2 + 15/(2 x^2)^3 + ...)   above

The first is the Taylor series of the integral, times exp(-x^2); the second is asymptotic, and its smallest term at
x^2 = 36 is 3e-16.
"""

import math

from refimpl.arrays import Array, array_module
from refimpl.bayes.kl.poisson import TERMS, Y_SWITCH, poisson_mean, poisson_weights
from refimpl.bayes.kl.polynomial import polynomial

NEAR = poisson_weights([1.0 / (2 * k + 1) for k in range(TERMS)])
# (2k - 1)!! / 72^k: the polynomial is in 36 / x^2
FAR = tuple(math.prod(range(1, 2 * k, 2)) / (2 * Y_SWITCH) ** k for k in range(35))


def dawson(x: Array) -> Array:
    """F(x), elementwise, for |x| up to the square root of the largest number of x's dtype.

    Shapes: any. Dtype: any floating dtype, kept.
    Equations: KL.DAWSON.E1, KL.DAWSON.E2.
    Source: Abramowitz and Stegun 1964, 7.1.5 and 7.1.23.
    """
    xp = array_module(x)
    y = x * x
    near = y.real < Y_SWITCH
    y_far = xp.where(near, Y_SWITCH, y)
    ratio_near = poisson_mean(xp.where(near, y, 0.0), NEAR)  # [KL.DAWSON.E1]
    ratio_far = (0.5 / y_far) * polynomial(Y_SWITCH / y_far, FAR)  # [KL.DAWSON.E2]
    return x * xp.where(near, ratio_near, ratio_far)
