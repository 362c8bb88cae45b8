"""The LSTM, deterministic, under Variational Binary Dropout, with group variables, and with Gaussian weights."""

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.binary_dropout import dropout_multiplier
from refimpl.bayes.gaussian_weights import GaussianParams
from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.checks.conformance.engine import engine_of
from refimpl.checks.conformance.losses import add_kl, inner_product
from refimpl.checks.conformance.lstm_run import (
    Run,
    Segment,
    lstm_given_multipliers,
    lstm_segments,
    run_lstm,
    shared_grads,
    shared_of,
    steps_of,
)
from refimpl.layers.lstm import LSTMMultipliers

NONE = LSTMMultipliers()


def _lstm(config: Config, given: Given) -> Answers:
    m = lstm_given_multipliers(given)
    segments = lstm_segments(given, given["param.W_x"], given["param.W_h"], m)
    run = run_lstm(engine_of(config).layers, config, given, segments, shared_of(given))
    whole = run.segments[0]
    grads = _matrix_grads(run) | shared_grads(run)
    named = {f"grad.input.multiplier_{place}": value for place, value in whole.multipliers._asdict().items()}
    return run.answers | grads | {name: value for name, value in named.items() if value is not None}


def _matrix_grads(run: Run) -> Answers:
    return {f"grad.param.{name}": sum(getattr(s, name) for s in run.segments) for name in ("W_x", "W_h")}


def _vbd_lstm(config: Config, given: Given) -> Answers:
    """The masks are noise.mask_x (B, 4|1, D) and noise.mask_h (B, 4|1, H), of zeros and ones."""

    def masks(suffix: str, t: int | None = None) -> LSTMMultipliers:
        kept = {place: given[f"noise.mask_{place}{suffix}"] for place in ("x", "h")}
        x, h = (
            dropout_multiplier(array if t is None else array[t], config[f"rate_{place}"])
            for place, array in kept.items()
        )
        return LSTMMultipliers(x=x, h_in=h)

    segments = lstm_segments(given, given["param.W_x"], given["param.W_h"], NONE)
    if config["masks"] == "each_step":
        steps = enumerate(steps_of(segments[0]))
        segments = [step._replace(multipliers=masks("_each_step", t)) for t, step in steps]
    else:
        segments = [segments[0]._replace(multipliers=masks(""))]
    run = run_lstm(engine_of(config).layers, config, given, segments, shared_of(given))
    return run.answers | _matrix_grads(run) | shared_grads(run)


def _sparse_lstm(config: Config, given: Given) -> Answers:
    """W_x and W_h by the reparameterization trick; the loss is <cotangents, outputs> + kl_weight KL / n_terms."""
    engine = engine_of(config)
    drawn = {name: _draws(config, given, name) for name in ("W_x", "W_h")}
    sampled = {
        name: [engine.layers.gaussian_weights_forward(_gaussian(given, name), eps) for eps in many]
        for name, many in drawn.items()
    }
    segments = lstm_segments(given, sampled["W_x"][0][0], sampled["W_h"][0][0], NONE)
    if config["weight_noise"] == "each_step":
        weights = [(W_x, W_h) for (W_x, _), (W_h, _) in zip(sampled["W_x"], sampled["W_h"], strict=True)]
        segments = [s._replace(W_x=x, W_h=h) for s, (x, h) in zip(steps_of(segments[0]), weights, strict=True)]
    run = run_lstm(engine.layers, config, given, segments, shared_of(given))
    grads: Answers = {}
    for name, many in sampled.items():
        parts = [
            engine.layers.gaussian_weights_backward(getattr(segment, name), cache)
            for segment, (_, cache) in zip(run.segments, many, strict=True)
        ]
        for leaf in GaussianParams._fields:
            grads[f"grad.param.{name}.{leaf}"] = sum(getattr(part, leaf) for part in parts)
    drawn_now = {f"mid.{name}": many[0][0] for name, many in sampled.items()}
    answers = drawn_now | run.answers | {"out.data": inner_product(given, run.answers)} | grads | shared_grads(run)
    return add_kl(engine, config, given, answers, ("W_x", "W_h"))


def _gaussian(given: Given, name: str) -> GaussianParams:
    return GaussianParams(given[f"param.{name}.mu"], given[f"param.{name}.log_sigma"])


def _draws(config: Config, given: Given, name: str) -> list[Array]:
    if config["weight_noise"] == "each_step":
        return list(given[f"noise.{name}_each_step"])
    return [given[f"noise.{name}"]]


GROUPS = {"z_x": "x", "z_h": "h_out", "z_gates": "gates"}


def _group_lstm(config: Config, given: Given) -> Answers:
    """Group variables of inputs, neurons and gates, a draw for each object; the loss as ``sparse_lstm``'s."""
    engine = engine_of(config)
    sampled = {
        name: engine.layers.gaussian_weights_forward(_gaussian(given, name), given[f"noise.{name}"]) for name in GROUPS
    }
    z = {name: value for name, (value, _) in sampled.items()}
    multipliers = LSTMMultipliers(x=z["z_x"][:, None, :], h_out=z["z_h"], gates=z["z_gates"])
    segments: list[Segment] = lstm_segments(given, given["param.W_x"], given["param.W_h"], multipliers)
    run = run_lstm(engine.layers, config, given, segments, shared_of(given))
    grads = _matrix_grads(run)
    dmultipliers = run.segments[0].multipliers
    for name, place in GROUPS.items():
        dz = getattr(dmultipliers, place)
        dz = dz[:, 0, :] if name == "z_x" else dz
        parts = engine.layers.gaussian_weights_backward(np.ascontiguousarray(dz), sampled[name][1])
        grads |= {f"grad.param.{name}.{leaf}": getattr(parts, leaf) for leaf in GaussianParams._fields}
    mids = {f"mid.{name}": value for name, value in z.items()}
    answers = mids | run.answers | {"out.data": inner_product(given, run.answers)} | grads | shared_grads(run)
    return add_kl(engine, config, given, answers, tuple(GROUPS))


LSTM_OPS = (
    Op("lstm", "LSTM over T steps, with peepholes, padding and multipliers where they are given", _lstm),
    Op(
        "vbd_lstm",
        "LSTM under Variational Binary Dropout: masks of x_t and h_{t-1}, scaled by 1 / (1 - rate)",
        _vbd_lstm,
    ),
    Op("sparse_lstm", "LSTM whose W_x and W_h are drawn once (mu + sigma eps), plus KL / N", _sparse_lstm),
    Op("group_lstm", "LSTM with group variables z of inputs, neurons and gates, plus their KL / N", _group_lstm),
)
