"""Mistakes in the recurrence of an LSTM: nonlinearities, peepholes, padding, gradients through time, places of z."""

from collections.abc import Callable

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Mistake, quantity
from refimpl.checks.conformance.reading import gates_of, has, has_lstm
from refimpl.checks.conformance.wrapping import Plant, by_array, by_layout, by_plant, together

H_LAST, C_LAST, RNN_LAST = "cotangent.h_last", "cotangent.c_last", "cotangent.last"


def _sigmoid(case: Case) -> bool:
    return has_lstm(case) and "sigmoid" in gates_of(case)


def _hard(case: Case) -> bool:
    return has_lstm(case) and "hard_sigmoid" in gates_of(case)


def _peepholes(case: Case) -> bool:
    return has_lstm(case) and has(case, "peephole")


def _masked(case: Case) -> bool:
    return has_lstm(case) and "input.mask" in case.given


def _any_mask(case: Case) -> bool:
    return "input.mask" in case.given


def _last_hidden(case: Case) -> bool:
    return H_LAST in case.given or RNN_LAST in case.given


def _padded(side: str) -> Callable[[Case], bool]:
    """There is padding, and a training step has it on that side: on the other one the mistake changes nothing there."""

    def applies(case: Case) -> bool:
        return _masked(case) and (case.op != "step" or bool(case.given["input.mask"][0].all()) == (side == "right"))

    return applies


def _masked_output(case: Case) -> bool:
    """The output of every step is read: by a cotangent, or by a layer above."""
    return _masked(case) and (case.op != "step" or len(case.config["recipe"]["layers"]) > 1)


def _last_states(case: Case) -> bool:
    return has_lstm(case) and H_LAST in case.given


def _group(*names: str) -> Callable[[Case], bool]:
    return lambda case: has_lstm(case) and has(case, *names)


def _carried_z(case: Case) -> bool:
    """z of a neuron acts on the states of more than one step."""
    return has_lstm(case) and has(case, "z_h", "multiplier_h_out") and not has(case, "multiplier_h_in")


def _shared_multiplier(case: Case) -> bool:
    """h_(t-1) has one multiplier for all gates, and h_t has none."""
    names = [
        n for n in case.given if quantity(n) in ("multiplier_h_in", "mask_h", "dropout_h") and "each_step" not in n
    ]
    alone = not has(case, "z_h", "multiplier_h_out")
    return has_lstm(case) and alone and bool(names) and all(case.given[n].shape[-2] == 1 for n in names)


def _zeroed(*names: str) -> Plant:
    return by_array(lambda name, array: name in names, np.zeros_like, lambda gradient: gradient)


def _mask(change: Callable[[Array], Array]) -> Plant:
    return by_array(lambda name, array: name == "input.mask", change, lambda gradient: gradient)


def _peephole(name: str, array: Array) -> bool:
    return quantity(name) == "peephole"


IOF = by_layout(_peephole, lambda p: p[[0, 2, 1]], lambda g: g[[0, 2, 1]])
NO_PEEPHOLE = by_array(_peephole, np.zeros_like, np.zeros_like)

RECURRENCE_MISTAKES = (
    Mistake(
        "gates-hard", "nonlinearity", "hard sigmoid gates (0.2 a + 0.5) for sigmoid", _sigmoid, by_plant("other-gates")
    ),
    Mistake(
        "gates-hard-sixth",
        "nonlinearity",
        "hard sigmoid gates (a / 6 + 0.5, PyTorch's and Keras 3's) for sigmoid",
        _sigmoid,
        together(by_plant("slope-sixth"), by_plant("other-gates")),
    ),
    Mistake("gates-soft", "nonlinearity", "sigmoid gates for hard sigmoid", _hard, by_plant("other-gates")),
    Mistake(
        "gates-slope-sixth",
        "nonlinearity",
        "hard sigmoid a / 6 + 0.5 (PyTorch, Keras 3) for 0.2 a + 0.5",
        _hard,
        by_plant("slope-sixth"),
    ),
    Mistake(
        "peephole-other-cell",
        "peephole",
        "the output gate's peephole sees the other cell, c_(t-1) for c_t or c_t for c_(t-1)",
        _peepholes,
        by_plant("other-peephole"),
    ),
    Mistake(
        "peephole-order-iof", "peephole", "peepholes in the order i, o, f (ONNX's) in place of i, f, o", _peepholes, IOF
    ),
    Mistake("peephole-missing", "peephole", "no peepholes", _peepholes, NO_PEEPHOLE),
    Mistake("mask-wrong-side", "padding", "padding on the other side", _any_mask, _mask(lambda m: m[::-1])),
    Mistake("mask-inverted", "padding", "the mask is inverted: true on padding", _any_mask, _mask(np.logical_not)),
    Mistake("mask-ignored", "padding", "the padding mask is ignored", _any_mask, _mask(np.ones_like)),
    Mistake(
        "mask-cell-goes-on",
        "padding",
        "at padded steps h is held and c goes on",
        _padded("left"),
        by_plant("cell-goes-on"),
    ),
    Mistake(
        "mask-state-zeroed",
        "padding",
        "at padded steps h and c are set to 0",
        _padded("right"),
        by_plant("state-zeroed"),
    ),
    Mistake(
        "mask-output-zero",
        "padding",
        "the output h is 0 at padded steps, and the state is held",
        _masked_output,
        by_plant("zero-outputs"),
    ),
    Mistake(
        "dc-last-missing", "time-gradient", "the cotangent of the last c is missing", _last_states, _zeroed(C_LAST)
    ),
    Mistake(
        "dh-last-missing",
        "time-gradient",
        "the cotangent of the last h is missing",
        _last_hidden,
        _zeroed(H_LAST, RNN_LAST),
    ),
    Mistake(
        "state-detached",
        "time-gradient",
        "no gradient through the state, from a step to the one before",
        has_lstm,
        by_plant("detached"),
    ),
    Mistake("hidden-late", "time-gradient", "h_t in place of h_(t-1) in dW_h", has_lstm, by_plant("late-hidden")),
    Mistake(
        "bias-gradient-one-row",
        "bias-gradient",
        "the gradient of the LSTM's bias is that of one object",
        has_lstm,
        by_plant("one-row-bias"),
    ),
    Mistake(
        "z-after-bias",
        "multiplier-place",
        "z of a gate multiplies the bias too",
        _group("z_gates", "multiplier_gates"),
        by_plant("z-after-bias"),
    ),
    Mistake(
        "z-on-output-only",
        "multiplier-place",
        "z of a neuron acts on the output, and the carried h does not see it",
        _group("z_h", "multiplier_h_out"),
        by_plant("z-on-output-only"),
    ),
    Mistake(
        "z-on-input-only",
        "multiplier-place",
        "z of a neuron acts on h_(t-1) on its way into W_h alone",
        _carried_z,
        by_plant("z-on-input-only"),
    ),
    Mistake(
        "mask-on-output",
        "multiplier-place",
        "the mask of h_(t-1) acts on h_t where it is produced, and the output sees it",
        _shared_multiplier,
        by_plant("mask-on-output"),
    ),
)
