"""Kingma 2015's polynomial: its values, and that it is refused beyond alpha = 1 [KL.KINGMA.F1]."""

import math

import numpy as np
import pytest

from refimpl.bayes.kl import LOG_UNIFORM_C0, kl_kingma2015_forward


def test_value_by_scalar_loop():
    alpha = np.array([1e-6, 0.01, 0.3, 0.7, 0.999])
    mu = np.array([1.0, -1.0, 1.0, -1.0, 1.0]) / np.sqrt(alpha)
    kl, _ = kl_kingma2015_forward(mu, np.zeros_like(mu))
    for a, found in zip(alpha, kl, strict=True):
        polynomial = 1.16145124 * a - 1.50204118 * a**2 + 0.58629921 * a**3
        assert found == pytest.approx(-0.5 * math.log(a) + LOG_UNIFORM_C0 - polynomial, rel=1e-13)


def test_alpha_of_one_is_taken_however_it_is_rounded():
    log_sigma = np.linspace(-40.0, 10.0, 501)
    for dtype in ("float32", "float64"):
        rounded = log_sigma.astype(dtype)
        kl, _ = kl_kingma2015_forward(np.exp(rounded), rounded)
        np.testing.assert_allclose(kl, 0.38947, atol=1e-5)


@pytest.mark.parametrize("mu", [0.999, -0.999, 0.0, math.nan])
def test_larger_alpha_is_refused(mu):
    with pytest.raises(
        ValueError, match=r"kingma2015 expected alpha = sigma\^2 / mu\^2 <= 1 everywhere, got .* 1 of 3"
    ):
        kl_kingma2015_forward(np.array([2.0, mu, -3.0]), np.zeros(3))
