"""Random arrays of the cases, by name and from fixed seeds.

Every number is a multiple of 2^-20 below 8: exact in float32 as in float64, and the same wherever it is made, for the
last bits of a logarithm or a cosine are rounded away.
"""

import numpy as np

from refimpl import noise
from refimpl.arrays import Array

GRID = 2.0**20


def on_grid(array: Array) -> Array:
    """The nearest multiples of 2^-20."""
    return np.round(np.asarray(array, dtype="float64") * GRID) / GRID


def normals(case: str, name: str, *shape: int, scale: float = 1.0, mean: float = 0.0) -> Array:
    """Normals of the case's array of that name."""
    return on_grid(mean + scale * noise.normal(noise.Draw(0, f"conformance.{case}.{name}"), shape))


def integers(case: str, name: str, stop: int, *shape: int) -> Array:
    """Integers in [0, stop), int64."""
    words = noise.words(noise.Draw(0, f"conformance.{case}.{name}"), int(np.prod(shape)))
    return (words % stop).astype("int64").reshape(shape)


def kept(case: str, name: str, rate: float, *shape: int) -> Array:
    """Zeros and ones of a dropout mask; the first object's first entries are 0 and 1, whatever the draw."""
    mask = noise.bernoulli(noise.Draw(0, f"conformance.{case}.{name}"), shape, 1.0 - rate, "float64")
    mask.reshape(-1)[:2] = 0.0, 1.0
    return mask


def padding(side: str, lengths: tuple[int, ...], steps: int) -> Array:
    """(T, B) bool: True on the first ("right" padding) or the last ("left" padding) lengths[b] steps."""
    t = np.arange(steps)[:, None] if side == "right" else np.arange(steps)[::-1, None]
    return t < np.array(lengths)
