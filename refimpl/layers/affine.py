"""Affine layer y = x W + b, with one W for all objects or one for each object.

An own W for each object is what a weight sampled per object needs (reparameterization trick, one draw an object).
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes


class AffineParams(NamedTuple):
    W: Array  # (D, K), or (B, D, K): one for each object
    b: Array | None  # (K,)


class AffineCache(NamedTuple):
    x: Array  # (N, D) or (T, B, D)
    W: Array
    has_bias: bool


class AffineGrads(NamedTuple):
    x: Array
    params: AffineParams


def affine_forward(x: Array, params: AffineParams) -> tuple[Array, AffineCache]:
    """y = x W + b for every row of x.

    Shapes: W (D, K): x (N, D) or (T, B, D); W (B, D, K): x (B, D) or (T, B, D), object b meets W[b] at every step;
    b (K,) or None -> y (N, K) or (T, B, K).
    Dtype: one floating dtype.
    Equations: AFFINE.F1 (S004 eq. 8).
    Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    array_module(x, *params)
    W, b = params
    check_dtypes(x=x, W=W, b=b)
    if W.ndim not in (2, 3):
        raise ValueError(f"W: expected shape (D, K), or (B, D, K) for one W an object, got {tuple(W.shape)}")
    if x.ndim not in (2, 3):
        raise ValueError(f"x: expected shape (N, D) or (T, B, D), got {tuple(x.shape)}")
    per_object = W.ndim == 3
    words = {"x": (x, "T B D" if x.ndim == 3 else "B D"), "W": (W, "B D K" if per_object else "D K"), "b": (b, "K")}
    check_shapes(words)
    y = _unfold(_fold(x, per_object) @ W, x)  # [AFFINE.F1]
    if b is not None:
        y = y + b
    return y, AffineCache(x, W, b is not None)


def _fold(x: Array, per_object: bool) -> Array:
    """All rows that meet the same W as one matrix: (N, D), or (B, T, D) where every object has its own W."""
    if per_object:
        return x[:, None, :] if x.ndim == 2 else x.swapaxes(0, 1)
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _unfold(rows: Array, x: Array) -> Array:
    """Undo _fold: the leading axes of x, and the columns of rows."""
    if rows.ndim == 3 and x.ndim == 3:
        return rows.swapaxes(0, 1)
    return rows.reshape(*x.shape[:-1], rows.shape[-1])


def affine_backward(dy: Array, cache: AffineCache) -> AffineGrads:
    """Gradients given dy, of y's shape; each weight gradient is one product over all steps (batched if per object).

    Equations: AFFINE.B1-B3. Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    x, W, has_bias = cache
    columns = W.shape[-1]
    check_shapes({"dy": (dy, " ".join(map(str, (*x.shape[:-1], columns))))})
    check_dtypes(x=x, dy=dy)
    per_object = W.ndim == 3
    rows, drows = _fold(x, per_object), _fold(dy, per_object)
    return AffineGrads(
        x=_unfold(drows @ W.swapaxes(-1, -2), x),  # [AFFINE.B1]
        params=AffineParams(
            W=rows.swapaxes(-1, -2) @ drows,  # [AFFINE.B2]
            b=drows.reshape(math.prod(dy.shape[:-1]), columns).sum(axis=0) if has_bias else None,  # [AFFINE.B3]
        ),
    )
