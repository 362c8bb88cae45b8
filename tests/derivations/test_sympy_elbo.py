"""Chapter 01, its steps by SymPy."""

import sympy
from sympy import Rational, exp, log

from tests.derivations.gaussian import all_equal, equal

HALF = Rational(1, 2)
mu, log_sigma = sympy.symbols("mu log_sigma", real=True)
N, weight = sympy.symbols("N lambda", positive=True)
average, square = sympy.symbols("ybar y2", real=True)  # means of y and of y^2 over the data
sigma2 = exp(2 * log_sigma)


def kl(mean, var):
    """KL(N(mu, sigma^2) || N(mean, var))."""
    return HALF * (log(var) - 2 * log_sigma + (sigma2 + (mu - mean) ** 2) / var - 1)


NLL = HALF * (square - 2 * mu * average + mu**2 + sigma2)  # of a term, without its constant
LOSS = NLL + weight * kl(0, 1) / N


def test_loss_and_gradient():
    """[ELBO.F1] [ELBO.B1], with the KL divergence of chapter 05: sigma^2 - 1 and mu."""
    by_hand = (mu - average + weight / N * mu, sigma2 + weight / N * (sigma2 - 1))
    assert all_equal([LOSS.diff(mu), LOSS.diff(log_sigma)], by_hand)


def test_a_wrong_factor_fits_the_posterior_of_n_over_lambda_terms():
    """Section "What a wrong factor amounts to": the minimum, and the identity with KL to the tempered posterior."""
    precision = 1 + N / weight
    best = {mu: N / weight * average / precision, log_sigma: -HALF * log(precision)}
    assert all_equal([LOSS.diff(mu).subs(best), LOSS.diff(log_sigma).subs(best)], (0, 0))
    rest = LOSS * N - weight * kl(best[mu], 1 / precision)  # -lambda log Z
    assert all_equal([rest.diff(mu), rest.diff(log_sigma)], (0, 0))
    assert not equal(LOSS.diff(log_sigma).subs(best | {log_sigma: -HALF * log(1 + N)}), 0)
