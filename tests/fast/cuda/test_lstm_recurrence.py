"""The recurrence's kernels equal the reference, with everything switched on and off, in every order of threads.

Their lines carry the reference's ids: [LSTM.F3] to [LSTM.F10], [LSTM.B1] to [LSTM.B10].
"""

from itertools import product

import numpy as np
import pytest
import strict_cupy as xp
from cuda_on_cpu import schedule

from refimpl.fast.cuda import persistent_recurrence, sources
from refimpl.fast.cuda.lstm_recurrence import recurrence_backward, recurrence_forward
from refimpl.layers import lstm_recurrence as reference
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState, RecurrenceMultipliers, RecurrenceParams
from refimpl.tree import flatten, map_leaves
from tests.fast.cuda.helpers import DTYPES, NEEDS_COMPILER, break_kernels, close, draw, to_device

pytestmark = NEEDS_COMPILER

T, B, H = 4, 3, 5
ON = {"mask": True, "peephole": True, "z": True, "h_out": True}


@pytest.fixture(autouse=True)
def ordinary_path(monkeypatch):
    """The plain case too goes step by step here; test_persistent_recurrence.py has the other path."""
    monkeypatch.setattr(persistent_recurrence, "SMALL_BATCH", 0)


def inputs(dtype="float64", groups=None, mask=False, peephole=False, z=False, h_out=False, sizes=(T, B, H)):
    """Arguments of the forward pass, and cotangents."""
    steps, batch, size = sizes

    def make(name, *shape, present=True, scale=1.0):
        return draw(name, *shape, dtype=dtype, scale=scale) if present else None

    arguments = {
        "u": make("u", steps, batch, 4, size, scale=2.0),
        "params": RecurrenceParams(
            make("W", size, 4, size, scale=0.5), make("b", 4, size), make("p", 3, size, present=peephole)
        ),
        "state": LSTMState(make("h", batch, size), make("c", batch, size)),
        "multipliers": RecurrenceMultipliers(
            make("h_in", batch, groups or 1, size, present=groups is not None),
            make("h_out", batch, size, present=h_out),
            make("z", batch, 4, size, present=z),
        ),
        "mask": draw("mask", steps, batch) > -0.5 if mask else None,
    }
    last = LSTMState(make("dh_last", batch, size), make("dc_last", batch, size))
    return arguments, LSTMOutputs(make("dh", steps, batch, size), last)


def both(forward, backward, arguments, cotangents, **options):
    outputs, cache = forward(**arguments, **options)
    return outputs, backward(cotangents, cache)


def compare(arguments, cotangents, dtype="float64", device=xp, **options):
    expected = both(reference.recurrence_forward, reference.recurrence_backward, arguments, cotangents, **options)
    on_device = {name: to_device(tree, device) for name, tree in arguments.items()}
    found = both(recurrence_forward, recurrence_backward, on_device, to_device(cotangents, device), **options)
    return close(expected, found, dtype)


@pytest.mark.parametrize("groups", [None, 1, 4])
@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
@pytest.mark.parametrize("peephole", [None, "c", "c_prev"])
def test_equals_the_reference(groups, gates, peephole):
    for mask, z, h_out in product([False, True], repeat=3):
        case = inputs(groups=groups, mask=mask, z=z, h_out=h_out, peephole=peephole is not None)
        assert compare(*case, gates=gates, peephole_output=peephole or "c"), (mask, z, h_out)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, ON], ids=["plain", "all"])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 7, 11), (0, 2, 3), (3, 0, 4)])
def test_sizes_that_fill_no_block_and_several(dtype, options, sizes, monkeypatch):
    monkeypatch.setattr(sources, "THREADS", 32)
    monkeypatch.setattr(sources, "MOST_BLOCKS", 2)  # 7 * 11 cells by 64 threads: a stride, and a tail
    for seed in (0, 1):
        with schedule(seed):
            assert compare(*inputs(dtype, 4 if options else None, sizes=sizes, **options), dtype)


def test_a_matrix_for_each_object_goes_to_the_reference():
    arguments, cotangents = inputs()
    arguments["params"] = arguments["params"]._replace(W_h=draw("W by object", B, H, 4, H))
    assert compare(arguments, cotangents)


def test_strided_arguments_and_their_content_kept():
    arguments, cotangents = inputs(groups=4, **ON)
    device = {name: to_device(tree) for name, tree in arguments.items()}

    def strided(x):
        return xp.ascontiguousarray(x.T).T

    turned, dturned = {name: map_leaves(strided, tree) for name, tree in device.items()}, to_device(cotangents)
    expected = both(reference.recurrence_forward, reference.recurrence_backward, arguments, cotangents)
    found = both(recurrence_forward, recurrence_backward, turned, map_leaves(strided, dturned))
    assert close(expected, found, "float64")
    for name, x in flatten(arguments).items():
        assert np.array_equal(x, flatten(turned)[name].get()), name
    assert np.array_equal(cotangents.last.c, dturned.last.c.get())


def launches(groups, options, steps):
    """Launches forward and backward, without reads of the device or copies to it."""
    arguments, cotangents = inputs(groups=groups, sizes=(steps, B, H), **options)
    device, dcotangents = {name: to_device(tree) for name, tree in arguments.items()}, to_device(cotangents)
    with xp.recording() as forward:
        _, cache = recurrence_forward(**device)
    with xp.recording() as backward:
        recurrence_backward(dcotangents, cache)
    assert (forward.reads, forward.copies, backward.reads, backward.copies) == (0, 0, 0, 0)
    return np.array([forward.launches, backward.launches])


@pytest.mark.parametrize(("groups", "options"), [(None, {}), (1, ON), (4, ON)], ids=["plain", "all", "by gate"])
def test_two_launches_a_time_step_in_either_direction(groups, options):
    more = launches(groups, options, 8) - launches(groups, options, 4)
    assert (more / 4).tolist() == [2, 2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("f * c_prev + i * g;", "f * c_prev + g;"),
        ("(output_sees_c ? c_t : c_prev)", "c_t"),
        ("keep ? h_t : h[now]", "h_t"),
        ("driven[k * cells + cell] = h_next", "driven[k * cells + cell] = h_t"),
        ("keep ? dc[cell] : REAL(0)", "dc[cell]"),
        ("sum : dh[cell];", "sum : REAL(0);"),
        ("if (keep) dc[cell] = dc_prev;", "dc[cell] = dc_prev;"),
        ("dh_in[place] += piece * h[(long long)t * cells + cell];", "dh_in[place] += piece;"),
        ("o * (1 - tanh_c * tanh_c);", "o * (1 - tanh_c);"),
        ("? k * cells + cell : by_gate]", "? by_gate : by_gate]"),
        ("#define INDEX_STRIDE ((long long)gridDim.x * blockDim.x)", "#define INDEX_STRIDE (1 << 30)"),
    ],
)
def test_a_wrong_line_is_found(old, new, monkeypatch):
    monkeypatch.setattr(sources, "THREADS", 32)
    monkeypatch.setattr(sources, "MOST_BLOCKS", 1)
    break_kernels(monkeypatch, old, new, "recurrence")
    sizes = (T, 7, 11)
    with np.errstate(all="ignore"):  # a cell that is left out holds whatever was in memory
        assert not all(compare(*inputs(groups=4, sizes=sizes, **ON), peephole_output=p) for p in ("c", "c_prev"))


def test_errors_are_the_references():
    arguments, cotangents = inputs()
    device = {name: to_device(tree) for name, tree in arguments.items()}
    with pytest.raises(ValueError, match="gates: expected one of 'sigmoid', 'hard_sigmoid', got 'tanh'"):
        recurrence_forward(**device, gates="tanh")
    with pytest.raises(ValueError, match="mask: expected shape"):
        recurrence_forward(**device | {"mask": xp.ones((B, T), dtype=bool)})
    _, cache = recurrence_forward(**device)
    with pytest.raises(ValueError, match="doutputs.h: expected shape"):
        recurrence_backward(to_device(cotangents._replace(h=cotangents.h[1:])), cache)
