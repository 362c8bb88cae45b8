"""The dense layer in lent memory: the twin of ``layers/affine``, for one W of all objects."""

import math

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_shapes
from refimpl.fast.blocks import column_sums, rows_at_once
from refimpl.fast.workspace import Workspace
from refimpl.layers import affine as reference
from refimpl.layers.affine import AffineCache, AffineGrads, AffineParams


def affine_forward(x: Array, params: AffineParams, *, workspace: Workspace) -> tuple[Array, AffineCache]:
    """As ``layers.affine.affine_forward``; y is lent. Equations: AFFINE.F1."""
    W, b = params
    if W.ndim != 2 or x.ndim != 3:
        return reference.affine_forward(x, params)
    check_shapes({"x": (x, "T B D"), "W": (W, "D K"), "b": (b, "K")})
    check_dtypes(x=x, W=W, b=b)
    y = workspace.empty((*x.shape[:2], W.shape[1]), x.dtype)
    rows = y.reshape(-1, W.shape[1])
    workspace.matmul(x.reshape(len(rows), -1), W, out=rows)  # [AFFINE.F1]
    if b is not None:
        at_once = rows_at_once(rows, workspace.threads)
        workspace.by_blocks(len(rows), at_once, lambda part: np.add(rows[part], b, out=rows[part]))
    return y, AffineCache(x, W, b is not None)


def affine_backward(dy: Array, cache: AffineCache, *, workspace: Workspace) -> AffineGrads:
    """As ``layers.affine.affine_backward``; dx and dW are lent. Equations: AFFINE.B1-B3."""
    x, W, has_bias = cache
    if W.ndim != 2 or x.ndim != 3:
        return reference.affine_backward(dy, cache)
    check_shapes({"dy": (dy, " ".join(map(str, (*x.shape[:2], W.shape[1]))))})
    check_dtypes(x=x, dy=dy)
    count = math.prod(x.shape[:2])
    rows, drows = x.reshape(count, -1), dy.reshape(count, -1)
    dx, dW = workspace.empty(x.shape, x.dtype), workspace.empty(W.shape, x.dtype)
    workspace.matmul(drows, W.T, out=dx.reshape(rows.shape))  # [AFFINE.B1]
    workspace.matmul(rows.T, drows, out=dW)  # [AFFINE.B2]
    return AffineGrads(dx, AffineParams(dW, column_sums(drows) if has_bias else None))  # [AFFINE.B3]
