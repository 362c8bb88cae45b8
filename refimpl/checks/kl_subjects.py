"""The KL divergences as functions of (mu, log sigma), and posteriors of given alpha: what the KL checks run on."""

from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.checks.cases_common import normals
from refimpl.checks.kl_oracles import KLFunction


def kl_value(name: str) -> KLFunction:
    """mu, log_sigma -> KL of each weight, not clipped; the 2018 code's without its constant -0.67."""
    divergence, constant = KL_DIVERGENCES[name], 0.67 if name == "rnn2018" else 0.0
    options: dict[str, Any] = {"log_alpha_clip": None} if divergence.clips else {}
    return lambda mu, log_sigma: divergence.forward(mu, log_sigma, **options)[0] + constant


def kl_dmu(name: str) -> KLFunction:
    """mu, log_sigma -> dKL/dmu of each weight."""
    divergence = KL_DIVERGENCES[name]
    options: dict[str, Any] = {"log_alpha_clip": None} if divergence.clips else {}
    return lambda mu, log_sigma: divergence.backward(1.0, divergence.forward(mu, log_sigma, **options)[1]).mu


def posteriors(log_alpha: Array) -> tuple[Array, Array]:
    """mu of both signs and log sigma of various sizes that have the given log alpha."""
    log_sigma = normals(0, "audit.log_sigma", len(log_alpha), mean=-1.0)
    return np.exp(log_sigma - 0.5 * log_alpha) * np.where(np.arange(len(log_alpha)) % 2, -1.0, 1.0), log_sigma


def sigma_for_variance(kl: KLFunction) -> KLFunction:
    """log sigma read as log sigma^2."""
    return lambda mu, log_sigma: kl(mu, 0.5 * log_sigma)
