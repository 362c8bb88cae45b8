"""Multipliers of whole models, read off the network: group variables z and VBD masks at every place where they act.

One model an entry, of one neuron and inputs and weights of 1, so that a preactivation (or a hidden state, or a logit,
over its value without noise) is the multiplier itself. Draws are objects. A text is a word, another one, and the first
again: what belongs to a word is the same at the first and the third step, what belongs to an object at all three.
"""

import math
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.model_moments import (
    FIXED,
    G_GATE,
    VOCABULARY,
    Subject,
    held_gates,
    language_model,
    samples,
    subject_of,
)
from refimpl.models.network import NetworkOutputs
from refimpl.models.parameters import Params
from refimpl.models.recipe import Embedding, Output, Recurrent

OBJECTS = 10_000
TEXT = np.array([7, 250, 7])
RATE, MU_Z, SIGMA_Z = 0.3, 0.8, 0.5
BIAS = 0.5


class Multiplier(NamedTuple):
    """Where a multiplier acts, and what it is shared over."""

    subject: Subject  # reads m (T, B, 4), or (T, B, 1) where gates do not see it
    is_mask: bool  # of VBD, or a group variable
    own_gates: bool = False
    by_word: bool = False  # own to each word of a text, or one for the object


def multiplier_samples(multiplier: Multiplier, engine_name: str) -> Array:
    """m (T, B, 4|1) of one training step."""
    return samples(multiplier.subject, engine_name, seed=42, steps=1)


def mask_variance(rate: float) -> float:
    """Of a kept (zero or one) over 1 - rate."""
    return rate / (1.0 - rate)  # [MOMENTS.E7]


def product_variance(mu_z: Array, sigma_z: Array, mu_w: Array, sigma_w: Array) -> Array:
    """Of z w, independent: 1 + alpha_zw = (1 + alpha_z) (1 + alpha_w)."""
    return mu_z**2 * sigma_w**2 + sigma_z**2 * mu_w**2 + sigma_z**2 * sigma_w**2  # [MOMENTS.E8]


def tied_by_group(x: Array, other_x: Array, sigma_z: Array, mu_w: Array, other_mu_w: Array) -> Array:
    """Covariance of two preactivations that meet the same z (and weights that are independent): columns or steps."""
    return np.sum(x * other_x * sigma_z**2 * mu_w * other_mu_w, axis=-1)  # [MOMENTS.E9]


def moments_of(multiplier: Multiplier) -> tuple[float, float, float]:
    """Mean, variance and fourth central moment."""
    if not multiplier.is_mask:
        return MU_Z, SIGMA_Z**2, 3.0 * SIGMA_Z**4
    kept = 1.0 - RATE
    return 1.0, mask_variance(RATE), (kept * RATE**4 + RATE * kept**4) / kept**4


def z_of_moments(m: Array, multiplier: Multiplier) -> float:
    """Largest |z| of mean and variance, standard errors sqrt(v / n) and sqrt((m4 - v^2) / n), n the objects."""
    mean, var, fourth = moments_of(multiplier)
    n = m.shape[1]
    of_mean = np.abs(m.mean(axis=1) - mean) / math.sqrt(var / n)
    of_var = np.abs(((m - mean) ** 2).mean(axis=1) - var) / math.sqrt((fourth - var**2) / n)
    return float(max(of_mean.max(), of_var.max()))


def z_of_pair(left: Array, right: Array, covariance: float, multiplier: Multiplier) -> float:
    """|z| of the covariance of two multipliers (n,): 0 where independent, standard error v / sqrt(n); v where equal."""
    mean, var, fourth = moments_of(multiplier)
    error = math.sqrt((var**2 if covariance == 0.0 else fourth - var**2) / len(left))
    return float(abs(np.mean((left - mean) * (right - mean)) - covariance)) / error


def _read_gates(outputs: NetworkOutputs, a: Array) -> Array:
    return a[..., 0]


def _read_hidden(outputs: NetworkOutputs, a: Array) -> Array:
    return outputs.hidden / math.tanh(math.tanh(1.0))


def _read_recurrent(outputs: NetworkOutputs, a: Array) -> Array:
    """(a - b) / h_{t-1}, with h_{-1} = 1."""
    before = np.concatenate([np.ones((1, *outputs.hidden.shape[1:])), outputs.hidden[:-1]])
    return (a[..., 0] - BIAS) / before


def _read_logits(outputs: NetworkOutputs, a: Array) -> Array:
    return outputs.logits / outputs.hidden


PLAIN, EMBEDDED, PRIOR = Recurrent("lstm", 1, FIXED, FIXED), Embedding(1, FIXED), "log_uniform"
INTO_G = np.zeros((1, 4, 1))
INTO_G[:, G_GATE] = 1.0
TOKENS: Params = {"lstm.W_x": np.ones((VOCABULARY, 4, 1))}
DENSE: Params = {"embedding.W": np.ones((VOCABULARY, 1)), "lstm.W_x": np.ones((1, 4, 1))}
NEURON: Params = DENSE | {"lstm.W_x": INTO_G, "lstm.b": held_gates(1), "output.W": np.ones((1, 1))}
STARTED: Params = {"lstm.h0": np.ones(1), "lstm.b": np.full((4, 1), BIAS), "lstm.W_h": np.ones((1, 4, 1))}


def _group(name: str, *shape: int) -> Params:
    return {f"{name}.mu": np.full(shape, MU_Z), f"{name}.log_sigma": np.full(shape, math.log(SIGMA_Z))}


def _model(layer: Recurrent, params: Params, embedding: Embedding | None = EMBEDDED, dropout: float = 0.0) -> Subject:
    """Read at the gates. embedding None: one-hot words."""
    recipe = language_model(layer, VOCABULARY, embedding)._replace(output=Output(FIXED, dropout))
    ids = np.broadcast_to(TEXT[:, None], (len(TEXT), OBJECTS))
    return subject_of(recipe, params, ids, _read_gates)


def multipliers() -> dict[str, Multiplier]:
    """Every group variable and every mask of the papers by name."""
    found = {
        "z of words, one-hot": Multiplier(
            _model(PLAIN._replace(z_x=PRIOR), TOKENS | _group("lstm.z_x", VOCABULARY), None), False, by_word=True
        ),
        "z of words, embedded": Multiplier(
            _model(PLAIN, DENSE | _group("embedding.z", VOCABULARY), EMBEDDED._replace(z=PRIOR)), False, by_word=True
        ),
        "z of inputs": Multiplier(_model(PLAIN._replace(z_x=PRIOR), DENSE | _group("lstm.z_x", 1)), False),
        "z of gates": Multiplier(
            _model(PLAIN._replace(z_gates=PRIOR), DENSE | _group("lstm.z_gates", 4, 1)), False, own_gates=True
        ),
        "z of neurons": Multiplier(
            _model(PLAIN._replace(z_h=PRIOR), NEURON | _group("lstm.z_h", 1))._replace(read=_read_hidden), False
        ),
        "mask of words, embedded": Multiplier(
            _model(PLAIN, DENSE, EMBEDDED._replace(dropout=RATE)), True, by_word=True
        ),
        "mask of the output": Multiplier(_model(PLAIN, NEURON, EMBEDDED, RATE)._replace(read=_read_logits), True),
    }
    for gates in ("own", "shared"):
        x = PLAIN._replace(dropout_x=RATE, dropout_gates=gates)
        h = PLAIN._replace(dropout_h=RATE, dropout_gates=gates, trainable_state=True)
        own = gates == "own"
        found |= {
            f"mask of words, one-hot, gates {gates}": Multiplier(_model(x, TOKENS, None), True, own, by_word=True),
            f"mask of inputs, gates {gates}": Multiplier(_model(x, DENSE), True, own),
            f"mask of h, gates {gates}": Multiplier(_model(h, STARTED)._replace(read=_read_recurrent), True, own),
        }
    return found
