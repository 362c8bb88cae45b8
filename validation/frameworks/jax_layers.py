"""The other layers, estimators and losses in JAX, and Adam and clipping."""

import math

import jax
import jax.numpy as jnp

from refimpl.checks.crosscheck import jax_subject
from validation.frameworks.jax_lstm import hard_sigmoid as hard_sigmoid_of
from validation.frameworks.jax_lstm import project, with_kl


@jax_subject("sigmoid")
def sigmoid(params, inputs, noise, config):
    return {"y": jax.nn.sigmoid(inputs["a"])}


@jax_subject("hard_sigmoid")
def hard_sigmoid(params, inputs, noise, config):
    return {"y": hard_sigmoid_of(inputs["a"])}


@jax_subject("tanh")
def tanh(params, inputs, noise, config):
    return {"y": jnp.tanh(inputs["a"])}


@jax_subject("softmax")
def softmax(params, inputs, noise, config):
    return {"y": jax.nn.softmax(inputs["a"])}


def product(h, W):
    """(T, B, D) times (D, K), or (B, D, K): one for each object."""
    return jnp.einsum("tbd,dk->tbk" if W.ndim == 2 else "tbd,bdk->tbk", h, W)


@jax_subject("affine")
def affine(params, inputs, noise, config):
    return {"y": product(inputs["x"], params["W"]) + params["b"]}


@jax_subject("scale")
def scale(params, inputs, noise, config):
    return {"y": inputs["x"] * inputs["multiplier"]}


@jax_subject("gate_input")
def gate_input(params, inputs, noise, config):
    return {"u": project(inputs["x"], params["W_x"], inputs["multiplier_x"])}


@jax_subject("token_input")
def token_input(params, inputs, noise, config):
    x = jax.nn.one_hot(inputs["ids"], len(params["W_x"]), dtype=params["W_x"].dtype)
    return {"u": project(x, params["W_x"], inputs["multiplier_x"])}


def of_words(factor, ids):
    """factor (B, V) of each object's words (T, B), as a column."""
    return factor[jnp.arange(ids.shape[1]), ids][..., None]


@jax_subject("embedding")
def embedding(params, inputs, noise, config):
    rows = params["W"][inputs["ids"]]
    if "factor" not in inputs:
        return {"e": rows}
    return {"mid.rows": rows, "e": rows * of_words(inputs["factor"], inputs["ids"])}


@jax_subject("rnn")
def rnn(params, inputs, noise, config):
    m_x, m_in, m_out = (inputs.get(f"multiplier_{name}", 1.0) for name in ("x", "h_in", "h_out"))

    def step(h, now):
        x, keep = now
        new = jnp.tanh((x * m_x) @ params["W_x"] + (h * m_in) @ params["W_h"] + params["b"]) * m_out
        h = jnp.where(keep[:, None], new, h)
        return h, h

    last, h = jax.lax.scan(step, inputs["h0"], (inputs["x"], inputs["mask"]))
    return {"h": h, "last": last}


def lrt(x, mu, log_sigma, eps, var_floor):
    """Preactivations (Kingma, Salimans, Welling 2015; S004 eq. 14): mean, and the root of the variance times eps."""
    times = project if mu.ndim == 3 else jnp.matmul
    std = jnp.sqrt(times(x**2, jnp.exp(2.0 * log_sigma)) + var_floor)
    return times(x, mu) + std * eps, std


@jax_subject("affine_lrt")
def affine_lrt(params, inputs, noise, config):
    y, std = lrt(inputs["x"], params["mu"], params["log_sigma"], noise["eps"], config["var_floor"])
    return {"mid.std": std, "y": y + params.get("b", 0.0)}


@jax_subject("affine_flipout")
def affine_flipout(params, inputs, noise, config):
    """Each step and object has a matrix of its own, the draw with its signs turned (Wen et al. 2018)."""
    signs = noise["signs_in"][..., :, None] * noise["signs_out"][..., None, :]
    W = params["mu"] + jnp.exp(params["log_sigma"]) * noise["eps"] * signs
    W = jnp.broadcast_to(W, (*inputs["x"].shape, W.shape[-1]))
    return {"y": jnp.einsum("tbd,tbdk->tbk", inputs["x"], W) + params.get("b", 0.0)}


@jax_subject("sparse_affine_lrt")
def sparse_affine_lrt(params, inputs, noise, config, data_loss):
    y, std = lrt(inputs["x"], params["W.mu"], params["W.log_sigma"], noise["eps"], config["var_floor"])
    return with_kl({"mid.std": std, "y": y + params["b"]}, params, ("W",), config, data_loss)


@jax_subject("gaussian_weights")
def gaussian_weights(params, inputs, noise, config):
    return {"w": params["mu"] + jnp.exp(params["log_sigma"]) * noise["eps"]}


def cross_entropy(logits, y, probability_clip):
    """-log p of each row, p clipped to [c, 1 - c]; logits (N, K), or (N,) of the class 1."""
    if logits.ndim == 1:
        nll = jax.nn.softplus((1.0 - 2.0 * y) * logits)
    else:
        nll = -jax.nn.log_softmax(logits)[jnp.arange(len(y)), y]
    if probability_clip is None:
        return nll
    return jnp.clip(nll, -math.log1p(-probability_clip), -math.log(probability_clip))


def reduced(terms, reduction):
    return terms.mean() if reduction == "mean" else terms.sum()


@jax_subject("softmax_cross_entropy", "binary_cross_entropy")
def cross_entropies(params, inputs, noise, config):
    terms = cross_entropy(inputs["logits"], inputs["targets"], config["probability_clip"])
    return {"loss": reduced(terms, config["reduction"])}


@jax_subject("squared_error")
def squared_error(params, inputs, noise, config):
    return {"loss": reduced((inputs["y"] - inputs["targets"]) ** 2, config["reduction"])}


@jax_subject("l2")
def l2(params, inputs, noise, config):
    factor = config.get("weight_decay")
    if config["form"] == "derivation":
        factor = config["length_scale"] ** 2 * (1.0 - config["rate"]) / (2.0 * config["n_terms"])
    return {"loss": factor * (params["mu"] ** 2).sum()}


@jax_subject("adam")
def adam(params, inputs, noise, config):
    """Kingma and Ba 2015, the form before section 2.1: epsilon is added outside the bias correction."""
    beta1, beta2, answers = config["beta1"], config["beta2"], {}
    for name, p in params.items():
        m = v = jnp.zeros_like(p)
        for t, g in enumerate(inputs[f"gradient.{name}"], start=1):
            m, v = beta1 * m + (1.0 - beta1) * g, beta2 * v + (1.0 - beta2) * g**2
            rate = config["learning_rate"] * math.sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
            p = p - rate * m / (jnp.sqrt(v) + config["epsilon"])
            answers |= {f"m.{name}.{t}": m, f"v.{name}.{t}": v, f"param.{name}.{t}": p}
    return answers


@jax_subject("clip")
def clip(params, inputs, noise, config):
    grads = dict(inputs.items())
    norm = jnp.sqrt(sum((g**2).sum() for g in grads.values()))
    factor = jnp.minimum(norm, config["limit"]) / (norm + 1e-7)
    return {"mid.norm": norm} | {name: g * factor for name, g in grads.items()}
