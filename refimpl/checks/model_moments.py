"""What the draws of whole models are shared over: preactivations read off a network, under either engine.

A model is built so that the network shows its noise: one matrix is random, the others pass its product on to a place
that can be read. Then the closed forms of ``moments`` hold. Draws are the columns of the random matrix, all alike, and
training steps; the noise is drawn, sampled and computed with by the functions that training uses.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks import moments
from refimpl.checks.moments import B, Linear, T
from refimpl.models.network import NetworkOutputs, network_forward
from refimpl.models.occurring import draw_occurring, occurring, restrict_params, restrict_recipe
from refimpl.models.parameters import Params, parameter_shapes
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.models.sample import draw_noise, sample_forward
from refimpl.training.engine import Engine
from refimpl.training.engines import make_engine

SIZE, STEPS = 125, 40  # columns of the random matrix, training steps: 5,000 draws
VOCABULARY = 300  # so large that the fast engine draws only the rows that occur
FIXED = Weight("deterministic")
HELD = 40.0  # a bias that opens a gate to the last bit, and whose negative shuts it
I_GATE, F_GATE, G_GATE, O_GATE = range(4)

TEXTS = np.array([[7, 7], [7, 250]])  # ids (T, B): object 0 has one word twice, object 1 has two
OF_WORDS = Linear(np.eye(2)[[[0, 0], [0, 1]]], np.array([0.7, -0.4]), np.array([0.9, 0.5]))  # the same, one-hot


class Subject(NamedTuple):
    """A model that shows its noise, its inputs, and where to read."""

    recipe: Recipe
    params: Params
    ids: Array  # (T, B)
    read: Callable[[NetworkOutputs, Array], Array]  # outputs, preactivations (T, B, 4, H) -> (T, B, ..., columns)
    linear: Linear = moments.LINEAR  # what the random matrix is multiplied with


def samples(subject: Subject, engine_name: str, *, seed: int = 41, steps: int = STEPS) -> Array:
    """What is read off as many training steps with an engine, (T, B, ..., columns * steps)."""
    engine = make_engine(engine_name, subject.recipe, subject.ids.shape[1], threads=1)
    parts = []
    for step in range(steps):
        with engine.step():
            parts.append(subject.read(*_forward(subject, engine, seed, step)).copy())  # the engine reuses its memory
    return np.concatenate(parts, axis=-1)


def _forward(subject: Subject, engine: Engine, seed: int, step: int) -> tuple[NetworkOutputs, Array]:
    """The outputs of a training step, and the preactivations of its LSTM."""
    recipe, params, ids = subject[:3]
    options: dict[str, Any] = {"seed": seed, "step": step, "dtype": "float64"}
    options |= {"normal": engine.normal, "bernoulli": engine.bernoulli}
    found = occurring(ids, recipe.vocabulary) if engine.occurring_rows else None
    if found is None:
        drawn = draw_noise(recipe, *ids.shape, **options)
    else:
        drawn = draw_occurring(recipe, found.rows, *ids.shape, normal_rows=engine.normal_rows, **options)
        params = restrict_params(params, recipe, found.rows)
        recipe, ids = restrict_recipe(recipe, found.rows), found.places
    weights, _ = sample_forward(params, drawn, recipe, layers=engine.layers)
    outputs, cache = network_forward(ids, weights, recipe, layers=engine.layers)
    return outputs, _preactivations(cache.layers[0].recurrence)


def _preactivations(cache: Any) -> Array:
    """a (T, B, 4, H) from the gates that an LSTM keeps, by the inverses of their activations; infinite where held."""
    by_gate = isinstance(cache.gates, np.ndarray)  # the fast engine's are (T, 4, B, H)
    gates = cache.gates.transpose(0, 2, 1, 3) if by_gate else cache.activations
    a: Array = np.empty(gates.shape)
    with np.errstate(divide="ignore"):
        for k in (I_GATE, F_GATE, O_GATE):
            a[:, :, k] = np.log(gates[:, :, k]) - np.log1p(-gates[:, :, k])
    a[:, :, G_GATE] = np.arctanh(gates[:, :, G_GATE])
    return a


def subject_of(recipe: Recipe, params: Params, *others: Any) -> Subject:
    """Parameters that are not given are 0."""
    shapes = parameter_shapes(check_recipe(recipe))
    return Subject(recipe, {name: params.get(name, np.zeros(shape)) for name, shape in shapes.items()}, *others)


def language_model(layer: Recurrent, words: int, embedding: Embedding | None = None, output: Weight = FIXED) -> Recipe:
    """A recipe with one layer and a logit, or SIZE logits where the output is random."""
    outputs = 1 if output is FIXED else SIZE
    return Recipe("language_model", words, outputs, (layer,), Output(output), embedding, var_floor=0.0)


def held_gates(size: int) -> Array:
    """Biases (4, H) by which i and o are open and f is shut: h_t = tanh(tanh(a_g))."""
    return np.outer([HELD, -HELD, 0.0, HELD], np.ones(size))


def _posterior(name: str, mu: Array, sigma: Array, *middle: int) -> Params:
    """mu and log sigma of a random matrix (D, ..., SIZE) whose columns are all alike."""
    shape, ones = (len(mu), *middle, SIZE), (1,) * (len(middle) + 1)
    values = {"mu": mu, "log_sigma": np.log(sigma)}
    return {f"{name}.{key}": np.broadcast_to(v.reshape(-1, *ones), shape).copy() for key, v in values.items()}


def _read_gates(outputs: NetworkOutputs, a: Array) -> Array:
    return a


def _read_g(outputs: NetworkOutputs, a: Array) -> Array:
    return a[:, :, G_GATE]


def _read_logits(outputs: NetworkOutputs, a: Array) -> Array:
    return outputs.logits


def input_matrix(weight: Weight) -> Subject:
    """W_x on dense inputs, those of ``moments``: four words of a fixed embedding, W_h = 0. (T, B, 4, columns)."""
    recipe = language_model(Recurrent("lstm", SIZE, weight, FIXED), 4, Embedding(4, FIXED))
    params = {"embedding.W": moments.X.reshape(4, 4)} | _posterior("lstm.W_x", moments.MU, moments.SIGMA, 4)
    return subject_of(recipe, params, np.arange(4).reshape(T, B), _read_gates)


def token_matrix(weight: Weight) -> Subject:
    """W_x looked up by words, one-hot inputs. (T, B, 4, columns)."""
    recipe = language_model(Recurrent("lstm", SIZE, weight, FIXED), VOCABULARY)
    return subject_of(recipe, _posterior("lstm.W_x", *_of_vocabulary(), 4), TEXTS, _read_gates, OF_WORDS)


def embedding_matrix(weight: Weight) -> Subject:
    """The embedding; W_x is the unit matrix into gate g. (T, B, columns)."""
    recipe = language_model(Recurrent("lstm", SIZE, FIXED, FIXED), VOCABULARY, Embedding(SIZE, weight))
    into_g = np.zeros((SIZE, 4, SIZE))
    into_g[:, G_GATE] = np.eye(SIZE)
    params = {"lstm.W_x": into_g} | _posterior("embedding.W", *_of_vocabulary())
    return subject_of(recipe, params, TEXTS, _read_g, OF_WORDS)


def _of_vocabulary() -> tuple[Array, Array]:
    """mu and sigma of every word; of those that do not occur, far from the others."""
    mu, sigma = np.full(VOCABULARY, 9.0), np.full(VOCABULARY, 3.0)
    mu[TEXTS[:, 1]], sigma[TEXTS[:, 1]] = OF_WORDS.mu, OF_WORDS.sigma
    return mu, sigma


def recurrent_matrix(weight: Weight) -> Subject:
    """W_h on hidden states that do not depend on it: i is shut, f and o are open, so that h_t = tanh(c_0) for t >= 0.

    Gate g shows h_{t-1} W_h. h_{-1} and c_0 are trained initial states, alike for all objects, 0 but for four neurons.
    """
    layer = Recurrent("lstm", SIZE, FIXED, weight, trainable_state=True)
    h0, c0 = (np.concatenate([x, np.zeros(SIZE - 4)]) for x in moments.X[0])
    mu, sigma = (np.concatenate([values, np.ones(SIZE - 4)]) for values in (moments.MU, moments.SIGMA))
    b = np.outer([-HELD, HELD, 0.0, HELD], np.ones(SIZE))
    params = {"lstm.h0": h0, "lstm.c0": c0, "lstm.b": b} | _posterior("lstm.W_h", mu, sigma, 4)
    met = np.stack([np.stack([x[:4]] * B) for x in (h0, np.tanh(c0))])
    linear = Linear(met, moments.MU, moments.SIGMA)
    return subject_of(language_model(layer, 1), params, np.zeros((T, B), int), _read_g, linear)


def output_matrix(weight: Weight) -> Subject:
    """The output layer on hidden states that are not random, tanh(tanh(x)) of the inputs of ``moments``."""
    W_x = np.zeros((4, 4, 4))
    W_x[:, G_GATE] = moments.X.reshape(4, 4)
    recipe = language_model(Recurrent("lstm", 4, FIXED, FIXED), 4, output=weight)
    params = {"lstm.W_x": W_x, "lstm.b": held_gates(4)} | _posterior("output.W", moments.MU, moments.SIGMA)
    linear = Linear(np.tanh(np.tanh(moments.X)), moments.MU, moments.SIGMA)
    return subject_of(recipe, params, np.arange(4).reshape(T, B), _read_logits, linear)
