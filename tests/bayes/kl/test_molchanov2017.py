"""Molchanov 2017 against the printed formula, in log alpha [KL.MOLCHANOV.F1] [KL.MOLCHANOV.F2] [KL.MOLCHANOV.B1]."""

import math

import numpy as np
import pytest

from refimpl.bayes.kl import kl_molchanov2017_backward, kl_molchanov2017_forward


def printed_formula(mu, log_sigma):
    """S002 with the sign of a KL and C = -k1, in numbers of Python."""
    log_alpha = 2.0 * log_sigma - math.log(mu * mu)
    logistic = 1.0 / (1.0 + math.exp(-(1.87320 + 1.48695 * log_alpha)))
    return -(0.63576 * logistic - 0.5 * math.log(1.0 + math.exp(-log_alpha)) - 0.63576)


def test_value_by_scalar_loop():
    rng = np.random.Generator(np.random.Philox(21))
    mu, log_sigma = rng.standard_normal((3, 4)), rng.uniform(-3.0, 1.0, (3, 4))
    kl, _ = kl_molchanov2017_forward(mu, log_sigma, log_alpha_clip=None)
    for index in np.ndindex(mu.shape):
        assert kl[index] == pytest.approx(printed_formula(mu[index], log_sigma[index]), rel=1e-12)


def test_vanishes_at_a_mean_of_zero_with_its_gradients():
    mu, log_sigma = np.zeros(3), np.array([-20.0, -3.0, 5.0])
    kl, cache = kl_molchanov2017_forward(mu, log_sigma, log_alpha_clip=None)
    grads = kl_molchanov2017_backward(1.0, cache)
    assert np.all(kl == 0.0)
    assert np.all(grads.mu == 0.0)
    assert np.all(grads.log_sigma == 0.0)


def test_gradient_by_the_formula_in_mu_and_sigma():
    """dKL/dmu = mu/(mu^2 + sigma^2) + 2 k1 k3 (mu/sigma^2) e^-k2 r^(k3-1) / (1 + e^-k2 r^k3)^2, r = mu^2/sigma^2."""
    mu, sigma = np.array([-2.0, -1e-3, 0.03, 0.5, 7.0]), np.array([0.5, 0.05, 0.05, 1.5, 0.1])
    r, e = (mu / sigma) ** 2, math.exp(-1.87320)
    expected = mu / (mu**2 + sigma**2)
    expected += 2 * 0.63576 * 1.48695 * mu / sigma**2 * e * r**0.48695 / (1 + e * r**1.48695) ** 2
    _, cache = kl_molchanov2017_forward(mu, np.log(sigma), log_alpha_clip=None)
    np.testing.assert_allclose(kl_molchanov2017_backward(1.0, cache).mu, expected, rtol=1e-14)
    np.testing.assert_allclose(kl_molchanov2017_backward(1.0, cache).log_sigma, -mu * expected, rtol=1e-14)
