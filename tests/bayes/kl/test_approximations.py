"""The largest errors of every approximation, from both sides: a wrong constant fails.

[KL.MOLCHANOV.F1] [KL.MOLCHANOV.F2] [KL.MOLCHANOV.B1] [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RNN2018.B1] [KL.ARD.F1]
[KL.ARD.B1] [KL.KINGMA.F1] [KL.KINGMA.B1]
"""

import mpmath as mp
import numpy as np
import pytest

from refimpl.bayes.kl import KL_DIVERGENCES, LOG_UNIFORM_C0
from refimpl.checks.kl_errors import (
    APPROXIMATIONS,
    DOCUMENTED,
    LAST_DECIMAL,
    STEP,
    approximation_errors,
    distance,
    errors_of,
    fitted_in_log_alpha,
    kingma_in_log_alpha,
)
from refimpl.checks.kl_oracles import KINGMA, MOLCHANOV, RNN2018, S004_ROUNDED


def kl_and_slope(name, log_alpha):
    """KL and dKL/dlog alpha at sigma = 1."""
    mu = np.exp(-0.5 * log_alpha)
    divergence = KL_DIVERGENCES[name]
    kl, cache = divergence.forward(mu, np.zeros_like(mu), **({"log_alpha_clip": None} if divergence.clips else {}))
    return kl, 0.5 * divergence.backward(1.0, cache).log_sigma


@pytest.mark.parametrize("name", APPROXIMATIONS)
def test_largest_errors(name):
    """Value and slope, from above and below, and where they are."""
    found, documented = errors_of(name, APPROXIMATIONS[name]), DOCUMENTED[name]
    assert distance(found) <= LAST_DECIMAL
    assert found[:3] == documented[:3]
    assert found[4::2] == pytest.approx(documented[4::2], abs=0.1 * STEP)


def logistic(z):
    return 1 / (1 + mp.exp(-z))


def printed(k1, k2, k3):
    """Value and slope in log alpha at high precision."""
    k1, k2, k3 = mp.mpf(k1), mp.mpf(k2), mp.mpf(k3)
    return (
        lambda a: mp.log1p(mp.exp(-a)) / 2 + k1 * (1 - logistic(k2 + k3 * a)),
        lambda a: -logistic(-a) / 2 - k1 * k3 * logistic(k2 + k3 * a) * (1 - logistic(k2 + k3 * a)),
    )


@pytest.mark.parametrize(
    ("name", "constants"),
    [
        ("molchanov2017", ("0.63576", "1.87320", "1.48695")),
        ("rnn2018", ("0.64", "1.95", "1.5")),
        ("S004's rounding", ("0.64", "1.87", "1.49")),
        ("ard", ("0", "0", "0")),
    ],
)
def test_documented_errors_by_mpmath(name, constants):
    """At the documented places, 30 digits, formulas as printed."""
    documented = DOCUMENTED[name]
    with mp.workdps(30):
        value, slope = printed(*constants)
        at, slope_at, relative_at = (mp.mpf(str(a)) for a in documented[4::2])
        exact = mp.exp(-at) / 2 * mp.hyp2f2(1, 1, mp.mpf(3) / 2, 2, -mp.exp(-at) / 2)
        assert abs(value(at) - exact) == pytest.approx(documented.value, abs=LAST_DECIMAL)
        assert abs(slope(slope_at) - exact_slope(slope_at)) == pytest.approx(documented.slope, abs=LAST_DECIMAL)
        relative = abs(slope(relative_at) / exact_slope(relative_at) - 1)
        assert relative == pytest.approx(documented.relative_slope, abs=LAST_DECIMAL)


def exact_slope(log_alpha):
    x = mp.exp(-log_alpha / 2) / mp.sqrt(2)
    return -x * mp.sqrt(mp.pi) / 2 * mp.exp(-(x**2)) * mp.erfi(x)


def wrong_by_one_digit():
    """Every constant, one unit of its fifth decimal up and down: what the error table has to reject."""
    form = {"molchanov2017": (MOLCHANOV, fitted_in_log_alpha), "rnn2018": (RNN2018, fitted_in_log_alpha)}
    form |= {"S004's rounding": (S004_ROUNDED, fitted_in_log_alpha), "kingma2015": (KINGMA, kingma_in_log_alpha)}
    return [
        (name, index, sign)
        for name, (constants, _) in form.items()
        for index in range(len(constants))
        for sign in (1.0, -1.0)
    ], form


WRONG, FORM = wrong_by_one_digit()


@pytest.mark.parametrize(("name", "index", "sign"), WRONG)
def test_a_constant_that_is_wrong_in_its_fifth_decimal_is_found(name, index, sign):
    constants, build = FORM[name]
    assert distance(errors_of(name, _approximation(name, build(*constants)))) <= LAST_DECIMAL
    moved = [c + sign * 1e-5 * (i == index) for i, c in enumerate(constants)]
    assert distance(errors_of(name, _approximation(name, build(*moved)))) > 100.0 * LAST_DECIMAL


def _approximation(name, functions):
    value, slope = functions
    return APPROXIMATIONS[name]._replace(value=value, slope=slope)


def test_the_table_has_a_row_for_each():
    rows = approximation_errors()
    assert [row.name for row in rows] == list(DOCUMENTED) == list(APPROXIMATIONS)
    assert max(map(distance, rows)) <= LAST_DECIMAL


@pytest.mark.parametrize(("name", "after_best_constant"), [("molchanov2017", 0.00687), ("rnn2018", 0.01153)])
def test_largest_error_after_the_best_constant(name, after_best_constant):
    log_alpha = np.linspace(-8.0, 8.0, 3201)
    error = kl_and_slope(name, log_alpha)[0] - kl_and_slope("log_uniform", log_alpha)[0]
    assert 0.5 * np.ptp(error) == pytest.approx(after_best_constant, abs=0.51e-5)


def test_kingma2015_at_both_ends_of_its_range_and_beyond():
    log_alpha = np.array([-10.0, 0.0])
    exact, kl = kl_and_slope("log_uniform", log_alpha)[0], kl_and_slope("kingma2015", log_alpha)[0]
    assert kl[1] == pytest.approx(0.38947, abs=0.51e-5)
    assert kl[0] == pytest.approx(exact[0], abs=1e-4)
    value, _ = kingma_in_log_alpha(*KINGMA)
    for alpha, beyond in ((1.5, 0.09110), (2.0, -0.71652)):  # exact: 0.29937, 0.23016
        assert float(value(np.log(alpha))) + LOG_UNIFORM_C0 == pytest.approx(beyond, abs=0.51e-5)


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
