"""What the cotangents of h and c are multiplied with on their way back through one LSTM step.

They depend on the forward pass alone, so those of several steps are made at once, while they fit in the cache.
"""

from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.fast.gates import gate_slope
from refimpl.fast.recurrence_buffers import FastRecurrenceCache
from refimpl.fast.workspace import Workspace

CHUNK = 1 << 14  # numbers of one factor that are made at once
MOST_STEPS = 4  # tiny cotangents are set to 0 between chunks, before they become denormal


class Factors(NamedTuple):
    """Buffers for n steps and B objects."""

    gates: Array  # (n, 4, B, H): da by dc for i, f, g; by dh for o
    h: Array  # (n, B, H): dc_t by dh_t
    c: Array  # (n, B, H): dc_{t-1} by dc_t
    z: Array | None  # (n, B, H): dz of a neuron by dh_t
    da: Array  # (4, B, H): da of one step, where it is not du itself; then what comes back by the multipliers of h_in
    work: Array  # (2, B, H)
    small: Array  # (B, H) bool


def lend_factors(cache: FastRecurrenceCache, part: slice, workspace: Workspace) -> Factors:
    """Buffers for the objects of part."""
    steps, _, _, size = cache.gates.shape
    objects = part.stop - part.start
    n = min(steps, MOST_STEPS, max(1, CHUNK // (objects * size)))
    kind = cache.h.dtype

    def lend(*shape: int) -> Array:
        return workspace.empty((*shape, objects, size), kind)

    with_z = cache.multipliers.h_out is not None
    small = workspace.empty((objects, size), "bool")
    return Factors(lend(n, 4), lend(n), lend(n), lend(n) if with_z else None, lend(4), lend(2), small)


def fill_factors(cache: FastRecurrenceCache, first: int, stop: int, part: slice, factors: Factors) -> None:
    """Factors of the steps first .. stop - 1, at the places 0 .. stop - first - 1. Equations: LSTM.B1-B6."""
    n = stop - first
    P, by_dh, by_dc = factors.gates[:n], factors.h[:n], factors.c[:n]
    gates, tanh_c, c_prev = cache.gates[first:stop, :, part], cache.tanh_c[first:stop, part], cache.c[first:stop, part]
    i, f, g, o = (gates[:, k] for k in range(4))
    gate_slope(gates[:, :2], cache.kind, out=P[:, :2])
    P[:, 0] *= g  # [LSTM.B5]
    P[:, 1] *= c_prev
    np.multiply(g, g, out=P[:, 2])
    np.subtract(1.0, P[:, 2], out=P[:, 2])
    P[:, 2] *= i
    gate_slope(o, cache.kind, out=P[:, 3])
    P[:, 3] *= tanh_c  # [LSTM.B3]
    np.multiply(tanh_c, tanh_c, out=by_dh)
    np.subtract(1.0, by_dh, out=by_dh)
    by_dh *= o  # [LSTM.B4]
    by_dc[...] = f  # [LSTM.B6]
    z = cache.multipliers.h_out
    if z is not None and factors.z is not None:
        np.multiply(o, tanh_c, out=factors.z[:n])  # [LSTM.B2]
        P[:, 3] *= z[part]
        by_dh *= z[part]
    if cache.mask is not None:  # [LSTM.B1]  a skipped step hands dc on as it is, and stops everything else
        keep = cache.mask[first:stop, part, None]
        P *= keep[:, None]
        by_dh *= keep
        np.copyto(by_dc, 1.0, where=~keep)
        if factors.z is not None:
            factors.z[:n] *= keep
