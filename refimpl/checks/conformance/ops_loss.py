"""Losses, KL divergences, a Gaussian draw, and the L2 terms of Variational Binary Dropout."""

from typing import Any

from refimpl.arrays import Array
from refimpl.bayes import binary_dropout
from refimpl.bayes.gaussian_weights import GaussianParams
from refimpl.bayes.kl.table import kl_terms
from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.checks.conformance.engine import divergence_of, engine_of
from refimpl.layers import losses


def _scalar(cotangent: Array) -> Any:
    return cotangent.reshape(())


def _cross_entropy(name: str) -> Any:
    forward, backward = (getattr(losses, f"{name}_cross_entropy_{way}") for way in ("forward", "backward"))

    def compute(config: Config, given: Given) -> Answers:
        options = {name: config[name] for name in ("reduction", "probability_clip")}
        loss, cache = forward(given["input.logits"], given["input.targets"], **options)
        return {"out.loss": loss, "grad.input.logits": backward(_scalar(given["cotangent.loss"]), cache)}

    return compute


def _squared_error(config: Config, given: Given) -> Answers:
    loss, cache = losses.squared_error_forward(given["input.y"], given["input.targets"], reduction=config["reduction"])
    return {"out.loss": loss, "grad.input.y": losses.squared_error_backward(_scalar(given["cotangent.loss"]), cache)}


def _gaussian_weights(config: Config, given: Given) -> Answers:
    layers = engine_of(config).layers
    params = GaussianParams(given["param.mu"], given["param.log_sigma"])
    w, cache = layers.gaussian_weights_forward(params, given["noise.eps"])
    grads = layers.gaussian_weights_backward(given["cotangent.w"], cache)
    return {"out.w": w, "grad.param.mu": grads.mu, "grad.param.log_sigma": grads.log_sigma}


def _kl(config: Config, given: Given) -> Answers:
    """Of each weight; config["kl"] names the divergence."""
    divergence = divergence_of(config, config["kl"])
    clip = config["log_alpha_clip"]
    kl, cache = kl_terms(divergence, given["param.mu"], given["param.log_sigma"], log_alpha_clip=clip)
    grads = divergence.backward(given["cotangent.kl"], cache)
    return {"out.kl": kl, "grad.param.mu": grads.mu, "grad.param.log_sigma": grads.log_sigma}


def _l2(config: Config, given: Given) -> Answers:
    names = ("weight_decay",) if config["form"] == "script" else ("rate", "length_scale", "n_terms")
    forward, backward = (getattr(binary_dropout, f"l2_{config['form']}_{way}") for way in ("forward", "backward"))
    loss, cache = forward(given["param.mu"], **{name: config[name] for name in names})
    return {"out.loss": loss, "grad.param.mu": backward(_scalar(given["cotangent.loss"]), cache)}


LOSS_OPS = (
    Op(
        "softmax_cross_entropy",
        "-log softmax(logits)[target] in nats, sum or mean over rows",
        _cross_entropy("softmax"),
    ),
    Op(
        "binary_cross_entropy", "-log P(target), P(1) = sigmoid(logit), sum or mean over rows", _cross_entropy("binary")
    ),
    Op("squared_error", "(y - target)^2, sum or mean over rows, without a factor 1/2", _squared_error),
    Op("gaussian_weights", "w = mu + exp(log_sigma) eps; one draw, or one for each object", _gaussian_weights),
    Op("kl", "KL divergence of each weight between N(mu, sigma^2) and the named prior", _kl),
    Op("l2", "L2 term of Variational Binary Dropout, of the script or of the derivation", _l2),
)
