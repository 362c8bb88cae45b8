"""Small models for the tests: random parameters and noise, one batch; the sizes all differ."""

from typing import Any, NamedTuple

import numpy as np

from refimpl.models.network import network_forward
from refimpl.models.parameters import parameter_shapes
from refimpl.models.recipe import Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.models.sample import draw_noise, sample_forward
from refimpl.noise import Draw, normal, words

T, B, V, E, H, K = 6, 5, 7, 3, 2, 9
LENGTHS = (6, 3, 4, 1, 5)


class Small(NamedTuple):
    recipe: Recipe
    params: dict[str, Any]
    drawn: dict[str, Any]
    ids: Any


def small(recipe, seed=0, dtype="float64"):
    """z around 1, deviations around 0.4; the same numbers in every dtype.

    Read-only, so that a function that modifies its input fails.
    """
    check_recipe(recipe)
    params = {}
    for name, shape in parameter_shapes(recipe).items():
        mean = -1.0 if name.endswith("log_sigma") else float(".z" in name)
        params[name] = (mean + 0.6 * normal(Draw(seed, name), shape)).astype(dtype)
    drawn = {n: eps.astype(dtype) for n, eps in draw_noise(recipe, T, B, seed=seed, step=0, dtype="float64").items()}
    ids = (words(Draw(seed, "ids"), T * B) % recipe.vocabulary).astype("int64").reshape(T, B)
    for array in (*params.values(), *drawn.values(), ids):
        array.flags.writeable = False
    return Small(recipe, params, drawn, ids)


def run(model, ids=None, *, drawn=None, alive=None, **options):
    """NetworkOutputs of the model; other ids, noise, masks or states may be given."""
    weights, _ = sample_forward(model.params, model.drawn if drawn is None else drawn, model.recipe, alive)
    return network_forward(model.ids if ids is None else ids, weights, model.recipe, **options)[0]


def language_model(estimator="deterministic", *, output=None, embedding=None, **layer):
    """A recipe whose weights all have the same estimator, but for the output's where it is given."""
    weight = Weight(estimator if not estimator.startswith("lrt") else "rt")
    recurrent = Recurrent("lstm", H, Weight(estimator), weight, **layer)
    return Recipe("language_model", V, V, (recurrent,), Output(Weight(output or estimator)), embedding)


def left_mask():
    return np.arange(T)[::-1, None] < np.array(LENGTHS)
