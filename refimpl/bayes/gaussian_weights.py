"""Gaussian weights by the reparameterization trick (RT): w = mu + sigma eps (S004 eq. 4, 15; Kingma and Welling 2013).

The same two lines serve weight matrices and group variables. What the noise is shared over is the shape of eps:
that of mu: one draw a mini-batch; (B, *shape of mu): one draw an object.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes


class GaussianParams(NamedTuple):
    mu: Array  # (...)
    log_sigma: Array  # (...) log of the posterior standard deviation


class GaussianCache(NamedTuple):
    deviation: Array  # sigma * eps, of eps's shape
    per_object: bool


def gaussian_weights_forward(params: GaussianParams, eps: Array) -> tuple[Array, GaussianCache]:
    """A draw w of eps's shape.

    Shapes: mu and log_sigma (...); eps (...) for one draw, or (B, ...) for a draw for each of B objects.
    Dtype: one floating dtype.
    Equations: RT.F1 (S004 eq. 4).
    Errors: ValueError on another shape of eps, TypeError on a mix of dtypes.
    """
    xp = array_module(params.mu)
    check_dtypes(mu=params.mu, log_sigma=params.log_sigma, eps=eps)
    words = " ".join(map(str, params.mu.shape))
    per_object = eps.ndim == params.mu.ndim + 1
    check_shapes({"log_sigma": (params.log_sigma, words), "eps": (eps, "B " * per_object + words)})
    deviation = xp.exp(params.log_sigma) * eps
    return params.mu + deviation, GaussianCache(deviation, per_object)  # [RT.F1]


def gaussian_weights_backward(dw: Array, cache: GaussianCache) -> GaussianParams:
    """Gradients given dw of the draw's shape: dw is summed over the objects if each had its own draw.

    Equations: RT.B1, RT.B2.
    Errors: ValueError on another shape, TypeError on another dtype.
    """
    check_shapes({"dw": (dw, " ".join(map(str, cache.deviation.shape)))})
    check_dtypes(w=cache.deviation, dw=dw)
    dlog_sigma = dw * cache.deviation  # [RT.B2]
    if cache.per_object:
        return GaussianParams(dw.sum(axis=0), dlog_sigma.sum(axis=0))
    return GaussianParams(dw, dlog_sigma)  # [RT.B1]
