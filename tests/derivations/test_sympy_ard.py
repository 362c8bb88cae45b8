"""Chapter 05, its steps by SymPy."""

import sympy
from sympy import Rational, erfi, exp, log, oo, pi, sqrt

from tests.derivations.gaussian import all_equal, equal, mean

HALF = Rational(1, 2)
eps = sympy.Symbol("epsilon", real=True)
mu, sigma, tau, q, x, w = sympy.symbols("mu sigma tau q x w", positive=True)
DRAW = mu + sigma * eps
KL = HALF * (tau * (mu**2 + sigma**2) - 1 - log(sigma**2) - log(tau))
BEST = 1 / (mu**2 + sigma**2)


def test_kl_of_two_normals():
    log_q = -log(2 * pi * sigma**2) / 2 - (w - mu) ** 2 / (2 * sigma**2)
    log_p = log(tau / (2 * pi)) / 2 - tau * w**2 / 2
    found = mean((log_q - log_p).subs(w, DRAW), eps)
    assert equal(sympy.expand_log(found - KL), 0)


def test_the_best_precision():
    """[KL.ARD.F1] [KL.ARD.B1], and that tau's own dependence adds nothing."""
    assert all_equal([KL.diff(tau).subs(tau, BEST), KL.diff(tau, 2)], (0, 1 / (2 * tau**2)))
    at_best = KL.subs(tau, BEST)
    assert equal(sympy.expand_log(at_best - log(1 + mu**2 / sigma**2) / 2).simplify(), 0)
    assert equal(at_best.diff(mu), KL.diff(mu).subs(tau, BEST))
    assert equal((log(1 + q**2) / 2).diff(q), q / (1 + q**2))
    printed = -log(1 + mu**2 / sigma**2) / 2  # S002
    assert sympy.N((at_best - printed).subs({mu: 0.7, sigma: 0.4})) > 1


def test_the_log_uniform_prior_is_a_mixture():
    density = sqrt(tau / (2 * pi)) * exp(-tau * w**2 / 2)
    assert equal(sympy.integrate(density / tau, (tau, 0, oo)), 1 / w)


def test_the_difference_grows():
    """(exp(x^2) G)' >= 0, G(0) = 0; r' in q is sqrt(2) G(q / sqrt(2))."""
    F = sqrt(pi) / 2 * exp(-(x**2)) * erfi(x)
    G = F - x / (1 + 2 * x**2)
    assert all_equal([G.diff(x) + 2 * x * G, G.subs(x, 0)], (4 * x**2 / (1 + 2 * x**2) ** 2, 0))
    slope = sqrt(2) * F.subs(x, q / sqrt(2)) - q / (1 + q**2)
    assert equal(slope, sqrt(2) * G.subs(x, q / sqrt(2)))


def test_the_standard_normal_prior():
    """[KL.NORMAL.F1] [KL.NORMAL.F2] [KL.NORMAL.B1] [KL.NORMAL.B2]"""
    log_sigma = sympy.Symbol("log_sigma", real=True)
    value = KL.subs(tau, 1).subs(sigma, exp(log_sigma))
    assert equal(sympy.expand_log(value, force=True), -log_sigma + (exp(2 * log_sigma) + mu**2) / 2 - HALF)
    assert all_equal([value.diff(mu), value.diff(log_sigma)], (mu, exp(2 * log_sigma) - 1))
    assert equal((mu / sqrt(2)) ** 2, mu**2 / 2)
