"""Affine layers: deterministic, by local reparameterization, by flipout, and with a KL."""

from refimpl.bayes.flipout import (
    AffineFlipoutParams,
    FlipoutNoise,
    affine_flipout_backward,
    affine_flipout_forward,
)
from refimpl.bayes.local_reparam import AffineLRTParams
from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.checks.conformance.engine import engine_of
from refimpl.checks.conformance.losses import add_kl, inner_product
from refimpl.layers.affine import AffineParams
from refimpl.models.layers import Layers


def _affine(config: Config, given: Given) -> Answers:
    layers = engine_of(config).layers
    y, cache = layers.affine_forward(given["input.x"], AffineParams(given["param.W"], given.get("param.b")))
    grads = layers.affine_backward(given["cotangent.y"], cache)
    answers = {"out.y": y, "grad.param.W": grads.params.W}
    if grads.params.b is not None:
        answers["grad.param.b"] = grads.params.b
    return answers | {"grad.input.x": grads.x}


def _run_lrt(layers: Layers, config: Config, given: Given, prefix: str) -> Answers:
    mu, log_sigma = given[f"param.{prefix}mu"], given[f"param.{prefix}log_sigma"]
    params = AffineLRTParams(mu, log_sigma, given.get("param.b"))
    y, cache = layers.affine_lrt_forward(given["input.x"], params, given["noise.eps"], var_floor=config["var_floor"])
    grads = layers.affine_lrt_backward(given["cotangent.y"], cache)
    answers = {
        "mid.std": cache.std,
        "out.y": y,
        f"grad.param.{prefix}mu": grads.params.mu,
        f"grad.param.{prefix}log_sigma": grads.params.log_sigma,
    }
    if grads.params.b is not None:
        answers["grad.param.b"] = grads.params.b
    return answers | {"grad.input.x": grads.x}


def _affine_lrt(config: Config, given: Given) -> Answers:
    return _run_lrt(engine_of(config).layers, config, given, "")


def _sparse_affine_lrt(config: Config, given: Given) -> Answers:
    engine = engine_of(config)
    answers = _run_lrt(engine.layers, config, given, "W.")
    mids = {name: value for name, value in answers.items() if not name.startswith("grad.")}
    ordered = mids | {"out.data": inner_product(given, answers)} | answers
    return add_kl(engine, config, given, ordered, ("W",))


def _affine_flipout(config: Config, given: Given) -> Answers:
    params = AffineFlipoutParams(given["param.mu"], given["param.log_sigma"], given["param.b"])
    noise = FlipoutNoise(given["noise.eps"], given["noise.signs_in"], given["noise.signs_out"])
    y, cache = affine_flipout_forward(given["input.x"], params, noise)
    grads = affine_flipout_backward(given["cotangent.y"], cache)
    answers = {"out.y": y} | {f"grad.param.{name}": value for name, value in grads.params._asdict().items()}
    return answers | {"grad.input.x": grads.x}


AFFINE_OPS = (
    Op("affine", "y = x W + b; one W, or one for each object", _affine),
    Op("affine_lrt", "preactivations drawn: y = x mu + b + sqrt(x^2 sigma^2 + var_floor) eps", _affine_lrt),
    Op("affine_flipout", "y = x mu + b + r o ((x o s) (sigma o eps)): one draw, signs s and r turned", _affine_flipout),
    Op("sparse_affine_lrt", "the same dense layer, plus KL / N", _sparse_affine_lrt),
)
