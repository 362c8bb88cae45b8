"""Mistakes in the layout of an LSTM's parameters: the order of the gates, transposed matrices, biases."""

from itertools import permutations

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Mistake, quantity
from refimpl.checks.conformance.reading import lrt_noise
from refimpl.checks.conformance.wrapping import Plant, by_array, by_layout

GATED = {"W_x", "W_h", "b", "z_gates", "peephole", "mask_x", "mask_h", "dropout_x", "dropout_h"}
GATED |= {"multiplier_x", "multiplier_h_in", "multiplier_gates"}
KNOWN_ORDERS = {
    "iofg": "ONNX's",
    "igfo": "Haiku's",
    "figo": "OpenVINO's",
    "ifog": "Caffe's",
}
MATRICES = ("W_x", "W_h", "W")


def has_gates(case: Case) -> bool:
    """Whether the case has an LSTM in it."""
    return any(
        name.startswith("param.") and quantity(name) == "W_h" and _gate_axis(a) for name, a in case.given.items()
    )


def _gate_axis(array: Array) -> bool:
    return bool(array.ndim >= 2 and array.shape[-2] == 4)


def has_order(name: str, array: Array) -> bool:
    """Whether the array has an entry for each gate, on its last axis but one (three of peepholes: i, f, o)."""
    return quantity(name) in GATED and (_gate_axis(array) or quantity(name) == "peephole")


def _take(array: Array, order: str) -> Array:
    """The blocks of a layout in that order, in the order i, f, g, o: what is read as i is the block that is i there."""
    if array.shape[-2] == 3:
        order = order.replace("g", "")
        return array[..., [order.index(gate) for gate in "ifo"], :]
    return array[..., [order.index(gate) for gate in "ifgo"], :]


def _put_back(gradient: Array, order: str) -> Array:
    gates = "ifo" if gradient.shape[-2] == 3 else "ifgo"
    order = order.replace("g", "") if gradient.shape[-2] == 3 else order
    return gradient[..., [gates.index(gate) for gate in order], :]


def _gate_order(order: str) -> Mistake:
    whose = KNOWN_ORDERS.get(order)
    words = f"gate order {', '.join(order)}" + (f" ({whose})" if whose else "")
    plant = by_layout(has_order, lambda a: _take(a, order), lambda g: _put_back(g, order))
    return Mistake(f"gate-order-{order}", "gate-order", words + " in place of i, f, g, o", has_gates, plant)


def _interleaved() -> Plant:
    """(4, H) read as (H, 4): the four gates of a neuron side by side."""

    def change(array: Array) -> Array:
        *rest, gates, size = array.shape
        return array.reshape(*rest, size, gates).swapaxes(-1, -2)

    def back(gradient: Array) -> Array:
        return np.ascontiguousarray(gradient.swapaxes(-1, -2)).reshape(gradient.shape)

    return by_layout(has_order, change, back)


def _recurrent(name: str, array: Array) -> bool:
    return quantity(name) == "W_h"


def _transposed(array: Array) -> Array:
    """Each gate's square matrix transposed: rows stand before the gates (a plain RNN has none), columns at the end."""
    return array.swapaxes(-1, -3 if array.ndim > 2 else -2)


def _is_matrix(name: str, array: Array) -> bool:
    return quantity(name) in MATRICES and array.ndim >= 2


def _has_matrix(case: Case) -> bool:
    """A matrix, and no noise of preactivations under the name of one: that has the same number of axes."""
    lrt = any(quantity(name) in MATRICES for name in lrt_noise(case.config, case.given))
    return not lrt and any(name.startswith("param.") and _is_matrix(name, array) for name, array in case.given.items())


def _has_recurrent(case: Case) -> bool:
    return any(name.startswith("param.") and _recurrent(name, array) for name, array in case.given.items())


def _reshaped(array: Array) -> Array:
    """(D, 4H) taken for (4H, D) without a transposition: the numbers of W.T in the order of W's memory."""
    *rest, rows, columns = _flat(array).shape
    return array.reshape(*rest, columns, rows).swapaxes(-1, -2).reshape(array.shape)


def _reshaped_back(gradient: Array) -> Array:
    return np.ascontiguousarray(_flat(gradient).swapaxes(-1, -2)).reshape(gradient.shape)


def _flat(array: Array) -> Array:
    """The gates' axis, where there is one, folded into the columns."""
    if array.ndim > 2 and array.shape[-2] == 4:
        return array.reshape(*array.shape[:-2], 4 * array.shape[-1])
    return array


def _bias(name: str, array: Array) -> bool:
    return name.startswith("param.") and quantity(name) == "b" and _gate_axis(array)


def _add_to_forget(array: Array) -> Array:
    changed = array.copy()
    changed[..., 1, :] += 1.0
    return changed


def _same(array: Array) -> Array:
    return array


def _doubled(array: Array) -> Array:
    return 2.0 * array


ORDERS = tuple("".join(order) for order in permutations("ifgo") if order != tuple("ifgo"))

GATE_MISTAKES = (
    *(_gate_order(order) for order in ORDERS),
    Mistake(
        "gates-interleaved",
        "gate-order",
        "the gates of a neuron side by side, (H, 4), in place of (4, H)",
        has_gates,
        _interleaved(),
    ),
    Mistake(
        "recurrent-transposed",
        "transposed",
        "recurrent matrices transposed",
        _has_recurrent,
        by_layout(_recurrent, _transposed, _transposed),
    ),
    Mistake(
        "matrices-reshaped",
        "transposed",
        "matrices reshaped in place of transposed",
        _has_matrix,
        by_layout(_is_matrix, _reshaped, _reshaped_back),
    ),
    Mistake(
        "two-biases",
        "bias",
        "two biases, both loaded with b, so that b counts twice",
        has_gates,
        by_array(_bias, _doubled, _same),
    ),
    Mistake(
        "two-biases-summed",
        "bias",
        "b counts twice, and the gradients of both biases are added",
        has_gates,
        by_array(_bias, _doubled, _doubled),
    ),
    Mistake("bias-missing", "bias", "no bias", has_gates, by_array(_bias, lambda a: 0.0 * a, lambda g: 0.0 * g)),
    Mistake(
        "forget-bias-added",
        "bias",
        "1 added to the forget gate's bias",
        has_gates,
        by_array(_bias, _add_to_forget, _same),
    ),
)
