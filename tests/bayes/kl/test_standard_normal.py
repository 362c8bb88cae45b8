"""KL to the standard normal prior, by quadrature [KL.NORMAL.F1] [KL.NORMAL.F2]."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from refimpl.bayes.kl import kl_standard_normal_backward, kl_standard_normal_forward


@pytest.mark.parametrize(("mu", "sigma"), [(0.7, 0.4), (-1.5, 0.9), (0.0, 2.5)])
def test_value_by_quadrature(mu, sigma):
    def integrand(w):
        return norm.pdf(w, mu, sigma) * (norm.logpdf(w, mu, sigma) - norm.logpdf(w))

    kl, _ = kl_standard_normal_forward(np.array(mu), np.log(np.array(sigma)))
    assert float(kl) == pytest.approx(quad(integrand, mu - 12 * sigma, mu + 12 * sigma)[0], rel=1e-9)


def test_printed_value():
    kl, _ = kl_standard_normal_forward(np.array(0.7), np.log(np.array(0.4)))
    assert float(kl) == pytest.approx(0.741290731874, abs=0.51e-12)


def test_zero_with_zero_gradients_at_the_prior():
    kl, cache = kl_standard_normal_forward(np.zeros(2), np.zeros(2))
    grads = kl_standard_normal_backward(1.0, cache)
    assert np.all(kl == 0.0)
    assert np.all(grads.mu == 0.0)
    assert np.all(grads.log_sigma == 0.0)


def test_infinite_where_float32_ends_without_a_warning():
    mu = np.array([1e18, -1e18, 3e19, -3e19], dtype="float32")
    with np.errstate(all="raise"):
        kl, _ = kl_standard_normal_forward(mu, np.zeros_like(mu))
    np.testing.assert_allclose(kl[:2], 0.5e36, rtol=1e-6)
    assert np.all(kl[2:] == np.inf)
