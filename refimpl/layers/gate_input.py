"""What the input contributes to the gates' preactivations, for all time steps at once: u_t = (x_t o m) W_x.

The multiplier m is shared over time: a group variable z of an input component, or a VBD mask (S004 section 2.3: one for
each gate). Tokens are one-hot inputs: their product with W_x is a look-up of rows.
"""

from collections.abc import Callable
from typing import NamedTuple

from refimpl.arrays import Array, Shape, array_module, check_dtypes, check_ids, check_shapes, scatter_add
from refimpl.layers.gate_product import gate_product, gate_product_dW, gate_product_dx


class GateInputCache(NamedTuple):
    x: Array  # (T, B, D)
    W_x: Array  # (D, 4, H) or (B, D, 4, H)
    multiplier: Array | None  # (B, 1|4, D)


class GateInputGrads(NamedTuple):
    x: Array
    W_x: Array
    multiplier: Array | None


def gate_input_forward(x: Array, W_x: Array, multiplier: Array | None = None) -> tuple[Array, GateInputCache]:
    """Input contribution u (T, B, 4, H) of dense inputs.

    Shapes: x (T, B, D); W_x (D, 4, H) or per object (B, D, 4, H); multiplier (B, 1, D) or own for each gate (B, 4, D).
    Dtype: one floating dtype.
    Equations: LSTM.F1 (S004 eq. 11, S000 "x_t -> x_t o z").
    Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    words = "D 4 H" if W_x.ndim == 3 else "B D 4 H"
    check_shapes({"x": (x, "T B D"), "W_x": (W_x, words), "multiplier": (multiplier, "B 1|4 D")})
    check_dtypes(x=x, W_x=W_x, multiplier=multiplier)
    u = gate_product(_scaled(x, multiplier), W_x)  # [LSTM.F1]
    return u, GateInputCache(x, W_x, multiplier)


def _scaled(x: Array, multiplier: Array | None) -> Array:
    return x[:, :, None, :] if multiplier is None else x[:, :, None, :] * multiplier


def gate_input_backward(du: Array, cache: GateInputCache) -> GateInputGrads:
    """Gradients given du (T, B, 4, H).

    Equations: LSTM.B11-B13. Errors: ValueError on another shape, TypeError on another dtype.
    """
    x, W_x, multiplier = cache
    _check_cotangent(du, x.shape[:2], W_x)
    groups = 1 if multiplier is None else multiplier.shape[1]
    scaled = _scaled(x, multiplier)
    dscaled = gate_product_dx(du, W_x, groups)
    return GateInputGrads(
        x=dscaled[:, :, 0, :] if multiplier is None else (dscaled * multiplier).sum(axis=2),  # [LSTM.B11]
        W_x=gate_product_dW(scaled, du, per_object=W_x.ndim == 4),  # [LSTM.B12]
        multiplier=None if multiplier is None else (dscaled * x[:, :, None, :]).sum(axis=0),  # [LSTM.B13]
    )


def _check_cotangent(du: Array, steps_batch: tuple[int, ...], W_x: Array) -> None:
    check_shapes({"du": (du, "T B 4 H")}, T=steps_batch[0], B=steps_batch[1], H=W_x.shape[-1])
    check_dtypes(W_x=W_x, du=du)


class TokenInputCache(NamedTuple):
    ids: Array  # (T, B)
    W_x: Array  # (V, 4, H) or (B, V, 4, H)
    multiplier: Array | None  # (B, 1|4, V)


class TokenInputGrads(NamedTuple):
    W_x: Array
    multiplier: Array | None


def token_input_forward(ids: Array, W_x: Array, multiplier: Array | None = None) -> tuple[Array, TokenInputCache]:
    """Input contribution u (T, B, 4, H) of one-hot inputs, given by their ids.

    Shapes: ids (T, B) integers; W_x (V, 4, H) or (B, V, 4, H); multiplier (B, 1, V) or (B, 4, V).
    Equations: LSTM.F2, equal to LSTM.F1 with x_t one-hot.
    Errors: IndexError if an id is not in [0, V); else as ``gate_input_forward``.
    """
    words = "V 4 H" if W_x.ndim == 3 else "B V 4 H"
    sizes = check_shapes({"ids": (ids, "T B"), "W_x": (W_x, words), "multiplier": (multiplier, "B 1|4 V")})
    check_dtypes(W_x=W_x, multiplier=multiplier)
    check_ids("ids", ids, sizes["V"])
    u = _rows(ids, W_x)  # [LSTM.F2]
    if multiplier is not None:
        u = u * occurrence_factors(ids, multiplier)
    return u, TokenInputCache(ids, W_x, multiplier)


def _objects(ids: Array) -> Array:
    return array_module(ids).arange(ids.shape[1])


def _rows(ids: Array, W_x: Array) -> Array:
    return W_x[ids] if W_x.ndim == 3 else W_x[_objects(ids), ids]


def occurrence_factors(ids: Array, multiplier: Array) -> Array:
    """multiplier[b, :, ids[t, b]] as (T, B, 1|4, 1)."""
    return multiplier[_objects(ids), :, ids][..., None]


def token_input_backward(du: Array, cache: TokenInputCache) -> TokenInputGrads:
    """Gradients given du (T, B, 4, H): each row's gradient is the sum over its occurrences.

    Equations: LSTM.B14-B15. Errors: ValueError on another shape, TypeError on another dtype.
    """
    ids, W_x, multiplier = cache
    _check_cotangent(du, ids.shape, W_x)
    drows, dmultiplier = du, None
    if multiplier is not None:
        drows = du * occurrence_factors(ids, multiplier)
        dfactors = (du * _rows(ids, W_x)).sum(axis=-1)  # (T, B, 4)
        dmultiplier = multiplier_gradient(ids, dfactors, multiplier.shape, scatter_add)  # [LSTM.B15]
    cells = ids if W_x.ndim == 3 else ids + _objects(ids) * W_x.shape[1]
    flat = drows.reshape(-1, drows.shape[-2] * drows.shape[-1])
    dW = scatter_add(cells.reshape(-1), flat, W_x[..., 0, 0].size).reshape(W_x.shape)  # [LSTM.B14]
    return TokenInputGrads(dW, dmultiplier)


def multiplier_gradient(
    ids: Array, dfactors: Array, shape: Shape, sum_by_row: Callable[[Array, Array, int], Array]
) -> Array:
    """dmultiplier (B, 1|4, V) from that of each occurrence (T, B, 4), summed over the gates where they share it."""
    batch, groups, count = shape
    if groups == 1:
        dfactors = dfactors.sum(axis=-1, keepdims=True)
    cells = (ids + _objects(ids) * count).reshape(-1)
    by_cell = sum_by_row(cells, dfactors.reshape(-1, groups), batch * count)
    return by_cell.reshape(batch, count, groups).transpose(0, 2, 1)
