"""The loss of one training step of a whole model, nll + w KL / N [+ L2], as a problem of the gradient check.

The forward pass is put together here from the parts of a model, in the order of its definition; the backward pass is
``elbo_step``, the one that trains. Noise, targets and carried states are constants.
"""

import math
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.cases_common import Problem, check_visited, normals, padding_mask
from refimpl.compression.thresholds import log_alpha
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.models.network import NetworkCache, NetworkOutputs, States, network_forward
from refimpl.models.objective import objective_forward
from refimpl.models.parameters import Params, matrices, parameter_shapes, priors
from refimpl.models.recipe import Recipe, check_recipe
from refimpl.models.sample import draw_noise, sample_forward
from refimpl.noise import Draw, words
from refimpl.training.batches import Batch
from refimpl.training.elbo import L2, Step, dropout_rates, elbo_step, kl_divergence
from refimpl.tree import Tree, flatten

T, B = 6, 5
N_TERMS, KL_WEIGHT = 11, 0.7
LOG_ALPHA_CLIP = 2.0  # among the values below, so that both sides of the clip are visited


class Model(NamedTuple):
    recipe: Recipe
    padding: str | None = None
    carried: bool = False  # states are given, as from the segment before
    l2: L2 | None = None


class ModelInputs(NamedTuple):
    params: Params
    drawn: dict[str, Array]
    x: Array
    y: Array
    mask: Array | None
    states: States | None


def model_problem(model: Model, seed: int) -> Problem:
    """Inputs for the model, its loss, and the gradient of its loss by every parameter."""
    model, inputs = prepare(model, seed)
    _check_pieces(model, inputs, _network(model, inputs)[1])

    def forward(**given: Tree) -> tuple[Array, ModelInputs]:
        now = ModelInputs(**given)
        return model_loss(model, now), now

    def backward(dloss: Array, given: ModelInputs) -> Tree:
        return {"params": {name: dloss * grad for name, grad in model_step(model, given).grads.items()}}

    fixed = tuple(name for name in ("drawn", "y", "states") if flatten(getattr(inputs, name), name))
    return Problem(forward, backward, inputs._asdict(), fixed=fixed)


def prepare(model: Model, seed: int) -> tuple[Model, ModelInputs]:
    """The model with its clips among the values that it will meet, and its inputs."""
    model = model._replace(recipe=check_recipe(model.recipe._replace(log_alpha_clip=LOG_ALPHA_CLIP)))
    return _visit_the_probability_clip(model, _inputs(model, seed))


def _inputs(model: Model, seed: int) -> ModelInputs:
    """Random parameters, noise and one batch; the last symbol does not occur in it."""
    recipe = model.recipe
    drawn = draw_noise(recipe, T, B, seed=seed, step=0, dtype="float64")
    for name in drawn:
        if ".dropout" in name:
            drawn[name].flat[:2] = 0.0, 1.0  # whatever the seed, something is dropped and something is kept
    return ModelInputs(
        params=_parameters(recipe, seed),
        drawn=drawn,
        x=_integers(seed, "x", recipe.vocabulary - 1, T, B),
        y=_targets(recipe, seed),
        mask=None if model.padding is None else padding_mask(model.padding, (T, T - 3, T - 2, 1, T - 1), T),
        states=_states(recipe, seed) if model.carried else None,
    )


def model_loss(model: Model, inputs: ModelInputs) -> Array:
    """The loss from its definition. Equations: ELBO.F1, VBD.F2-F3."""
    params, _, _, y, _, _ = inputs
    nll, _ = objective_forward(_network(model, inputs)[0].logits, y, model.recipe)
    kl, _ = kl_divergence(params, model.recipe)
    total = nll + KL_WEIGHT * kl / N_TERMS
    if model.l2 is not None:
        for name, rate in dropout_rates(model.recipe).items():
            mu = params[name] if name in params else params[f"{name}.mu"]
            total = total + _l2_coefficient(model.l2, rate) * (mu * mu).sum()
    return total


def model_step(model: Model, inputs: ModelInputs) -> Step:
    """Loss and gradient as training computes them."""
    params, drawn, x, y, mask, states = inputs
    batch = Batch(x, y, mask)
    return elbo_step(
        params, drawn, batch, model.recipe, n_terms=N_TERMS, kl_weight=KL_WEIGHT, l2=model.l2, states=states
    )


def _network(model: Model, inputs: ModelInputs) -> tuple[NetworkOutputs, NetworkCache]:
    weights, _ = sample_forward(inputs.params, inputs.drawn, model.recipe)
    return network_forward(inputs.x, weights, model.recipe, mask=inputs.mask, states=inputs.states)


def _l2_coefficient(l2: L2, rate: float) -> float:
    return l2.weight_decay if l2.form == "script" else l2.length_scale**2 * (1.0 - rate) / (2.0 * N_TERMS)


def _parameters(recipe: Recipe, seed: int) -> Params:
    """Normals, z around 1; the neurons of a hard sigmoid stand at the two ends of its middle piece."""
    params: Params = {}
    for name, shape in parameter_shapes(recipe).items():
        mean = -1.5 if name.endswith(".log_sigma") else float(".z" in name)
        params[name] = normals(seed, name, *shape, mean=mean, scale=0.7)
    for layer in recipe.layers:
        if layer.gates == "hard_sigmoid":
            params[f"{layer.name}.b"] += np.linspace(-2.5, 2.5, layer.size)
    return params


def _targets(recipe: Recipe, seed: int) -> Array:
    if recipe.task == "regressor":
        return normals(seed, "y", B)
    shape = (T, B) if recipe.task == "language_model" else (B,)
    return _integers(seed, "y", max(recipe.outputs, 2), *shape)


def _integers(seed: int, name: str, stop: int, *shape: int) -> Array:
    return (words(Draw(seed, f"gradcheck.{name}"), math.prod(shape)) % stop).astype("int64").reshape(shape)


def _states(recipe: Recipe, seed: int) -> States:
    return tuple(
        LSTMState(*(normals(seed, f"{layer.name}.{name}", B, layer.size) for name in ("h", "c")))
        for layer in recipe.layers
    )


def _visit_the_probability_clip(model: Model, inputs: ModelInputs) -> tuple[Model, ModelInputs]:
    """For a binary classifier, a clip and targets such that one probability is below it, one above, the others inside.

    The two largest logits get an unlikely and a likely target; the clip stands between the second and the third.
    """
    if model.recipe.task != "classifier" or model.recipe.outputs != 1:
        return model, inputs
    logits = _network(model, inputs)[0].logits[:, 0]
    order = np.argsort(-np.abs(logits))
    y = inputs.y.copy()
    y[order[0]], y[order[1]] = logits[order[0]] < 0.0, logits[order[1]] > 0.0
    clip = 1.0 / (1.0 + math.exp(np.abs(logits[order[1:3]]).mean()))
    return model._replace(recipe=model.recipe._replace(probability_clip=clip)), inputs._replace(y=y)


def _check_pieces(model: Model, inputs: ModelInputs, cache: NetworkCache) -> None:
    """Every hard sigmoid and the clip of log alpha are met on all of their sides."""
    for layer, layer_cache in zip(model.recipe.layers, cache.layers, strict=True):
        if layer.gates == "hard_sigmoid":
            y = layer_cache.recurrence.activations[:, :, (0, 1, 3)]
            y = y if inputs.mask is None else y[inputs.mask]
            check_visited("hard sigmoid", at_0=y == 0.0, at_1=y == 1.0, between=(y > 0.0) & (y < 1.0))
    names = [
        n for n, prior in priors(model.recipe).items() if prior != "standard_normal" and n in matrices(model.recipe)
    ]
    if names:
        params = inputs.params
        a = np.concatenate([log_alpha(params[f"{name}.mu"], params[f"{name}.log_sigma"]).ravel() for name in names])
        inside = np.abs(a) < LOG_ALPHA_CLIP
        check_visited("clip of log alpha", below=a < -LOG_ALPHA_CLIP, above=a > LOG_ALPHA_CLIP, inside=inside)
