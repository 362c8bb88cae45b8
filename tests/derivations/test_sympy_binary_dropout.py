"""Chapter 06, its steps by SymPy: the KL divergence of a posterior of two spikes, and what it tends to."""

import numpy as np
import sympy
from sympy import Rational, exp, log, oo, pi, sqrt

from tests.derivations.gaussian import all_equal, equal, mean

HALF = Rational(1, 2)
m, sigma, scale, p, N, decay = sympy.symbols("m sigma l p N lambda", positive=True)  # scale: length scale l
w, mu, eps, f0, f1 = sympy.symbols("w mu epsilon f0 f1", positive=True)
COIN = -p * log(p) - (1 - p) * log(1 - p)


def normal(centre):
    return exp(-((w - centre) ** 2) / (2 * sigma**2)) / sqrt(2 * pi) / sigma


def over_spikes(f):
    """E_q f(w) of a polynomial f: p at 0, 1 - p at m."""
    at = [mean(f.subs(w, centre + sigma * eps), eps) for centre in (0, m)]
    return p * at[0] + (1 - p) * at[1]


def test_multiplier():
    """[VBD.F1]  Mean 1 and variance p / (1 - p)."""
    kept = 1 / (1 - p)
    average, square = (1 - p) * kept, (1 - p) * kept**2
    assert all_equal([average, square - average**2], (1, p / (1 - p)))
    assert equal((p / (1 - p)).subs(p, exp(3) / (1 + exp(3))), exp(3))  # alpha at the threshold


def test_cross_term():
    """E_q |w|^2 = (1 - p) m^2 + sigma^2, and -E_q log p(w) from it."""
    assert equal(over_spikes(w**2), (1 - p) * m**2 + sigma**2)
    log_prior = log(scale**2 / (2 * pi)) / 2 - scale**2 * w**2 / 2
    expected = log(2 * pi / scale**2) / 2 + scale**2 / 2 * ((1 - p) * m**2 + sigma**2)
    assert equal(sympy.expand_log(-over_spikes(log_prior) - expected), 0)


def test_entropy_by_the_coin():
    """-q log q = - sum_r f_r log f_r - q h(kept given w) at every w, f_r the joint density; and the integrals."""
    q = f0 + f1
    left_over = -(f0 / q) * log(f0 / q) - (f1 / q) * log(f1 / q)
    assert equal(sympy.expand_log(-q * log(q) - (-f0 * log(f0) - f1 * log(f1) - q * left_over), force=True), 0)
    log_joint = [log(p) - log(sqrt(2 * pi) * sigma) - w**2 / (2 * sigma**2)]
    log_joint.append(log(1 - p) - log(sqrt(2 * pi) * sigma) - (w - m) ** 2 / (2 * sigma**2))
    at = [mean(f.subs(w, centre + sigma * eps), eps) for f, centre in zip(log_joint, (0, m), strict=True)]
    joint = -p * at[0] - (1 - p) * at[1]
    assert equal(sympy.expand_log(joint - COIN - log(2 * pi * sympy.E * sigma**2) / 2, force=True), 0)


def test_kl_divergence_without_what_is_left_over():
    """The formula of the chapter, K = 1: cross term minus entropy."""
    cross = log(2 * pi / scale**2) / 2 + scale**2 / 2 * ((1 - p) * m**2 + sigma**2)
    entropy = log(2 * pi * sympy.E * sigma**2) / 2 + COIN
    printed = scale**2 * (1 - p) / 2 * m**2 + HALF * (scale**2 * sigma**2 - log(scale**2 * sigma**2) - 1) - COIN
    assert equal(sympy.expand_log(cross - entropy - printed, force=True), 0)


def test_bound_of_what_is_left_over():
    """h(x) <= 2 log 2 sqrt(x (1 - x)), and the integral of the root of two densities."""
    overlap = sympy.integrate(sympy.powsimp(sqrt(normal(0)) * sqrt(normal(m)), force=True), (w, -oo, oo))
    assert equal(overlap, exp(-(m**2) / (8 * sigma**2)))
    x = np.linspace(1e-6, 1.0 - 1e-6, 200_001)
    gap = 2 * np.log(2) * np.sqrt(x * (1 - x)) + x * np.log(x) + (1 - x) * np.log1p(-x)
    assert gap.min() >= -1e-15  # 0 at one half
    assert gap[100_000] < 1e-15
    tight = 2 * np.log(2) * 0.999 * np.sqrt(x * (1 - x)) + x * np.log(x) + (1 - x) * np.log1p(-x)
    assert tight.min() < -1e-4  # no smaller factor would do


def test_l2_terms():
    """[VBD.F2] [VBD.F3] [VBD.B1] [VBD.B2]"""
    derived = scale**2 * (1 - p) / (2 * N) * mu**2
    assert equal(derived.diff(mu), scale**2 * (1 - p) / N * mu)
    assert equal((decay * mu**2).diff(mu), 2 * decay * mu)
    assert equal(derived.subs(scale, sqrt(2 * N * decay / (1 - p))), decay * mu**2)
    limit = scale**2 * (1 - p) / 2 * m**2 / N
    assert equal(limit.subs(m, mu), derived)  # the prior on r o mu
    on_the_weight = limit.subs(m, mu / (1 - p))  # the prior on what the network uses
    assert equal(on_the_weight, scale**2 / (2 * N * (1 - p)) * mu**2)
    assert equal(on_the_weight.subs(scale, scale * (1 - p)), derived)


def test_the_rate_is_pushed_up():
    kl = scale**2 * (1 - p) / 2 * m**2 - COIN
    assert equal(kl.diff(p), -(scale**2) * m**2 / 2 - log((1 - p) / p))
