"""Chapter 02, its steps by SymPy."""

import sympy
from sympy import exp, log, sqrt

from tests.derivations.gaussian import all_equal, equal, mean, variance

eps, w, x, t, log_sigma, c = sympy.symbols("epsilon w x t log_sigma c", real=True)
mu, theta, alpha, sigma = sympy.symbols("mu theta alpha sigma", positive=True)
DRAW = mu + exp(log_sigma) * eps
F = sum(sympy.Symbol(f"c{k}") * w**k for k in range(5))  # any polynomial of degree 4


def test_a_draw_has_mean_mu_and_variance_sigma_squared():
    """[RT.F1]"""
    assert all_equal([mean(DRAW, eps), variance(DRAW, eps)], (mu, exp(2 * log_sigma)))


def test_the_gradients_of_a_draw_are_unbiased():
    """[RT.B1] [RT.B2]: E f'(w) and E f'(w) sigma eps are the derivatives of E f(w)."""
    expected, dw = mean(F.subs(w, DRAW), eps), F.diff(w).subs(w, DRAW)
    assert equal(mean(dw, eps), expected.diff(mu))
    assert equal(mean(dw * exp(log_sigma) * eps, eps), expected.diff(log_sigma))
    assert not equal(mean(dw * eps, eps), expected.diff(log_sigma))  # without sigma


def test_the_other_estimator_is_unbiased():
    """f(w) eps / sigma for mu."""
    found = mean(F.subs(w, DRAW) * eps / exp(log_sigma), eps)
    assert equal(found, mean(F.subs(w, DRAW), eps).diff(mu))


def test_multiplicative_against_additive_noise():
    """Var dw/dtheta is alpha against 0; both variances of the example; the chain rule between the coordinates."""
    multiplicative, additive = theta * (1 + sqrt(alpha) * eps), theta + sigma * eps
    assert equal(variance(multiplicative.diff(theta), eps), alpha)
    assert equal(additive.diff(theta), 1)
    loss = (x * w - t) ** 2 / 2
    e, a = x * theta - t, x * sqrt(alpha) * theta
    at_sigma = loss.diff(w).subs(w, multiplicative)  # dw/dtheta is 1
    at_alpha = loss.subs(w, multiplicative).diff(theta)
    assert equal(variance(at_sigma, eps), x**2 * a**2)
    assert equal(variance(at_alpha, eps), x**2 * ((a + e * sqrt(alpha)) ** 2 + 2 * alpha * a**2))
    dlog_sigma = at_sigma * sqrt(alpha) * theta * eps
    assert equal(at_alpha, at_sigma + dlog_sigma / theta)


def test_the_same_function_unless_log_alpha_is_clipped():
    """sigma_used^2 = exp(log alpha) theta^2 does not depend on theta; clipped at c it is exp(c) theta^2."""
    log_sigma2 = sympy.Symbol("log_sigma2", real=True)
    used = exp(log_sigma2 - log(theta**2)) * theta**2
    assert all_equal([used.diff(theta), used], (0, exp(log_sigma2)))
    clipped = exp(c) * theta**2
    assert all_equal([clipped.diff(theta), clipped.diff(log_sigma2)], (2 * exp(c) * theta, 0))
