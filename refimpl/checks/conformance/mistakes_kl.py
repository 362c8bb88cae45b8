"""Mistakes in the KL term: its scale, its sign, which divergence it is, the clip of log alpha, the L2 term."""

import math
from collections.abc import Callable

import numpy as np

from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.checks.conformance.case import Answers, Case, Compute, Config, Given, Mistake
from refimpl.checks.conformance.plants_kl import CONSTANTS
from refimpl.checks.conformance.reading import (
    CLIPPED_PRIORS,
    has_kl,
    option,
    priors_of,
    steps_and_batch,
    with_option,
    with_prior,
)
from refimpl.checks.conformance.wrapping import Plant, by_config, by_plant


def _terms(count: Callable[[Given], int]) -> Plant:
    """KL divided by another number."""

    def plant(compute: Compute) -> Compute:
        return lambda config, given: compute(config | {"n_terms": count(given)}, given)

    return plant


def _negative(compute: Compute) -> Compute:
    """Twice the answers without a KL term, less those with it: all that it enters is linear in its weight."""

    def wrapped(config: Config, given: Given) -> Answers:
        right, without = compute(config, given), compute(config | {"kl_weight": 0.0}, given)
        linear = [name for name in right if name == "out.loss" or name.startswith("grad.")]
        return right | {name: 2.0 * without[name] - right[name] for name in linear}

    return wrapped


def _weighted(case: Case) -> bool:
    return has_kl(case) and case.config["kl_weight"] != 1.0


def _has_prior(case: Case) -> bool:
    return bool(priors_of(case.config))


def _all_clip(case: Case) -> bool:
    """All its divergences are functions of alpha."""
    return _has_prior(case) and priors_of(case.config) <= set(CLIPPED_PRIORS)


def _clipped(case: Case) -> bool:
    return _all_clip(case) and option(case.config, "log_alpha_clip") is not None


def _has_constant(case: Case) -> bool:
    return bool(priors_of(case.config) & CONSTANTS.keys())


def _no_zero_mean(case: Case) -> bool:
    return _all_clip(case) and all(np.all(a) for name, a in case.given.items() if name.endswith("mu"))


def _another(prior: str) -> Callable[[Case], bool]:
    """It has a prior, all of its weights are in the range of the other one, and it is not that one throughout."""

    def applies(case: Case) -> bool:
        if not _has_prior(case) or priors_of(case.config) == {prior}:
            return False
        return prior != "kingma2015" or _alpha_below_1(case)

    return applies


def _alpha_below_1(case: Case) -> bool:
    pairs = [(n, n.removesuffix("mu") + "log_sigma") for n in case.given if n.startswith("param.") and n.endswith("mu")]
    ratios = [np.abs(case.given[mu]) * np.exp(-case.given[s]) for mu, s in pairs if s in case.given]
    return all(np.min(q) > 1.0 for q in ratios)


def _variant(prior: str) -> Mistake:
    name, words = "kl-variant-" + prior.replace("_", "-"), f"KL divergence {prior} in place of the one asked for"
    return Mistake(name, "kl-variant", words, _another(prior), by_config(lambda c: with_prior(c, prior)))


def _has_l2(case: Case) -> bool:
    return case.op == "l2" or case.config.get("l2") is not None


def _halved(config: Config) -> Config:
    """The L2 term with half its coefficient."""
    l2 = config if "form" in config else config["l2"]
    change = {"script": ("weight_decay", 0.5), "derivation": ("length_scale", math.sqrt(0.5))}
    name, factor = change[l2["form"]]
    halved = l2 | {name: factor * l2[name]}
    return halved if "form" in config else config | {"l2": halved}


NO_CLIP = by_config(lambda config: with_option(config, "log_alpha_clip", None))

KL_MISTAKES = (
    Mistake("kl-not-scaled", "kl-scale", "KL not divided by N", has_kl, _terms(lambda given: 1)),
    Mistake(
        "kl-by-batch",
        "kl-scale",
        "KL divided by the objects of the batch, not by N",
        has_kl,
        _terms(lambda given: steps_and_batch(given)[1]),
    ),
    Mistake(
        "kl-by-batch-terms",
        "kl-scale",
        "KL divided by the steps times objects of the batch, not by N",
        has_kl,
        _terms(lambda given: math.prod(steps_and_batch(given))),
    ),
    Mistake(
        "kl-averaged", "kl-scale", "the KL is the mean over each matrix, not the sum", has_kl, by_plant("kl-averaged")
    ),
    Mistake(
        "kl-weight-ignored",
        "kl-scale",
        "the weight of the KL is 1 whatever it should be",
        _weighted,
        by_config(lambda config: config | {"kl_weight": 1.0}),
    ),
    Mistake(
        "kl-missing", "kl-scale", "no KL in the loss", has_kl, by_config(lambda config: config | {"kl_weight": 0.0})
    ),
    Mistake("kl-sign", "kl-sign", "the KL is subtracted", has_kl, _negative),
    *(_variant(prior) for prior in KL_DIVERGENCES),
    Mistake(
        "kl-without-constant",
        "kl-variant",
        "the constant of the KL is left out",
        _has_constant,
        by_plant("kl-without-constant"),
    ),
    Mistake(
        "kl-alpha-inverted",
        "kl-variant",
        "alpha = mu^2 / sigma^2 in the KL",
        _no_zero_mean,
        by_plant("kl-alpha-inverted"),
    ),
    Mistake("kl-epsilon", "kl-variant", "log(mu^2 + 1e-8) in log alpha", _all_clip, by_plant("kl-epsilon")),
    Mistake("kl-clip-missing", "log-alpha-clip", "log alpha is not clipped", _clipped, NO_CLIP),
    Mistake(
        "kl-gradient-through-clip",
        "log-alpha-clip",
        "the gradient passes through the clip of log alpha",
        _clipped,
        by_plant("kl-through-clip"),
    ),
    Mistake("l2-halved", "l2", "a factor 1/2 in the L2 term", _has_l2, by_config(_halved)),
)
