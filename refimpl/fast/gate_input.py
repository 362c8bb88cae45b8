"""The input's contribution to the gates, in lent memory: twins of ``layers/gate_input``, for one W_x of all objects.

A W_x for each object is left to the reference.
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
    if W_x.ndim == 4:
        return reference.gate_input_forward(x, W_x, multiplier)
    check_shapes({"x": (x, "T B D"), "W_x": (W_x, "D 4 H"), "multiplier": (multiplier, "B 1|4 D")})
    check_dtypes(x=x, W_x=W_x, multiplier=multiplier)
    u = workspace.empty((*x.shape[:2], *W_x.shape[1:]), x.dtype)
    if multiplier is None:
        workspace.matmul(_rows(x), _columns(W_x), out=_columns(_rows(u)))  # [LSTM.F1]
        return u, GateInputCache(x, W_x, None)
    scaled = workspace.empty(x.shape, x.dtype)
    for k, gates in enumerate(_by_multiplier(multiplier)):
        np.multiply(x, multiplier[:, k], out=scaled)
        workspace.matmul(_rows(scaled), _columns(W_x[:, gates]), out=_columns(_rows(u)[:, gates]))
    return u, GateInputCache(x, W_x, multiplier)


def _by_multiplier(multiplier: Array) -> list[slice]:
    """The gates that see the same input: all four, or each one where the multiplier (B, 1|4, D) differs by gate."""
    return [slice(4)] if multiplier.shape[1] == 1 else [slice(k, k + 1) for k in range(4)]


def _rows(array: Array) -> Array:
    """(T, B, ...) as (T B, ...)."""
    return array.reshape(array.shape[0] * array.shape[1], *array.shape[2:])


def _columns(array: Array) -> Array:
    """(N, n, H) of n gates as (N, n H): a view, for all gates or one."""
    return array.reshape(len(array), array.shape[1] * array.shape[2])


def gate_input_backward(du: Array, cache: GateInputCache, *, workspace: Workspace) -> GateInputGrads:
    """As ``layers.gate_input.gate_input_backward``; the gradients are lent. Equations: LSTM.B11-B13."""
    x, W_x, multiplier = cache
    if W_x.ndim == 4:
        return reference.gate_input_backward(du, cache)
    check_shapes({"x": (x, "T B D"), "du": (du, "T B 4 H")}, H=W_x.shape[-1])
    check_dtypes(W_x=W_x, du=du)
    dx, dW = workspace.empty(x.shape, x.dtype), workspace.empty(W_x.shape, x.dtype)
    if multiplier is None:
        drows = _columns(_rows(du))
        workspace.matmul(drows, _columns(W_x).T, out=_rows(dx))  # [LSTM.B11]
        workspace.matmul(_rows(x).T, drows, out=_columns(dW))  # [LSTM.B12]
        return GateInputGrads(dx, dW, None)
    dmultiplier, scaled = workspace.empty(multiplier.shape, x.dtype), workspace.empty(x.shape, x.dtype)
    dx[...] = 0.0
    for k, gates in enumerate(_by_multiplier(multiplier)):
        drows = _columns(_rows(du)[:, gates])
        workspace.matmul(drows, _columns(W_x[:, gates]).T, out=_rows(scaled))  # of x o m
        np.einsum("tbd,tbd->bd", scaled, x, out=dmultiplier[:, k])  # [LSTM.B13]
        scaled *= multiplier[:, k]
        dx += scaled  # [LSTM.B11]
        np.multiply(x, multiplier[:, k], out=scaled)
        workspace.matmul(_rows(scaled).T, drows, out=_columns(dW[:, gates]))  # [LSTM.B12]
    return GateInputGrads(dx, dW, dmultiplier)


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


def token_input_backward(du: Array, cache: TokenInputCache, *, workspace: Workspace) -> TokenInputGrads:
    """As ``layers.gate_input.token_input_backward``. Equations: LSTM.B14-B15."""
    ids, W_x, multiplier = cache
    if W_x.ndim == 4:
        return reference.token_input_backward(du, cache)
    check_shapes({"ids": (ids, "T B"), "du": (du, "T B 4 H")}, H=W_x.shape[-1])
    check_dtypes(W_x=W_x, du=du)
    drows, dmultiplier = du, None
    if multiplier is not None:
        drows = workspace.empty(du.shape, du.dtype)
        take_rows(W_x.reshape(len(W_x), -1), ids, drows.reshape(*ids.shape, -1))
        dfactors = np.einsum("tbkh,tbkh->tbk", du, drows)
        dmultiplier = reference.multiplier_gradient(ids, dfactors, multiplier.shape, sum_rows)  # [LSTM.B15]
        np.multiply(du, reference.occurrence_factors(ids, multiplier), out=drows)
    dW = sum_rows(ids.reshape(-1), drows.reshape(ids.size, -1), len(W_x))  # [LSTM.B14]
    return TokenInputGrads(dW.reshape(W_x.shape), dmultiplier)
