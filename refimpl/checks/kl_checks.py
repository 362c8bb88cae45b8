"""Audit, family KL: every divergence from independent sides (S002, S004, Molchanov 2017)."""

from collections.abc import Callable
from functools import partial

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.kl_errors import (
    APPROXIMATIONS,
    DOCUMENTED,
    LAST_DECIMAL,
    Approximation,
    OfLogAlpha,
    distance,
    errors_of,
    fitted_in_log_alpha,
    in_log_alpha,
    kingma_in_log_alpha,
)
from refimpl.checks.kl_oracles import (
    C0,
    KINGMA,
    MOLCHANOV,
    RNN2018,
    S004_ROUNDED,
    KLFunction,
    at_best_precision,
    by_quadrature,
    fitted,
    slope_by_dawson,
    standard_normal_by_quadrature,
)
from refimpl.checks.kl_subjects import kl_dmu, kl_value, posteriors, sigma_for_variance
from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult

FAMILY = "KL"
QUADRATURE = 1e-11  # the quadrature is asked for 1e-13 in each of at most six pieces; log t is singular at 0
RELATIVE = 1e-13  # some hundred roundings


def kl_checks() -> list[CheckResult]:
    """Exact value and slope, the maxima of the approximations' errors, both ends, mu = 0, ARD and the normal prior."""
    return [_value(), _slope(), *_fits(), *_largest_errors(), _ends(), _zero_mean(), _ard(), _standard_normal()]


def _value() -> CheckResult:
    mu, log_sigma = posteriors(np.linspace(-7.0, 8.0, 31))
    oracle = [by_quadrature(m, s) for m, s in zip(mu, np.exp(log_sigma), strict=True)]

    def measure(kl: KLFunction) -> float:
        return float(np.max(np.abs(kl(mu, log_sigma) - oracle)))

    about = About(
        FAMILY,
        "log-uniform, exact value",
        "31 values of log alpha from -7 to 8 against the quadrature of E log|eps + mu/sigma| + C0",
        "a wrong series, a wrong constant, sigma for sigma^2",
    )
    right = kl_value("log_uniform")
    return run_check(
        about, measure, right, QUADRATURE, planted="sigma in place of sigma^2", wrong=sigma_for_variance(right)
    )


def _slope() -> CheckResult:
    log_alpha = np.linspace(-12.0, 12.0, 481)
    mu, log_sigma = posteriors(log_alpha)
    oracle = slope_by_dawson(log_alpha)

    def measure(dmu: KLFunction) -> float:
        slope = -0.5 * mu * dmu(mu, log_sigma)  # log alpha = 2 log sigma - 2 log|mu|
        return float(np.max(np.abs(slope / oracle - 1.0)))

    about = About(
        FAMILY,
        "log-uniform, exact slope",
        "dKL/dlog alpha by the hand-written gradient against -x F(x) with SciPy's Dawson integral, relative",
        "a slope that belongs to another KL, or changes series badly",
    )
    return run_check(
        about,
        measure,
        kl_dmu("log_uniform"),
        RELATIVE,
        planted="the slope of Molchanov's fit",
        wrong=kl_dmu("molchanov2017"),
    )


def _fits() -> list[CheckResult]:
    mu, log_sigma = posteriors(np.linspace(-12.0, 12.0, 481))

    def measure(printed: KLFunction, kl: KLFunction) -> float:
        return float(np.max(np.abs(kl(mu, log_sigma) - printed(mu, log_sigma))))

    what = "all of log alpha from -12 to 12 against the formula as it is printed, in log alpha"
    catches = "a rounded or mistyped constant, a sign, log alpha confused with log sigma - log|mu|"
    rows = [("molchanov2017", MOLCHANOV, "S004's rounded constants", fitted(*S004_ROUNDED)),
            ("rnn2018", RNN2018, "log sigma - log|mu| for log alpha",
             lambda mu, log_sigma: fitted(*RNN2018)(np.sqrt(np.abs(mu)), 0.5 * log_sigma))]  # fmt: skip
    return [
        run_check(About(FAMILY, f"{name}, as printed", what, catches), partial(measure, fitted(*constants)),
                  kl_value(name), RELATIVE, planted=planted, wrong=wrong)
        for name, constants, planted, wrong in rows
    ]  # fmt: skip


def _largest_errors() -> list[CheckResult]:
    """Both sides: a constant that is wrong by one in its last printed digit or two makes another largest error."""
    exact = in_log_alpha("log_uniform")
    rows: dict[str, tuple[str, tuple[OfLogAlpha, OfLogAlpha]]] = {
        "molchanov2017": ("k1 = 0.63577 in place of 0.63576", fitted_in_log_alpha(0.63577, *MOLCHANOV[1:])),
        "rnn2018": ("k2 = 1.9501 in place of 1.95", fitted_in_log_alpha(0.64, 1.9501, 1.5)),
        "S004's rounding": ("the unrounded constants", fitted_in_log_alpha(*MOLCHANOV)),
        "ard": ("the exact KL in its place", exact),
        "kingma2015": ("c2 = -1.5020 in place of -1.50204118", kingma_in_log_alpha(KINGMA[0], -1.5020, KINGMA[2])),
    }
    checks = []
    for name, (planted, wrong) in rows.items():
        right, documented = APPROXIMATIONS[name], DOCUMENTED[name]
        up_to = ", with the best constant," if right.best_constant else ""
        about = About(
            FAMILY,
            f"largest error of {name}",
            f"largest |KL - exact|{up_to} for log alpha from {right.low:g} to {right.high:g} is the documented "
            f"{documented.value:.9f}, of the slope {documented.slope:.9f}; the figure is the distance from them",
            "a wrong constant: the largest error then differs from the documented one, above or below",
        )

        def measure(approximation: Approximation, name: str = name) -> float:
            return distance(errors_of(name, approximation))

        value, slope = wrong
        changed = right._replace(value=value, slope=slope)
        checks.append(run_check(about, measure, right, LAST_DECIMAL, planted=planted, wrong=changed))
    return checks


def _ends() -> CheckResult:
    """At log alpha = -60 and 40: the next terms of the expansions are below 1e-17."""
    expected = {"log_uniform": C0, "molchanov2017": 0.63576, "rnn2018": 0.64, "ard": 0.0}
    low, high = (posteriors(np.array([a])) for a in (-60.0, 40.0))

    def measure(sign: float) -> float:
        errors = []
        for name, constant in expected.items():
            kl = kl_value(name)
            errors += [abs(float(sign * kl(*low)[0]) - 30.0 - constant) / 30.0, abs(float(sign * kl(*high)[0]))]
        return max(errors)

    about = About(
        FAMILY,
        "limits at both ends",
        "for alpha -> infinity every KL is 0; for alpha -> 0 it is -log(alpha)/2 plus (gamma + log 2)/2 (exact), "
        "0.63576 (Molchanov), 0.64 (2018 code), 0 (ARD)",
        "-KL, as S002 and S004 print some of the formulas; a shifted constant; overflow",
    )
    return run_check(about, measure, 1.0, RELATIVE, planted="-KL in place of KL (S004 eq. 5-6 as printed)", wrong=-1.0)


def _zero_mean() -> CheckResult:
    """Near mu = 0 the exact KL is mu^2 / (2 sigma^2), so dKL/dmu = mu / sigma^2 up to mu^3."""
    mu = np.array([1e-9, -1e-12, 1e-30, -1e-100, 1e-200])
    log_sigma = np.array([-1.0, -2.0, -3.0, 0.5, -1.0])

    def measure(dmu: KLFunction) -> float:
        relative = np.abs(dmu(mu, log_sigma) / (mu * np.exp(-2.0 * log_sigma)) - 1.0)
        at_zero = np.abs(dmu(np.zeros(1), np.array([-3.0])))
        return float(np.max(np.concatenate([relative, at_zero])))

    exact = kl_dmu("log_uniform")

    def literal(mu: Array, log_sigma: Array) -> Array:
        """By log alpha = 2 log sigma - log mu^2 and the chain rule, as it is usually written."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return slope_by_dawson(2.0 * log_sigma - np.log(mu * mu)) * (-2.0 / mu)

    about = About(
        FAMILY,
        "analytic at mu = 0",
        "dKL/dmu / (mu / sigma^2) - 1 for |mu| from 1e-9 to 1e-200, and exactly 0 at mu = 0, where log alpha is "
        "infinite",
        "log(mu^2), which is NaN at 0, or a floor inside it, which bends it",
    )
    return run_check(about, measure, exact, RELATIVE, planted="the literal log(mu^2): NaN", wrong=literal)


def _against(oracle: Callable[[float, float], float], kl: KLFunction) -> float:
    mu, log_sigma = posteriors(np.linspace(-4.0, 4.0, 9))
    expected = [oracle(m, s) for m, s in zip(mu, np.exp(log_sigma), strict=True)]
    return float(np.max(np.abs(kl(mu, log_sigma) - expected)))


def _ard() -> CheckResult:
    about = About(
        FAMILY,
        "ARD at the best precision",
        "against the minimum over tau of KL(N(mu, sigma^2) || N(0, 1/tau)), found by golden sections",
        "S002's minus sign; a best tau of 1/mu^2",
    )
    right = kl_value("ard")
    return run_check(
        about,
        partial(_against, at_best_precision),
        right,
        QUADRATURE,
        planted="S002's sign, -KL",
        wrong=lambda mu, log_sigma: -right(mu, log_sigma),
    )


def _standard_normal() -> CheckResult:
    about = About(
        FAMILY, "standard normal prior", "against the quadrature of q log(q/p)", "sigma for sigma^2, a lost 1/2"
    )
    right = kl_value("standard_normal")
    return run_check(
        about,
        partial(_against, standard_normal_by_quadrature),
        right,
        QUADRATURE,
        planted="sigma in place of sigma^2",
        wrong=sigma_for_variance(right),
    )
