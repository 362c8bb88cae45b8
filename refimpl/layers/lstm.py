"""LSTM over a sequence: the input step for all times at once, then the recurrence.

The equations stand in ``gate_input`` (LSTM.F1, F2) and ``lstm_recurrence`` (LSTM.F3-F10); this file puts them together
for dense inputs with one weight matrix. Models that look up tokens, or sample preactivations by LRT, call the parts.
"""

from typing import NamedTuple

from refimpl.arrays import Array, check_shapes
from refimpl.layers.gate_input import GateInputCache, gate_input_backward, gate_input_forward
from refimpl.layers.lstm_recurrence import (
    LSTMOutputs,
    LSTMState,
    RecurrenceCache,
    RecurrenceMultipliers,
    RecurrenceParams,
    recurrence_backward,
    recurrence_forward,
)


class LSTMParams(NamedTuple):
    W_x: Array  # (D, 4, H)
    W_h: Array  # (H, 4, H)
    b: Array  # (4, H)
    peephole: Array | None = None  # (3, H): of i, f, o


class LSTMMultipliers(NamedTuple):
    x: Array | None = None  # (B, 1|4, D) on the input
    h_in: Array | None = None  # (B, 1|4, H) on h_{t-1} on its way into W_h
    h_out: Array | None = None  # (B, H) on h_t where it is produced
    gates: Array | None = None  # (B, 4, H) on the preactivation before the bias


class LSTMCache(NamedTuple):
    input: GateInputCache
    recurrence: RecurrenceCache


class LSTMGrads(NamedTuple):
    x: Array
    params: LSTMParams
    state: LSTMState
    multipliers: LSTMMultipliers


def lstm_forward(
    x: Array,
    params: LSTMParams,
    state: LSTMState,
    *,
    multipliers: LSTMMultipliers | None = None,
    mask: Array | None = None,
    gates: str = "sigmoid",
    peephole_output: str = "c",
) -> tuple[LSTMOutputs, LSTMCache]:
    """Run an LSTM over T steps of dense input.

    Shapes: x (T, B, D); W_x (D, 4, H), W_h (H, 4, H), b (4, H), peephole (3, H); state h, c (B, H); mask (T, B) bool;
    -> outputs h (T, B, H) and the last h, c (B, H).
    Dtype: one floating dtype.
    Equations: LSTM.F1, F3-F10 (S004 eq. 11; S001 eq. 3-7 with peephole_output="c_prev"; S003).
    Errors: ValueError on a wrong shape or choice, TypeError on a mix of dtypes.
    """
    m = multipliers or LSTMMultipliers()
    check_shapes(  # under their names here; the parts call them u and multiplier
        {
            "x": (x, "T B D"),
            "W_x": (params.W_x, "D 4 H"),
            "W_h": (params.W_h, "H 4 H"),
            "multipliers.x": (m.x, "B 1|4 D"),
        }
    )
    u, input_cache = gate_input_forward(x, params.W_x, m.x)
    outputs, cache = recurrence_forward(
        u,
        RecurrenceParams(params.W_h, params.b, params.peephole),
        state,
        multipliers=RecurrenceMultipliers(m.h_in, m.h_out, m.gates),
        mask=mask,
        gates=gates,
        peephole_output=peephole_output,
    )
    return outputs, LSTMCache(input_cache, cache)


def lstm_backward(doutputs: LSTMOutputs, cache: LSTMCache) -> LSTMGrads:
    """Gradients of all inputs given the cotangents of all outputs. Equations: LSTM.B1-B13."""
    du, params, state, m = recurrence_backward(doutputs, cache.recurrence)
    dx, dW_x, dm_x = gate_input_backward(du, cache.input)
    return LSTMGrads(
        x=dx,
        params=LSTMParams(dW_x, params.W_h, params.b, params.peephole),
        state=state,
        multipliers=LSTMMultipliers(dm_x, m.h_in, m.h_out, m.gates),
    )
