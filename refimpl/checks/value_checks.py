"""Audit, family values: the layers against the scalar loops of ``values``.

A gradient check cannot see an error that forward and backward share. The check named "blind spot" proves it: it runs
the gradient check on an LSTM whose gates i and f are swapped in both passes, which passes; the value check does not.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.checks import values
from refimpl.checks.cases_common import normals, padding_mask
from refimpl.checks.gradcheck import TOLERANCE, gradcheck
from refimpl.checks.lstm_subjects import (
    SEED,
    B,
    D,
    H,
    T,
    lstm_inputs,
    other_peephole,
    swapped_lstm_backward,
    swapped_lstm_forward,
    z_after_bias,
)
from refimpl.checks.planting import About, gap, run_check
from refimpl.checks.result import CheckResult
from refimpl.layers.embedding import embedding_forward, row_factor_forward
from refimpl.layers.losses import binary_cross_entropy_forward, softmax_cross_entropy_forward, squared_error_forward
from refimpl.layers.lstm import lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState
from refimpl.layers.rnn import RNNMultipliers, RNNParams, rnn_forward
from refimpl.noise import Draw, words

FAMILY = "values"
ROUNDING = 1e-13  # some 6 steps of sums of 12 terms of order 1, rounded at 1e-16 each
V, K, N = 7, 4, 9  # words, outputs, rows
Function = Callable[..., Any]


def value_checks() -> list[CheckResult]:
    """LSTM, plain RNN, LRT, embedding and losses, and the blind spot of the gradient check."""
    return [*_lstm_checks(), _blind_spot(), _rnn_check(), *_lrt_checks(), _embedding_check(), *_loss_checks()]


def _lstm_checks() -> list[CheckResult]:
    catches = "gates, peepholes, masks or multipliers at the wrong place in both passes, which no gradient check sees"

    def measure(options: dict[str, str], groups: int, forward: Function) -> float:
        inputs = lstm_inputs(groups)
        outputs = forward(inputs["x"], inputs["params"], inputs["state"],
                          multipliers=inputs["multipliers"], mask=inputs["mask"], **options)[0]  # fmt: skip
        h, h_last, c_last = values.scalar_lstm(**(inputs | options))
        return gap(outputs, LSTMOutputs(h, LSTMState(h_last, c_last)))

    rows = [
        ("LSTM, sigmoid, peephole of o on c_t, multipliers own to each gate", {"peephole_output": "c"}, 4,
         "i and f swapped in both passes", swapped_lstm_forward),
        ("LSTM, sigmoid, peephole of o on c_{t-1} (S001), one multiplier for all gates", {"peephole_output": "c_prev"},
         1, "the peephole of o sees c_t", other_peephole),
        ("LSTM, hard sigmoid, multipliers own to each gate", {"gates": "hard_sigmoid"}, 4,
         "z of a gate multiplies the bias too", z_after_bias),
    ]  # fmt: skip
    what = "h of every step and the last h and c, with padding, peepholes and all multipliers, against a scalar loop"
    return [
        run_check(About(FAMILY, name, what, catches), partial(measure, options, groups), lstm_forward, ROUNDING,
                  planted=planted, wrong=wrong)
        for name, options, groups, planted, wrong in rows
    ]  # fmt: skip


def _blind_spot() -> CheckResult:
    about = About(
        FAMILY,
        "blind spot of the gradient check: i and f swapped in both passes",
        "the gradient check of the very LSTM that the value check above rejects; it passes, as it must",
        "the belief that a gradient check alone is enough",
    )

    def measure(pair: tuple[Function, Function]) -> float:
        inputs = lstm_inputs(4)
        return max(leaf.error for leaf in gradcheck(*pair, inputs, name="swapped"))

    swapped, half = (swapped_lstm_forward, swapped_lstm_backward), (swapped_lstm_forward, lstm_backward)
    return run_check(about, measure, swapped, TOLERANCE, planted="swapped in the forward pass only", wrong=half)


def _rnn_check() -> CheckResult:
    x, h0 = normals(SEED, "x", T, B, D), normals(SEED, "h0", B, H)
    params = RNNParams(normals(SEED, "W_x", D, H), normals(SEED, "W_h", H, H), normals(SEED, "b", H))
    m_x, m_h, z_h = (normals(SEED, name, B, n, mean=1.0) for name, n in (("m_x", D), ("m_h", H), ("z_h", H)))
    m = RNNMultipliers(m_x, m_h, z_h)
    mask = padding_mask("right", (T - 2, T - 1), T)

    def measure(forward: Function) -> float:
        return gap(forward(x, params, h0, multipliers=m, mask=mask)[0].h, values.scalar_rnn(x, params, h0, m, mask))

    def transposed(x: Array, params: RNNParams, h0: Array, **options: Any) -> Any:
        return rnn_forward(x, params._replace(W_h=params.W_h.T), h0, **options)

    about = About(
        FAMILY,
        "plain RNN with multipliers and padding",
        "h of every step against a scalar loop (S004 eq. 7)",
        "a transposed W_h (columns for rows), z at the wrong place, padding that moves the state",
    )
    return run_check(about, measure, rnn_forward, ROUNDING, planted="W_h transposed", wrong=transposed)


def _lrt_checks() -> list[CheckResult]:
    x = normals(SEED, "x", T, B, D)
    params = AffineLRTParams(
        normals(SEED, "mu", D, K), normals(SEED, "log_sigma", D, K, mean=-1.0), normals(SEED, "b", K)
    )

    def measure(steps: int, forward: Function) -> float:
        eps = normals(SEED, "eps", steps, B, K)
        found, _ = forward(x, params, eps, var_floor=1e-8)
        return gap(found, values.scalar_lrt(x, params, eps, 1e-8))

    def sigma_for_variance(x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float) -> Any:
        return affine_lrt_forward(x, params._replace(log_sigma=0.5 * params.log_sigma), eps, var_floor=var_floor)

    def floor_on_std(x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float) -> Any:
        y, _ = affine_lrt_forward(x, params, eps, var_floor=0.0)
        return y + var_floor * eps, None

    what = "preactivations against a scalar loop: mean, plus root of the sum of x^2 sigma^2, times eps"
    catches = "sigma for sigma^2, x for x^2, the variance floor outside the root, noise of the wrong step"
    rows = [("LRT, one draw a step", T, "sigma in place of sigma^2", sigma_for_variance),
            ("LRT, one draw shared over time (S004 eq. 14)", 1, "1e-8 added to the root", floor_on_std)]  # fmt: skip
    return [
        run_check(About(FAMILY, name, what, catches), partial(measure, steps), affine_lrt_forward, ROUNDING,
                  planted=planted, wrong=wrong)
        for name, steps, planted, wrong in rows
    ]  # fmt: skip


def _embedding_check() -> CheckResult:
    ids = (words(Draw(SEED, "audit.ids"), T * B) % V).astype("int64").reshape(T, B)
    W, factor = normals(SEED, "W", V, D), normals(SEED, "factor", B, V, mean=1.0)

    def measure(forward: Function) -> float:
        return gap(forward(ids, W, factor), values.scalar_embedding(ids, W, factor))

    def right(ids: Array, W: Array, factor: Array) -> Any:
        return row_factor_forward(embedding_forward(ids, W)[0], ids, factor)[0]

    def wrong(ids: Array, W: Array, factor: Array) -> Any:
        return row_factor_forward(embedding_forward(ids, W)[0], ids, factor[::-1].copy())[0]

    about = About(
        FAMILY,
        "embedding, and a factor for each word and text",
        "rows times factors against a scalar loop",
        "a shifted index, the factor of another text or word",
    )
    return run_check(about, measure, right, ROUNDING, planted="the factors of the other text", wrong=wrong)


def _loss_checks() -> list[CheckResult]:
    logits, y, t = normals(SEED, "logits", N, K, scale=3.0), normals(SEED, "y", N), normals(SEED, "t", N)
    classes = (words(Draw(SEED, "audit.classes"), N) % K).astype("int64")
    labels = classes % 2

    def total(forward: Function) -> Function:
        return lambda *arguments: float(forward(*arguments, reduction="sum")[0])

    def measure(arguments: tuple[Array, Array], oracle: Function, loss: Function) -> float:
        return abs(float(loss(*arguments) / oracle(*arguments)) - 1.0)

    softmax, binary = total(softmax_cross_entropy_forward), total(binary_cross_entropy_forward)
    squared = total(squared_error_forward)
    rows: list[tuple[str, Function, tuple[Array, Array], Function, str, Function]] = [
        ("softmax cross-entropy", softmax, (logits, classes), values.scalar_softmax_nll,
         "bits in place of nats", lambda a, b: softmax(a, b) / np.log(2.0)),
        ("binary cross-entropy", binary, (logits[:, 0], labels), values.scalar_binary_nll,
         "labels exchanged", lambda a, b: binary(a, 1 - b)),
        ("squared error", squared, (y, t), values.scalar_squared_error,
         "a factor 1/2", lambda a, b: 0.5 * squared(a, b)),
    ]  # fmt: skip
    what = "the sum over the rows against a scalar loop, relative"
    catches = "bits for nats, a mean for a sum, exchanged labels, a factor 1/2"
    return [
        run_check(About(FAMILY, name, what, catches), partial(measure, arguments, oracle), right, ROUNDING,
                  planted=planted, wrong=wrong)
        for name, right, arguments, oracle, planted, wrong in rows
    ]  # fmt: skip
