"""The LSTM on dense inputs: one scalar loop from x to h with everything switched on, and its gradients.

[LSTM.F1] [LSTM.F3] [LSTM.F4] [LSTM.F5] [LSTM.F6] [LSTM.F7] [LSTM.F8] [LSTM.F9] [LSTM.F10].
"""

import math

import numpy as np
import pytest

from refimpl.checks import run_gradcheck
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.noise import Draw, normal
from refimpl.tree import flatten, map_leaves

T, B, D, H = 6, 2, 5, 3
ROUNDING = 1e-13  # T steps of sums of D + H + 3 terms of order 1, at 1e-16 each


def arrays(groups):
    def draw(name, *shape):
        return normal(Draw(4, name), shape)

    mask = np.ones((T, B), bool)
    mask[:2, 0] = False
    mask[5, 1] = False
    return {
        "x": draw("x", T, B, D),
        "params": LSTMParams(draw("W_x", D, 4, H), draw("W_h", H, 4, H), draw("b", 4, H), draw("p", 3, H)),
        "state": LSTMState(draw("h0", B, H), draw("c0", B, H)),
        "multipliers": LSTMMultipliers(
            draw("m_x", B, groups, D), draw("m_h", B, groups, H), draw("z_h", B, H), draw("z_k", B, 4, H)
        ),
        "mask": mask,
    }


def scalar_lstm(x, params, state, multipliers, mask, peephole_output):
    """h (T, B, H), one object, step and neuron at a time."""
    hs = np.zeros((T, B, H))
    for o in range(B):
        h, c = list(state.h[o]), list(state.c[o])
        for t in range(T):
            h_new, c_new = list(h), list(c)
            for n in range(H):
                v = []
                for k in range(4):
                    own = k % multipliers.x.shape[1]
                    from_x = sum(x[t, o, d] * multipliers.x[o, own, d] * params.W_x[d, k, n] for d in range(D))
                    from_h = sum(h[j] * multipliers.h_in[o, own, j] * params.W_h[j, k, n] for j in range(H))
                    v.append((from_x + from_h) * multipliers.gates[o, k, n] + params.b[k, n])
                i, f = (1 / (1 + math.exp(-v[k] - params.peephole[k, n] * c[n])) for k in (0, 1))
                c_new[n] = f * c[n] + i * math.tanh(v[2])
                seen = c_new[n] if peephole_output == "c" else c[n]
                gate_o = 1 / (1 + math.exp(-v[3] - params.peephole[2, n] * seen))
                h_new[n] = gate_o * math.tanh(c_new[n]) * multipliers.h_out[o, n]
            if mask[t, o]:
                h, c = h_new, c_new
            hs[t, o] = h
    return hs


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("peephole_output", ["c", "c_prev"])
def test_values_by_scalar_loop(groups, peephole_output):
    inputs = arrays(groups)
    outputs, _ = lstm_forward(**inputs, peephole_output=peephole_output)
    assert np.max(np.abs(outputs.h - scalar_lstm(**inputs, peephole_output=peephole_output))) <= ROUNDING
    assert np.array_equal(outputs.last.h, outputs.h[-1])


def test_gradients():
    results = run_gradcheck(["lstm/multipliers4"], seed=1)
    names = {result.leaf for result in results}
    assert {"x", "params.W_x", "params.peephole", "state.c", "multipliers.h_in", "multipliers.x"} <= names
    assert [result for result in results if not result.passed] == []


def test_absent_inputs_have_no_gradient():
    inputs = arrays(1)
    params = inputs["params"]._replace(peephole=None)
    outputs, cache = lstm_forward(inputs["x"], params, inputs["state"])
    grads = lstm_backward(outputs, cache)
    assert grads.params.peephole is None
    assert grads.multipliers == LSTMMultipliers()
    assert set(flatten(grads)) == {"x", "params.W_x", "params.W_h", "params.b", "state.h", "state.c"}


def test_the_two_peepholes_of_the_output_gate_differ():
    inputs = arrays(1)
    gers, grachev = (lstm_forward(**inputs, peephole_output=seen)[0].h for seen in ("c", "c_prev"))
    assert np.max(np.abs(gers - grachev)) > 0.01


def test_float32_stays_float32_and_inputs_are_not_modified():
    inputs = arrays(4)
    inputs = map_leaves(lambda a: a.astype("float32") if a.dtype.kind == "f" else a, inputs)
    for leaf in flatten(inputs).values():
        leaf.flags.writeable = False
    outputs, cache = lstm_forward(**inputs)
    grads = lstm_backward(outputs, cache)
    assert {leaf.dtype.name for leaf in flatten((outputs, grads)).values()} == {"float32"}


def test_errors_name_the_argument():
    inputs = arrays(1)
    with pytest.raises(ValueError, match="W_x: expected shape"):
        lstm_forward(**(inputs | {"x": inputs["x"][:, :, :4]}))
    with pytest.raises(ValueError, match="W_h: expected shape"):
        lstm_forward(**(inputs | {"params": inputs["params"]._replace(W_h=np.zeros((H + 1, 4, H + 1)))}))
    with pytest.raises(ValueError, match="multipliers.x: expected shape"):
        lstm_forward(**(inputs | {"multipliers": LSTMMultipliers(x=np.ones((B, 2, D)))}))
    with pytest.raises(ValueError, match="multipliers.x: expected shape"):
        lstm_forward(**(inputs | {"multipliers": LSTMMultipliers(x=np.ones((B + 1, 1, D)))}))
    with pytest.raises(ValueError, match="state.h: expected shape"):
        lstm_forward(**(inputs | {"state": LSTMState(np.zeros((B + 1, H)), np.zeros((B, H)))}))
    with pytest.raises(ValueError, match="gates: expected one of"):
        lstm_forward(**inputs, gates="tanh")
    with pytest.raises(TypeError, match="expected dtype"):
        lstm_forward(**(inputs | {"x": inputs["x"].astype("float32")}))
