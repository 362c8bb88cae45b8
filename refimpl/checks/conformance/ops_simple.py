"""Operations of one layer function: activations, inputs of the gates, embeddings, a multiplier, a plain RNN."""

from collections.abc import Callable
from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.checks.conformance.engine import engine_of
from refimpl.layers import activations
from refimpl.layers.embedding import row_factor_backward, row_factor_forward
from refimpl.layers.rnn import RNNMultipliers, RNNOutputs, RNNParams, rnn_backward, rnn_forward
from refimpl.layers.scale import scale_backward, scale_forward


def _activation(forward: Callable[[Array], tuple[Array, Any]], backward: Callable[[Array, Any], Array]) -> Any:
    def compute(config: Config, given: Given) -> Answers:
        y, cache = forward(given["input.a"])
        return {"out.y": y, "grad.input.a": backward(given["cotangent.y"], cache)}

    return compute


def _gate_input(config: Config, given: Given) -> Answers:
    layers = engine_of(config).layers
    u, cache = layers.gate_input_forward(given["input.x"], given["param.W_x"], given.get("input.multiplier_x"))
    grads = layers.gate_input_backward(given["cotangent.u"], cache)
    answers = {"out.u": u, "grad.param.W_x": grads.W_x, "grad.input.x": grads.x}
    return answers if grads.multiplier is None else answers | {"grad.input.multiplier_x": grads.multiplier}


def _token_input(config: Config, given: Given) -> Answers:
    layers = engine_of(config).layers
    u, cache = layers.token_input_forward(given["input.ids"], given["param.W_x"], given.get("input.multiplier_x"))
    grads = layers.token_input_backward(given["cotangent.u"], cache)
    answers = {"out.u": u, "grad.param.W_x": grads.W_x}
    return answers if grads.multiplier is None else answers | {"grad.input.multiplier_x": grads.multiplier}


def _embedding(config: Config, given: Given) -> Answers:
    """Rows by ids; input.factor (B, V), if it is given, multiplies every occurrence of a word in a text."""
    layers = engine_of(config).layers
    ids, factor, de = given["input.ids"], given.get("input.factor"), given["cotangent.e"]
    rows, cache = layers.embedding_forward(ids, given["param.W"])
    if factor is None:
        return {"out.e": rows, "grad.param.W": layers.embedding_backward(de, cache)}
    e, factor_cache = row_factor_forward(rows, ids, factor)
    drows, dfactor = row_factor_backward(de, factor_cache)
    dW = layers.embedding_backward(drows, cache)
    return {"mid.rows": rows, "out.e": e, "grad.param.W": dW, "grad.input.factor": dfactor}


def _scale(config: Config, given: Given) -> Answers:
    y, cache = scale_forward(given["input.x"], given["input.multiplier"])
    grads = scale_backward(given["cotangent.y"], cache)
    return {"out.y": y, "grad.input.x": grads.x, "grad.input.multiplier": grads.multiplier}


def _rnn(config: Config, given: Given) -> Answers:
    params = RNNParams(*(given[f"param.{name}"] for name in RNNParams._fields))
    m = RNNMultipliers(*(given.get(f"input.multiplier_{name}") for name in RNNMultipliers._fields))
    outputs, cache = rnn_forward(
        given["input.x"], params, given["input.h0"], multipliers=m, mask=given.get("input.mask")
    )
    grads = rnn_backward(RNNOutputs(given["cotangent.h"], given["cotangent.last"]), cache)
    answers = {"out.h": outputs.h, "out.last": outputs.last}
    answers |= {f"grad.param.{name}": value for name, value in grads.params._asdict().items()}
    answers |= {"grad.input.x": grads.x, "grad.input.h0": grads.h0}
    found = (grads.multipliers or RNNMultipliers())._asdict()
    return answers | {f"grad.input.multiplier_{n}": value for n, value in found.items() if value is not None}


def _activation_op(name: str, about: str) -> Op:
    forward, backward = (getattr(activations, f"{name}_{way}") for way in ("forward", "backward"))
    return Op(name, about, _activation(forward, backward))


SIMPLE_OPS = (
    _activation_op("sigmoid", "y = 1 / (1 + exp(-a))"),
    _activation_op("hard_sigmoid", "y = 0.2 a + 0.5, cut off at 0 and 1"),
    _activation_op("tanh", "y = tanh a"),
    _activation_op("softmax", "y = exp(a) / sum of exp(a) over the last axis"),
    Op("gate_input", "u_t = (x_t o m) W_x, for all steps at once", _gate_input),
    Op("token_input", "the same for one-hot inputs, given by their ids", _token_input),
    Op("embedding", "rows of W by ids, times a factor of each word and text where one is given", _embedding),
    Op("scale", "y_t = x_t o m, m shared over time", _scale),
    Op("rnn", "h_t = tanh(x_t W_x + h_(t-1) W_h + b), with multipliers and padding where they are given", _rnn),
)
