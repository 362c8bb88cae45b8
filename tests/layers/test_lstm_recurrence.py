"""The LSTM recurrence: values by a scalar loop with everything switched on, known directions, gradients, errors.

[LSTM.F3] [LSTM.F4] [LSTM.F5] [LSTM.F6] [LSTM.F7] [LSTM.F8] [LSTM.F9] [LSTM.F10]; gradients by complex step
[LSTM.B1] [LSTM.B2] [LSTM.B3] [LSTM.B4] [LSTM.B5] [LSTM.B6] [LSTM.B7] [LSTM.B8] [LSTM.B9] [LSTM.B10].
"""

import math

import numpy as np
import pytest

from refimpl.checks import run_gradcheck
from refimpl.layers.lstm_recurrence import (
    LSTMOutputs,
    LSTMState,
    RecurrenceMultipliers,
    RecurrenceParams,
    recurrence_backward,
    recurrence_forward,
)
from refimpl.noise import Draw, normal
from refimpl.tree import flatten, map_leaves

T, B, H = 6, 2, 3
ROUNDING = 1e-13  # T steps of sums of H + 3 terms of order 1, at 1e-16 each
MASK = np.array([[0, 1], [1, 1], [1, 0], [0, 1], [1, 1], [1, 0]], dtype=bool)  # padding left, right and inside


def arrays(per_object=True, groups=4, spread=1.0):
    def draw(name, *shape, scale=1.0):
        return scale * normal(Draw(3, name), shape)

    return {
        "u": draw("u", T, B, 4, H, scale=spread),
        "params": RecurrenceParams(
            W_h=draw("W", *((B,) if per_object else ()), H, 4, H), b=draw("b", 4, H), peephole=draw("p", 3, H)
        ),
        "state": LSTMState(draw("h", B, H), draw("c", B, H)),
        "multipliers": RecurrenceMultipliers(draw("h_in", B, groups, H), draw("h_out", B, H), draw("z", B, 4, H)),
        "mask": MASK,
    }


def gate(a, kind):
    return 1.0 / (1.0 + math.exp(-a)) if kind == "sigmoid" else min(1.0, max(0.0, 0.2 * a + 0.5))


def scalar_lstm(u, params, state, multipliers, mask, gates, peephole_output):
    """One number at a time, from the equations (S004 eq. 11 with S001's peepholes, S003's z, masks of S004 2.3)."""
    W, b, p = params
    z_in, z_out, z = multipliers
    hs = np.zeros((T, B, H))
    h, c = state.h.copy(), state.c.copy()
    for t in range(T):
        for o in range(B):
            if not mask[t, o]:
                hs[t, o] = h[o]
                continue
            h_old, c_old = h[o].copy(), c[o].copy()
            for n in range(H):
                a = []
                for k in range(4):
                    recurrent = sum(
                        h_old[j]
                        * z_in[o, k if z_in.shape[1] == 4 else 0, j]
                        * (W[o, j, k, n] if W.ndim == 4 else W[j, k, n])
                        for j in range(H)
                    )
                    a.append((u[t, o, k, n] + recurrent) * z[o, k, n] + b[k, n])
                i = gate(a[0] + p[0, n] * c_old[n], gates)
                f = gate(a[1] + p[1, n] * c_old[n], gates)
                g = math.tanh(a[2])
                c[o, n] = f * c_old[n] + i * g
                seen = c[o, n] if peephole_output == "c" else c_old[n]
                h[o, n] = gate(a[3] + p[2, n] * seen, gates) * math.tanh(c[o, n]) * z_out[o, n]
            hs[t, o] = h[o]
    return hs, h, c


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
@pytest.mark.parametrize("peephole_output", ["c", "c_prev"])
@pytest.mark.parametrize(("per_object", "groups"), [(True, 4), (False, 1), (False, 4), (True, 1)])
def test_values_by_scalar_loop(gates, peephole_output, per_object, groups):
    inputs = arrays(per_object, groups, spread=3.0)
    outputs, _ = recurrence_forward(**inputs, gates=gates, peephole_output=peephole_output)
    hs, h, c = scalar_lstm(**inputs, gates=gates, peephole_output=peephole_output)
    assert np.max(np.abs(outputs.h - hs)) <= ROUNDING
    assert np.max(np.abs(outputs.last.h - h)) <= ROUNDING
    assert np.max(np.abs(outputs.last.c - c)) <= ROUNDING


def without(inputs, **changes):
    """The inputs with nothing optional but the changes; fields of the multipliers by name."""
    params, m = inputs["params"], RecurrenceMultipliers(**changes)
    return {**inputs, "params": params._replace(peephole=None), "multipliers": m, "mask": None}


def test_absent_options_are_neutral_ones():
    inputs = arrays()
    ones = RecurrenceMultipliers(np.ones((B, 4, H)), np.ones((B, H)), np.ones((B, 4, H)))
    params = inputs["params"]._replace(peephole=np.zeros((3, H)))
    outputs, _ = recurrence_forward(**without(inputs))
    neutral, _ = recurrence_forward(inputs["u"], params, inputs["state"], multipliers=ones, mask=np.ones((T, B), bool))
    for name, leaf in flatten(outputs).items():
        assert np.max(np.abs(leaf - flatten(neutral)[name])) <= ROUNDING


def test_the_gates_are_i_f_g_o():
    """Each gate is opened or shut by a bias of +-1000 in turn, from c_0 = 2 and u = 1 in g only."""
    b = np.full((4, 1), -1000.0)
    u = np.zeros((1, 1, 4, 1))
    u[0, 0, 2] = 1.0
    b[2] = 0.0
    state = LSTMState(np.zeros((1, 1)), np.full((1, 1), 2.0))

    def run(*opened):
        bias = b.copy()
        bias[list(opened)] = 1000.0
        out, _ = recurrence_forward(u, RecurrenceParams(np.zeros((1, 4, 1)), bias), state)
        return out.last.h.item(), out.last.c.item()

    assert run() == (0.0, 0.0)
    assert run(0) == (0.0, pytest.approx(math.tanh(1.0)))
    assert run(1) == (0.0, 2.0)
    assert run(1, 3) == (pytest.approx(math.tanh(2.0)), 2.0)
    assert run(0, 1, 3)[1] == pytest.approx(2.0 + math.tanh(1.0))


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
def test_z_of_a_gate_at_zero_gives_the_constant_gate(gates):
    """S003: the gate is then s(b), for every input; peepholes stand outside z, so they are off here."""
    inputs = arrays()
    z = np.ones((B, 4, H))
    z[:, [0, 3], 1] = 0.0
    _, cache = recurrence_forward(**without(inputs, gates=z), gates=gates)
    b = inputs["params"].b
    for k in (0, 3):
        assert np.max(np.abs(cache.activations[:, :, k, 1] - gate(b[k, 1], gates))) <= ROUNDING
        assert np.ptp(cache.activations[:, :, k, 0]) > 0.01


def test_h_in_acts_on_the_way_into_W_h_and_h_out_where_h_is_produced():
    inputs = arrays()
    shut_in = np.ones((B, 1, H))
    shut_in[:, :, 1] = 0.0
    shut_out = np.ones((B, H))
    shut_out[:, 1] = 0.0
    into = recurrence_forward(**without(inputs, h_in=shut_in))[0].h
    out = recurrence_forward(**without(inputs, h_out=shut_out))[0].h
    W = inputs["params"].W_h.copy()
    W[:, 1] = 0.0  # neuron 1 talks to nobody
    mute = recurrence_forward(**(without(inputs) | {"params": RecurrenceParams(W, inputs["params"].b)}))[0].h
    assert np.max(np.abs(into - mute)) <= ROUNDING  # a VBD mask leaves the output of the neuron alone
    assert np.all(into[:, :, 1] != 0.0)
    assert np.all(out[:, :, 1] == 0.0)  # z of the neuron removes it for the output, and for W_h from step 2 on
    assert np.max(np.abs(out[0] - into[0])[:, [0, 2]]) > 0.01  # the initial state is not multiplied by h_out


def test_gradients():
    """[LSTM.B1] to [LSTM.B10] where only the recurrence can be meant: W_h of each object."""
    results = run_gradcheck(["recurrence/per_object"], seed=1)
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
def test_huge_preactivations_do_not_overflow(gates):
    inputs = arrays(spread=1e30)
    outputs, cache = recurrence_forward(**inputs, gates=gates)
    grads = recurrence_backward(outputs, cache)
    assert all(np.all(np.isfinite(leaf)) for leaf in flatten((outputs, grads)).values())


@pytest.mark.parametrize("gates", ["sigmoid", "hard_sigmoid"])
@pytest.mark.parametrize("mask", [None, MASK])
def test_float32_stays_float32_and_inputs_are_not_modified(gates, mask):
    inputs = arrays() | {"mask": None}
    inputs = map_leaves(lambda a: a.astype("float32"), inputs) | {"mask": mask}
    for leaf in flatten(inputs).values():
        leaf.flags.writeable = False
    outputs, cache = recurrence_forward(**inputs, gates=gates)
    cotangents = map_leaves(lambda a: np.ones_like(a), outputs)
    for leaf in flatten(cotangents).values():
        leaf.flags.writeable = False
    grads = recurrence_backward(cotangents, cache)
    assert {leaf.dtype.name for leaf in flatten((outputs, grads)).values()} == {"float32"}
    doubles = map_leaves(lambda a: a.astype("float64") if a.dtype.kind == "f" else a, inputs)
    exact, _ = recurrence_forward(**doubles, gates=gates)
    assert np.max(np.abs(outputs.h - exact.h)) <= math.sqrt(np.finfo("float32").eps)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"u": np.zeros((T, B, 3, H))}, ValueError, "u: expected shape"),
        ({"params": RecurrenceParams(np.zeros((H, 4, H + 1)), np.zeros((4, H)))}, ValueError, "W_h: expected shape"),
        (
            {"params": RecurrenceParams(np.zeros((H + 1, 4, H + 1)), np.zeros((4, H)))},
            ValueError,
            "W_h: expected shape",
        ),
        ({"params": RecurrenceParams(np.zeros((H, 4, H)), np.zeros((4, 1)))}, ValueError, "b: expected shape"),
        (
            {"params": RecurrenceParams(np.zeros((H, 4, H)), np.zeros((4, H)), np.zeros((4, H)))},
            ValueError,
            "peephole: ",
        ),
        ({"state": LSTMState(np.zeros((1, H)), np.zeros((B, H)))}, ValueError, "state.h: expected shape"),
        ({"state": LSTMState(np.zeros((B, H)), np.zeros(H))}, ValueError, "state.c: expected shape"),
        ({"multipliers": RecurrenceMultipliers(h_in=np.zeros((B, 3, H)))}, ValueError, "multipliers.h_in: expected"),
        ({"multipliers": RecurrenceMultipliers(h_out=np.zeros((1, H)))}, ValueError, "multipliers.h_out: expected"),
        ({"multipliers": RecurrenceMultipliers(gates=np.zeros((B, 1, H)))}, ValueError, "multipliers.gates: expected"),
        ({"mask": np.ones((T, 1), bool)}, ValueError, "mask: expected shape"),
        ({"mask": np.ones((T, B))}, TypeError, "mask: expected dtype bool"),
        ({"u": np.zeros((T, B, 4, H), "float32")}, TypeError, "W_h: expected dtype float32"),
        ({"gates": "relu"}, ValueError, "gates: expected one of 'sigmoid', 'hard_sigmoid', got 'relu'"),
        ({"peephole_output": "h"}, ValueError, "peephole_output: expected one of 'c', 'c_prev', got 'h'"),
    ],
)
def test_errors(changes, error, words):
    with pytest.raises(error, match=words):
        recurrence_forward(**(arrays() | changes))


def test_errors_of_cotangents():
    outputs, cache = recurrence_forward(**arrays())
    with pytest.raises(ValueError, match="doutputs.last.c: expected shape"):
        recurrence_backward(LSTMOutputs(outputs.h, LSTMState(outputs.last.h, np.zeros(H))), cache)
    with pytest.raises(TypeError, match="dh: expected dtype float64"):
        recurrence_backward(outputs._replace(h=outputs.h.astype("float32")), cache)
