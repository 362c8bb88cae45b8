"""Cases of the LSTM: every option on and off, alone and together; the sizes T, B, D, H and 4 all differ."""

from functools import partial
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.cases_common import GradcheckCase, Problem, check_visited, normals, padding_mask
from refimpl.layers.gate_input import (
    gate_input_backward,
    gate_input_forward,
    token_input_backward,
    token_input_forward,
)
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import (
    LSTMState,
    RecurrenceMultipliers,
    RecurrenceParams,
    recurrence_backward,
    recurrence_forward,
)
from refimpl.noise import Draw, words

T, B, D, H = 6, 2, 5, 3
V = 7  # symbols; T * B draws leave one out and repeat another


class Options(NamedTuple):
    peephole: str | None = None  # what the output gate's peephole sees
    gates: str = "sigmoid"
    groups: int | None = None  # 1 or 4: the multipliers' gate axis; None: no multipliers
    padding: str | None = None
    per_object: bool = False  # W_h of each object (recurrence only)


RECURRENCE_OPTIONS = {
    "per_object": Options(per_object=True),
    "per_object_multipliers4": Options(per_object=True, groups=4, peephole="c"),
    "per_object_multipliers1": Options(per_object=True, groups=1, padding="right", gates="hard_sigmoid"),
}
LSTM_OPTIONS = {
    "plain": Options(),
    "peephole_c": Options(peephole="c"),
    "peephole_c_prev": Options(peephole="c_prev"),
    "left_padding": Options(padding="left", peephole="c"),
    "right_padding": Options(padding="right", peephole="c_prev"),
    "hard_sigmoid": Options(gates="hard_sigmoid", peephole="c"),
    "multipliers1": Options(groups=1, padding="right", peephole="c"),
    "multipliers4": Options(groups=4, padding="left", gates="hard_sigmoid", peephole="c_prev"),
}


def _initial(seed: int) -> LSTMState:
    return LSTMState(h=normals(seed, "h0", B, H), c=normals(seed, "c0", B, H))


def _mask(padding: str | None) -> Array | None:
    return None if padding is None else padding_mask(padding, (T - 2, T - 1), T)


def _multipliers(seed: int, groups: int) -> RecurrenceMultipliers:
    return RecurrenceMultipliers(
        h_in=normals(seed, "h_in", B, groups, H, mean=1.0),
        h_out=normals(seed, "h_out", B, H, mean=1.0),
        gates=normals(seed, "z_gates", B, 4, H, mean=1.0),
    )


def _bias(seed: int, gates: str) -> Array:
    """For the hard sigmoid the neurons stand below, in and above its middle piece."""
    return normals(seed, "b", 4, H) + (np.array([-5.0, 0.0, 5.0]) if gates == "hard_sigmoid" else 0.0)


def _check_gates(activations: Array, mask: Array | None, kind: str) -> None:
    """Each of i, f, o must be at 0, at 1 and between, on steps that count."""
    if kind == "hard_sigmoid":
        real = activations if mask is None else activations[mask][None]
        for k, gate in ((0, "i"), (1, "f"), (3, "o")):
            y = real[..., k, :]
            check_visited(f"hard sigmoid, gate {gate}", at_0=y == 0.0, at_1=y == 1.0, between=(y > 0.0) & (y < 1.0))


def recurrence(options: Options, seed: int) -> Problem:
    """The recurrence alone, with the given options."""
    groups = options.groups
    W_h_shape = (B, H, 4, H) if options.per_object else (H, 4, H)
    inputs = {
        "u": normals(seed, "u", T, B, 4, H),
        "params": RecurrenceParams(
            W_h=normals(seed, "W_h", *W_h_shape),
            b=_bias(seed, options.gates),
            peephole=None if options.peephole is None else normals(seed, "peephole", 3, H),
        ),
        "state": _initial(seed),
        "multipliers": None if groups is None else _multipliers(seed, groups),
        "mask": _mask(options.padding),
    }
    forward = partial(recurrence_forward, gates=options.gates, peephole_output=options.peephole or "c")
    _check_gates(forward(**inputs)[1].activations, inputs["mask"], options.gates)
    return Problem(forward, recurrence_backward, inputs)


def _lstm(options: Options, seed: int) -> Problem:
    multipliers = None
    if options.groups is not None:
        z_x = normals(seed, "z_x", B, options.groups, D, mean=1.0)
        multipliers = LSTMMultipliers(z_x, *_multipliers(seed, options.groups))
    inputs = {
        "x": normals(seed, "x", T, B, D),
        "params": LSTMParams(
            W_x=normals(seed, "W_x", D, 4, H, scale=0.7),
            W_h=normals(seed, "W_h", H, 4, H),
            b=_bias(seed, options.gates),
            peephole=None if options.peephole is None else normals(seed, "peephole", 3, H),
        ),
        "state": _initial(seed),
        "multipliers": multipliers,
        "mask": _mask(options.padding),
    }
    forward = partial(lstm_forward, gates=options.gates, peephole_output=options.peephole or "c")
    _check_gates(forward(**inputs)[1].recurrence.activations, inputs["mask"], options.gates)
    return Problem(forward, lstm_backward, inputs)


def _weights(seed: int, rows: int, per_object: bool) -> Array:
    return normals(seed, "W_x", *((B,) if per_object else ()), rows, 4, H)


def _gate_input(groups: int | None, per_object: bool, seed: int) -> Problem:
    inputs = {
        "x": normals(seed, "x", T, B, D),
        "W_x": _weights(seed, D, per_object),
        "multiplier": None if groups is None else normals(seed, "z_x", B, groups, D, mean=1.0),
    }
    return Problem(gate_input_forward, gate_input_backward, inputs)


def _token_input(groups: int | None, per_object: bool, seed: int) -> Problem:
    ids = (words(Draw(seed, "gradcheck.ids"), T * B) % (V - 1)).astype("int64").reshape(T, B)  # symbol V - 1 is absent
    ids[1] = ids[0]  # and one is met twice by each object
    inputs = {
        "ids": ids,
        "W_x": _weights(seed, V, per_object),
        "multiplier": None if groups is None else normals(seed, "z_x", B, groups, V, mean=1.0),
    }
    return Problem(token_input_forward, token_input_backward, inputs)


INPUT_OPTIONS = [(groups, per_object) for per_object in (False, True) for groups in (None, 1, 4)]


def _input_name(groups: int | None, per_object: bool) -> str:
    return f"{'object' if per_object else 'shared'}_multiplier{groups or 0}"


CASES = (
    *(
        GradcheckCase(f"gate_input/{_input_name(*o)}", ("gate_input_forward",), partial(_gate_input, *o))
        for o in INPUT_OPTIONS
    ),
    *(
        GradcheckCase(f"token_input/{_input_name(*o)}", ("token_input_forward",), partial(_token_input, *o))
        for o in INPUT_OPTIONS
    ),
    *(
        GradcheckCase(f"recurrence/{name}", ("recurrence_forward",), partial(recurrence, o))
        for name, o in RECURRENCE_OPTIONS.items()
    ),
    *(
        GradcheckCase(f"lstm/{name}", ("lstm_forward", "gate_input_forward", "recurrence_forward"), partial(_lstm, o))
        for name, o in LSTM_OPTIONS.items()
    ),
)
