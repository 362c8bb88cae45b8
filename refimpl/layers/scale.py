"""Scaling by a multiplier of each object, shared over time: y_t = x_t o m (VBD on dense inputs; z on inputs)."""

from typing import NamedTuple

from refimpl.arrays import Array, check_dtypes, check_shapes


class ScaleCache(NamedTuple):
    x: Array  # (T, B, D)
    multiplier: Array  # (B, D)


class ScaleGrads(NamedTuple):
    x: Array
    multiplier: Array


def scale_forward(x: Array, multiplier: Array) -> tuple[Array, ScaleCache]:
    """y (T, B, D) for x (T, B, D) and multiplier (B, D).

    Dtype: one floating dtype. Equations: SCALE.F1 (S000 "x_t -> x_t o z"; S004 section 2.3).
    Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    check_shapes({"x": (x, "T B D"), "multiplier": (multiplier, "B D")})
    check_dtypes(x=x, multiplier=multiplier)
    return x * multiplier, ScaleCache(x, multiplier)  # [SCALE.F1]


def scale_backward(dy: Array, cache: ScaleCache) -> ScaleGrads:
    """Gradients given dy (T, B, D). Equations: SCALE.B1, SCALE.B2. Errors: as forward, for dy."""
    x, multiplier = cache
    check_shapes({"x": (x, "T B D"), "dy": (dy, "T B D")})
    check_dtypes(x=x, dy=dy)
    return ScaleGrads(
        x=dy * multiplier,  # [SCALE.B1]
        multiplier=(dy * x).sum(axis=0),  # [SCALE.B2]
    )
