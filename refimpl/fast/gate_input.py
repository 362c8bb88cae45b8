"""The input's contribution to the gates, in lent memory: twins of ``layers/gate_input``, for one W_x of all objects.

A W_x for each object, and multipliers that differ by gate on dense inputs, are left to the reference.
"""

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_ids, check_shapes
from refimpl.fast.rows import sum_rows, take_rows
from refimpl.fast.workspace import Workspace
from refimpl.layers import gate_input as reference
from refimpl.layers.gate_input import GateInputCache, GateInputGrads, TokenInputCache, TokenInputGrads


def gate_input_forward(
    x: Array, W_x: Array, multiplier: Array | None = None, *, workspace: Workspace
) -> tuple[Array, GateInputCache]:
    """As ``layers.gate_input.gate_input_forward``; u (T, B, 4, H) is lent. Equations: LSTM.F1."""
    if W_x.ndim == 4 or multiplier is not None:
        return reference.gate_input_forward(x, W_x, multiplier)
    check_shapes({"x": (x, "T B D"), "W_x": (W_x, "D 4 H")})
    check_dtypes(x=x, W_x=W_x)
    u = workspace.empty((*x.shape[:2], *W_x.shape[1:]), x.dtype)
    workspace.matmul(x.reshape(-1, x.shape[2]), W_x.reshape(len(W_x), -1), out=u.reshape(x.shape[0] * x.shape[1], -1))
    return u, GateInputCache(x, W_x, None)  # [LSTM.F1]


def gate_input_backward(du: Array, cache: GateInputCache, *, workspace: Workspace) -> GateInputGrads:
    """As ``layers.gate_input.gate_input_backward``; dx and dW_x are lent. Equations: LSTM.B11-B12."""
    x, W_x, multiplier = cache
    if W_x.ndim == 4 or multiplier is not None:
        return reference.gate_input_backward(du, cache)
    check_shapes({"x": (x, "T B D"), "du": (du, "T B 4 H")}, H=W_x.shape[-1])
    check_dtypes(W_x=W_x, du=du)
    rows, drows, W = x.reshape(-1, len(W_x)), du.reshape(len(du) * du.shape[1], -1), W_x.reshape(len(W_x), -1)
    dx, dW = workspace.empty(x.shape, x.dtype), workspace.empty(W_x.shape, x.dtype)
    workspace.matmul(drows, W.T, out=dx.reshape(rows.shape))  # [LSTM.B11]
    workspace.matmul(rows.T, drows, out=dW.reshape(W.shape))  # [LSTM.B12]
    return GateInputGrads(dx, dW, None)


def token_input_forward(
    ids: Array, W_x: Array, multiplier: Array | None = None, *, workspace: Workspace
) -> tuple[Array, TokenInputCache]:
    """As ``layers.gate_input.token_input_forward``; u (T, B, 4, H) is lent. Equations: LSTM.F2."""
    if W_x.ndim == 4:
        return reference.token_input_forward(ids, W_x, multiplier)
    sizes = check_shapes({"ids": (ids, "T B"), "W_x": (W_x, "V 4 H"), "multiplier": (multiplier, "B 1|4 V")})
    check_dtypes(W_x=W_x, multiplier=multiplier)
    check_ids("ids", ids, sizes["V"])
    u = workspace.empty((*ids.shape, *W_x.shape[1:]), W_x.dtype)
    take_rows(W_x.reshape(sizes["V"], -1), ids, u.reshape(*ids.shape, -1))  # [LSTM.F2]
    if multiplier is not None:
        u *= reference.occurrence_factors(ids, multiplier)
    return u, TokenInputCache(ids, W_x, multiplier)


def token_input_backward(du: Array, cache: TokenInputCache) -> TokenInputGrads:
    """As ``layers.gate_input.token_input_backward``. Equations: LSTM.B14-B15."""
    ids, W_x, multiplier = cache
    if W_x.ndim == 4:
        return reference.token_input_backward(du, cache)
    check_shapes({"ids": (ids, "T B"), "du": (du, "T B 4 H")}, H=W_x.shape[-1])
    check_dtypes(W_x=W_x, du=du)
    drows, dmultiplier = du, None
    if multiplier is not None:
        dfactors = np.einsum("tbkh,tbkh->tbk", du, W_x[ids])
        dmultiplier = reference.multiplier_gradient(ids, dfactors, multiplier.shape, sum_rows)  # [LSTM.B15]
        drows = du * reference.occurrence_factors(ids, multiplier)
    dW = sum_rows(ids.reshape(-1), drows.reshape(ids.size, -1), len(W_x))  # [LSTM.B14]
    return TokenInputGrads(dW.reshape(W_x.shape), dmultiplier)
