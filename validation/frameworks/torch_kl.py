"""KL divergences in PyTorch, a weight at a time, from the papers' formulas. r = mu^2 / sigma^2 = 1 / alpha.

The exact one is an integral: Dawson's F(x) is x int_0^1 exp(-x^2 (1 - u^2)) du, and dKL/dq = sqrt(2) F(q / sqrt 2) for
q = mu / sigma; integrated over q, with y = r / 2,

    KL = int_0^1 (1 - exp(-y (1 - u^2))) / (1 - u^2) du,

a smooth integrand, here by 120 nodes of Gauss and Legendre. refimpl uses a series, its tail and a rational function.
"""

import math

import torch
from scipy.special import roots_legendre

from refimpl.checks.crosscheck import torch_subject

NODES, WEIGHTS = roots_legendre(120)
C0 = 0.5 * (0.5772156649015329 + math.log(2.0))  # (Euler's gamma + log 2) / 2


def log_uniform(r):
    u, w = torch.from_numpy(0.5 * (NODES + 1.0)), torch.from_numpy(0.5 * WEIGHTS)
    v = 1.0 - u**2
    return (w * (1.0 - torch.exp(-0.5 * r[..., None] * v)) / v).sum(dim=-1)  # w is small where v is


def molchanov2017(r):
    """Molchanov 2017 eq. 14: 1/2 log(1 + r) + k1 (1 - s(k2 - k3 log r)), whose last factor is t / (1 + t)."""
    t = math.exp(-1.87320) * r**1.48695
    return 0.5 * torch.log1p(r) + 0.63576 * t / (1.0 + t)


def rnn2018(r):
    """The 2018 code: 1/2 log(1 + r) - 0.64 s(1.5 (1.3 - log r)) - 0.03."""
    return 0.5 * torch.log1p(r) - 0.64 / (1.0 + math.exp(-1.5 * 1.3) * r**1.5) - 0.03


def ard(r):
    return 0.5 * torch.log1p(r)


def kingma2015(r):
    """Kingma, Salimans, Welling 2015, appendix C, with the exact constant."""
    a = 1.0 / r
    return 0.5 * torch.log(r) + C0 - 1.16145124 * a + 1.50204118 * a**2 - 0.58629921 * a**3


OF_RATIO = {f.__name__: f for f in (log_uniform, molchanov2017, rnn2018, ard, kingma2015)}


def kl_of_each(mu, log_sigma, prior, log_alpha_clip):
    """KL of each weight in nats; log alpha = -log r is clipped where a clip is given."""
    if prior == "standard_normal":
        return 0.5 * (torch.exp(2.0 * log_sigma) + mu**2 - 1.0) - log_sigma
    r = mu**2 * torch.exp(-2.0 * log_sigma)
    if log_alpha_clip is not None and prior != "kingma2015":
        r = torch.clamp(r, math.exp(-log_alpha_clip), math.exp(log_alpha_clip))
    return OF_RATIO[prior](r)


@torch_subject("kl")
def kl(params, inputs, noise, config):
    return {"kl": kl_of_each(params["mu"], params["log_sigma"], config["kl"], config["log_alpha_clip"])}
