"""The 2018 code's KL against its formula and its values [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RATIO.F3]."""

import math

import numpy as np
import pytest

from refimpl.bayes.kl import kl_rnn2018_backward, kl_rnn2018_forward


def formula_of_the_code(mu, log_sigma):
    log_alpha = 2.0 * log_sigma - math.log(mu * mu)
    log_alpha = min(max(log_alpha, -8.0), 8.0)
    return 0.5 * math.log(1.0 + math.exp(-log_alpha)) - 0.64 / (1.0 + math.exp(-1.5 * (log_alpha + 1.3))) - 0.03


def test_value_by_scalar_loop():
    rng = np.random.Generator(np.random.Philox(22))
    mu, log_sigma = rng.standard_normal((5, 4)), rng.uniform(-6.0, 6.0, (5, 4))
    kl, _ = kl_rnn2018_forward(mu, log_sigma, log_alpha_clip=8.0)
    for index in np.ndindex(mu.shape):
        assert kl[index] == pytest.approx(formula_of_the_code(mu[index], log_sigma[index]), rel=1e-12)


@pytest.mark.parametrize(
    ("log_alpha", "expected"), [(8.0, -0.66983), (3.0, -0.64470), (0.0, -0.24371), (-8.0, 3.97014)]
)
def test_values_of_the_code(log_alpha, expected):
    for clip in (None, 8.0):
        kl, _ = kl_rnn2018_forward(np.array([math.exp(-0.5 * log_alpha)]), np.zeros(1), log_alpha_clip=clip)
        assert kl[0] == pytest.approx(expected, abs=0.51e-5)


def test_a_mean_of_zero():
    """The gradient is exactly 0, clipped or not; the value is the one at log alpha = 8, or the floor."""
    for clip, expected in ((8.0, formula_of_the_code(math.exp(-4.0), 0.0)), (None, -0.67)):
        kl, cache = kl_rnn2018_forward(np.zeros(3), np.array([-30.0, -3.0, 2.0]), log_alpha_clip=clip)
        grads = kl_rnn2018_backward(1.0, cache)
        np.testing.assert_allclose(kl, expected, rtol=1e-15)
        assert np.all(grads.mu == 0.0)
        assert np.all(grads.log_sigma == 0.0)
