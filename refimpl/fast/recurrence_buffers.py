"""What the LSTM recurrence keeps from its forward to its backward pass, and the sums that grow on the way back."""

from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.fast.workspace import Workspace
from refimpl.layers.lstm_recurrence import RecurrenceMultipliers, RecurrenceParams


class FastRecurrenceCache(NamedTuple):
    """All that the steps read and write; objects are an axis of every array, so that a thread can take some of them."""

    params: RecurrenceParams
    multipliers: RecurrenceMultipliers
    mask: Array | None
    kind: str  # of the gates
    peephole_output: str
    W: Array  # W_h as the products want it: (H, 4H), or (4, H, H) where the gates see different h_{t-1}
    u: Array  # (T, B, 4, H): u; then v where there is a z of gates; then du
    h: Array  # (T + 1, B, H), h[0] is the initial state
    c: Array  # (T + 1, B, H)
    gates: Array  # (T, 4, B, H): i, f, g, o
    tanh_c: Array  # (T, B, H), of the cell before the mask
    h_in: Array | None  # (1|4, T, B, H): h_{t-1} times its multiplier


class Sums(NamedTuple):
    """Gradients that grow step by step; that of the bias only where a z stands between it and du."""

    h_in: Array | None  # (B, 1|4, H)
    h_out: Array | None  # (B, H)
    z: Array | None  # (B, 4, H)
    b: Array | None  # (B, 4, H)
    peephole: Array | None  # (3, B, H)


def make_cache(
    u: Array,
    params: RecurrenceParams,
    m: RecurrenceMultipliers,
    mask: Array | None,
    kind: str,
    peephole_output: str,
    workspace: Workspace,
) -> FastRecurrenceCache:
    """Buffers for the shape of u (T, B, 4, H)."""
    steps, batch, _, size = u.shape
    return FastRecurrenceCache(
        params,
        m,
        mask,
        kind,
        peephole_output,
        W=_product_weights(params.W_h, m.h_in, workspace),
        u=u,
        h=workspace.empty((steps + 1, batch, size), u.dtype),
        c=workspace.empty((steps + 1, batch, size), u.dtype),
        gates=workspace.empty((steps, 4, batch, size), u.dtype),
        tanh_c=workspace.empty((steps, batch, size), u.dtype),
        h_in=None if m.h_in is None else workspace.empty((m.h_in.shape[1], steps, batch, size), u.dtype),
    )


def _product_weights(W_h: Array, h_in: Array | None, workspace: Workspace) -> Array:
    if h_in is None or h_in.shape[1] == 1:
        return W_h.reshape(len(W_h), -1)
    by_gate = workspace.empty((4, len(W_h), len(W_h)), W_h.dtype)
    np.copyto(by_gate, W_h.transpose(1, 0, 2))
    return by_gate


def zero_sums(cache: FastRecurrenceCache, workspace: Workspace) -> Sums:
    """Zeros, for the multipliers and peepholes that there are."""
    m, (_, _, batch, size) = cache.multipliers, cache.gates.shape

    def zeros(*shape: int) -> Array:
        array = workspace.empty(shape, cache.h.dtype)
        array[...] = 0.0
        return array

    return Sums(
        h_in=None if m.h_in is None else zeros(*m.h_in.shape),
        h_out=None if m.h_out is None else zeros(batch, size),
        z=None if m.gates is None else zeros(batch, 4, size),
        b=None if m.gates is None else zeros(batch, 4, size),
        peephole=None if cache.params.peephole is None else zeros(3, batch, size),
    )
