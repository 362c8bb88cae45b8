"""A batch before the rows that occur in it is the batch before the whole vocabulary."""

import numpy as np
import pytest

from refimpl import noise
from refimpl.models.letters import text_classifier, word_model
from refimpl.models.occurring import (
    LEAST_VOCABULARY,
    draw_occurring,
    expand_rows,
    occurring,
    restrict_noise,
    restrict_params,
    restrict_recipe,
)
from refimpl.models.parameters import initialise, parameter_shapes
from refimpl.models.sample import draw_noise, noise_shapes

V, T, B = 300, 5, 3
IDS = np.array([[4, 299, 7], [4, 0, 7], [0, 0, 0], [17, 4, 4], [298, 0, 7]], dtype="int32")
ROWS = [0, 4, 7, 17, 298, 299]


def with_masks(recipe):
    """VBD on word types besides, so that a mask of the vocabulary's size is there too."""
    if recipe.embedding is None:
        return recipe._replace(layers=(recipe.layers[0]._replace(dropout_x=0.5), *recipe.layers[1:]))
    return recipe._replace(embedding=recipe.embedding._replace(dropout=0.5))


def of_estimator(recipe, estimator):
    if recipe.embedding is None:
        first = recipe.layers[0]
        return recipe._replace(layers=(first._replace(W_x=first.W_x._replace(estimator=estimator)), *recipe.layers[1:]))
    return recipe._replace(
        embedding=recipe.embedding._replace(weight=recipe.embedding.weight._replace(estimator=estimator))
    )


WORDS = word_model("LLLL", vocabulary=V, sizes=(3, 2))
TEXTS = text_classifier("LLLLLL", vocabulary=V, embedding=4, size=3, classes=1)
RECIPES = {
    "words": WORDS,
    "words, masked": with_masks(WORDS),
    "words, one draw an object": of_estimator(WORDS, "rt_object"),
    "words, lrt": of_estimator(WORDS, "lrt"),
    "words, deterministic": word_model("DCCD", vocabulary=V, sizes=(3,)),
    "texts": TEXTS,
    "texts, masked": with_masks(TEXTS),
    "texts, one draw an object": of_estimator(TEXTS, "rt_object"),
    "texts, deterministic": text_classifier("DCDCCD", vocabulary=V, embedding=4, size=3, classes=1),
}


def test_rows_and_places():
    rows, places = occurring(IDS, V)
    assert rows.tolist() == ROWS
    assert np.array_equal(rows[places], IDS)
    assert places.dtype == IDS.dtype


def test_a_small_vocabulary_is_left_whole():
    assert occurring(IDS % 7, LEAST_VOCABULARY - 1) is None
    assert occurring(IDS % 7, LEAST_VOCABULARY) is not None


def test_an_id_out_of_range_is_refused():
    with pytest.raises(IndexError, match="ids: expected ids from 0 to 298, got 299"):
        occurring(IDS, V - 1)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_parameters_and_noise_have_the_shapes_of_the_restricted_recipe(recipe):
    rows = occurring(IDS, V).rows
    smaller = restrict_recipe(recipe, rows)
    params = restrict_params(initialise(recipe, 1), recipe, rows)
    assert {name: p.shape for name, p in params.items()} == parameter_shapes(smaller)
    drawn = restrict_noise(draw_noise(recipe, T, B, seed=1, step=2), recipe, rows)
    assert {name: eps.shape for name, eps in drawn.items()} == noise_shapes(smaller, T, B)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_drawing_the_rows_alone_gives_the_numbers_of_drawing_all(recipe, dtype):
    rows = occurring(IDS, V).rows
    all_drawn = draw_noise(recipe, T, B, seed=1, step=2, dtype=dtype)
    drawn = draw_occurring(
        recipe,
        rows,
        T,
        B,
        seed=1,
        step=2,
        dtype=dtype,
        normal=noise.normal,
        bernoulli=noise.bernoulli,
        normal_rows=noise.normal_rows,
    )
    expected = restrict_noise(all_drawn, recipe, rows)
    assert drawn.keys() == expected.keys()
    assert all(np.array_equal(drawn[name], expected[name]) for name in expected)


@pytest.mark.parametrize("shape", [(V,), (V, 4, 2)])
def test_gradients_go_back_to_their_rows(shape):
    rows = occurring(IDS, V).rows
    gradient = noise.normal(noise.Draw(1, "g"), (len(rows), *shape[1:]), "float32")
    whole = expand_rows(gradient, rows, shape)
    assert (whole.shape, whole.dtype) == (shape, gradient.dtype)
    assert np.array_equal(whole[rows], gradient)
    assert not whole[np.setdiff1d(np.arange(V), rows)].any()
