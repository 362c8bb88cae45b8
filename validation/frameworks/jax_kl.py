"""KL divergences in JAX, a weight at a time, from the papers' formulas. r = mu^2 / sigma^2 = 1 / alpha.

The exact one is KL = int_0^1 (1 - exp(-y (1 - u^2))) / (1 - u^2) du with y = r / 2 (``torch_kl`` says why), here with
the substitution u = sin(t), which leaves (1 - exp(-y cos(t)^2)) / cos(t) over [0, pi/2], by 120 nodes of Gauss and
Legendre.
"""

import math

import jax.numpy as jnp
from scipy.special import roots_legendre

from refimpl.checks.crosscheck import jax_subject

NODES, WEIGHTS = roots_legendre(120)
EULER_GAMMA = 0.5772156649015329


def log_uniform(r):
    cosine = jnp.cos(0.25 * math.pi * (jnp.asarray(NODES) + 1.0))
    terms = -jnp.expm1(-0.5 * r[..., None] * cosine**2) / cosine
    return 0.25 * math.pi * (terms * WEIGHTS).sum(axis=-1)


def molchanov2017(r):
    """Molchanov 2017 eq. 14."""
    t = math.exp(-1.87320) * r**1.48695
    return 0.5 * jnp.log1p(r) + 0.63576 * t / (1.0 + t)


def rnn2018(r):
    """The 2018 code."""
    return 0.5 * jnp.log1p(r) - 0.64 / (1.0 + math.exp(-1.5 * 1.3) * r**1.5) - 0.03


def ard(r):
    return 0.5 * jnp.log1p(r)


def kingma2015(r):
    """Kingma, Salimans, Welling 2015, appendix C, with the exact constant."""
    constant = 0.5 * (EULER_GAMMA + math.log(2.0))
    return 0.5 * jnp.log(r) + constant - 1.16145124 / r + 1.50204118 / r**2 - 0.58629921 / r**3


OF_RATIO = {f.__name__: f for f in (log_uniform, molchanov2017, rnn2018, ard, kingma2015)}


def kl_of_each(mu, log_sigma, prior, log_alpha_clip):
    """KL of each weight in nats; log alpha = -log r is clipped where a clip is given."""
    if prior == "standard_normal":
        return 0.5 * (jnp.exp(2.0 * log_sigma) + mu**2 - 1.0) - log_sigma
    r = mu**2 * jnp.exp(-2.0 * log_sigma)
    if log_alpha_clip is not None and prior != "kingma2015":
        r = jnp.clip(r, math.exp(-log_alpha_clip), math.exp(log_alpha_clip))
    return OF_RATIO[prior](r)


@jax_subject("kl")
def kl(params, inputs, noise, config):
    return {"kl": kl_of_each(params["mu"], params["log_sigma"], config["kl"], config["log_alpha_clip"])}
