"""Wrong KL divergences by name, each made from a right one and its name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.kl import LOG_UNIFORM_C0, KLDivergence, KLGrads
from refimpl.bayes.kl.molchanov2017 import MOLCHANOV2017_K1
from refimpl.bayes.kl.rnn2018 import RNN2018_CONSTANT

LOG_ALPHA_EPSILON = 1e-8
CONSTANTS = {  # what is left out by those who say that constants do not matter
    "molchanov2017": MOLCHANOV2017_K1,
    "rnn2018": RNN2018_CONSTANT,
    "log_uniform": LOG_UNIFORM_C0,
    "kingma2015": LOG_UNIFORM_C0,
    "standard_normal": -0.5,
}


def without_constant(divergence: KLDivergence, name: str) -> KLDivergence:
    """The value without its constant."""
    constant = CONSTANTS.get(name, 0.0)

    def forward(mu: Array, log_sigma: Array, **options: Any) -> tuple[Array, Any]:
        kl, cache = divergence.forward(mu, log_sigma, **options)
        return kl - constant, cache

    return divergence._replace(forward=forward)


def averaged(divergence: KLDivergence, name: str) -> KLDivergence:
    """The mean over the weights in place of the sum."""

    def forward(mu: Array, log_sigma: Array, **options: Any) -> tuple[Array, Any]:
        kl, cache = divergence.forward(mu, log_sigma, **options)
        return kl / mu.size, (cache, mu.size)

    def backward(dkl: Array | float, cache: Any) -> KLGrads:
        return divergence.backward(dkl / cache[1], cache[0])

    return divergence._replace(forward=forward, backward=backward)


def epsilon_in_log_alpha(divergence: KLDivergence, name: str) -> KLDivergence:
    """log alpha = log sigma^2 - log(mu^2 + 1e-8)."""

    def forward(mu: Array, log_sigma: Array, **options: Any) -> tuple[Array, Any]:
        root = np.sqrt(mu * mu + LOG_ALPHA_EPSILON)
        kl, cache = divergence.forward(root, log_sigma, **options)
        return kl, (cache, mu / root)

    def backward(dkl: Array | float, cache: Any) -> KLGrads:
        inner, slope = cache
        grads = divergence.backward(dkl, inner)
        return grads._replace(mu=grads.mu * slope)

    return divergence._replace(forward=forward, backward=backward)


def alpha_inverted(divergence: KLDivergence, name: str) -> KLDivergence:
    """alpha = mu^2 / sigma^2: mu and sigma change places."""

    def forward(mu: Array, log_sigma: Array, **options: Any) -> tuple[Array, Any]:
        sigma = np.exp(log_sigma)
        kl, cache = divergence.forward(sigma, 0.5 * np.log(mu * mu), **options)
        return kl, (cache, mu, sigma)

    def backward(dkl: Array | float, cache: Any) -> KLGrads:
        inner, mu, sigma = cache
        grads = divergence.backward(dkl, inner)
        return KLGrads(mu=grads.log_sigma / mu, log_sigma=grads.mu * sigma)

    return divergence._replace(forward=forward, backward=backward)


def gradient_through_clip(divergence: KLDivergence, name: str) -> KLDivergence:
    """log alpha is clipped, and the gradient passes as if it were not: the slope at the edge goes on beyond it."""

    def forward(mu: Array, log_sigma: Array, *, log_alpha_clip: float) -> tuple[Array, Any]:
        kl, _ = divergence.forward(mu, log_sigma, log_alpha_clip=log_alpha_clip)
        most, least = np.exp(0.5 * log_alpha_clip), np.exp(-0.5 * log_alpha_clip)
        q = np.clip(np.abs(mu) * np.exp(-log_sigma), least, most)
        _, at_edge = divergence.forward(q, np.zeros_like(q), log_alpha_clip=None)
        return kl, (at_edge, q, mu)

    def backward(dkl: Array | float, cache: Any) -> KLGrads:
        at_edge, q, mu = cache
        slope = q * divergence.backward(dkl, at_edge).mu  # q K'(q) = -2 dKL / dlog alpha
        away = np.where(mu == 0.0, 1.0, mu)
        return KLGrads(mu=np.where(mu == 0.0, 0.0, slope / away), log_sigma=-slope)

    return divergence._replace(forward=forward, backward=backward)


KL_PLANTS: dict[str, Callable[[KLDivergence, str], KLDivergence]] = {
    "kl-without-constant": without_constant,
    "kl-averaged": averaged,
    "kl-epsilon": epsilon_in_log_alpha,
    "kl-alpha-inverted": alpha_inverted,
    "kl-through-clip": gradient_through_clip,
}
