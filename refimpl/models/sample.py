"""From parameters and noise to the weights that a network computes with, and back.

``noise_shapes`` says which draws a recipe needs and of what shape, i.e. what each draw is shared over; ``draw_noise``
makes them by name, or a recorded dict is given in their place. A weight sampled by LRT stays a pair (mu, log sigma)
with its eps: the network draws its preactivations. Evaluation takes ``mean_weights``: no noise, pruned where ``alive``
says so.
"""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl import noise
from refimpl.arrays import Array, Shape, array_module, check_shapes
from refimpl.bayes.binary_dropout import dropout_multiplier
from refimpl.bayes.gaussian_weights import GaussianCache, GaussianParams
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.models.parameters import Params, groups, matrices
from refimpl.models.recipe import Recipe, Recurrent, Weight

Noise = dict[str, Array]
Masks = dict[str, Array]


class LRTWeight(NamedTuple):
    """A matrix whose preactivations are drawn, with their noise."""

    mu: Array
    log_sigma: Array
    eps: Array


Weights = dict[str, "Array | LRTWeight"]


class SampleCache(NamedTuple):
    gaussian: dict[str, GaussianCache]
    alive: Masks | None


def noise_shapes(recipe: Recipe, steps: int, batch: int) -> dict[str, Shape]:
    """The shape of every draw by name: T = steps, B = batch. Masks of VBD are drawn as zeros and ones."""
    shapes: dict[str, Shape] = {}
    for name, (weight, shape) in matrices(recipe).items():
        if weight.estimator != "deterministic":
            head = name == "output.W" and recipe.task != "language_model"
            shapes[name] = _weight_noise_shape(weight, shape, 1 if head else steps, batch)
    shapes |= {name: (batch, *group.shape) for name, group in groups(recipe).items()}
    return shapes | {name: shape for name, (_, shape) in _dropout(recipe, batch).items()}


def _weight_noise_shape(weight: Weight, shape: Shape, steps: int, batch: int) -> Shape:
    if weight.estimator == "rt":
        return shape
    if weight.estimator == "rt_object":
        return (batch, *shape)
    outputs = shape[1:]
    if len(shape) == 3 and weight.gate_noise == "shared":
        outputs = (1, shape[2])
    return (steps if weight.estimator == "lrt" else 1, batch, *outputs)


def _dropout(recipe: Recipe, batch: int) -> dict[str, tuple[float, Shape]]:
    """Rate and shape of every VBD mask that the recipe has."""
    found: dict[str, tuple[float, Shape]] = {}
    width = recipe.vocabulary
    if recipe.embedding is not None:
        found["embedding.dropout"] = (recipe.embedding.dropout, (batch, width))
        width = recipe.embedding.size
    for layer in recipe.layers:
        found |= _layer_dropout(layer, width, batch)
        width = layer.size
    found["output.dropout"] = (recipe.output.dropout, (batch, width))
    return {name: entry for name, entry in found.items() if entry[0] > 0.0}


def _layer_dropout(layer: Recurrent, width: int, batch: int) -> dict[str, tuple[float, Shape]]:
    gates = 4 if layer.dropout_gates == "own" else 1
    return {
        f"{layer.name}.dropout_x": (layer.dropout_x, (batch, gates, width)),
        f"{layer.name}.dropout_h": (layer.dropout_h, (batch, gates, layer.size)),
    }


def draw_noise(
    recipe: Recipe,
    steps: int,
    batch: int,
    *,
    seed: int,
    step: int,
    dtype: str = "float32",
    xp: ModuleType = np,
    normal: Callable[..., Array] = noise.normal,
    bernoulli: Callable[..., Array] = noise.bernoulli,
    without: str | None = None,
) -> Noise:
    """All draws of one training step, from streams "noise.NAME", or all but one.

    normal, bernoulli: those of ``noise``, or twins of them.
    """
    rates = {name: rate for name, (rate, _) in _dropout(recipe, batch).items()}
    drawn: Noise = {}
    for name, shape in noise_shapes(recipe, steps, batch).items():
        draw = noise_draw(name, seed, step)
        if name == without:
            continue
        if name in rates:
            drawn[name] = bernoulli(draw, shape, 1.0 - rates[name], dtype, xp)
        else:
            drawn[name] = normal(draw, shape, dtype, xp)
    return drawn


def noise_draw(name: str, seed: int, step: int) -> noise.Draw:
    """The draw of a named quantity in a training step."""
    return noise.Draw(seed, f"noise.{name}", step)


def sample_forward(
    params: Params,
    drawn: Noise,
    recipe: Recipe,
    alive: Masks | None = None,
    *,
    layers: Layers = REFERENCE_LAYERS,
) -> tuple[Weights, SampleCache]:
    """Weights by name: the deterministic ones as they are, draws of the others, z (B, ...), VBD multipliers.

    alive: masks by name; where one is False the draw is zero (and so are mean and variance of an LRT matrix).
    Errors: ValueError if the names or the shapes of the draws are not those of the recipe.
    """
    weights: Weights = {name: value for name, value in params.items() if _is_plain(name)}
    caches: dict[str, GaussianCache] = {}
    estimators = {name: matrix.weight.estimator for name, matrix in matrices(recipe).items()}
    rates = {name: rate for name, (rate, _) in _dropout(recipe, 1).items()}
    _check_drawn(drawn, recipe)
    for name, eps in drawn.items():
        if name in rates:
            weights[name] = dropout_multiplier(eps, rates[name])
        elif estimators.get(name, "rt").startswith("lrt"):
            weights[name] = _pruned_lrt(LRTWeight(params[f"{name}.mu"], params[f"{name}.log_sigma"], eps), name, alive)
        else:
            gaussian = GaussianParams(params[f"{name}.mu"], params[f"{name}.log_sigma"])
            value, caches[name] = layers.gaussian_weights_forward(gaussian, eps)
            weights[name] = value if alive is None else value * alive[name]
    return weights, SampleCache(caches, alive)


def _check_drawn(drawn: Noise, recipe: Recipe) -> None:
    """The shape of a draw says what it is shared over, so that it must be exactly the recipe's."""
    names = {-1: "T", -2: "B"}
    shapes = noise_shapes(recipe, steps=-1, batch=-2)
    if drawn.keys() != shapes.keys():
        raise ValueError(f"drawn: expected noise named {sorted(shapes)}, got {sorted(drawn)}")
    check_shapes({n: (drawn[n], " ".join(names.get(s, str(s)) for s in shape)) for n, shape in shapes.items()})


def _is_plain(name: str) -> bool:
    return not name.endswith((".mu", ".log_sigma"))


def _pruned_lrt(weight: LRTWeight, name: str, alive: Masks | None) -> LRTWeight:
    if alive is None:
        return weight
    xp = array_module(weight.mu)
    return weight._replace(mu=weight.mu * alive[name], log_sigma=xp.where(alive[name], weight.log_sigma, -xp.inf))


def sample_backward(dweights: Weights, cache: SampleCache, *, layers: Layers = REFERENCE_LAYERS) -> Params:
    """Gradients of the parameters given those of the weights; VBD multipliers are no parameters and pass nothing on.

    Errors: ValueError if the forward pass was pruned: training does not prune.
    """
    if cache.alive is not None:
        raise ValueError("alive: a pruned sample is for evaluation and has no backward pass")
    grads: Params = {}
    for name, dweight in dweights.items():
        if isinstance(dweight, LRTWeight):
            grads[f"{name}.mu"], grads[f"{name}.log_sigma"] = dweight.mu, dweight.log_sigma
        elif name in cache.gaussian:
            gaussian = layers.gaussian_weights_backward(dweight, cache.gaussian[name])
            grads[f"{name}.mu"], grads[f"{name}.log_sigma"] = gaussian
        elif ".dropout" not in name:
            grads[name] = dweight
    return grads


def mean_weights(params: Params, recipe: Recipe, batch: int, alive: Masks | None = None) -> Weights:
    """The posterior means in place of draws, zero where alive is False; z is repeated for the objects of the batch."""
    weights: Weights = {name: value for name, value in params.items() if _is_plain(name)}
    shared = groups(recipe)
    for name in [key.removesuffix(".mu") for key in params if key.endswith(".mu")]:
        value = params[f"{name}.mu"]
        if alive is not None:
            value = value * alive[name]
        if name in shared:
            value = array_module(value).broadcast_to(value, (batch, *value.shape))
        weights[name] = value
    return weights
