"""Audit, family values: the layers against the scalar loops of ``values``.

A gradient check cannot see an error that forward and backward share. The check named "blind spot" proves it: it runs the
gradient check on an LSTM whose gates i and f are swapped in both passes, which passes; the value check does not.
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
from refimpl.checks.planting import About, gap, run_check
from refimpl.checks.result import CheckResult
from refimpl.layers.embedding import embedding_forward, row_factor_forward
from refimpl.layers.losses import binary_cross_entropy_forward, softmax_cross_entropy_forward, squared_error_forward
from refimpl.layers.lstm import LSTMCache, LSTMGrads, LSTMMultipliers, LSTMParams, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMOutputs, LSTMState
from refimpl.layers.rnn import RNNMultipliers, RNNParams, rnn_forward
from refimpl.noise import Draw, words

FAMILY = "values"
ROUNDING = 1e-13  # some 6 steps of sums of 12 terms of order 1, rounded at 1e-16 each
SEED = 3
T, B, D, H, V, K, N = 6, 2, 5, 3, 7, 4, 9
SWAPPED = [1, 0, 2, 3]  # f, i, g, o
Function = Callable[..., Any]


def value_checks() -> list[CheckResult]:
    """LSTM, plain RNN, LRT, embedding and losses, and the blind spot of the gradient check."""
    return [*_lstm_checks(), _blind_spot(), _rnn_check(), *_lrt_checks(), _embedding_check(), *_loss_checks()]


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


def _other_peephole(*args: Any, **options: Any) -> Any:
    """The output gate's peephole sees the other cell: S001 for Gers, or the other way round."""
    seen = {"c": "c_prev", "c_prev": "c"}[options.pop("peephole_output", "c")]
    return lstm_forward(*args, peephole_output=seen, **options)


def _z_after_bias(*args: Any, **options: Any) -> Any:
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


def _lstm_checks() -> list[CheckResult]:
    catches = "gates, peepholes, masks or multipliers at the wrong place in both passes, which no gradient check sees"

    def measure(options: dict[str, str], groups: int, forward: Function) -> float:
        inputs = lstm_inputs(groups)
        outputs = forward(inputs["x"], inputs["params"], inputs["state"],
                          multipliers=inputs["multipliers"], mask=inputs["mask"], **options)[0]  # fmt: skip
        h, h_last, c_last = values.scalar_lstm(**inputs, **options)
        return gap(outputs, LSTMOutputs(h, LSTMState(h_last, c_last)))

    rows = [
        ("LSTM, sigmoid, peephole of o on c_t, multipliers own to each gate", {"peephole_output": "c"}, 4,
         "i and f swapped in both passes", swapped_lstm_forward),
        ("LSTM, sigmoid, peephole of o on c_{t-1} (S001), one multiplier for all gates", {"peephole_output": "c_prev"}, 1,
         "the peephole of o sees c_t", _other_peephole),
        ("LSTM, hard sigmoid, multipliers own to each gate", {"gates": "hard_sigmoid"}, 4,
         "z of a gate multiplies the bias too", _z_after_bias),
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

    return run_check(about, measure, (swapped_lstm_forward, swapped_lstm_backward), TOLERANCE,
                     planted="swapped in the forward pass only", wrong=(swapped_lstm_forward, lstm_backward))  # fmt: skip


def _rnn_check() -> CheckResult:
    x, h0 = normals(SEED, "x", T, B, D), normals(SEED, "h0", B, H)
    params = RNNParams(normals(SEED, "W_x", D, H), normals(SEED, "W_h", H, H), normals(SEED, "b", H))
    m = RNNMultipliers(*(normals(SEED, f"m{n}", B, n, mean=1.0) for n in (D, H)), normals(SEED, "z", B, H, mean=1.0))
    mask = padding_mask("right", (T - 2, T - 1), T)

    def measure(forward: Function) -> float:
        return gap(forward(x, params, h0, multipliers=m, mask=mask)[0].h, values.scalar_rnn(x, params, h0, m, mask))

    def transposed(x: Array, params: RNNParams, h0: Array, **options: Any) -> Any:
        return rnn_forward(x, params._replace(W_h=params.W_h.T), h0, **options)

    about = About(FAMILY, "plain RNN with multipliers and padding", "h of every step against a scalar loop (S004 eq. "
                                                                    "7)",
                  "a transposed W_h (columns for rows), z at the wrong place, padding that moves the "
                  "state")  # fmt: skip
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
            ("LRT, one draw shared over time (S004 eq. "
             "14)", 1, "the floor 1e-8 added to the root", floor_on_std)]  # fmt: skip
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

    about = About(FAMILY, "embedding, and a factor for each word and text", "rows times factors against a scalar loop",
                  "a shifted index, the factor of another text or word")  # fmt: skip
    return run_check(about, measure, right, ROUNDING, planted="the factors of the other text", wrong=wrong)


def _loss_checks() -> list[CheckResult]:
    logits, y, t = normals(SEED, "logits", N, K, scale=3.0), normals(SEED, "y", N), normals(SEED, "t", N)
    classes = (words(Draw(SEED, "audit.classes"), N) % K).astype("int64")
    labels = classes % 2

    def total(forward: Function) -> Function:
        return lambda *arguments: float(forward(*arguments, reduction="sum")[0])

    def measure(arguments: tuple[Array, Array], oracle: Function, loss: Function) -> float:
        return abs(loss(*arguments) / oracle(*arguments) - 1.0)

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
