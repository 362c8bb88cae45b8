"""Gaussian weights in lent memory: the twin of ``bayes/gaussian_weights``, for one draw a mini-batch.

A draw for each object is left to the reference.
"""

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_shapes
from refimpl.bayes import gaussian_weights as reference
from refimpl.bayes.gaussian_weights import GaussianCache, GaussianParams
from refimpl.fast.blocks import block_length
from refimpl.fast.workspace import Workspace


def gaussian_weights_forward(
    params: GaussianParams, eps: Array, *, workspace: Workspace
) -> tuple[Array, GaussianCache]:
    """As ``bayes.gaussian_weights.gaussian_weights_forward``; w and the deviation are lent. Equations: RT.F1."""
    mu, log_sigma = params
    if eps.ndim != mu.ndim:
        return reference.gaussian_weights_forward(params, eps)
    words = " ".join(map(str, mu.shape))
    check_dtypes(mu=mu, log_sigma=log_sigma, eps=eps)
    check_shapes({"log_sigma": (log_sigma, words), "eps": (eps, words)})
    w, deviation = workspace.empty(mu.shape, mu.dtype), workspace.empty(mu.shape, mu.dtype)
    flat_mu, flat_ls, flat_eps, flat_w, flat_d = (a.reshape(-1) for a in (mu, log_sigma, eps, w, deviation))

    def block(part: slice) -> None:
        d = flat_d[part]
        np.exp(flat_ls[part], out=d)
        d *= flat_eps[part]
        np.add(flat_mu[part], d, out=flat_w[part])  # [RT.F1]

    workspace.by_blocks(mu.size, block_length(workspace.threads), block)
    return w, GaussianCache(deviation, per_object=False)


def gaussian_weights_backward(dw: Array, cache: GaussianCache) -> GaussianParams:
    """As ``bayes.gaussian_weights.gaussian_weights_backward``; dlog_sigma takes the memory of the deviation.

    Equations: RT.B1-B2.
    """
    if cache.per_object:
        return reference.gaussian_weights_backward(dw, cache)
    check_shapes({"dw": (dw, " ".join(map(str, cache.deviation.shape)))})
    check_dtypes(w=cache.deviation, dw=dw)
    dlog_sigma = cache.deviation
    dlog_sigma *= dw  # [RT.B2]
    return GaussianParams(dw, dlog_sigma)  # [RT.B1]
