"""Mistakes in random weights: what log sigma stands for, and the variance of local reparameterization."""

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Given, Mistake
from refimpl.checks.conformance.reading import dropout_masks, has_deviations, has_kl, lrt_noise
from refimpl.checks.conformance.wrapping import by_array, by_given, by_plant


def _is_log_sigma(name: str, array: Array) -> bool:
    return name.startswith("param.") and name.endswith("log_sigma")


def _softplus(rho: Array) -> Array:
    return np.log1p(np.exp(rho))


def _softplus_back(given: Given, name: str, gradient: Array) -> Array:
    """d log softplus(rho) / d rho = s(rho) / softplus(rho)."""
    rho = given[name]
    return gradient / ((1.0 + np.exp(-rho)) * _softplus(rho))


def _draws_weights(case: Case) -> bool:
    """Something is drawn as mu + sigma eps: it has noise that is not of preactivations, and no mask."""
    of_preactivations = {*lrt_noise(case.config, case.given), *dropout_masks(case.given)}
    names = {name for name in case.given if name.startswith("noise.") and not name.endswith("_each_step")}
    return has_deviations(case) and bool(names - of_preactivations) and case.op != "affine_flipout"


def _draws_beside_kl(case: Case) -> bool:
    return _draws_weights(case) and has_kl(case)


def _has_lrt(case: Case) -> bool:
    return bool(lrt_noise(case.config, case.given))


def _has_floor(case: Case) -> bool:
    """A floor under the root that can be seen."""
    return _has_lrt(case) and case.config.get("var_floor", 0.0) > 1e-4


HALF, DOUBLE = (by_array(_is_log_sigma, lambda a, f=f: f * a, lambda g, f=f: f * g) for f in (0.5, 2.0))  # type: ignore[misc]
SOFTPLUS = by_given(_is_log_sigma, lambda name, rho: np.log(_softplus(rho)), _softplus_back)

DRAW_MISTAKES = (
    Mistake(
        "log-sigma-as-log-variance",
        "log-sigma",
        "log sigma read as log sigma^2: exp(log_sigma / 2)",
        has_deviations,
        HALF,
    ),
    Mistake("log-sigma-doubled", "log-sigma", "log sigma^2 for log sigma: exp(2 log_sigma)", has_deviations, DOUBLE),
    Mistake("log-sigma-softplus", "log-sigma", "sigma = softplus of what is log sigma", has_deviations, SOFTPLUS),
    Mistake(
        "log-variance-in-draw",
        "log-sigma",
        "exp(log_sigma / 2) in the draw alone; the KL is right",
        _draws_beside_kl,
        by_plant("log-variance-in-draw"),
    ),
    Mistake(
        "sigma-gradient",
        "log-sigma",
        "of a draw, the gradient by sigma in place of log sigma",
        _draws_weights,
        by_plant("sigma-gradient"),
    ),
    Mistake(
        "lrt-sigma",
        "lrt-variance",
        "sigma for sigma^2 under the root of LRT",
        _has_lrt,
        by_plant("sigma-under-root"),
    ),
    Mistake(
        "lrt-no-root",
        "lrt-variance",
        "LRT's variance in place of its root",
        _has_lrt,
        by_plant("variance-for-deviation"),
    ),
    Mistake("lrt-no-floor", "lrt-variance", "nothing added under the root of LRT", _has_floor, by_plant("no-floor")),
    Mistake(
        "lrt-factor-2",
        "lrt-variance",
        "the factor 2 of d sigma^2 / d log sigma is missing",
        _has_lrt,
        by_plant("lrt-factor"),
    ),
)
