"""A twin and its reference on the same numbers: results as flat lists of arrays, and how far apart they are."""

import math

import numpy as np

from refimpl.noise import Draw, normal, words
from refimpl.tree import flatten

BOUND = {"float64": 1e-12, "float32": 1e-5}  # of max|difference| / max|reference|


def drawer(seed, dtype="float64", scale=1.0):
    """draw(name, *shape): normals, the same ones for the same name."""
    return lambda name, *shape: np.asarray(scale * normal(Draw(seed, name), shape), dtype=dtype)


def ids(seed, count, *shape):
    return (words(Draw(seed, "ids"), math.prod(shape)) % count).astype("int32").reshape(shape)


def distance(expected, found):
    """The largest max|difference| / max|expected| of two trees of arrays; None stands at the same places in both.

    NaN, or an infinity, in either is infinitely far apart.
    """
    worst = 0.0
    expected, found = flatten(expected), flatten(found)
    assert expected.keys() == found.keys()
    for name, a in expected.items():
        b = found[name]
        assert (a.shape, a.dtype) == (b.shape, b.dtype), name
        if a.size:
            if not np.isfinite(a).all() or not np.isfinite(b).all():
                return math.inf
            largest = float(np.abs(a).max())
            difference = float(np.abs(a - b).max())
            worst = max(worst, difference / largest if largest else difference)
    return worst
