"""The LSTM recurrence in place: the twin of ``layers/lstm_recurrence``, whose equations and arguments it has.

What is different: large arrays come from a workspace; u is written over, by du in the end, so that the backward pass
runs once; the steps (``recurrence_steps``) allocate nothing large; objects are shared out to threads, each of which
runs the whole sequence, with its share of the elementwise work and of the products.
"""

import numpy as np

from refimpl.arrays import Array
from refimpl.fast.blocks import column_sums
from refimpl.fast.recurrence_buffers import FastRecurrenceCache, make_cache, zero_sums
from refimpl.fast.recurrence_factors import lend_factors
from refimpl.fast.recurrence_steps import backward_steps, forward_steps
from refimpl.fast.workspace import Workspace
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

SHARE = 1 << 12  # numbers of h that a thread has in a step at least: below, handing over costs more than it brings
LARGEST_SHARED = 512  # H above which the products are left whole: for BLAS many rows are worth more than a thread


def recurrence_forward(
    u: Array,
    params: RecurrenceParams,
    state: LSTMState,
    *,
    multipliers: RecurrenceMultipliers | None = None,
    mask: Array | None = None,
    gates: str = "sigmoid",
    peephole_output: str = "c",
    workspace: Workspace,
) -> tuple[LSTMOutputs, FastRecurrenceCache | RecurrenceCache]:
    """As ``layers.lstm_recurrence.recurrence_forward``; u is written over, h (T, B, H) is lent by the workspace.

    The last state is a copy, so that it can be carried to the next step. A W_h for each object (B, H, 4, H) is left to
    the reference.
    Equations: LSTM.F3-F10.
    """
    m = multipliers or RecurrenceMultipliers()
    if params.W_h.ndim == 4:
        return reference_forward(
            u, params, state, multipliers=m, mask=mask, gates=gates, peephole_output=peephole_output
        )
    check_arguments(u, params, state, m, mask, gates, peephole_output)
    if mask is not None and mask.all():
        mask = None  # a batch of full length: nothing to hold
    cache = make_cache(u, params, m, mask, gates, peephole_output, workspace)
    cache.h[0], cache.c[0] = state
    scratch = workspace.empty(u.shape[1:], u.dtype)
    workspace.run(lambda part: forward_steps(cache, scratch, part), _shares(cache, workspace))
    return LSTMOutputs(cache.h[1:], LSTMState(cache.h[-1].copy(), cache.c[-1].copy())), cache


def recurrence_backward(
    doutputs: LSTMOutputs, cache: FastRecurrenceCache | RecurrenceCache, *, workspace: Workspace
) -> RecurrenceGrads:
    """As ``layers.lstm_recurrence.recurrence_backward``; du has the memory of u.

    Equations: LSTM.B1-B10.
    """
    if isinstance(cache, RecurrenceCache):
        return reference_backward(doutputs, cache)
    check_cotangents(doutputs, cache.h)
    sums = zero_sums(cache, workspace)
    dh, dc = doutputs.last.h.copy(), doutputs.last.c.copy()
    shares = _shares(cache, workspace)
    factors = {part.start: lend_factors(cache, part, workspace) for part in shares}
    workspace.run(lambda part: backward_steps(doutputs.h, dh, dc, cache, sums, factors[part.start], part), shares)
    grads = RecurrenceParams(
        W_h=_dW_h(cache, workspace),  # [LSTM.B9]
        b=_db(cache.u) if sums.b is None else sums.b.sum(axis=0),  # [LSTM.B10]
        peephole=None if sums.peephole is None else sums.peephole.sum(axis=1),
    )
    return RecurrenceGrads(cache.u, grads, LSTMState(dh, dc), RecurrenceMultipliers(sums.h_in, sums.h_out, sums.z))


def _shares(cache: FastRecurrenceCache, workspace: Workspace) -> list[slice]:
    _, _, batch, size = cache.gates.shape
    return workspace.shares(batch, least=-(-SHARE // size), threads=workspace.product_threads)


def _dW_h(cache: FastRecurrenceCache, workspace: Workspace) -> Array:
    """One product over all steps and objects, or one for each gate where they saw different h_{t-1}."""
    steps, _, batch, size = cache.gates.shape
    du = cache.u.reshape(steps * batch, 4, size)
    out = workspace.empty((size, 4, size), du.dtype)
    if cache.h_in is not None and len(cache.h_in) == 4:
        rows = cache.h_in.reshape(4, steps * batch, size)
        np.matmul(rows.transpose(0, 2, 1), du.transpose(1, 0, 2), out=out.transpose(1, 0, 2))
        return out
    rows = (cache.h[:-1] if cache.h_in is None else cache.h_in).reshape(steps * batch, size)
    np.matmul(rows.T, du.reshape(len(du), -1), out=out.reshape(size, -1))
    return out


def _db(du: Array) -> Array:
    """The sum over steps and objects, (4, H)."""
    return column_sums(du.reshape(-1, du.shape[2] * du.shape[3])).reshape(du.shape[2:])
