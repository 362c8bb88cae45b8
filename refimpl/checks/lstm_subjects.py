"""An LSTM with everything on, and wrong versions of it: what the value checks and the invariances run on."""

from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.cases_common import normals, padding_mask
from refimpl.layers.lstm import LSTMCache, LSTMGrads, LSTMMultipliers, LSTMParams, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState

SEED = 3
T, B, D, H = 6, 2, 5, 3
SWAPPED = [1, 0, 2, 3]  # f, i, g, o


def lstm_inputs(groups: int) -> dict[str, Any]:
    """An LSTM with everything on: peepholes, padding on the left, multipliers at every place."""
    return {
        "x": normals(SEED, "x", T, B, D),
        "params": LSTMParams(
            normals(SEED, "W_x", D, 4, H, scale=0.7),
            normals(SEED, "W_h", H, 4, H),
            normals(SEED, "b", 4, H),
            normals(SEED, "peephole", 3, H),
        ),
        "state": LSTMState(normals(SEED, "h0", B, H), normals(SEED, "c0", B, H)),
        "multipliers": LSTMMultipliers(
            normals(SEED, "m_x", B, groups, D, mean=1.0),
            normals(SEED, "m_h", B, groups, H, mean=1.0),
            normals(SEED, "z_h", B, H, mean=1.0),
            normals(SEED, "z_gates", B, 4, H, mean=1.0),
        ),
        "mask": padding_mask("left", (T - 2, T - 1), T),
    }


def swapped_lstm_forward(
    x: Array, params: LSTMParams, state: LSTMState, **options: Any
) -> tuple[LSTMOutputs, LSTMCache]:
    """The bug that a gradient check cannot see: gates f, i, g, o in both passes."""
    m = options.pop("multipliers", None)
    return lstm_forward(
        x, _swapped(params), state, multipliers=None if m is None else _swapped_multipliers(m), **options
    )


def swapped_lstm_backward(doutputs: LSTMOutputs, cache: LSTMCache) -> LSTMGrads:
    """The exact gradient of ``swapped_lstm_forward``."""
    grads = lstm_backward(doutputs, cache)
    return grads._replace(params=_swapped(grads.params), multipliers=_swapped_multipliers(grads.multipliers))


def _swapped(params: LSTMParams) -> LSTMParams:
    W_x, W_h, b, peephole = params
    return LSTMParams(W_x[:, SWAPPED], W_h[:, SWAPPED], b[SWAPPED], None if peephole is None else peephole[[1, 0, 2]])


def _swapped_multipliers(m: LSTMMultipliers) -> LSTMMultipliers:
    x, h_in, gates = (a[:, SWAPPED] if a is not None and a.shape[1] == 4 else a for a in (m.x, m.h_in, m.gates))
    return LSTMMultipliers(x, h_in, m.h_out, gates)


def other_peephole(*args: Any, **options: Any) -> Any:
    """The output gate's peephole sees the other cell: S001 for Gers, or the other way round."""
    seen = {"c": "c_prev", "c_prev": "c"}[options.pop("peephole_output", "c")]
    return lstm_forward(*args, peephole_output=seen, **options)


def z_after_bias(*args: Any, **options: Any) -> Any:
    """z of a gate multiplies the bias too."""
    m, params = options.pop("multipliers"), args[1]
    outputs = [
        lstm_forward(
            args[0][:, b : b + 1],
            params._replace(b=params.b * m.gates[b]),
            LSTMState(*(a[b : b + 1] for a in args[2])),
            multipliers=LSTMMultipliers(*(a[b : b + 1] for a in m)),
            **(options | {"mask": options["mask"][:, b : b + 1]}),
        )[0]
        for b in range(B)
    ]
    last = LSTMState(*(np.concatenate([getattr(o.last, name) for o in outputs]) for name in ("h", "c")))
    return LSTMOutputs(np.concatenate([o.h for o in outputs], axis=1), last), None


def without_mask_on_c(**inputs: Any) -> Any:
    """h is held on padded steps, and c goes on."""
    state, hs = inputs["state"], []
    for t in range(T):
        new = lstm_forward(**(inputs | {"x": inputs["x"][t : t + 1], "state": state, "mask": None}))[0]
        h = np.where(inputs["mask"][t][:, None], new.last.h, state.h)
        state = LSTMState(h, new.last.c)
        hs.append(h)
    return LSTMOutputs(np.stack(hs), state), None
