"""Chapters 08 and 09, their steps by SymPy: group variables, thresholds."""

import pytest
import sympy
from sympy import Rational, exp, gamma, log, oo, pi, sqrt

from tests.derivations.gaussian import all_equal, covariance, equal, mean, variance

HALF = Rational(1, 2)
mu_z, mu_1, mu_2, sigma_z, sigma_1, sigma_2 = sympy.symbols("mu_z mu_1 mu_2 sigma_z sigma_1 sigma_2", positive=True)
z, r, c, x = sympy.symbols("z r c x", positive=True)
eps = sympy.symbols("eps_z eps_1 eps_2", real=True)
Z, W1, W2 = mu_z + sigma_z * eps[0], mu_1 + sigma_1 * eps[1], mu_2 + sigma_2 * eps[2]


def test_moments_of_the_effective_weight():
    """1 + alpha_zw = (1 + alpha_z)(1 + alpha_w), and the variance."""
    var = variance(Z * W1, *eps)
    assert equal(var, mu_z**2 * sigma_1**2 + sigma_z**2 * mu_1**2 + sigma_z**2 * sigma_1**2)
    assert equal(1 + var / (mu_z * mu_1) ** 2, (1 + sigma_z**2 / mu_z**2) * (1 + sigma_1**2 / mu_1**2))


def test_covariance_through_a_shared_z():
    """Two members of a group; two independent z would give 0."""
    assert equal(covariance(Z * W1, Z * W2, *eps), sigma_z**2 * mu_1 * mu_2)
    other = sympy.Symbol("eps_other", real=True)
    assert covariance(Z * W1, (mu_z + sigma_z * other) * W2, *eps, other) == 0


def test_the_effective_weight_is_not_gaussian():
    central = Z * W1 - mu_z * mu_1
    assert not equal(mean(central**4, *eps), 3 * variance(Z * W1, *eps) ** 2)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_prior_of_a_group(n):
    """Gamma(n/2) / pi^(n/2) / r^n; n = 1: exactly 1 / |w|."""
    density = exp(-(r**2) / (2 * z**2)) / (2 * pi) ** Rational(n, 2) / z ** (n + 1)
    found = 2 * sympy.integrate(density, (z, 0, oo))
    assert equal(found, gamma(Rational(n, 2)) / pi ** Rational(n, 2) / r**n)
    if n == 1:
        assert equal(found, 1 / r)


def test_log_uniform_on_both_does_not_couple():
    """The density of w~ = z w given z, w log-uniform: 1 / |w~| whatever z is."""
    w_of = r / z
    assert equal((1 / w_of) * sympy.diff(w_of, r), 1 / r)


def test_the_flat_direction():
    """mu_z dmu_z + dlog_sigma_z = sum (mu_w dmu_w + dlog_sigma_w), for any likelihood of z w and any KL of alpha."""
    ls = sympy.symbols("ls_z ls_1 ls_2", real=True)
    draws = [m + exp(s) * e for m, s, e in zip((mu_z, mu_1, mu_2), ls, eps, strict=True)]
    products = draws[0] * draws[1], draws[0] * draws[2]
    likelihood = sympy.sin(products[0]) * exp(products[1]) + products[0] ** 3  # stands for any
    divergence = sum(sympy.cos(2 * s - log(m**2)) for m, s in zip((mu_z, mu_1, mu_2), ls, strict=True))

    def scale(loss, m, s):
        return m * loss.diff(m) + loss.diff(s)

    def gap(loss):
        return scale(loss, mu_z, ls[0]) - scale(loss, mu_1, ls[1]) - scale(loss, mu_2, ls[2])

    assert equal(gap(likelihood), 0)
    assert equal(gap(divergence), 0)
    fixed = sum((exp(2 * s) + m**2) / 2 - s for m, s in ((mu_1, ls[1]), (mu_2, ls[2])))  # N(0, 1) on the weights
    assert not equal(gap(fixed), 0)


def test_the_scale_that_a_standard_normal_prior_fixes():
    """c^2 is the mean square, and what is left is the KL to a normal prior with one fitted precision."""
    S = mu_1**2 + sigma_1**2 + mu_2**2 + sigma_2**2

    def kl(tau):
        return sum(
            HALF * (tau * (m**2 + s**2) - 1 - log(s**2) - log(tau)) for m, s in ((mu_1, sigma_1), (mu_2, sigma_2))
        )

    scaled = kl(1).subs({v: v / c for v in (mu_1, mu_2, sigma_1, sigma_2)}, simultaneous=True)
    best = sqrt(S / 2)
    assert equal(scaled.diff(c).subs(c, best), 0)
    assert equal(sympy.expand_log(scaled.subs(c, best) - kl(2 / S), force=True), 0)
    tau = sympy.Symbol("tau", positive=True)
    assert equal(kl(tau).diff(tau).subs(tau, 2 / S), 0)


def test_row_factor():
    """[ROWFACTOR.F1] [ROWFACTOR.B1] [ROWFACTOR.B2]  A text of three steps, word 1 twice, embeddings of two numbers."""
    ids, factor = [1, 0, 1], sympy.symbols("z0 z1")
    e, dy = (sympy.Matrix(3, 2, lambda t, n, name=name: sympy.Symbol(f"{name}{t}{n}")) for name in ("e", "dy"))
    L = sum(dy[t, n] * e[t, n] * factor[ids[t]] for t in range(3) for n in range(2))
    assert all(equal(L.diff(e[t, n]), factor[ids[t]] * dy[t, n]) for t in range(3) for n in range(2))
    for v in (0, 1):
        expected = sum(dy[t, n] * e[t, n] for t in range(3) if ids[t] == v for n in range(2))
        assert equal(L.diff(factor[v]), expected)


def test_folding_a_gate_and_a_neuron():
    """[LSTM.F3] [LSTM.F4] [LSTM.F9]  z into columns and rows of the matrices, the initial state divided by z^h."""
    h, W_x, W_h, b, z_h, z_k, o_tanh_c, W_y = sympy.symbols("h W_x W_h b z_h z_k q W_y", positive=True)
    a = (x * W_x + h * W_h) * z_k + b
    assert equal(a, x * (W_x * z_k) + (h / z_h) * (z_h * W_h * z_k) + b)
    assert equal((o_tanh_c * z_h) * W_y, o_tanh_c * (z_h * W_y))


def test_one_threshold_in_three_forms():
    """[THRESHOLD.E1] [THRESHOLD.E2]  Where log alpha is 3; and that 3 for log sigma - log|mu| is 6."""
    mu, sigma = mu_1, sigma_1
    log_alpha = 2 * log(sigma) - log(mu**2)
    at = {sigma: mu * exp(Rational(3, 2))}
    forms = [log_alpha, mu**2 / sigma**2, mu / sigma, log(sigma) - log(mu)]
    values = [sympy.simplify(sympy.expand_log(form.subs(at), force=True)) for form in forms]
    assert all_equal(values, (3, exp(-3), exp(-Rational(3, 2)), Rational(3, 2)))
    assert equal(sympy.expand_log(log_alpha.subs(sigma, mu * exp(3)), force=True), 6)
