"""Wrong recurrences of an LSTM that go through one call of the right one.

Each is made from the layer functions that it is given. Its backward function is the exact gradient of its forward
function, unless the gradient is what is wrong.
"""

from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.layers.gate_product import gate_product_dW
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState, RecurrenceGrads, RecurrenceMultipliers
from refimpl.models.layers import Layers


class Around(NamedTuple):
    """A cache with something more, and what is read of it from outside."""

    inner: Any
    extra: Any
    h: Array
    c: Array
    activations: Array
    multipliers: RecurrenceMultipliers
    mask: Array | None


def around(cache: Any, extra: Any, multipliers: RecurrenceMultipliers) -> Around:
    """The cache, with extra, of a recurrence that was given these multipliers."""
    return Around(cache, extra, cache.h, cache.c, cache.activations, multipliers, cache.mask)


def with_recurrence(layers: Layers, forward: Any = None, backward: Any = None) -> Layers:
    """The layer functions with these in place of theirs."""
    return layers._replace(
        recurrence_forward=forward or layers.recurrence_forward,
        recurrence_backward=backward or layers.recurrence_backward,
    )


def late_hidden(layers: Layers) -> Layers:
    """h_t in place of h_(t-1) in dW_h."""

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
        h, m = cache.h[1:][:, :, None, :], cache.multipliers.h_in
        dW_h = gate_product_dW(h if m is None else h * m, grads.u, per_object=grads.params.W_h.ndim == 4)
        return grads._replace(params=grads.params._replace(W_h=dW_h))

    return with_recurrence(layers, backward=backward)


def one_row_bias(layers: Layers) -> Layers:
    """The gradient of the bias from the first object alone."""

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
        z = cache.multipliers.gates
        da = grads.u if z is None else grads.u / z
        return grads._replace(params=grads.params._replace(b=da[:, 0].sum(axis=0)))

    return with_recurrence(layers, backward=backward)


def option_switched(name: str, values: tuple[str, str]) -> Any:
    """The other of two values of an option, such as the gates' nonlinearity."""

    def plant(layers: Layers) -> Layers:
        def forward(*arguments: Any, **options: Any) -> Any:
            other = values[1] if options[name] == values[0] else values[0]
            return layers.recurrence_forward(*arguments, **options | {name: other})

        return with_recurrence(layers, forward)

    return plant


def gate_slope(factor: float) -> Any:
    """s(factor a) for s(a) at the gates i, f and o: a hard sigmoid of another slope."""

    def plant(layers: Layers) -> Layers:
        def scaled(array: Array | None) -> Array | None:
            if array is None:
                return None
            if array.shape[-2] == 3:  # peepholes
                return factor * array
            return array * np.array([factor, factor, 1.0, factor], dtype=array.dtype)[:, None]

        def forward(u: Array, params: Any, state: LSTMState, **options: Any) -> Any:
            return layers.recurrence_forward(scaled(u), type(params)(*map(scaled, params)), state, **options)

        def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
            grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
            return grads._replace(u=scaled(grads.u), params=type(grads.params)(*map(scaled, grads.params)))

        return with_recurrence(layers, forward, backward)

    return plant


def z_after_bias(layers: Layers) -> Layers:
    """z of a gate multiplies the bias too."""

    def forward(u: Array, params: Any, state: LSTMState, **options: Any) -> Any:
        return layers.recurrence_forward(u + params.b, params._replace(b=0.0 * params.b), state, **options)

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
        return grads._replace(params=grads.params._replace(b=grads.u.sum(axis=(0, 1))))

    return with_recurrence(layers, forward, backward)


def z_on_output_only(layers: Layers) -> Layers:
    """z of a neuron multiplies what is given out, and the state that is carried does not see it."""

    def forward(*arguments: Any, multipliers: RecurrenceMultipliers, **options: Any) -> Any:
        z = multipliers.h_out
        outputs, cache = layers.recurrence_forward(*arguments, multipliers=multipliers._replace(h_out=None), **options)
        if z is None:  # another mistake has moved it away
            return outputs, around(cache, None, multipliers)
        seen = LSTMOutputs(outputs.h * z, outputs.last._replace(h=outputs.last.h * z))
        return seen, around(cache, z, multipliers)

    def backward(doutputs: LSTMOutputs, cache: Around) -> RecurrenceGrads:
        z, dlast = cache.extra, doutputs.last
        if z is None:
            unchanged: RecurrenceGrads = layers.recurrence_backward(doutputs, cache.inner)
            return unchanged
        through = LSTMOutputs(doutputs.h * z, dlast._replace(h=dlast.h * z))
        grads: RecurrenceGrads = layers.recurrence_backward(through, cache.inner)
        dz = (doutputs.h * cache.h[1:]).sum(axis=0) + dlast.h * cache.h[-1]
        return grads._replace(multipliers=grads.multipliers._replace(h_out=dz))

    return with_recurrence(layers, forward, backward)


def z_on_input_only(layers: Layers) -> Layers:
    """z of a neuron multiplies h_(t-1) on its way into W_h, and what is given out does not see it."""

    def forward(*arguments: Any, multipliers: RecurrenceMultipliers, **options: Any) -> Any:
        z = multipliers.h_out
        moved = multipliers._replace(h_out=None, h_in=None if z is None else z[:, None, :])
        return layers.recurrence_forward(*arguments, multipliers=moved, **options)

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
        dz = grads.multipliers.h_in
        moved = grads.multipliers._replace(h_in=None, h_out=None if dz is None else dz[:, 0, :])
        return grads._replace(multipliers=moved)

    return with_recurrence(layers, forward, backward)


def mask_on_output(layers: Layers) -> Layers:
    """A multiplier of h_(t-1), the same for all gates, acts where h_t is produced."""

    def forward(*arguments: Any, multipliers: RecurrenceMultipliers, **options: Any) -> Any:
        m = multipliers.h_in
        moved = multipliers._replace(h_in=None, h_out=None if m is None else m[:, 0, :])
        return layers.recurrence_forward(*arguments, multipliers=moved, **options)

    def backward(doutputs: LSTMOutputs, cache: Any) -> RecurrenceGrads:
        grads: RecurrenceGrads = layers.recurrence_backward(doutputs, cache)
        dm = grads.multipliers.h_out
        moved = grads.multipliers._replace(h_out=None, h_in=None if dm is None else dm[:, None, :])
        return grads._replace(multipliers=moved)

    return with_recurrence(layers, forward, backward)
