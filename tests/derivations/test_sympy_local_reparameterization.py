"""Chapter 03, its steps by SymPy. Sizes: two objects (or steps) m, two inputs j."""

import sympy
from sympy import exp, sqrt

from tests.derivations.gaussian import all_equal, covariance, equal, mean, over_signs, pairs, variance

x = sympy.Matrix(2, 2, lambda m, j: sympy.Symbol(f"x{m}{j}", real=True))
t = sympy.symbols("t0 t1", real=True)
mu = sympy.Matrix(sympy.symbols("mu0 mu1", positive=True))
sigma = sympy.Matrix(sympy.symbols("sigma0 sigma1", positive=True))
eps = sympy.symbols("eps0 eps1", real=True)  # RT: one draw of both weights
own = sympy.Matrix(2, 2, lambda m, j: sympy.Symbol(f"eps{m}{j}", real=True))  # RT: a draw for each object
zeta = sympy.symbols("zeta0 zeta1", real=True)  # LRT
v_symbol = sympy.symbols("v0 v1", positive=True)
alpha, rho, v, e_symbol = sympy.symbols("alpha rho v e", positive=True)

M = [(x * mu)[m] for m in (0, 1)]
E = [M[m] - t[m] for m in (0, 1)]
A = sympy.Matrix(2, 2, lambda m, j: sigma[j] * x[m, j])
V = [A[m, 0] ** 2 + A[m, 1] ** 2 for m in (0, 1)]
SHARED = [M[m] + sum(A[m, j] * eps[j] for j in (0, 1)) for m in (0, 1)]
OWN = [M[m] + sum(A[m, j] * own[m, j] for j in (0, 1)) for m in (0, 1)]
COVARIANCE = sum(sigma[j] ** 2 * x[0, j] * x[1, j] for j in (0, 1))
all_own = tuple(own)


def test_mean_variance_and_covariances():
    """[LRT.F1] [LRT.F2] [LRT.F3] [MOMENTS.E1] [MOMENTS.E2] [MOMENTS.E3] [MOMENTS.E4]"""
    for m in (0, 1):
        assert all_equal([mean(SHARED[m], *eps), variance(SHARED[m], *eps)], (M[m], V[m]))
        local = M[m] + v_symbol[m] * zeta[m]  # v_symbol stands for the root
        assert all_equal([mean(local, *zeta), variance(local, *zeta)], (M[m], v_symbol[m] ** 2))
    assert equal(covariance(*SHARED, *eps), COVARIANCE)
    same_noise = [M[m] + v_symbol[m] * zeta[0] for m in (0, 1)]
    assert equal(covariance(*same_noise, *zeta), v_symbol[0] * v_symbol[1])


def test_backward():
    """[LRT.B1] [LRT.B2] [LRT.B3] [LRT.B4] [LRT.B5]: derivatives of sum_m dy_m y_m, y = m + sqrt(v) zeta + b."""
    dy = sympy.symbols("dy0 dy1", real=True)
    b = sympy.Symbol("b", real=True)
    log_sigma = sympy.symbols("log_sigma0 log_sigma1", real=True)
    floor = sympy.Symbol("floor", positive=True)
    sigma2 = [exp(2 * part) for part in log_sigma]
    var = [sum(x[m, j] ** 2 * sigma2[j] for j in (0, 1)) + floor for m in (0, 1)]
    loss = sum(dy[m] * (M[m] + b + sqrt(var[m]) * zeta[m]) for m in (0, 1))
    dv = [dy[m] * zeta[m] / (2 * sqrt(var[m])) for m in (0, 1)]  # LRT.B1
    for m, j in pairs(2, 2):
        assert equal(loss.diff(x[m, j]), dy[m] * mu[j] + 2 * x[m, j] * dv[m] * sigma2[j])
    for j in (0, 1):
        assert equal(loss.diff(mu[j]), sum(x[m, j] * dy[m] for m in (0, 1)))
        assert equal(loss.diff(log_sigma[j]), 2 * sigma2[j] * sum(x[m, j] ** 2 * dv[m] for m in (0, 1)))
    assert equal(loss.diff(b), sum(dy))


def test_standard_error_of_a_covariance():
    """[MOMENTS.E6]: E (d d')^2 - cov^2 = v v' + cov^2 of normals."""
    product = (SHARED[0] - M[0]) * (SHARED[1] - M[1])
    assert equal(variance(product, *eps), V[0] * V[1] + COVARIANCE**2)


def test_the_objective_of_two_steps_depends_on_their_covariance():
    """Section "When it matters": h = a u_1 + u_2."""
    a, y = sympy.symbols("a y", real=True)
    h = a * SHARED[0] + SHARED[1]
    expected = (a * M[0] + M[1] - y) ** 2 / 2 + (a**2 * V[0] + V[1] + 2 * a * COVARIANCE) / 2
    assert equal(mean((h - y) ** 2 / 2, *eps), expected)


def test_a_recurrent_weight_met_twice():
    """[MOMENTS.E10] [MOMENTS.E11]: moments, cumulants and excess kurtosis of w^2, and of two draws' product."""
    w, other = mu[0] + sigma[0] * eps[0], mu[0] + sigma[0] * eps[1]
    once, twice = w**2, w * other
    assert all_equal(
        [mean(once, *eps), variance(once, *eps), mean(twice, *eps), variance(twice, *eps)],
        (
            mu[0] ** 2 + sigma[0] ** 2,
            4 * mu[0] ** 2 * sigma[0] ** 2 + 2 * sigma[0] ** 4,
            mu[0] ** 2,
            2 * mu[0] ** 2 * sigma[0] ** 2 + sigma[0] ** 4,
        ),
    )
    centred = once - mean(once, *eps)
    second, third, fourth = (mean(centred**k, *eps) for k in (2, 3, 4))
    ratio = mu[0] ** 2 / sigma[0] ** 2
    for n, cumulant in ((2, second), (3, third), (4, fourth - 3 * second**2)):
        assert equal(cumulant, 2 ** (n - 1) * sympy.factorial(n - 1) * sigma[0] ** (2 * n) * (1 + n * ratio))
    excess = 12 * alpha * (alpha + 4) / (alpha + 2) ** 2
    in_alpha = {sigma[0]: sqrt(alpha) * mu[0]}
    assert equal((fourth / second**2 - 3).subs(in_alpha), excess)
    centred = twice - mu[0] ** 2
    kurtosis = mean(centred**4, *eps) / mean(centred**2, *eps) ** 2 - 3
    assert equal(kurtosis.subs(in_alpha), excess / 2)


def test_gradients_of_one_object():
    """The variances by RT and LRT, their ratio, and why it is at most 1."""
    e, a = E[0], A[0, 0]
    of_mu, of_sigma = (OWN[0] - t[0]) * x[0, 0], (OWN[0] - t[0]) * x[0, 0] * own[0, 0]
    noise = own[0, 0], own[0, 1]
    assert equal(variance(of_sigma, *noise), x[0, 0] ** 2 * (e**2 + V[0] + a**2))
    assert equal(covariance(of_mu, of_sigma, *noise), x[0, 0] ** 2 * e * a)
    root = v_symbol[0]  # sqrt(v)
    local = a * x[0, 0] / root * (e * zeta[0] + root * zeta[0] ** 2)
    assert equal(variance(local, *zeta), x[0, 0] ** 2 * a**2 / root**2 * (e**2 + 2 * root**2))
    local_mu = (e + root * zeta[0]) * x[0, 0]
    assert all_equal([mean(local, *zeta), mean(of_sigma, *noise)], (x[0, 0] * a, x[0, 0] * a))
    assert all_equal(
        [covariance(local_mu, local, *zeta), variance(local_mu, *zeta)],
        (x[0, 0] ** 2 * e * a, x[0, 0] ** 2 * root**2),
    )
    upper, lower = rho * (e_symbol**2 + 2 * v), e_symbol**2 + v + rho * v
    assert equal(lower - upper, (1 - rho) * e_symbol**2 + (1 - rho) * v)
    n = sympy.Symbol("n", positive=True)
    ratio = (upper / lower).subs(rho, 1 / n)
    assert all_equal([ratio.subs(v, 0), ratio.subs(e_symbol, 0)], (1 / n, 2 / (n + 1)))


def test_gradients_of_a_mini_batch():
    """[GRADVAR.E1] [GRADVAR.E2] [GRADVAR.E3] [GRADVAR.E4] [GRADVAR.E5] [GRADVAR.E7] [GRADVAR.E8] [GRADVAR.E9]"""
    j, objects = 0, (0, 1)
    mean_mu, mean_sigma = sum(E[m] * x[m, j] for m in objects), sum(sigma[j] * x[m, j] ** 2 for m in objects)

    of_mu = sum((OWN[m] - t[m]) * x[m, j] for m in objects)
    of_sigma = sum((OWN[m] - t[m]) * x[m, j] * own[m, j] for m in objects)
    assert all_equal([mean(of_mu, *all_own), mean(of_sigma, *all_own)], (mean_mu, mean_sigma))
    assert equal(variance(of_mu, *all_own), sum(x[m, j] ** 2 * V[m] for m in objects))
    assert equal(covariance(of_mu, of_sigma, *all_own), sum(x[m, j] ** 2 * E[m] * A[m, j] for m in objects))
    of_object = sum(x[m, j] ** 2 * (E[m] ** 2 + V[m] + A[m, j] ** 2) for m in objects)
    assert equal(variance(of_sigma, *all_own), of_object)

    roots = v_symbol
    local = sum((E[m] + roots[m] * zeta[m]) * zeta[m] * A[m, j] * x[m, j] / roots[m] for m in objects)
    of_lrt = sum(A[m, j] ** 2 * x[m, j] ** 2 * (E[m] ** 2 / roots[m] ** 2 + 2) for m in objects)
    assert all_equal([mean(local, *zeta), variance(local, *zeta)], (mean_sigma, of_lrt))

    of_mu = sum((SHARED[m] - t[m]) * x[m, j] for m in objects)
    of_sigma = sum((SHARED[m] - t[m]) * x[m, j] * eps[j] for m in objects)
    C = A * A.T
    a = sum(E[m] * x[m, j] for m in objects)
    b = [sigma[k] * sum(x[m, k] * x[m, j] for m in objects) for k in (0, 1)]
    assert all_equal([mean(of_mu, *eps), mean(of_sigma, *eps)], (mean_mu, mean_sigma))
    assert equal(variance(of_mu, *eps), sum(x[m, j] * x[n, j] * C[m, n] for m, n in pairs(2, 2)))
    assert equal(variance(of_sigma, *eps), a**2 + b[j] ** 2 + b[0] ** 2 + b[1] ** 2)
    assert equal(covariance(of_mu, of_sigma, *eps), a * b[j])


def test_gradient_of_a_multiplicative_mean():
    """[GRADVAR.E10]: dL/dtheta at fixed alpha is dL/dmu + (sigma / theta) dL/dsigma."""
    theta, noise, target = sympy.Symbol("theta", positive=True), eps[0], t[0]
    loss = (x[0, 0] * theta * (1 + sqrt(alpha) * noise) - target) ** 2 / 2
    s = sympy.Symbol("s", positive=True)
    additive = (x[0, 0] * (theta + s * noise) - target) ** 2 / 2
    parts = [additive.diff(theta), additive.diff(s)]
    of_theta = loss.diff(theta)
    at = {s: sqrt(alpha) * theta}
    assert equal(of_theta, parts[0].subs(at) + sqrt(alpha) * parts[1].subs(at))
    slope = s / theta
    formula = variance(parts[0], noise) + slope**2 * variance(parts[1], noise)
    formula += 2 * slope * covariance(*parts, noise)
    assert equal(variance(of_theta, noise), formula.subs(at))


def test_flipout():
    """[FLIPOUT.F1] [FLIPOUT.F2] [MOMENTS.E5] [GRADVAR.E6]: signs of each object, one draw for both."""
    s = sympy.Matrix(2, 2, lambda m, j: sympy.Symbol(f"s{m}{j}"))
    r = sympy.symbols("r0 r1")
    signs = (*s, *r)

    def average(expression):
        return mean(over_signs(expression, *signs), *eps)

    deviation = [r[m] * sum(A[m, j] * s[m, j] * eps[j] for j in (0, 1)) for m in (0, 1)]
    squares = [part**2 for part in deviation]
    assert all_equal([average(squares[0]), average(deviation[0] * deviation[1])], (V[0], 0))
    tied = 2 * sum(A[0, j] ** 2 * A[1, j] ** 2 for j in (0, 1))
    assert equal(average(squares[0] * squares[1]) - V[0] * V[1], tied)
    of_object = deviation[0].subs({s[0, 0]: s[1, 0], s[0, 1]: s[1, 1], r[0]: r[1]})  # the signs of an object
    assert equal(average(of_object * deviation[1]), COVARIANCE)

    e = sympy.symbols("e0 e1", real=True)
    j = 0
    parts = [(e[m] + deviation[m]) * x[m, j] * s[m, j] * r[m] * eps[j] for m in (0, 1)]
    of_sigma = sum(parts)
    of_object = sum(x[m, j] ** 2 * (e[m] ** 2 + V[m] + A[m, j] ** 2) for m in (0, 1))
    more = 2 * sigma[j] ** 2 * (sum(x[m, j] ** 2 for m in (0, 1)) ** 2 - sum(x[m, j] ** 4 for m in (0, 1)))
    assert equal(average(of_sigma**2) - average(of_sigma) ** 2, of_object + more)


def test_backward_of_flipout():
    """[FLIPOUT.B1] [FLIPOUT.B2] [FLIPOUT.B3]: one object, derivatives of dy y."""
    dy, r, b = sympy.symbols("dy r b", real=True)
    s = sympy.symbols("s0 s1", real=True)
    log_sigma = sympy.symbols("log_sigma0 log_sigma1", real=True)
    delta = [exp(log_sigma[j]) * eps[j] for j in (0, 1)]
    y = sum(x[0, j] * mu[j] for j in (0, 1)) + b + r * sum(x[0, j] * s[j] * delta[j] for j in (0, 1))
    dp = dy * r
    for j in (0, 1):
        assert equal((dy * y).diff(x[0, j]), dy * mu[j] + s[j] * dp * delta[j])
        assert equal((dy * y).diff(mu[j]), x[0, j] * dy)
        assert equal((dy * y).diff(log_sigma[j]), delta[j] * x[0, j] * s[j] * dp)
    assert equal((dy * y).diff(b), dy)
