"""Means over a Poisson variable with known answers [KL.POISSON.E1]."""

import numpy as np
import pytest

from refimpl.bayes.kl.poisson import TERMS, Y_SWITCH, poisson_mean, poisson_weights

Y = np.array([0.0, 1e-3, 0.7, 5.0, 20.0, Y_SWITCH])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0] * TERMS, np.ones_like(Y)),
        (list(range(TERMS)), Y),
        ([k * k for k in range(TERMS)], Y + Y * Y),
        ([2.0**-k for k in range(TERMS)], np.exp(-0.5 * Y)),
    ],
)
def test_moments(values, expected):
    np.testing.assert_allclose(poisson_mean(Y, poisson_weights(values)), expected, rtol=4e-15, atol=0)
