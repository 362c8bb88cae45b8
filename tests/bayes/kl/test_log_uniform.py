"""Exact KL to the log-uniform prior: four independent routes, accuracy, asymptotics, shape of the curve.

[KL.LOGUNIFORM.F1] [KL.LOGUNIFORM.F2] [KL.LOGUNIFORM.B1] [KL.POISSON.E1] [KL.RATIO.F2]
"""

import math

import mpmath as mp
import numpy as np
import pytest

from refimpl.bayes.kl import LOG_UNIFORM_C0, kl_log_uniform_backward, kl_log_uniform_forward
from refimpl.bayes.kl.log_uniform import FAR

TABLE = {  # log alpha: KL, dKL/dlog alpha; 40-digit mpmath
    -8: (4.635013606921, -0.500167900401),
    -4: (2.625754932334, -0.509714239113),
    -2: (1.544154644761, -0.611234277807),
    0: (0.426685604296, -0.362389229504),
    1: (0.173193859243, -0.162959640780),
    3: (0.024688335440, -0.024484493384),
    8: (0.000167721936, -0.000167712559),
}


def c0():
    """At the precision of the moment."""
    return (mp.euler + mp.log(2)) / 2


def kl_and_slope(log_alpha):
    """KL and dKL/dlog alpha at sigma = 1: half of dKL/dlog sigma, as log alpha = 2 log sigma - log mu^2."""
    mu = np.exp(-0.5 * np.asarray(log_alpha, dtype="float64"))
    kl, cache = kl_log_uniform_forward(mu, np.zeros_like(mu), log_alpha_clip=None)
    return kl, 0.5 * kl_log_uniform_backward(1.0, cache).log_sigma


def by_hypergeometric(q):
    return q**2 / 2 * mp.hyp2f2(1, 1, mp.mpf(3) / 2, 2, -(q**2) / 2)


def by_dawson_integral(q):
    """F(x) = sqrt(pi)/2 exp(-x^2) erfi(x)."""
    slope = lambda u: mp.sqrt(mp.pi / 2) * mp.exp(-(u**2) / 2) * mp.erfi(u / mp.sqrt(2))  # noqa: E731
    return mp.quad(slope, mp.linspace(0, q, 1 + math.ceil(q)))


def by_poisson_digamma(q):
    y = q**2 / 2
    weight, digamma, total = mp.exp(-y), mp.digamma(0.5), mp.mpf(0)
    for k in range(int(y + 20 * mp.sqrt(y)) + 120):
        total += weight * digamma
        weight *= y / (k + 1)
        digamma += 1 / (k + mp.mpf(1) / 2)
    return (mp.log(2) + total) / 2 + c0()


def by_quadrature(q):
    """E log|eps + q|, split at the singularity."""
    integrand = lambda e: mp.npdf(e) * mp.log(abs(e + q))  # noqa: E731
    left = mp.linspace(-q - 12, -q, 5) if q < 24 else [-q - 12, -q]
    right = [-q, *[e for e in mp.linspace(-12, 12, 9) if e > -q]]
    return mp.quad(integrand, left) + mp.quad(integrand, right) + c0()


@pytest.mark.parametrize("route", [by_hypergeometric, by_dawson_integral, by_poisson_digamma, by_quadrature])
@pytest.mark.parametrize("log_alpha", [-6, -4, 0, 3])
def test_value_by_four_routes(route, log_alpha):
    with mp.workdps(25):
        q = float(np.exp(-0.5 * log_alpha))
        found, _ = kl_log_uniform_forward(np.array([q]), np.zeros(1), log_alpha_clip=None)
        assert float(abs(found[0] / route(mp.mpf(q)) - 1)) <= 1e-12


@pytest.mark.parametrize("log_alpha", [-3, -1, 1, 5])
def test_the_four_routes_agree_with_each_other(log_alpha):
    """To 18 digits, without our code."""
    with mp.workdps(25):
        q = mp.exp(-mp.mpf(log_alpha) / 2)
        routes = (by_hypergeometric, by_dawson_integral, by_poisson_digamma, by_quadrature)
        values = [route(q) for route in routes]
        assert max(values) - min(values) <= mp.mpf("1e-18") * values[0]


def test_a_wrong_route_is_seen():
    """The Gaussian's log-moment with chi-square of 2 + 2k degrees of freedom, and C0 without log 2."""
    q = mp.mpf(1)
    found = float(kl_log_uniform_forward(np.ones(1), np.zeros(1), log_alpha_clip=None)[0][0])
    wrong = q**2 / 2 * mp.hyp2f2(1, 1, 2, 2, -(q**2) / 2)
    assert abs(found / wrong - 1) > 1e-2
    assert abs(found - (by_quadrature(q) - mp.log(2) / 2)) > 0.3


@pytest.mark.parametrize("log_alpha", [-5, -1.5, 0, 2, 6])
def test_slope_is_the_derivative_of_another_route(log_alpha):
    """dKL/dlog alpha by hand against mpmath's derivative of the hypergeometric form, and against Dawson's integral."""
    with mp.workdps(30):
        of_log_alpha = lambda a: by_hypergeometric(mp.exp(-a / 2))  # noqa: E731
        numeric = mp.diff(of_log_alpha, mp.mpf(log_alpha))
        x = mp.exp(-mp.mpf(log_alpha) / 2) / mp.sqrt(2)
        dawson = mp.sqrt(mp.pi) / 2 * mp.exp(-(x**2)) * mp.erfi(x)
        _, slope = kl_and_slope([log_alpha])
        assert abs(slope[0] / numeric - 1) <= 1e-12
        assert abs(slope[0] / (-x * dawson) - 1) <= 1e-12


def test_table():
    kl, slope = kl_and_slope(list(TABLE))
    expected = np.array(list(TABLE.values()))
    np.testing.assert_allclose(kl, expected[:, 0], rtol=0, atol=0.51e-12)  # as printed, 12 decimals
    np.testing.assert_allclose(slope, expected[:, 1], rtol=0, atol=0.51e-12)


def test_relative_accuracy_everywhere():
    """Within 8 units of rounding of mpmath's value, and so is the derivative, from alpha = e^600 to alpha = e^-600."""
    y = np.concatenate([np.exp(np.linspace(-600.0, 0.0, 25)), np.linspace(1.0, 100.0, 67), np.array([35.999, 36.001])])
    q = np.concatenate([np.sqrt(2.0 * y), np.exp(np.linspace(3.0, 300.0, 40)), np.array([0.999e12, 1.001e12])])
    kl, cache = kl_log_uniform_forward(q, np.zeros_like(q), log_alpha_clip=None)
    slope = kl_log_uniform_backward(1.0, cache).mu
    with mp.workdps(40):
        for q_i, kl_i, slope_i in zip(map(mp.mpf, q.tolist()), kl, slope, strict=True):
            x = q_i / mp.sqrt(2)
            if q_i < 20:
                true_kl, true_slope = by_hypergeometric(q_i), mp.sqrt(mp.pi / 2) * mp.exp(-(x**2)) * mp.erfi(x)
            else:
                alpha = 1 / q_i**2
                terms = [mp.fac2(2 * k - 1) * alpha**k for k in range(1, 16)]
                true_kl = mp.log(q_i) + c0() - sum(term / (2 * k) for k, term in enumerate(terms, 1))
                true_slope = (1 + sum(terms)) / q_i
            assert abs(kl_i / true_kl - 1) <= 8 * np.finfo("float64").eps
            assert abs(slope_i / true_slope - 1) <= 8 * np.finfo("float64").eps


def test_constant():
    assert pytest.approx(0.635181422730739, abs=1e-15) == LOG_UNIFORM_C0


@pytest.mark.parametrize(("mu", "sigma"), [(0.3, 0.2), (-0.7, 1.9), (2.0, 0.4)])
def test_divergence_itself_up_to_its_constant(mu, sigma):
    """E_q[log q + log|w|] by integration over w itself, against -1/2 log(2 pi e) + KL - C0: sigma cancels."""
    kl, _ = kl_log_uniform_forward(np.array(mu), np.log(np.array(sigma)), log_alpha_clip=None)
    with mp.workdps(20):

        def integrand(w):
            log_q = -(((w - mu) / sigma) ** 2) / 2 - mp.log(sigma * mp.sqrt(2 * mp.pi))
            return mp.exp(log_q) * (log_q + mp.log(abs(w)))

        ends = [mu + sigma * z for z in mp.linspace(-12, 12, 9)]
        left, right = [w for w in ends if w < 0], [w for w in ends if w > 0]
        integral = mp.quad(integrand, [*left, 0]) + mp.quad(integrand, [0, *right])
    expected = float(kl) - 0.5 * math.log(2.0 * math.pi * math.e) - LOG_UNIFORM_C0
    assert expected == pytest.approx(float(integral), rel=1e-12)


@pytest.mark.parametrize("order", range(1, 8))
def test_small_alpha_to_every_order(order):
    """-1/2 log alpha + C0 - sum_k (2k-1)!!/(2k) alpha^k, cut off: the error is the next term, and a little more."""
    with mp.workdps(40):
        alpha = mp.mpf("1e-3")
        terms = [mp.fac2(2 * k - 1) / (2 * k) * alpha**k for k in range(1, order + 2)]
        exact = by_hypergeometric(1 / mp.sqrt(alpha))
        left = -mp.log(alpha) / 2 + c0() - mp.fsum(terms[:-1]) - exact
        assert 1 < left / terms[-1] < 1.03


@pytest.mark.parametrize("order", range(1, 8))
def test_large_alpha_to_every_order(order):
    """y sum_n (-y)^n / ((n + 1) (3/2)_n), y = 1/(2 alpha), cut off: the error is the next term, a little less."""
    with mp.workdps(40):
        alpha = mp.mpf(50)
        y = 1 / (2 * alpha)
        terms = [y * (-y) ** n / ((n + 1) * mp.rf(mp.mpf(3) / 2, n)) for n in range(order + 1)]
        exact = by_hypergeometric(1 / mp.sqrt(alpha))
        assert 0.98 < (exact - mp.fsum(terms[:-1])) / terms[-1] < 1
        printed = [1 / (2 * alpha), -1 / (12 * alpha**2), 1 / (90 * alpha**3)]
        assert max(abs(a / b - 1) for a, b in zip(terms, printed, strict=False)) < mp.mpf("1e-38")


@pytest.mark.parametrize("alpha", [0.001, 0.005, 0.01])
def test_small_alpha(alpha):
    """The asymptotic series differs by about its next term, 105/8 alpha^4."""
    kl, _ = kl_and_slope(np.log(alpha))
    series = -0.5 * math.log(alpha) + LOG_UNIFORM_C0 - alpha / 2 - 3 * alpha**2 / 4 - 15 * alpha**3 / 6
    assert 0.9 < (series - float(kl)) / (105 / 8 * alpha**4) < 1.3


@pytest.mark.parametrize("alpha", [5.0, 20.0, 100.0])
def test_large_alpha(alpha):
    """The convergent series alternates: the error is between 0 and its next term, -1/(840 alpha^4)."""
    kl, _ = kl_and_slope(np.log(alpha))
    series = 1 / (2 * alpha) - 1 / (12 * alpha**2) + 1 / (90 * alpha**3)
    assert 0.8 < (series - float(kl)) * 840 * alpha**4 < 1.0 + 1e-3


def test_decreasing_in_alpha_with_its_steepest_point():
    log_alpha = np.linspace(-40.0, 40.0, 80_001)
    kl, slope = kl_and_slope(log_alpha)
    assert np.all(np.diff(kl) < 0.0)
    assert np.all(slope < 0.0)
    steepest = int(np.argmin(slope))
    assert slope[steepest] == pytest.approx(-0.6423747, abs=1e-7)
    assert log_alpha[steepest] == pytest.approx(-1.506710, abs=1e-3)
    assert slope[0] == pytest.approx(-0.5, abs=1e-15)


@pytest.mark.parametrize(
    ("mu", "log_sigma", "dmu", "dlog_sigma"),
    [(0.3, -1.0, 1.78491243646, -0.535473730938), (1e-4, -3.0, 0.0403428250977, None), (0.0, -3.0, 0.0, 0.0)],
)
def test_gradients_from_mpmath(mu, log_sigma, dmu, dlog_sigma):
    _, cache = kl_log_uniform_forward(np.array(mu), np.array(log_sigma), log_alpha_clip=None)
    grads = kl_log_uniform_backward(1.0, cache)
    assert float(grads.mu) == pytest.approx(dmu, rel=1e-11, abs=0)
    assert float(grads.log_sigma) == pytest.approx(-mu * dmu if dlog_sigma is None else dlog_sigma, rel=1e-11, abs=0)


def test_asymptotic_series_is_long_enough():
    """Its last term at the switch, where it is largest, is below half a unit of rounding."""
    assert FAR[-1] < 0.5 * np.finfo("float64").eps
