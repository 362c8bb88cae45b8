"""The fast LSTM recurrence equals the reference: every option, any size, one thread and two.

[LSTM.F3] [LSTM.F4] [LSTM.F5] [LSTM.F6] [LSTM.F7] [LSTM.F8] [LSTM.F9] [LSTM.F10] [LSTM.B1] [LSTM.B2] [LSTM.B3] [LSTM.B4]
[LSTM.B5] [LSTM.B6] [LSTM.B7] [LSTM.B8] [LSTM.B9] [LSTM.B10].
"""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refimpl.fast import lstm_recurrence as fast
from refimpl.fast import recurrence_factors
from refimpl.fast.workspace import SMALLEST, Workspace
from refimpl.layers import lstm_recurrence as reference
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState, RecurrenceMultipliers, RecurrenceParams
from tests.fast.twins import BOUND, distance, drawer

sizes = st.tuples(st.integers(1, 9), st.integers(1, 6), st.integers(1, 7))  # T, B, H
switches = st.fixed_dictionaries(
    {
        "peephole": st.sampled_from([None, "c", "c_prev"]),
        "mask": st.booleans(),
        "gates": st.sampled_from(["sigmoid", "hard_sigmoid"]),
        "h_in": st.sampled_from([0, 1, 4]),
        "h_out": st.booleans(),
        "z": st.booleans(),
        "per_object": st.booleans(),
    }
)
PLAIN = {"peephole": None, "mask": False, "gates": "sigmoid", "h_in": 0, "h_out": False, "z": False}


@pytest.fixture(autouse=True)
def small_shares(monkeypatch):
    """Two threads share even one number each."""
    monkeypatch.setattr(fast, "SHARE", 1)


def problem(size, dtype, *, seed, peephole, mask, gates, h_in, h_out, z, per_object=False):
    """u, then the keywords of the call, then the cotangents."""
    steps, batch, width = size
    draw = drawer(seed, dtype)
    params = RecurrenceParams(
        draw("W", *((batch,) if per_object else ()), width, 4, width),
        draw("b", 4, width),
        draw("p", 3, width) if peephole else None,
    )
    multipliers = RecurrenceMultipliers(
        draw("h_in", batch, h_in, width) if h_in else None,
        draw("h_out", batch, width) if h_out else None,
        draw("z", batch, 4, width) if z else None,
    )
    keywords = {
        "params": params,
        "state": LSTMState(draw("h", batch, width), draw("c", batch, width)),
        "multipliers": multipliers,
        "mask": draw("mask", steps, batch) > -0.5 if mask else None,
        "gates": gates,
        "peephole_output": peephole or "c",
    }
    last = LSTMState(draw("dh_T", batch, width), draw("dc_T", batch, width))
    return draw("u", steps, batch, 4, width), keywords, LSTMOutputs(draw("dh", steps, batch, width), last)


def both(u, keywords, doutputs, workspace):
    outputs, cache = reference.recurrence_forward(u, **keywords)
    expected = outputs, reference.recurrence_backward(doutputs, cache)
    with workspace.step():
        outputs, cache = fast.recurrence_forward(u.copy(), **keywords, workspace=workspace)
        found = outputs, fast.recurrence_backward(doutputs, cache, workspace=workspace)
    return expected, found


@settings(max_examples=100)
@given(sizes, switches, st.sampled_from(["float64", "float32"]), st.sampled_from([1, 2]), st.integers(0, 1000))
def test_it_equals_the_reference(size, options, dtype, threads, seed):
    expected, found = both(*problem(size, dtype, seed=seed, **options), Workspace(threads))
    assert distance(expected, found) <= BOUND[dtype]


@pytest.mark.parametrize("chunk", [1, 3 * 5 * 2, 3 * 5 * 3, 1000])
def test_several_steps_or_one_are_prepared_at_once(monkeypatch, chunk):
    """Not even one step fits into a chunk, then two, three and (at most) four; T is a multiple of none of them."""
    monkeypatch.setattr(recurrence_factors, "CHUNK", chunk)
    size = (7, 3, 5)
    expected, found = both(*problem(size, "float64", seed=1, **PLAIN), Workspace())
    assert distance(expected, found) <= BOUND["float64"]


def test_a_mask_that_holds_nothing_is_no_mask():
    u, keywords, doutputs = problem((4, 3, 2), "float64", seed=1, **PLAIN | {"mask": True, "peephole": "c"})
    keywords["mask"] = np.ones((4, 3), dtype=bool)
    expected, found = both(u, keywords, doutputs, Workspace())
    assert distance(expected, found) <= BOUND["float64"]


def test_saturated_gates_overflow_to_their_limits():
    """exp(-a) is infinite in float32 from a = -89 on: the gate is then exactly 0."""
    u, keywords, doutputs = problem((3, 2, 4), "float32", seed=1, **PLAIN)
    expected, found = both(200.0 * u, keywords, doutputs, Workspace())
    assert np.isfinite(found[0].h).all()
    assert distance(expected[0], found[0]) <= BOUND["float32"]


def test_inputs_stay_as_they_are_but_for_u():
    u, keywords, doutputs = problem((4, 2, 3), "float64", seed=1, **PLAIN | {"z": True, "mask": True})
    before = [array.copy() for array in (*keywords["params"][:2], *keywords["state"], *doutputs.last, doutputs.h)]
    both(u, keywords, doutputs, Workspace())
    after = (*keywords["params"][:2], *keywords["state"], *doutputs.last, doutputs.h)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_the_last_state_outlasts_the_step():
    u, keywords, _ = problem((4, 2, 3), "float64", seed=1, **PLAIN)
    workspace = Workspace()
    with workspace.step():
        last = fast.recurrence_forward(u, **keywords, workspace=workspace)[0].last
    kept = last.h.copy(), last.c.copy()
    with workspace.step():
        for _ in range(20):  # more than a step has
            workspace.empty((SMALLEST // 8,), "float64")[...] = 0.0
    assert np.array_equal(last.h, kept[0])
    assert np.array_equal(last.c, kept[1])


def peak_of_a_second_step(steps):
    """The most that is allocated at once in a step, in bytes, once the workspace has its memory."""
    u, keywords, doutputs = problem((steps, 8, 64), "float64", seed=1, **PLAIN)
    workspace = Workspace()
    for _ in range(2):
        with workspace.step():
            tracemalloc.start()
            _, cache = fast.recurrence_forward(u, **keywords, workspace=workspace)
            fast.recurrence_backward(doutputs, cache, workspace=workspace)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    return peak


def test_what_a_call_allocates_does_not_grow_with_the_steps():
    """Ten times the steps need no more memory than one (T, B, H) array of the shorter run."""
    assert abs(peak_of_a_second_step(60) - peak_of_a_second_step(6)) < 6 * 8 * 64 * 8


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
@pytest.mark.parametrize("which", ["h", "c"])
def test_what_is_not_finite_is_not_taken_for_small(which, gates, bad):
    """A cotangent that is not finite shows in the gradients of its own object, and of no other."""
    u, keywords, doutputs = problem((6, 3, 4), "float32", seed=1, **PLAIN | {"gates": gates})
    getattr(doutputs.last, which)[1, 2] = bad
    workspace = Workspace()
    with workspace.step():
        _, cache = fast.recurrence_forward(u, **keywords, workspace=workspace)
        du = fast.recurrence_backward(doutputs, cache, workspace=workspace).u
    assert not np.isfinite(du[-1, 1, :3, 2]).any()  # i, f, g
    assert np.isfinite(np.delete(du, 1, axis=1)).all()


def test_tiny_cotangents_become_zero_before_they_are_denormal():
    """Gates nearly shut for 60 steps: what comes back to the start is 0, and nothing on the way is denormal."""
    u, keywords, doutputs = problem((60, 2, 3), "float32", seed=1, **PLAIN)
    keywords["params"] = keywords["params"]._replace(b=np.full((4, 3), -3.0, "float32"))
    doutputs = doutputs._replace(h=np.zeros_like(doutputs.h))
    _, found = both(u, keywords, doutputs, Workspace())
    du = np.abs(found[1].u)
    assert (du[0] == 0.0).all()
    assert not ((du > 0.0) & (du < np.finfo("float32").tiny)).any()
