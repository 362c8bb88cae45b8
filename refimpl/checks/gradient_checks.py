"""Audit, family gradients: every hand-written backward pass against the complex step, and broken ones beside them."""

import time
from collections.abc import Callable
from typing import Any

from refimpl.arrays import Array, array_module
from refimpl.checks.cases_common import GradcheckCase
from refimpl.checks.gradcheck import TOLERANCE, Backward, LeafResult, gradcheck
from refimpl.checks.registry import run_case, select_cases
from refimpl.checks.result import CheckResult
from refimpl.layers.embedding import EmbeddingCache
from refimpl.layers.gate_product import gate_product_dW
from refimpl.layers.lstm import LSTMCache, LSTMGrads
from refimpl.layers.lstm_recurrence import LSTMOutputs, recurrence_backward
from refimpl.tree import Tree, map_leaves

FAMILY = "gradients"
SWAPPED = [1, 0, 2, 3]  # f, i, g, o

# What the check of a group of cases would have caught, by the beginning of their names.
CATCHES = {
    "lstm": "a wrong step, gate, mask or multiplier anywhere in backpropagation through time; a forgotten peephole "
    "path",
    "recurrence": "the same with a recurrent matrix drawn for each object",
    "rnn": "a lost path through time, masked steps that leak, a forgotten initial state",
    "gate_input": "gate axis and input axis confused, multipliers that differ by gate summed wrongly",
    "token_input": "repeated symbols counted once, objects mixed up",
    "embedding": "repeated ids that overwrite each other in place of adding up",
    "affine": "a transposed or misplaced product, a bias summed over the wrong axes",
    "affine_lrt": "a forgotten factor 2, sigma for sigma^2, noise shared over time whose gradient is not summed",
    "gaussian_weights": "a gradient averaged over objects in place of summed, log sigma taken for sigma",
    "softmax": "a Jacobian without its off-diagonal part",
    "softmax_cross_entropy": "a clip that still passes a gradient, a mean taken for a sum",
    "binary_cross_entropy": "a wrong sign for one label, a clip that still passes a gradient",
    "kl": "a chain rule that divides by mu, a clip of log alpha that passes a gradient, a lost factor 2",
    "l2_script": "a lost factor 2",
    "l2_derivation": "a lost factor 2, rate and 1 - rate exchanged",
    "model": "cotangents of a value used twice that are not added, KL divided wrongly, parameters left out",
}
CATCHES_OF_OTHERS = "any wrong factor, sign or axis in the backward pass"


def gradient_checks(names: list[str] | None = None) -> tuple[list[CheckResult], list[LeafResult]]:
    """One result a case (its worst leaf), and all leaves. names: cases or groups, all by default."""
    results, leaves = [], []
    for case in select_cases(names):
        began = time.perf_counter()
        found = run_case(case)
        leaves += found
        worst = max(found, key=lambda leaf: leaf.error)
        planted, planted_figure = _plant(case)
        results.append(
            CheckResult(
                FAMILY,
                case.name,
                f"{_functions(case)}: {_plural(len(found))}, {sum(leaf.entries for leaf in found)} entries, against "
                "the "
                f"complex step; worst {worst.leaf}" + (f" ({worst.note})" if worst.note else ""),
                CATCHES.get(case.name.partition("/")[0], CATCHES_OF_OTHERS),
                figure=worst.error,
                bound=TOLERANCE,
                passed=all(leaf.passed for leaf in found),
                planted=planted,
                planted_figure=planted_figure,
                planted_caught=None if planted_figure is None else planted_figure > TOLERANCE,
                seconds=time.perf_counter() - began,
            )
        )
    return results, leaves


def _plural(count: int) -> str:
    return f"{count} gradient{'' if count == 1 else 's'}"


def _functions(case: GradcheckCase) -> str:
    return ", ".join(name.removesuffix("_forward") + "_backward" for name in case.functions)


def _plant(case: GradcheckCase) -> tuple[str | None, float | None]:
    """The bug planted in a case, and the error that the gradient check then finds."""
    if case.name not in PLANTED:
        return None, None
    words, breaks = PLANTED[case.name]
    forward, backward, inputs, zero_leaves, fixed = case.build(0)
    found = gradcheck(forward, breaks(backward), inputs, name=case.name, zero_leaves=zero_leaves, fixed=fixed)
    return words, max(leaf.error for leaf in found)


def h_t_for_h_before(right: Backward) -> Backward:
    """dW_h from h_t in place of h_{t-1}."""

    def backward(doutputs: LSTMOutputs, cache: LSTMCache) -> LSTMGrads:
        du = recurrence_backward(doutputs, cache.recurrence).u
        dW_h = gate_product_dW(cache.recurrence.h[1:][:, :, None, :], du, per_object=False)
        grads: LSTMGrads = right(doutputs, cache)
        return grads._replace(params=grads.params._replace(W_h=dW_h))

    return backward


def i_and_f_swapped(right: Backward) -> Backward:
    """The backward pass takes i for f and f for i."""

    def backward(doutputs: LSTMOutputs, cache: LSTMCache) -> Tree:
        swapped = cache.recurrence._replace(activations=cache.recurrence.activations[:, :, SWAPPED])
        return right(doutputs, cache._replace(recurrence=swapped))

    return backward


def without_mask(right: Backward) -> Backward:
    """The backward pass does not know of the padding."""

    def backward(doutputs: LSTMOutputs, cache: LSTMCache) -> Tree:
        return right(doutputs, cache._replace(recurrence=cache.recurrence._replace(mask=None)))

    return backward


def half_by_log_sigma(right: Backward) -> Backward:
    """d sigma^2 / d log sigma taken for sigma^2 in place of 2 sigma^2."""

    def backward(dy: Array, cache: Any) -> Tree:
        grads = right(dy, cache)
        return {**grads, "params": grads["params"]._replace(log_sigma=0.5 * grads["params"].log_sigma)}

    return backward


def mean_over_objects(right: Backward) -> Backward:
    """The gradient of a weight drawn for each object averaged over the objects in place of summed."""

    def backward(dw: Array, cache: Any) -> Tree:
        return map_leaves(lambda grad: grad / len(dw), right(dw, cache))

    return backward


def last_occurrence_wins(_: Backward) -> Backward:
    """dW[ids] = de in place of adding up: a symbol that occurs twice counts once."""

    def backward(de: Array, cache: EmbeddingCache) -> Array:
        dW = array_module(de).zeros_like(cache.W)
        dW[cache.ids] = de
        return dW

    return backward


def half_slope(right: Backward) -> Backward:
    """log alpha taken for log sigma - log|mu|: half of every derivative."""

    def backward(dkl: Array, cache: Any) -> Tree:
        return map_leaves(lambda grad: 0.5 * grad, right(dkl, cache))

    return backward


def output_bias_left_out(right: Backward) -> Backward:
    """One parameter of a whole model never gets its gradient."""

    def backward(dloss: Array, given: Any) -> Tree:
        grads = right(dloss, given)["params"]
        return {"params": {name: 0.0 * grad if name == "output.b" else grad for name, grad in grads.items()}}

    return backward


PLANTED: dict[str, tuple[str, Callable[[Backward], Backward]]] = {
    "lstm/plain": ("h_t for h_{t-1} in dW_h", h_t_for_h_before),
    "lstm/peephole_c": ("i and f swapped in the backward pass", i_and_f_swapped),
    "lstm/left_padding": ("the backward pass ignores the mask", without_mask),
    "embedding/shared": ("a repeated symbol overwrites its gradient", last_occurrence_wins),
    "gaussian_weights/matrix_object": ("mean over objects in place of their sum", mean_over_objects),
    "affine_lrt/own": ("sigma^2 for 2 sigma^2 in dlog_sigma", half_by_log_sigma),
    "kl/molchanov2017": ("log alpha taken for log sigma - log|mu|", half_slope),
    "model/char_LCCL": ("the output's bias gets no gradient", output_bias_left_out),
}
