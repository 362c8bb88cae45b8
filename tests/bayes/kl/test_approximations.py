"""The largest errors of every approximation, from both sides: a wrong constant fails.

[KL.MOLCHANOV.F1] [KL.MOLCHANOV.F2] [KL.MOLCHANOV.B1] [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RNN2018.B1] [KL.ARD.F1]
[KL.ARD.B1] [KL.KINGMA.F1] [KL.KINGMA.B1]
"""

import numpy as np
import pytest

from refimpl.bayes.kl import KL_DIVERGENCES


def kl_and_slope(name, log_alpha):
    """KL and dKL/dlog alpha at sigma = 1."""
    mu = np.exp(-0.5 * log_alpha)
    divergence = KL_DIVERGENCES[name]
    kl, cache = divergence.forward(mu, np.zeros_like(mu), **({"log_alpha_clip": None} if divergence.clips else {}))
    return kl, 0.5 * divergence.backward(1.0, cache).log_sigma


@pytest.mark.parametrize(
    ("name", "constant", "half_width", "value_error", "at", "slope_error", "slope_at", "relative"),
    [
        ("molchanov2017", 0.0, 12.0, 0.009375, -3.51, 0.013690, -2.49, 0.038),
        ("rnn2018", 0.67, 12.0, 0.012893, -3.64, 0.019327, -2.42, 0.034),
        ("ard", 0.0, 8.0, 0.634846, -8.0, 0.242716, -1.25, 0.39),
    ],
)
def test_largest_errors(name, constant, half_width, value_error, at, slope_error, slope_at, relative):
    log_alpha = np.linspace(-12.0, 12.0, 4801)
    log_alpha = log_alpha[np.abs(log_alpha) <= half_width + 1e-9]
    exact, exact_slope = kl_and_slope("log_uniform", log_alpha)
    kl, slope = kl_and_slope(name, log_alpha)
    error, error_of_slope = np.abs(kl + constant - exact), np.abs(slope - exact_slope)
    assert np.max(error) == pytest.approx(value_error, abs=0.51e-6)  # as printed, 6 decimals
    assert log_alpha[np.argmax(error)] == pytest.approx(at, abs=0.011)
    assert np.max(error_of_slope) == pytest.approx(slope_error, abs=0.51e-6)
    assert log_alpha[np.argmax(error_of_slope)] == pytest.approx(slope_at, abs=0.011)
    assert np.max(error_of_slope / np.abs(exact_slope)) == pytest.approx(
        relative, abs=0.51 * (0.01 if relative > 0.1 else 1e-3)
    )


@pytest.mark.parametrize(("name", "after_best_constant"), [("molchanov2017", 0.00687), ("rnn2018", 0.01153)])
def test_largest_error_after_the_best_constant(name, after_best_constant):
    log_alpha = np.linspace(-8.0, 8.0, 3201)
    error = kl_and_slope(name, log_alpha)[0] - kl_and_slope("log_uniform", log_alpha)[0]
    assert 0.5 * np.ptp(error) == pytest.approx(after_best_constant, abs=0.51e-5)


def test_largest_errors_of_kingma2015():
    log_alpha = np.linspace(-10.0, 0.0, 2001)
    exact, exact_slope = kl_and_slope("log_uniform", log_alpha)
    kl, slope = kl_and_slope("kingma2015", log_alpha)
    assert 0.5 * np.ptp(kl - exact) == pytest.approx(0.020155, abs=0.51e-6)
    error_of_slope = np.abs(slope - exact_slope)
    assert np.max(error_of_slope) == pytest.approx(0.053877, abs=0.51e-6)
    assert log_alpha[np.argmax(error_of_slope)] == 0.0
    assert kl[-1] == pytest.approx(0.38947, abs=0.51e-5)
    assert kl[0] == pytest.approx(exact[0], abs=1e-3)


@pytest.mark.parametrize("name", ["log_uniform", "molchanov2017", "rnn2018", "ard"])
def test_decreasing_in_alpha(name):
    kl, slope = kl_and_slope(name, np.linspace(-30.0, 12.0, 4201))
    assert np.all(np.diff(kl) < 0.0)
    assert np.all(slope < 0.0)


@pytest.mark.parametrize(("log_alpha", "ratio"), [(-3.0, 0.898), (0.0, 0.690), (3.0, 0.968), (6.0, 0.998)])
def test_ard_pushes_less_than_the_log_uniform_prior(log_alpha, ratio):
    a = np.array([log_alpha])
    assert kl_and_slope("ard", a)[1] / kl_and_slope("log_uniform", a)[1] == pytest.approx(ratio, abs=0.51e-3)


def test_exact_less_ard_falls_from_c0_to_zero():
    log_alpha = np.linspace(-30.0, 30.0, 601)
    gap = kl_and_slope("log_uniform", log_alpha)[0] - kl_and_slope("ard", log_alpha)[0]
    assert gap[0] == pytest.approx(0.635181422730739, abs=1e-12)
    assert gap[300] == pytest.approx(0.08011, abs=0.51e-5)
    assert np.all(np.diff(gap) <= 1e-14)
    assert np.all(gap >= 0.0)
