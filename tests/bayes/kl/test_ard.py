"""ARD: the best precision found numerically gives the same KL [KL.ARD.F1] [KL.ARD.B1]."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from refimpl.bayes.kl import kl_ard_backward, kl_ard_forward


@pytest.mark.parametrize(("mu", "sigma"), [(0.7, 0.4), (-0.1, 0.9), (3.0, 0.01)])
def test_value_is_the_least_over_the_precision(mu, sigma):
    def kl_to_normal(log_tau):
        return 0.5 * (np.exp(log_tau) * (mu**2 + sigma**2) - 1.0 - np.log(sigma**2) - log_tau)

    least = minimize_scalar(kl_to_normal, bounds=(-20.0, 20.0), method="bounded", options={"xatol": 1e-9})
    kl, cache = kl_ard_forward(np.array(mu), np.log(np.array(sigma)), log_alpha_clip=None)
    assert float(kl) == pytest.approx(least.fun, rel=1e-12)
    assert np.exp(least.x) == pytest.approx(1.0 / (mu**2 + sigma**2), rel=1e-6)
    grads = kl_ard_backward(1.0, cache)
    assert float(grads.mu) == pytest.approx(mu / (mu**2 + sigma**2), rel=1e-14)
    assert float(grads.log_sigma) == pytest.approx(-(mu**2) / (mu**2 + sigma**2), rel=1e-14)


def test_printed_value():
    kl, _ = kl_ard_forward(np.array(0.7), np.log(np.array(0.4)), log_alpha_clip=None)
    assert float(kl) == pytest.approx(0.7008992738, abs=0.51e-10)
