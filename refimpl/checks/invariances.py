"""Audit, family masks: padding, split sequences, batches, tokens, causality, and the limit without noise."""

from collections.abc import Callable
from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.cases_common import padding_mask
from refimpl.checks.lstm_subjects import SEED, B, D, H, T, lstm_inputs, without_mask_on_c
from refimpl.checks.planting import About, gap, run_check
from refimpl.checks.result import CheckResult
from refimpl.layers.gate_input import gate_input_forward, token_input_forward
from refimpl.layers.lstm import LSTMMultipliers, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState
from refimpl.models.letters import character_model
from refimpl.models.network import network_forward
from refimpl.models.parameters import initialise
from refimpl.models.recipe import Recipe
from refimpl.models.sample import draw_noise, mean_weights, sample_forward
from refimpl.noise import Draw, normal, words
from refimpl.tree import map_leaves

FAMILY = "masks"
ROUNDING = 1e-12  # 6 steps of sums of 12 terms of order 1, forward and back, rounded at 1e-16 each
LENGTHS = (T - 2, T - 1)
Forward = Callable[..., Any]
RIGHT: Forward = lstm_forward


def mask_checks() -> list[CheckResult]:
    """Everything that has to be the same however a batch is cut, padded or ordered."""
    return [_padding("right"), _padding("left"), _masked_gradients(), _split(), _permutation(), _future(), _tokens(),
            _without_noise()]  # fmt: skip


def _inputs(**changes: Any) -> dict[str, Any]:
    return lstm_inputs(4) | {"mask": None} | changes


def _object(b: int) -> dict[str, Any]:
    """One object's input, state and multipliers."""
    inputs = _inputs()
    return inputs | {
        "x": inputs["x"][:, b : b + 1],
        "state": map_leaves(lambda a: a[b : b + 1], inputs["state"]),
        "multipliers": map_leaves(lambda a: a[b : b + 1], inputs["multipliers"]),
    }


def _of_object(outputs: LSTMOutputs, b: int, steps: slice) -> LSTMOutputs:
    return LSTMOutputs(outputs.h[steps, b : b + 1], map_leaves(lambda a: a[b : b + 1], outputs.last))


def _padding(side: str) -> CheckResult:
    mask = padding_mask(side, LENGTHS, T)

    def measure(forward: Forward) -> float:
        outputs = forward(**_inputs(mask=mask))[0]
        gaps = []
        for b, length in enumerate(LENGTHS):
            real = slice(0, length) if side == "right" else slice(T - length, T)
            alone = _object(b)
            short = lstm_forward(**(alone | {"x": alone["x"][real]}))[0]
            gaps.append(gap(_of_object(outputs, b, real), short))
        return max(gaps)

    def other_side(**inputs: Any) -> Any:
        other = padding_mask({"right": "left", "left": "right"}[side], LENGTHS, T)
        return lstm_forward(**(inputs | {"mask": other}))

    planted, wrong = {
        "right": ("the mask is ignored for c", without_mask_on_c),
        "left": ("the padding stands on the wrong side", other_side),
    }[side]
    about = About(
        FAMILY,
        f"padding on the {side} is a shorter sequence",
        "two objects of 4 and 5 steps in a batch of 6 against each alone: h of all real steps, last h and c",
        "padding that changes h or c, a mask on the wrong side",
    )
    return run_check(about, measure, RIGHT, ROUNDING, planted=planted, wrong=wrong)


def _cotangents() -> LSTMOutputs:
    dh, last = (normal(Draw(SEED, f"audit.{name}"), shape) for name, shape in (("dh", (T, B, H)), ("last", (2, B, H))))
    return LSTMOutputs(dh, LSTMState(*last))


def _masked_gradients() -> CheckResult:
    """What stands on padded steps has no gradient and does not change the others."""
    mask = padding_mask("right", LENGTHS, T)

    def measure(backward: Forward) -> float:
        inputs = _inputs(mask=mask)
        _, cache = lstm_forward(**inputs)
        _, other = lstm_forward(**(inputs | {"x": np.where(mask[:, :, None], inputs["x"], 100.0)}))
        grads, others = backward(_cotangents(), cache), backward(_cotangents(), other)
        return max(float(np.max(np.abs(grads.x[~mask]))), gap(others.params, grads.params))

    def without_mask(doutputs: LSTMOutputs, cache: Any) -> Any:
        return lstm_backward(doutputs, cache._replace(recurrence=cache.recurrence._replace(mask=None)))

    about = About(
        FAMILY,
        "padded steps have no gradient",
        "dx on padded steps is 0, and other numbers there change no gradient",
        "a backward pass that forgets the mask",
    )
    return run_check(
        about, measure, lstm_backward, ROUNDING, planted="the mask is ignored in the backward pass", wrong=without_mask
    )


def _split() -> CheckResult:
    def measure(carry: Callable[[LSTMState], LSTMState]) -> float:
        inputs, cut = _inputs(), 2
        whole, cache = lstm_forward(**inputs)
        first, first_cache = lstm_forward(**(inputs | {"x": inputs["x"][:cut]}))
        second, second_cache = lstm_forward(**(inputs | {"x": inputs["x"][cut:], "state": carry(first.last)}))
        d = _cotangents()
        after = lstm_backward(LSTMOutputs(d.h[cut:], d.last), second_cache)
        before = lstm_backward(LSTMOutputs(d.h[:cut], after.state), first_cache)
        together = map_leaves(lambda a, b: a + b, before.params, after.params)
        return max(
            gap(LSTMOutputs(np.concatenate([first.h, second.h]), second.last), whole),
            gap((before.state, together), (lambda g: (g.state, g.params))(lstm_backward(d, cache))),
        )

    about = About(
        FAMILY,
        "a sequence split in two is the whole",
        "outputs, and all gradients with the cotangent of the carried state",
        "a state that is reset or half carried, a final state without a cotangent of its own",
    )
    return run_check(
        about,
        measure,
        lambda state: state,
        ROUNDING,
        planted="c is reset at the cut",
        wrong=lambda state: state._replace(c=0.0 * state.c),
    )


def _permutation() -> CheckResult:
    order = np.array([1, 0])

    def measure(forward: Forward) -> float:
        inputs = _inputs()
        turned = inputs | {name: map_leaves(lambda a: a[order], inputs[name]) for name in ("state", "multipliers")}
        outputs, other = forward(**inputs)[0], forward(**(turned | {"x": inputs["x"][:, order]}))[0]
        return gap(other.h, outputs.h[:, order])

    def first_mask_for_all(**inputs: Any) -> Any:
        m: LSTMMultipliers = inputs["multipliers"]
        return lstm_forward(**(inputs | {"multipliers": map_leaves(lambda a: np.repeat(a[:1], B, axis=0), m)}))

    about = About(
        FAMILY,
        "objects do not see each other",
        "the batch in another order gives the same in that order",
        "multipliers or states of another object",
    )
    return run_check(
        about,
        measure,
        RIGHT,
        ROUNDING,
        planted="the first object's multipliers for all",
        wrong=first_mask_for_all,
    )


def _future() -> CheckResult:
    def measure(forward: Forward) -> float:
        inputs, cut = _inputs(), 3
        changed = inputs["x"].copy()
        changed[cut:] *= -3.0
        return gap(forward(**(inputs | {"x": changed}))[0].h[:cut], forward(**inputs)[0].h[:cut])

    def one_ahead(**inputs: Any) -> Any:
        return lstm_forward(**(inputs | {"x": np.roll(inputs["x"], -1, axis=0)}))

    about = About(
        FAMILY,
        "the future has no influence",
        "other inputs from step 4 on leave the first three steps as they are",
        "inputs and targets out of step, which makes a language model see its answer",
    )
    return run_check(about, measure, RIGHT, ROUNDING, planted="the input is one step ahead", wrong=one_ahead)


def _tokens() -> CheckResult:
    ids = (words(Draw(SEED, "audit.tokens"), T * B) % D).astype("int64").reshape(T, B)
    inputs = lstm_inputs(4)
    W_x, multiplier = inputs["params"].W_x, inputs["multipliers"].x

    def measure(look_up: Forward) -> float:
        return gap(look_up(ids, W_x, multiplier)[0], gate_input_forward(np.eye(D)[ids], W_x, multiplier)[0])

    def next_id(ids: Array, W_x: Array, multiplier: Array) -> Any:
        return token_input_forward((ids + 1) % D, W_x, multiplier)

    about = About(
        FAMILY,
        "a token is a one-hot input",
        "look-up of rows with z for each word against the product with one-hot rows",
        "ids shifted by one, z of another word",
    )
    return run_check(about, measure, token_input_forward, ROUNDING, planted="ids are one too high", wrong=next_id)


def _without_noise() -> CheckResult:
    """A model with every kind of noise and sigma = 0 is the model of its means."""
    ids = (words(Draw(SEED, "audit.symbols"), T * B) % D).astype("int64").reshape(T, B)

    def measure(recipe: Recipe) -> float:
        params = initialise(recipe, SEED, "float64")
        params |= {name: np.full_like(value, -800.0) for name, value in params.items() if name.endswith("log_sigma")}
        drawn = draw_noise(recipe, T, B, seed=SEED, step=0, dtype="float64")
        noisy, _ = network_forward(ids, sample_forward(params, drawn, recipe)[0], recipe)
        means, _ = network_forward(ids, mean_weights(params, recipe, B), recipe)
        return gap(noisy.logits, means.logits)

    recipe = character_model("LLLL", vocabulary=D, size=H)
    about = About(
        FAMILY,
        "without variance the model is deterministic",
        "logits of a character model (all weights and z random, LRT output) with sigma = 0 and a variance floor of "
        "0, against those of its means",
        "noise that does not vanish with sigma, means and draws that take different paths",
    )
    return run_check(
        about,
        measure,
        recipe._replace(var_floor=0.0),
        ROUNDING,
        planted="the 2018 code's variance floor of 1e-8 left on",
        wrong=recipe,
    )
