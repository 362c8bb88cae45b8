"""The affine layer by LRT in lent memory: the twin of ``bayes/local_reparam`` for the output layer, W (D, K).

W of gates (D, 4, H) are left to the reference.
"""

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_shapes
from refimpl.bayes import local_reparam as reference
from refimpl.bayes.local_reparam import AffineLRTCache, AffineLRTGrads, AffineLRTParams
from refimpl.fast.blocks import column_sums
from refimpl.fast.workspace import Workspace


def affine_lrt_forward(
    x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float, workspace: Workspace
) -> tuple[Array, AffineLRTCache]:
    """As ``bayes.local_reparam.affine_lrt_forward``; y (T, B, K) is lent. Equations: LRT.F1-F3."""
    mu, log_sigma, b = params
    if mu.ndim != 2:
        return reference.affine_lrt_forward(x, params, eps, var_floor=var_floor)
    words = {"mu": (mu, "D K"), "log_sigma": (log_sigma, "D K"), "b": (b, "K"), "eps": (eps, "T|1 B K")}
    sizes = check_shapes({"x": (x, "T B D")} | words)
    check_dtypes(x=x, mu=mu, log_sigma=log_sigma, b=b, eps=eps)
    reference.check_var_floor(var_floor)
    shape = (sizes["T"], sizes["B"], sizes["K"])
    y, std = workspace.empty(shape, x.dtype), workspace.empty(shape, x.dtype)
    sigma2, squares = workspace.empty(mu.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    np.multiply(log_sigma, 2.0, out=sigma2)
    np.exp(sigma2, out=sigma2)
    np.multiply(x, x, out=squares)
    _matmul(workspace, x, mu, y)  # [LRT.F1]
    if b is not None:
        y += b
    _matmul(workspace, squares, sigma2, std)
    std += var_floor
    np.sqrt(std, out=std)  # [LRT.F2]
    noise = workspace.empty(shape[1:], x.dtype)
    for y_t, std_t, eps_t in zip(y, std, np.broadcast_to(eps, shape), strict=True):
        np.multiply(std_t, eps_t, out=noise)
        y_t += noise  # [LRT.F3]
    return y, AffineLRTCache(x, mu, sigma2, std, eps, b is not None)


def _matmul(workspace: Workspace, x: Array, W: Array, out: Array) -> None:
    """out (T, B, K) = x (T, B, D) W (D, K)."""
    workspace.matmul(x.reshape(-1, x.shape[2]), W, out=out.reshape(-1, out.shape[2]))


def affine_lrt_backward(dy: Array, cache: AffineLRTCache, *, workspace: Workspace) -> AffineLRTGrads:
    """As ``bayes.local_reparam.affine_lrt_backward``; the gradients are lent. Equations: LRT.B1-B5."""
    x, mu, sigma2, std, eps, has_bias = cache
    if mu.ndim != 2:
        return reference.affine_lrt_backward(dy, cache)
    check_shapes({"dy": (dy, " ".join(map(str, std.shape)))})
    check_dtypes(y=std, dy=dy)
    dv = _dv(dy, eps, std, workspace)  # [LRT.B1]
    dx, through_v = workspace.empty(x.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    dmu, dlog_sigma = workspace.empty(mu.shape, x.dtype), workspace.empty(mu.shape, x.dtype)
    rows, drows, dv_rows = (a.reshape(-1, a.shape[2]) for a in (x, dy, dv))
    workspace.matmul(rows.T, drows, out=dmu)  # [LRT.B3]
    np.multiply(x, x, out=through_v)
    workspace.matmul(through_v.reshape(rows.shape).T, dv_rows, out=dlog_sigma)
    dlog_sigma *= sigma2
    dlog_sigma *= 2.0  # [LRT.B4]
    _matmul(workspace, dy, mu.T, dx)
    _matmul(workspace, dv, sigma2.T, through_v)
    through_v *= x
    through_v *= 2.0
    dx += through_v  # [LRT.B2]
    return AffineLRTGrads(dx, AffineLRTParams(dmu, dlog_sigma, column_sums(drows) if has_bias else None))


def _dv(dy: Array, eps: Array, std: Array, workspace: Workspace) -> Array:
    """dy eps / (2 std), and 0 where std is 0."""
    dv, where = workspace.empty(std.shape, std.dtype), workspace.empty(std.shape, "bool")
    np.multiply(dy, eps, out=dv)
    dv *= 0.5
    np.not_equal(std, 0.0, out=where)
    np.divide(dv, std, out=dv, where=where)
    np.logical_not(where, out=where)
    np.copyto(dv, 0.0, where=where)
    return dv
