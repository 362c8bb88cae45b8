"""The rows of the vocabulary that occur in a batch: only they meet the likelihood.

A word that does not occur contributes no term to the likelihood, so its noise is not needed and its gradient is 0 (the
KL divergence covers all rows). A batch is therefore put before a model whose vocabulary is the rows that occur, and
what comes back is put in its place: the same numbers for less work.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array, Shape, array_module, check_ids
from refimpl.models.parameters import Params, matrices
from refimpl.models.recipe import Recipe
from refimpl.models.sample import Noise, draw_noise, noise_draw, noise_shapes

LEAST_VOCABULARY = 256  # below, nearly every symbol occurs in every batch


class Occurring(NamedTuple):
    """rows (U,) ascending, and the batch's ids (T, B) as places among them: rows[places] are the ids."""

    rows: Array
    places: Array


def occurring(ids: Array, count: int) -> Occurring | None:
    """The rows that occur among ids (host array), or None where the vocabulary is too small to gain by it.

    Errors: IndexError if an id is not in [0, count).
    """
    if count < LEAST_VOCABULARY:
        return None
    check_ids("ids", ids, count)
    seen = np.zeros(count, dtype=bool)
    seen[ids] = True
    rows = np.flatnonzero(seen)
    place = np.empty(count, dtype=ids.dtype)
    place[rows] = np.arange(len(rows))
    return Occurring(rows, place[ids])


def vocabulary_names(recipe: Recipe) -> tuple[str, str, str]:
    """The matrix that tokens are looked up in, its group variables, and its VBD mask; not all of them need exist."""
    if recipe.embedding is not None:
        return "embedding.W", "embedding.z", "embedding.dropout"
    first = recipe.layers[0].name
    return f"{first}.W_x", f"{first}.z_x", f"{first}.dropout_x"


def restrict_recipe(recipe: Recipe, rows: Array) -> Recipe:
    """The model whose vocabulary is the given rows; a language model still predicts all symbols."""
    return recipe._replace(vocabulary=len(rows))


def restrict_params(params: Params, recipe: Recipe, rows: Array) -> Params:
    """The parameters of that model: the rows of the table and of its z, the others as they are."""
    table, z, _ = vocabulary_names(recipe)
    return {name: p[rows] if is_of(name, (table, z)) else p for name, p in params.items()}


def is_of(name: str, stems: tuple[str, ...]) -> bool:
    """Whether a parameter is one of the named quantities: itself, its mu or its log sigma."""
    return any(name in (stem, f"{stem}.mu", f"{stem}.log_sigma") for stem in stems)


def restrict_noise(drawn: Noise, recipe: Recipe, rows: Array) -> Noise:
    """The draws of that model: of the table its rows, of z and of the mask the columns (the last axis)."""
    table, z, mask = vocabulary_names(recipe)
    restricted = dict(drawn)
    axes = {"rt": 0, "rt_object": 1}
    estimator = matrices(recipe)[table].weight.estimator
    if table in drawn and estimator in axes:
        restricted[table] = drawn[table].take(rows, axis=axes[estimator])
    return restricted | {name: drawn[name][..., rows] for name in (z, mask) if name in drawn}


def draw_occurring(
    recipe: Recipe,
    rows: Array,
    steps: int,
    batch: int,
    *,
    seed: int,
    step: int,
    dtype: str,
    normal: Callable[..., Array],
    bernoulli: Callable[..., Array],
    normal_rows: Callable[..., Array],
) -> Noise:
    """``restrict_noise(draw_noise(...))``, without drawing the rows of the table that do not occur."""
    table, _, _ = vocabulary_names(recipe)
    drawn = draw_noise(
        recipe, steps, batch, seed=seed, step=step, dtype=dtype, normal=normal, bernoulli=bernoulli, without=table
    )
    restricted = restrict_noise(drawn, recipe, rows)
    shape = noise_shapes(recipe, steps, batch).get(table)
    if shape is None:
        return restricted
    draw = noise_draw(table, seed, step)
    estimator = matrices(recipe)[table].weight.estimator
    if estimator == "rt":
        restricted[table] = normal_rows(draw, rows, shape, dtype)
    else:
        eps = normal(draw, shape, dtype)
        restricted[table] = eps[:, rows] if estimator == "rt_object" else eps
    return restricted


def expand_rows(gradient: Array, rows: Array, shape: Shape) -> Array:
    """The gradient of the whole table or z: 0 for the rows that did not occur."""
    whole = array_module(gradient).zeros(shape, dtype=gradient.dtype)
    whole[rows] = gradient
    return whole
