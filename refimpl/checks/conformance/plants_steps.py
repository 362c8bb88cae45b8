"""Wrong recurrences of an LSTM that need each step by itself: what happens at padded steps, and a state cut off."""

from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.plants_recurrence import with_recurrence
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState, RecurrenceGrads, RecurrenceMultipliers
from refimpl.models.layers import Layers
from refimpl.tree import add


class StepsCache(NamedTuple):
    """The caches of the steps, and what is read from outside."""

    steps: list[Any]
    mask: Array
    h: Array  # (T + 1, B, H)
    c: Array
    activations: Array
    multipliers: RecurrenceMultipliers


def at_padding(h_rule: str, c_rule: str) -> Any:
    """What happens to h and to c where the mask is False: "hold" (right), "zero" or "go_on"."""

    def plant(layers: Layers) -> Layers:
        def forward(u: Array, params: Any, state: LSTMState, *, mask: Array, **options: Any) -> Any:
            steps, states = [], [state]
            for t in range(len(u)):
                new, cache = layers.recurrence_forward(u[t : t + 1], params, states[-1], mask=None, **options)
                keep = mask[t][:, None]
                h = _chosen(h_rule, keep, new.last.h, states[-1].h)
                states.append(LSTMState(h, _chosen(c_rule, keep, new.last.c, states[-1].c)))
                steps.append(cache)
            return _gathered(steps, mask, states)

        def backward(doutputs: LSTMOutputs, cache: StepsCache) -> RecurrenceGrads:
            dlast, parts = doutputs.last, []
            for t in reversed(range(len(cache.steps))):
                keep = cache.mask[t][:, None]
                dh, dh_held = _split(h_rule, keep, dlast.h + doutputs.h[t])
                dc, dc_held = _split(c_rule, keep, dlast.c)
                part = layers.recurrence_backward(_last_only(LSTMState(dh, dc)), cache.steps[t])
                dlast = LSTMState(part.state.h + dh_held, part.state.c + dc_held)
                parts.append(part._replace(state=dlast))
            return _summed(parts[::-1])

        return with_recurrence(layers, forward, backward)

    return plant


def detached(layers: Layers) -> Layers:
    """No gradient flows from a step into the state that it started from, but for the first one."""

    def forward(u: Array, params: Any, state: LSTMState, *, mask: Array | None, **options: Any) -> Any:
        steps, states = [], [state]
        for t in range(len(u)):
            one = None if mask is None else mask[t : t + 1]
            new, cache = layers.recurrence_forward(u[t : t + 1], params, states[-1], mask=one, **options)
            states.append(new.last)
            steps.append(cache)
        return _gathered(steps, mask, states)

    def backward(doutputs: LSTMOutputs, cache: StepsCache) -> RecurrenceGrads:
        zero = LSTMState(*map(np.zeros_like, doutputs.last))
        dlasts = [zero] * (len(cache.steps) - 1) + [doutputs.last]
        parts = [
            layers.recurrence_backward(LSTMOutputs(doutputs.h[t : t + 1], dlast), step)
            for t, (step, dlast) in enumerate(zip(cache.steps, dlasts, strict=True))
        ]
        return _summed(parts)

    return with_recurrence(layers, forward, backward)


def zero_outputs(layers: Layers) -> Layers:
    """The output h is 0 at padded steps; the state is held as it should be."""

    def forward(*arguments: Any, mask: Array, **options: Any) -> Any:
        outputs, cache = layers.recurrence_forward(*arguments, mask=mask, **options)
        return outputs._replace(h=np.where(mask[:, :, None], outputs.h, 0.0).astype(outputs.h.dtype)), cache

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        dh = np.where(cache.mask[:, :, None], doutputs.h, 0.0).astype(doutputs.h.dtype)
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs._replace(h=dh), cache)
        return grads

    return with_recurrence(layers, forward, backward)


def _chosen(rule: str, keep: Array, new: Array, old: Array) -> Array:
    padded = {"hold": old, "zero": np.zeros_like(old), "go_on": new}
    return np.where(keep, new, padded[rule])


def _split(rule: str, keep: Array, cotangent: Array) -> tuple[Array, Array]:
    """What reaches the new value of a step, and what goes past it to the value before."""
    zero = np.zeros_like(cotangent)
    if rule == "go_on":
        return cotangent, zero
    return np.where(keep, cotangent, zero), np.where(keep, zero, cotangent) if rule == "hold" else zero


def _last_only(last: LSTMState) -> LSTMOutputs:
    return LSTMOutputs(np.zeros_like(last.h)[None], last)


def _gathered(steps: list[Any], mask: Array | None, states: list[LSTMState]) -> tuple[LSTMOutputs, StepsCache]:
    h, c = (np.stack([getattr(state, name) for state in states]) for name in ("h", "c"))
    activations = np.concatenate([step.activations for step in steps])
    return LSTMOutputs(h[1:], states[-1]), StepsCache(steps, mask, h, c, activations, steps[0].multipliers)


def _summed(parts: list[RecurrenceGrads]) -> RecurrenceGrads:
    """Gradients of the whole from those of the steps, in order of time."""
    params, multipliers = parts[0].params, parts[0].multipliers
    for part in parts[1:]:
        params, multipliers = add(params, part.params), add(multipliers, part.multipliers)
    return RecurrenceGrads(np.concatenate([part.u for part in parts]), params, parts[0].state, multipliers)
