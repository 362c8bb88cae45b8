"""The time loops of the fast LSTM recurrence make no array in a step: their memory is lent beforehand.

[LSTM.F3] [LSTM.B7] [LSTM.B8].
"""

import itertools
import tracemalloc

import numpy as np
import pytest

from refimpl.fast.recurrence_buffers import make_cache, zero_sums
from refimpl.fast.recurrence_factors import lend_factors
from refimpl.fast.recurrence_steps import backward_steps, forward_steps
from refimpl.fast.workspace import Workspace
from tests.fast.test_lstm_recurrence import problem

T, B, H = 5, 192, 96
EVERY = list(
    itertools.product(
        ["float32", "float64"], ["sigmoid", "hard_sigmoid"], [0, 1, 4], [None, "c", "c_prev"], [False, True]
    )
)


def peak(task):
    """The most bytes that were allocated at once while it ran, but for NumPy's own buffers, which are held short."""
    usual = np.setbufsize(128)
    try:
        tracemalloc.start()
        with np.errstate(over="ignore"):
            task()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        np.setbufsize(usual)


@pytest.mark.parametrize(("dtype", "gates", "h_in", "peephole", "more"), EVERY)
def test_a_step_allocates_less_than_a_byte_for_each_number_of_h(dtype, gates, h_in, peephole, more):
    """So not even a comparison makes an array. more: a mask, and the multipliers of h_t and of the gates."""
    options = {"gates": gates, "h_in": h_in, "peephole": peephole, "mask": more, "h_out": more, "z": more}
    u, keywords, doutputs = problem((T, B, H), dtype, seed=1, **options)
    workspace, whole = Workspace(), slice(0, B)
    params, multipliers, mask = (keywords[name] for name in ("params", "multipliers", "mask"))
    cache = make_cache(u, params, multipliers, mask, gates, keywords["peephole_output"], workspace)
    cache.h[0], cache.c[0] = keywords["state"]
    scratch = workspace.empty((B, 4, H), dtype)
    sums, factors = zero_sums(cache, workspace), lend_factors(cache, whole, workspace)
    assert peak(lambda: forward_steps(cache, scratch, whole)) < B * H
    assert peak(lambda: backward_steps(doutputs.h, *doutputs.last, cache, sums, factors, whole)) < B * H
