"""One run of an LSTM for the operations that have one: its segments, its intermediate values, its gradients.

A sequence is one segment. Where a mistake draws noise again at every step, each step is a segment of its own, with its
own matrices and multipliers; the state is carried on.
"""

from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Config, Given
from refimpl.layers.gate_product import GATES
from refimpl.layers.lstm import LSTMMultipliers
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState, RecurrenceMultipliers, RecurrenceParams
from refimpl.models.layers import Layers


class Segment(NamedTuple):
    """The steps of x (T, B, D) that are computed with the same matrices and multipliers."""

    x: Array
    mask: Array | None
    W_x: Array
    W_h: Array
    multipliers: LSTMMultipliers


class Shared(NamedTuple):
    """What all segments share."""

    b: Array
    peephole: Array | None
    state: LSTMState


class SegmentGrads(NamedTuple):
    x: Array
    W_x: Array
    W_h: Array
    multipliers: LSTMMultipliers


class Run(NamedTuple):
    answers: Answers  # mid and out
    segments: list[SegmentGrads]
    shared: Shared  # gradients


def lstm_segments(given: Given, W_x: Array, W_h: Array, multipliers: LSTMMultipliers) -> list[Segment]:
    """The whole sequence as one segment."""
    return [Segment(given["input.x"], given.get("input.mask"), W_x, W_h, multipliers)]


def steps_of(segment: Segment) -> list[Segment]:
    """Each step of a segment as its own."""
    mask = segment.mask
    return [
        segment._replace(x=segment.x[t : t + 1], mask=None if mask is None else mask[t : t + 1])
        for t in range(len(segment.x))
    ]


def shared_of(given: Given) -> Shared:
    """Bias, peepholes and initial state under their names."""
    state = LSTMState(given["input.h0"], given["input.c0"])
    return Shared(given["param.b"], given.get("param.peephole"), state)


def run_lstm(layers: Layers, config: Config, given: Given, segments: list[Segment], shared: Shared) -> Run:
    """Forward over the segments and backward over them, given the cotangents of h, h_last and c_last."""
    options = {"gates": config.get("gates", "sigmoid"), "peephole_output": config.get("peephole_output", "c")}
    state, hs, caches = shared.state, [], []
    for x, mask, W_x, W_h, m in segments:
        u, input_cache = layers.gate_input_forward(x, W_x, m.x)
        outputs, cache = layers.recurrence_forward(
            u,
            RecurrenceParams(W_h, shared.b, shared.peephole),
            state,
            multipliers=RecurrenceMultipliers(m.h_in, m.h_out, m.gates),
            mask=mask,
            **options,
        )
        state = outputs.last
        hs.append(outputs.h)
        caches.append((input_cache, cache))
    answers = _mids([cache for _, cache in caches], given.get("input.mask"))
    answers |= {"out.h": np.concatenate(hs), "out.h_last": state.h, "out.c_last": state.c}
    return _backward(layers, given, answers, caches, shared)


def _mids(caches: list[Array], mask: Array | None) -> Answers:
    """The gates and the cell of every step (T, B, H); 0 for gates at padded steps."""
    activations = np.concatenate([cache.activations for cache in caches])
    if mask is not None:
        activations = np.where(mask[:, :, None, None], activations, 0.0)
    mids: Answers = {f"mid.{gate}": activations[:, :, k] for k, gate in enumerate(GATES)}
    return mids | {"mid.c": np.concatenate([cache.c[1:] for cache in caches])}


def _backward(layers: Layers, given: Given, answers: Answers, caches: list[Array], shared: Shared) -> Run:
    dh, dlast = given["cotangent.h"], LSTMState(given["cotangent.h_last"], given["cotangent.c_last"])
    db: Array = 0.0
    dpeephole: Array = 0.0
    stop, grads = len(dh), []
    for input_cache, cache in reversed(caches):
        start = stop - len(cache.activations)
        du, dparams, dlast, dm = layers.recurrence_backward(LSTMOutputs(dh[start:stop], dlast), cache)
        dx, dW_x, dm_x = layers.gate_input_backward(du, input_cache)
        grads.append(SegmentGrads(dx, dW_x, dparams.W_h, LSTMMultipliers(dm_x, dm.h_in, dm.h_out, dm.gates)))
        db = db + dparams.b
        dpeephole = None if dparams.peephole is None else dpeephole + dparams.peephole
        stop = start
    return Run(answers, grads[::-1], Shared(db, dpeephole, dlast))


def shared_grads(run: Run) -> Answers:
    """Gradients of x, bias, peepholes and initial state by name."""
    grads: Answers = {"grad.param.b": run.shared.b}
    if run.shared.peephole is not None:
        grads["grad.param.peephole"] = run.shared.peephole
    grads["grad.input.x"] = np.concatenate([segment.x for segment in run.segments])
    return grads | {"grad.input.h0": run.shared.state.h, "grad.input.c0": run.shared.state.c}


def lstm_given_multipliers(given: Given) -> LSTMMultipliers:
    """The multipliers that are given as inputs."""
    return LSTMMultipliers(*(given.get(f"input.multiplier_{place}") for place in LSTMMultipliers._fields))
