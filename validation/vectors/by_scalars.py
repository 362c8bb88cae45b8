"""Second route to the values of layers: Python floats in loops, no matrix product (``refimpl.checks.values``)."""

import math
from collections.abc import Callable

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.local_reparam import AffineLRTParams
from refimpl.checks import values as scalars
from refimpl.checks.conformance import Answers, Case, Config, Given
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.layers.rnn import RNNMultipliers, RNNParams
from validation.vectors.by_digits import kl_terms

ROUTE = "loops over single numbers"
SUMMED = "loops over single numbers, KL by mpmath"


def drawn(mu: Array, log_sigma: Array, eps: Array) -> Array:
    """mu + exp(log_sigma) eps, number by number; eps may have an axis of objects in front."""
    w = np.zeros(eps.shape)
    for index in np.ndindex(*eps.shape):
        at = index[eps.ndim - mu.ndim :]
        w[index] = float(mu[at]) + math.exp(float(log_sigma[at])) * float(eps[index])
    return w


def product(x: Array, W: Array) -> Array:
    """x (T, B, D) times W (D, ...) or per object (B, D, ...), number by number."""
    per_object = W.ndim == 3
    y = np.zeros((*x.shape[:2], W.shape[-1]))
    for t, b, k in np.ndindex(*y.shape):
        column = W[b, :, k] if per_object else W[:, k]
        y[t, b, k] = math.fsum(float(a) * float(w) for a, w in zip(x[t, b], column, strict=True))
    return y


def _affine(config: Config, given: Given) -> Answers:
    return {"out.y": product(given["input.x"], given["param.W"]) + given["param.b"]}


def lrt(x: Array, mu: Array, log_sigma: Array, b: Array | None, eps: Array, floor: float) -> Array:
    """Preactivations; gates (4, H) are columns like others."""
    columns = mu.shape[1:]
    eps = np.broadcast_to(eps, (*eps.shape[:2], *columns)).reshape(*eps.shape[:2], -1)
    flat = AffineLRTParams(
        mu.reshape(len(mu), -1), log_sigma.reshape(len(mu), -1), None if b is None else b.reshape(-1)
    )
    return scalars.scalar_lrt(x, flat, eps, floor).reshape(*x.shape[:2], *columns)


def _lrt(config: Config, given: Given, prefix: str = "") -> Answers:
    mu, log_sigma = given[f"param.{prefix}mu"], given[f"param.{prefix}log_sigma"]
    y = lrt(given["input.x"], mu, log_sigma, given.get("param.b"), given["noise.eps"], config["var_floor"])
    return {"out.y": y}


def _affine_flipout(config: Config, given: Given) -> Answers:
    """The weight that an object meets at a step, written out: mu + sigma eps s r."""
    x, mu = given["input.x"], given["param.mu"]
    y = np.zeros((*x.shape[:2], mu.shape[1]))
    for t, b, k in np.ndindex(*y.shape):
        s, r = (given[f"noise.signs_{way}"][t if len(given["noise.signs_in"]) > 1 else 0, b] for way in ("in", "out"))
        deviations = np.exp(given["param.log_sigma"][:, k]) * given["noise.eps"][:, k] * s * r[k]
        terms = [float(a) * (float(m) + float(d)) for a, m, d in zip(x[t, b], mu[:, k], deviations, strict=True)]
        y[t, b, k] = math.fsum(terms) + float(given["param.b"][k])
    return {"out.y": y}


def lstm(config: Config, given: Given, W_x: Array, W_h: Array, m: LSTMMultipliers) -> Answers:
    """The LSTM of the case with these matrices and multipliers."""
    h, h_last, c_last = scalars.scalar_lstm(
        given["input.x"],
        LSTMParams(W_x, W_h, given["param.b"], given.get("param.peephole")),
        LSTMState(given["input.h0"], given["input.c0"]),
        m,
        given.get("input.mask"),
        config.get("gates", "sigmoid"),
        config.get("peephole_output", "c"),
    )
    return {"out.h": h, "out.h_last": h_last, "out.c_last": c_last}


def _lstm(config: Config, given: Given) -> Answers:
    m = LSTMMultipliers(*(given.get(f"input.multiplier_{place}") for place in LSTMMultipliers._fields))
    return lstm(config, given, given["param.W_x"], given["param.W_h"], m)


def _vbd_lstm(config: Config, given: Given) -> Answers:
    m = LSTMMultipliers(*(given[f"noise.mask_{p}"] / (1.0 - config[f"rate_{p}"]) for p in ("x", "h")))
    return lstm(config, given, given["param.W_x"], given["param.W_h"], m)


def _draw(given: Given, name: str) -> Array:
    return drawn(given[f"param.{name}.mu"], given[f"param.{name}.log_sigma"], given[f"noise.{name}"])


def _sparse_lstm(config: Config, given: Given) -> Answers:
    outputs = lstm(config, given, _draw(given, "W_x"), _draw(given, "W_h"), LSTMMultipliers())
    return _with_loss(config, given, outputs)


def _group_lstm(config: Config, given: Given) -> Answers:
    m = LSTMMultipliers(x=_draw(given, "z_x")[:, None], h_out=_draw(given, "z_h"), gates=_draw(given, "z_gates"))
    return _with_loss(config, given, lstm(config, given, given["param.W_x"], given["param.W_h"], m))


def _sparse_affine_lrt(config: Config, given: Given) -> Answers:
    return _with_loss(config, given, _lrt(config, given, "W."))


def _with_loss(config: Config, given: Given, outputs: Answers) -> Answers:
    data = math.fsum(
        float(a) * float(b)
        for name, array in outputs.items()
        for a, b in zip(array.flat, given[name.replace("out.", "cotangent.", 1)].flat, strict=True)
    )
    names = [name.removesuffix(".mu") for name in given if name.startswith("param.") and name.endswith(".mu")]
    kl = math.fsum(
        a
        for n in names
        for a in kl_terms(given[f"{n}.mu"], given[f"{n}.log_sigma"], config["kl"], config["log_alpha_clip"]).flat
    )
    loss = data + config["kl_weight"] * kl / config["n_terms"]
    return outputs | {"out.data": np.array(data), "out.kl": np.array(kl), "out.loss": np.array(loss)}


def _rnn(config: Config, given: Given) -> Answers:
    x, h0 = given["input.x"], given["input.h0"]
    ones = {"x": np.ones((x.shape[1], x.shape[2])), "h_in": np.ones(h0.shape), "h_out": np.ones(h0.shape)}
    m = RNNMultipliers(**{place: given.get(f"input.multiplier_{place}", one) for place, one in ones.items()})
    params = RNNParams(*(given[f"param.{name}"] for name in RNNParams._fields))
    h = scalars.scalar_rnn(x, params, h0, m, given["input.mask"])
    return {"out.h": h, "out.last": h[-1]}


def _gates(config: Config, given: Given) -> Answers:
    """u of dense inputs, or of one-hot ones."""
    W, m = given["param.W_x"], given["input.multiplier_x"]
    x = np.eye(len(W))[given["input.ids"]] if "input.ids" in given else given["input.x"]
    u = np.zeros((*x.shape[:2], *W.shape[1:]))
    for k in range(4):
        scaled = x * m[:, k if m.shape[1] == 4 else 0]
        u[:, :, k] = product(scaled, W[:, k])
    return {"out.u": u}


def _embedding(config: Config, given: Given) -> Answers:
    ids, W = given["input.ids"], given["param.W"]
    factor = given.get("input.factor", np.ones((ids.shape[1], len(W))))
    return {"out.e": scalars.scalar_embedding(ids, W, factor)}


def _scale(config: Config, given: Given) -> Answers:
    y = np.zeros(given["input.x"].shape)
    for t, b, d in np.ndindex(*y.shape):
        y[t, b, d] = float(given["input.x"][t, b, d]) * float(given["input.multiplier"][b, d])
    return {"out.y": y}


def _gaussian_weights(config: Config, given: Given) -> Answers:
    return {"out.w": drawn(given["param.mu"], given["param.log_sigma"], given["noise.eps"])}


def _rows(config: Config, nll: list[float]) -> Answers:
    """Sum or mean of -log p, p clipped to [c, 1 - c]."""
    clip = config["probability_clip"]
    if clip is not None:
        nll = [min(-math.log(clip), max(-math.log(1.0 - clip), one)) for one in nll]
    return {"out.loss": np.array(math.fsum(nll) / (len(nll) if config["reduction"] == "mean" else 1))}


def _softmax_cross_entropy(config: Config, given: Given) -> Answers:
    logits, targets = given["input.logits"], given["input.targets"]
    return _rows(config, [scalars.scalar_softmax_nll(logits[[n]], targets[[n]]) for n in range(len(targets))])


def _binary_cross_entropy(config: Config, given: Given) -> Answers:
    logits, targets = given["input.logits"], given["input.targets"]
    return _rows(config, [scalars.scalar_binary_nll(logits[[n]], targets[[n]]) for n in range(len(targets))])


def _squared_error(config: Config, given: Given) -> Answers:
    total = scalars.scalar_squared_error(given["input.y"], given["input.targets"])
    return {"out.loss": np.array(total / len(given["input.y"]))}


def _l2(config: Config, given: Given) -> Answers:
    squares = math.fsum(float(a) ** 2 for a in given["param.mu"].flat)
    if config["form"] == "script":
        return {"out.loss": np.array(config["weight_decay"] * squares)}
    factor = config["length_scale"] ** 2 * (1.0 - config["rate"]) / (2.0 * config["n_terms"])
    return {"out.loss": np.array(factor * squares)}


BY_SCALARS: dict[str, Callable[[Config, Given], Answers]] = {
    "affine": _affine,
    "affine_lrt": _lrt,
    "affine_flipout": _affine_flipout,
    "sparse_affine_lrt": _sparse_affine_lrt,
    "lstm": _lstm,
    "vbd_lstm": _vbd_lstm,
    "sparse_lstm": _sparse_lstm,
    "group_lstm": _group_lstm,
    "rnn": _rnn,
    "gate_input": _gates,
    "token_input": _gates,
    "embedding": _embedding,
    "scale": _scale,
    "gaussian_weights": _gaussian_weights,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "squared_error": _squared_error,
    "l2": _l2,
}


def values(case: Case) -> Answers:
    """The outputs."""
    return BY_SCALARS[case.op](case.config, case.given)
