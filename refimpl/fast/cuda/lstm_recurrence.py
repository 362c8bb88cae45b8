"""The LSTM recurrence on a GPU: the twin of ``layers/lstm_recurrence``, whose equations, arguments and cache it has.

A time step is two launches in either direction: the product with W_h by cuBLAS, and one kernel for all the rest. The
time loop allocates nothing and reads nothing back. A W_h for each object (B, H, 4, H) is left to the reference; the
plain case, if it fits on the chip and the batch is small, goes to ``persistent_recurrence``.
"""

from types import ModuleType
from typing import Any

import numpy as np

from refimpl.arrays import Array, array_module
from refimpl.fast.cuda.persistent_recurrence import persistent_backward, persistent_forward, plan_for
from refimpl.fast.cuda.sources import NULL, kernel, launch
from refimpl.layers.gate_product import gate_product_dW
from refimpl.layers.lstm_recurrence import (
    LSTMOutputs,
    LSTMState,
    RecurrenceCache,
    RecurrenceGrads,
    RecurrenceMultipliers,
    RecurrenceParams,
    check_arguments,
    check_cotangents,
)
from refimpl.layers.lstm_recurrence import recurrence_backward as reference_backward
from refimpl.layers.lstm_recurrence import recurrence_forward as reference_forward


def recurrence_forward(
    u: Array,
    params: RecurrenceParams,
    state: LSTMState,
    *,
    multipliers: RecurrenceMultipliers | None = None,
    mask: Array | None = None,
    gates: str = "sigmoid",
    peephole_output: str = "c",
) -> tuple[LSTMOutputs, RecurrenceCache]:
    """As ``layers.lstm_recurrence.recurrence_forward``.

    Dtype: float32 or float64. Equations: LSTM.F3-F10.
    """
    m = multipliers or RecurrenceMultipliers()
    if params.W_h.ndim == 4:
        return reference_forward(
            u, params, state, multipliers=m, mask=mask, gates=gates, peephole_output=peephole_output
        )
    check_arguments(u, params, state, m, mask, gates, peephole_output)
    xp = array_module(u)
    u, params, m, mask = contiguous(u), contiguous_all(params), contiguous_all(m), contiguous(mask)
    steps, batch, _, size = u.shape
    h = xp.empty((steps + 1, batch, size), dtype=u.dtype)
    c, activations = xp.empty_like(h), xp.empty_like(u)
    h[0], c[0] = state
    v = None if m.gates is None else xp.empty_like(u)
    c_new = None if mask is None else xp.empty_like(h[1:])
    cache = RecurrenceCache(params, m, mask, h, c, v, activations, c_new, gates, peephole_output)
    plan = plan_for(cache, backward=False)
    if plan is not None:
        persistent_forward(u, cache, plan)
    else:
        _forward_steps(u, cache, xp)
    return LSTMOutputs(h[1:], LSTMState(h[-1], c[-1])), cache


def _forward_steps(u: Array, cache: RecurrenceCache, xp: ModuleType) -> None:
    """Fill h, c, activations, v and c_new."""
    (W_h, b, peephole), m, mask, h, c, v, activations, c_new, gates, peephole_output = cache
    steps, batch, _, size = u.shape
    groups = 1 if m.h_in is None else m.h_in.shape[1]
    step = kernel("recurrence", "recurrence_forward_step", u.dtype.name, xp)
    driven = None
    if m.h_in is not None:  # (groups, B, H): h_{t-1} o m, written by the step before
        driven = xp.ascontiguousarray((h[0][:, None, :] * m.h_in).transpose(1, 0, 2))
    if groups == 4:
        W, product = xp.ascontiguousarray(W_h.transpose(1, 0, 2)), xp.empty((4, batch, size), dtype=u.dtype)
    else:
        W, product = W_h.reshape(size, 4 * size), xp.empty((batch, 4 * size), dtype=u.dtype)
    arrays = (product, u, b, peephole, m.h_in, m.h_out, m.gates, mask, h, c, activations, v, c_new, driven)
    sizes = (np.int32(batch), np.int32(size), np.int32(groups), *_choices(gates, peephole_output))
    args = (*(NULL if a is None else a for a in arrays), *sizes)
    for t in range(steps):
        xp.matmul(h[t] if driven is None else driven if groups == 4 else driven[0], W, out=product)
        launch(step, batch * size, (*args, np.int32(t)))


def recurrence_backward(doutputs: LSTMOutputs, cache: RecurrenceCache) -> RecurrenceGrads:
    """As ``layers.lstm_recurrence.recurrence_backward``.

    Equations: LSTM.B1-B10.
    """
    if cache.params.W_h.ndim == 4:
        return reference_backward(doutputs, cache)
    check_cotangents(doutputs, cache.h)
    params, m, _, h, c, _, activations, c_new, _, peephole_output = cache
    xp = array_module(h)
    doutput = contiguous(doutputs.h)
    dh, dc = doutputs.last.h.copy(), doutputs.last.c.copy()
    da = xp.empty_like(activations)
    du = da if m.gates is None else xp.empty_like(da)
    dm = RecurrenceMultipliers(*(None if x is None else xp.zeros_like(x) for x in m))
    plan = plan_for(cache, backward=True)
    if plan is not None:
        persistent_backward(doutput, dh, dc, da, cache, plan)
    else:
        _backward_steps(doutput, dh, dc, da, du, dm, cache, xp)
    h_in = h[:-1][:, :, None, :] if m.h_in is None else h[:-1][:, :, None, :] * m.h_in
    grads = RecurrenceParams(
        W_h=gate_product_dW(h_in, du, per_object=False),  # [LSTM.B9]
        b=da.sum(axis=(0, 1)),  # [LSTM.B10]
        peephole=None if params.peephole is None else _peephole_grad(da, c, c_new, peephole_output, xp),
    )
    return RecurrenceGrads(du, grads, LSTMState(dh, dc), dm)


def _backward_steps(
    doutput: Array,
    dh: Array,
    dc: Array,
    da: Array,
    du: Array,
    dm: RecurrenceMultipliers,
    cache: RecurrenceCache,
    xp: ModuleType,
) -> None:
    """Fill da and du, add to dm, and turn dh and dc of the last state into those of the initial one."""
    (W_h, _, peephole), m, mask, h, c, v, activations, c_new, gates, peephole_output = cache
    steps, batch, size = doutput.shape
    groups = 1 if m.h_in is None else m.h_in.shape[1]
    step = kernel("recurrence", "recurrence_backward_step", h.dtype.name, xp)
    end = kernel("recurrence", "recurrence_backward_end", h.dtype.name, xp)
    du_t = None
    if groups == 4:
        W, product = xp.ascontiguousarray(W_h.transpose(1, 2, 0)), xp.empty((4, batch, size), dtype=h.dtype)
        du_t = xp.empty_like(product)  # du of one step with the gates in front
    else:
        W, product = W_h.reshape(size, 4 * size).T, xp.empty((batch, size), dtype=h.dtype)
    arrays = (product, doutput, peephole, m.h_in, m.h_out, m.gates, mask, h, c, activations, v, c_new, dh, dc, da)
    results = (None if m.gates is None else du, du_t, *dm)
    sizes = (np.int32(batch), np.int32(size), np.int32(groups))
    args = (*(NULL if a is None else a for a in arrays + results), np.int32(steps), *sizes)
    args = (*args, *_choices(gates, peephole_output))
    rows = du.reshape(steps, batch, 4 * size)
    for t in reversed(range(steps)):
        launch(step, batch * size, (*args, np.int32(t)))
        xp.matmul(rows[t] if du_t is None else du_t, W, out=product)  # [LSTM.B7]
    if steps:
        last = (NULL if a is None else a for a in (product, m.h_in, mask, h, dh, dm.h_in))
        launch(end, batch * size, (*last, *sizes))


def _choices(gates: str, peephole_output: str) -> tuple[np.bool_, np.bool_]:
    return np.bool_(gates == "hard_sigmoid"), np.bool_(peephole_output == "c")


def _peephole_grad(da: Array, c: Array, c_new: Array | None, peephole_output: str, xp: ModuleType) -> Array:
    """dp (3, H): the cell that each peephole saw, weighted by da of its gate."""
    c_prev = c[:-1]
    seen = c_prev if peephole_output == "c_prev" else (c[1:] if c_new is None else c_new)
    return xp.stack([(da[:, :, k] * cell).sum(axis=(0, 1)) for k, cell in ((0, c_prev), (1, c_prev), (3, seen))])


def contiguous(x: Array | None) -> Array | None:
    """x itself where it is contiguous: kernels see memory, not strides."""
    return None if x is None else array_module(x).ascontiguousarray(x)


def contiguous_all(arrays: Any) -> Any:
    """A NamedTuple of arrays, each contiguous."""
    return type(arrays)(*(contiguous(a) for a in arrays))
