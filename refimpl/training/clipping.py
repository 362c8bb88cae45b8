"""Clipping of the gradient by its global norm, over all parameters together, as the 2018 code does it."""

import math

from refimpl.arrays import Array, array_module, check_dtypes

LASAGNE_NORM_EPSILON = 1e-7  # lasagne.updates.total_norm_constraint, as the 2018 code calls it


def global_norm(grads: dict[str, Array]) -> Array:
    """The 2-norm of all entries together, float64, 0-d, on the device of the gradients.

    Equations: CLIP.F1.
    Errors: ValueError if there is no array; TypeError if one is not float32 or float64, or on a mix of dtypes.
    """
    if not grads:
        raise ValueError("grads: expected at least one array, got none")
    if check_dtypes(**{f"grads[{name}]": g for name, g in grads.items()}).kind == "c":
        raise TypeError("grads: expected dtype float32 or float64, got complex128; clipping is for real numbers")
    xp = array_module(*grads.values())
    total = xp.zeros((), dtype="float64")
    for g in grads.values():
        flat = g.reshape(-1).astype("float64", copy=False)
        total = total + xp.dot(flat, flat)
    return xp.sqrt(total)  # [CLIP.F1]


def clip_by_global_norm(grads: dict[str, Array], limit: float | None) -> tuple[dict[str, Array], Array]:
    """Gradients times min(norm, limit) / (norm + 1e-7), and the norm before that.

    The multiplier applies always: below the limit it is not 1 but norm / (norm + 1e-7), as in the 2018 code.
    limit None: no clipping, the gradients are returned as they are.
    Dtype: that of each gradient; the norm is float64, 0-d, and stays on the device, as does the multiplier.
    Equations: CLIP.F1-F2.
    Errors: ValueError if limit is not above 0, or as in global_norm.
    """
    check_limit(limit)
    norm = global_norm(grads)
    if limit is None:
        return dict(grads), norm
    xp = array_module(*grads.values())
    multiplier = xp.minimum(norm, limit) / (norm + LASAGNE_NORM_EPSILON)  # [CLIP.F2]
    cast = {dtype: multiplier.astype(dtype) for dtype in {g.dtype for g in grads.values()}}
    return {name: g * cast[g.dtype] for name, g in grads.items()}, norm


def check_limit(limit: float | None) -> None:
    """Errors: ValueError if it is not above 0."""
    if limit is not None and not 0.0 < limit < math.inf:
        raise ValueError(f"limit: expected a finite number above 0, or None for no clipping, got {limit!r}")
