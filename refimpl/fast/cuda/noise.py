"""Draws on a GPU, one launch each: the twins of the functions of ``refimpl/noise``, with the same words.

Uniforms and masks are equal bit for bit; normals up to the rounding of log, cos and sin.
"""

import math
from types import ModuleType

import numpy as np

from refimpl.arrays import Array, Shape, check_shapes
from refimpl.fast.cuda.sources import kernel, launch
from refimpl.noise import Draw, key_and_step


def normal(draw: Draw, shape: Shape, dtype: str, xp: ModuleType) -> Array:
    """As ``noise.normal``."""
    return _fill("normal", draw, shape, dtype, xp)


def uniform(draw: Draw, shape: Shape, dtype: str, xp: ModuleType) -> Array:
    """As ``noise.uniform``."""
    return _fill("uniform", draw, shape, dtype, xp)


def bernoulli(draw: Draw, shape: Shape, probability: float, dtype: str, xp: ModuleType) -> Array:
    """As ``noise.bernoulli``, for floating dtypes."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability: expected a number from 0 to 1, got {probability!r}")
    return _fill("bernoulli", draw, shape, dtype, xp, np.float32(probability))


def normal_rows(draw: Draw, rows: Array, shape: Shape, dtype: str, xp: ModuleType) -> Array:
    """As ``noise.normal_rows``; ids on a device are trusted, as there."""
    check_shapes({"rows": (rows, "N")})
    kind = np.dtype(dtype).name
    out = xp.empty((len(rows), *shape[1:]), dtype=kind)
    sizes = (np.int64(len(rows)), np.int64(math.prod(shape[1:])))
    launch(kernel("noise", "normal_rows", kind, xp), out.size, (out, rows.astype(np.int64), *sizes, *_name(draw)))
    return out


def _fill(name: str, draw: Draw, shape: Shape, dtype: str, xp: ModuleType, *more: np.generic) -> Array:
    kind = np.dtype(dtype).name
    out = xp.empty(shape, dtype=kind)
    of_a_thread = 8 if kind == "float32" or name == "bernoulli" else 4
    launch(kernel("noise", name, kind, xp), -(-out.size // of_a_thread), (out, np.int64(out.size), *_name(draw), *more))
    return out


def _name(draw: Draw) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Step and key, as the kernels take them."""
    (seed, stream), step = key_and_step(draw)
    return np.uint64(step), np.uint64(seed), np.uint64(stream)
