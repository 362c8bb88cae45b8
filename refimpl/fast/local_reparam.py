"""The affine layer by LRT in lent memory: the twin of ``bayes/local_reparam``.

Outputs are K columns, or the gates' (4, H), worked on as 4 H columns. Passes go step by step, which stays in cache.
"""

import math

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_shapes
from refimpl.bayes import local_reparam as reference
from refimpl.bayes.local_reparam import AffineLRTCache, AffineLRTGrads, AffineLRTParams
from refimpl.fast.blocks import column_sums
from refimpl.fast.workspace import Workspace


def affine_lrt_forward(
    x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float, workspace: Workspace
) -> tuple[Array, AffineLRTCache]:
    """As ``bayes.local_reparam.affine_lrt_forward``; y is lent. Equations: LRT.F1-F3."""
    mu, log_sigma, b = params
    outputs, noises = ("K", "T|1 B K") if mu.ndim == 2 else ("4 H", "T|1 B 4|1 H")
    words = {"mu": (mu, f"D {outputs}"), "log_sigma": (log_sigma, f"D {outputs}"), "b": (b, outputs)}
    check_shapes({"x": (x, "T B D")} | words | {"eps": (eps, noises)})
    check_dtypes(x=x, mu=mu, log_sigma=log_sigma, b=b, eps=eps)
    reference.check_var_floor(var_floor)
    shape = (*x.shape[:2], *mu.shape[1:])
    y, std = workspace.empty(shape, x.dtype), workspace.empty(shape, x.dtype)
    sigma2, squares = workspace.empty(mu.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    np.multiply(log_sigma, 2.0, out=sigma2)
    np.exp(sigma2, out=sigma2)
    np.multiply(x, x, out=squares)
    workspace.matmul(_rows(x), _columns(mu), out=_rows(y))  # [LRT.F1]
    workspace.matmul(_rows(squares), _columns(sigma2), out=_rows(std))
    noise = workspace.empty(shape[1:], x.dtype)
    for y_t, std_t, eps_t in zip(y, std, np.broadcast_to(eps, shape), strict=True):
        if b is not None:
            y_t += b
        std_t += var_floor
        np.sqrt(std_t, out=std_t)  # [LRT.F2]
        np.multiply(std_t, eps_t, out=noise)
        y_t += noise  # [LRT.F3]
    return y, AffineLRTCache(x, mu, sigma2, std, eps, b is not None)


def affine_lrt_backward(dy: Array, cache: AffineLRTCache, *, workspace: Workspace) -> AffineLRTGrads:
    """As ``bayes.local_reparam.affine_lrt_backward``; the gradients are lent. Equations: LRT.B1-B5."""
    x, mu, sigma2, std, eps, has_bias = cache
    check_shapes({"dy": (dy, " ".join(map(str, std.shape)))})
    check_dtypes(y=std, dy=dy)
    dv = workspace.empty(std.shape, std.dtype)
    for dv_t, dy_t, eps_t, std_t in zip(dv, dy, np.broadcast_to(eps, std.shape), std, strict=True):
        _dv(dy_t, eps_t, std_t, dv_t)
    dx, through_v = workspace.empty(x.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    dmu, dlog_sigma = workspace.empty(mu.shape, x.dtype), workspace.empty(mu.shape, x.dtype)
    workspace.matmul(_rows(x).T, _rows(dy), out=_columns(dmu))  # [LRT.B3]
    np.multiply(x, x, out=through_v)
    workspace.matmul(_rows(through_v).T, _rows(dv), out=_columns(dlog_sigma))
    dlog_sigma *= sigma2
    dlog_sigma *= 2.0  # [LRT.B4]
    workspace.matmul(_rows(dy), _columns(mu).T, out=_rows(dx))
    workspace.matmul(_rows(dv), _columns(sigma2).T, out=_rows(through_v))
    through_v *= x
    through_v *= 2.0
    dx += through_v  # [LRT.B2]
    db = column_sums(_rows(dy)).reshape(mu.shape[1:]) if has_bias else None  # [LRT.B5]
    return AffineLRTGrads(dx, AffineLRTParams(dmu, dlog_sigma, db))


def _dv(dy: Array, eps: Array, std: Array, out: Array) -> None:
    """dy eps / (2 std), and 0 where std is 0, of one step. Equations: LRT.B1."""
    np.multiply(dy, eps, out=out)
    out *= 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        out /= std  # [LRT.B1]
    if std.min() == 0.0:  # only without a floor
        out[std == 0.0] = 0.0


def _rows(x: Array) -> Array:
    """(T, B, ...) as (T B, ...)."""
    return x.reshape(x.shape[0] * x.shape[1], math.prod(x.shape[2:]))


def _columns(W: Array) -> Array:
    """(D, 4, H) as (D, 4 H)."""
    return W.reshape(len(W), math.prod(W.shape[1:]))
