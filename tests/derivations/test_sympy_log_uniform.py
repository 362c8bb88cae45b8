"""Chapter 04, its steps by SymPy. Series are compared coefficient by coefficient."""

import pytest
import sympy
from sympy import EulerGamma, Rational, erfi, exp, log, oo, pi, sqrt

from tests.derivations.gaussian import all_equal, equal

HALF = Rational(1, 2)
TERMS = 7
C0 = (EulerGamma + log(2)) / 2
q, x, y, u, sigma, alpha = sympy.symbols("q x y u sigma alpha", positive=True)
k1, k2, k3 = sympy.symbols("k1 k2 k3", positive=True)
F = sqrt(pi) / 2 * exp(-(x**2)) * erfi(x)  # Dawson's integral


def h(k):
    return sum((Rational(1, 2 * i - 1) for i in range(1, k + 1)), sympy.Integer(0))


def poisson_mean(values, at):
    """exp(-y) sum_k values[k] y^k / k! as a polynomial in y, exact up to the power TERMS - 1."""
    decay = sum((-y) ** k / sympy.factorial(k) for k in range(TERMS))
    rising = sum(value * y**k / sympy.factorial(k) for k, value in enumerate(values))
    product = sympy.expand(decay * rising)
    return sum(product.coeff(y, k) * y**k for k in range(TERMS)).subs(y, at)


def coefficients(expression, variable, count):
    polynomial = sympy.series(expression, variable, 0, count).removeO()
    return [polynomial.coeff(variable, k) for k in range(count)]


def test_dawson_solves_its_equation():
    assert equal(F, exp(-(x**2)) * sympy.integrate(exp(u**2), (u, 0, x)))
    assert all_equal([F.diff(x) + 2 * x * F, F.subs(x, 0)], (1, 0))


def test_log_sigma_cancels():
    """[KL.RATIO.F1]: -entropy + E log|w|, with E log|eps + q| = m."""
    m = sympy.Symbol("m", real=True)
    minus_entropy = sympy.integrate(
        exp(-(u**2) / 2) / sqrt(2 * pi) * (-(u**2) / 2 - log(sigma) - log(2 * pi) / 2), (u, -oo, oo)
    )
    assert equal(sympy.expand_log(minus_entropy + log(sigma) + m), m - log(2 * pi) / 2 - HALF)
    assert equal(sympy.expand_log(-log((1 / sqrt(alpha)) ** 2), force=True), log(alpha))


def test_the_constant():
    """E log|eps| = (log 2 + psi(1/2)) / 2 = -C0, also as an integral."""
    assert equal((log(2) + sympy.digamma(HALF)) / 2, -C0)
    integral = sympy.integrate(2 * log(u) * exp(-(u**2) / 2) / sqrt(2 * pi), (u, 0, oo))
    assert abs(sympy.N(integral + C0, 30)) < 1e-25


def test_the_mixture():
    """The density of |eps + q| is a Poisson mixture of chi densities, and these are densities."""
    density = 2 / sqrt(2 * pi) * exp(-(u**2) / 2) * exp(-(q**2) / 2) * sympy.cosh(u * q)
    phi = exp(-(u**2) / 2) / sqrt(2 * pi)
    assert equal(density.rewrite(exp), (phi.subs(u, u - q) + phi.subs(u, u + q)).expand())

    def chi(k):
        return 2 * phi * u ** (2 * k) * 2**k * sympy.factorial(k) / sympy.factorial(2 * k)

    assert all(sympy.integrate(chi(k), (u, 0, oo)) == 1 for k in range(5))
    mixture = sum((q**2 / 2) ** k / sympy.factorial(k) * chi(k) for k in range(5))
    ratio = density / exp(-(q**2) / 2)
    assert all_equal(coefficients(ratio, q, 10), [sympy.expand(mixture).coeff(q, k) for k in range(10)])


def test_its_logarithms_are_odd_harmonic_numbers():
    for k in range(6):
        psi = sympy.expand_func(sympy.digamma(HALF + k))
        assert equal((log(2) + psi) / 2 + C0, h(k))


def test_value_slope_and_dawson():
    """[KL.LOGUNIFORM.F1] [KL.POISSON.E1] [KL.DAWSON.E1] [KL.LOGUNIFORM.B1]"""
    first = poisson_mean([h(k) for k in range(TERMS)], y)
    second = sympy.expand(y * poisson_mean([h(k + 1) / (k + 1) for k in range(TERMS)], y))
    assert all(first.coeff(y, k) == second.coeff(y, k) for k in range(TERMS))
    assert first.coeff(y, 1) == 1

    of_dawson = sympy.expand(x * poisson_mean([Rational(1, 2 * k + 1) for k in range(TERMS)], x**2))
    assert [of_dawson.coeff(x, k) for k in range(2 * TERMS)] == coefficients(F, x, 2 * TERMS)

    slope = first.subs(y, q**2 / 2).diff(q)
    by_dawson = sympy.series(sqrt(2) * F.subs(x, q / sqrt(2)), q, 0, 2 * TERMS - 2).removeO()
    assert all(equal(sympy.expand(slope).coeff(q, k), by_dawson.coeff(q, k)) for k in range(2 * TERMS - 2))


def test_slope_in_log_alpha_and_the_parameters():
    """[KL.RATIO.B1] [KL.RATIO.B2]"""
    K = sympy.Function("K")
    mu, log_sigma, a = sympy.symbols("mu log_sigma a", real=True)
    ratio = mu * exp(-log_sigma)
    slope = K(q).diff(q).subs(q, ratio).doit()
    assert equal(K(ratio).diff(mu), slope / exp(log_sigma))
    assert equal(K(ratio).diff(log_sigma), -ratio * slope)
    assert equal(exp(-a / 2).diff(a), -exp(-a / 2) / 2)


def test_large_alpha():
    """1/(2 alpha) - 1/(12 alpha^2) + 1/(90 alpha^3)"""
    found = sympy.integrate(sympy.series(sqrt(2) * F.subs(x, q / sqrt(2)), q, 0, 7).removeO(), (q, 0, q))
    assert equal(found, q**2 / 2 - q**4 / 12 + q**6 / 90)


def test_small_alpha():
    """[KL.DAWSON.E2] [KL.LOGUNIFORM.F2]: the series solves F' = 1 - 2 x F up to one term, and its integral."""
    series = sum(sympy.factorial2(2 * k - 1) / (2 * x**2) ** k for k in range(TERMS)) / (2 * x)
    rest = sympy.expand(series.diff(x) + 2 * x * series - 1)
    assert rest == -sympy.factorial2(2 * TERMS - 1) / (2**TERMS * x ** (2 * TERMS))
    in_alpha = (
        -log(alpha) / 2
        + C0
        - sum(sympy.factorial2(2 * k - 1) / sympy.Integer(2 * k) * alpha**k for k in range(1, TERMS))
    )
    slope = in_alpha.diff(alpha).subs(alpha, q**-2) * -2 * q**-3
    assert equal(sympy.expand(slope), sympy.expand(sqrt(2) * series.subs(x, q / sqrt(2))))
    assert [in_alpha.coeff(alpha, k) for k in (1, 2, 3)] == [-HALF, -Rational(3, 4), -Rational(15, 6)]


def test_tail_and_clip():
    """[KL.RATIO.F2] [KL.RATIO.F3]: K is log|q| + constant; log alpha = c is |q| = exp(-c / 2)."""
    Q, c = sympy.symbols("Q c", positive=True)
    assert equal(sympy.expand_log(log(Q) + log(q / Q)), log(q))
    assert equal(sympy.expand_log(-log(exp(-c / 2) ** 2), force=True), c)


def test_log1p():
    """[KL.LOG1P.E1] to first order in the rounding error."""
    d = sympy.Symbol("d")
    assert sympy.series(log(u - d) - (log(u) - d / u), d, 0, 2).removeO() == 0


ARD = log(1 + q**2) / 2
STEP = 1 / (1 + exp(-k2) * (q**2) ** k3)  # s(k2 + k3 log alpha)


@pytest.mark.parametrize("constants", [(k1, k2, k3), (Rational(64, 100), Rational(195, 100), Rational(3, 2))])
def test_molchanov_and_the_2018_code(constants):
    """[KL.MOLCHANOV.F1] [KL.MOLCHANOV.F2] [KL.MOLCHANOV.B1] [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RNN2018.B1]"""
    a, b, c = constants
    s = STEP.subs({k2: b, k3: c})
    value = ARD + a * (1 - s)
    assert equal(s, 1 / (1 + exp(-(b + c * log(alpha)))).subs(alpha, q**-2))
    by_hand = q / (1 + q**2) + 2 * a * c * exp(-b) * q ** (2 * c - 1) * s**2
    assert equal(value.diff(q), by_hand)
    if c == Rational(3, 2):  # 1.5 (log alpha + 1.3), and q|q|
        assert b == Rational(3, 2) * Rational(13, 10)
        assert equal(by_hand, q / (1 + q**2) + 3 * a * exp(-b) * q * q * s**2)


def test_kingma():
    """[KL.KINGMA.F1] [KL.KINGMA.B1]"""
    c1, c2, c3 = sympy.symbols("c1 c2 c3")
    value = -log(alpha) / 2 + C0 - c1 * alpha - c2 * alpha**2 - c3 * alpha**3
    by_hand = q * alpha * (1 + 2 * alpha * (c1 + 2 * c2 * alpha + 3 * c3 * alpha**2))
    assert equal(value.subs(alpha, q**-2).diff(q), by_hand.subs(alpha, q**-2))
