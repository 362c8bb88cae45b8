"""What the loss is put together from: the engine's own layers, rows of the vocabulary, the mask, sums in double.

[ELBO.F1] [ELBO.B1]
"""

import inspect

import numpy as np
import pytest

from refimpl.models.layers import REFERENCE_LAYERS
from refimpl.models.letters import text_classifier, word_model
from refimpl.models.occurring import occurring, restrict_noise
from refimpl.models.recipe import Recipe, Weight
from refimpl.models.sample import draw_noise
from refimpl.training.batches import Batch
from refimpl.training.elbo import elbo_step, kl_divergence
from refimpl.training.engine import REFERENCE
from tests.training import tiny

V, T, B, N = 300, 5, 3, 17
WORDS = word_model("LLLL", vocabulary=V, sizes=(3, 2))
TEXTS = text_classifier("LLLLLL", vocabulary=V, embedding=4, size=3, classes=3)
RECIPES = {
    "words": WORDS,
    "texts": TEXTS,
    "words, deterministic": word_model("DCCD", vocabulary=V, sizes=(3,)),
    "texts, deterministic": text_classifier("DCDCCD", vocabulary=V, embedding=4, size=3, classes=3),
}


def given(recipe: Recipe, dtype="float64"):
    """Parameters, noise and a batch; classifiers have padding on the left."""
    x = tiny.drawn_ids("x", T, B, stop=V)
    if recipe.task == "language_model":
        batch = Batch(x, tiny.drawn_ids("y", T, B, stop=V))
    else:
        batch = Batch(x, tiny.drawn_ids("y", B, stop=3), np.arange(T)[:, None] >= np.array([0, 1, 3]))
    return tiny.random_params(recipe, dtype=dtype), draw_noise(recipe, T, B, seed=2, step=5, dtype=dtype), batch


@pytest.mark.parametrize("name", RECIPES)
def test_the_rows_that_occur_give_the_step_of_the_whole_vocabulary(name):
    recipe = RECIPES[name]
    params, drawn, batch = given(recipe)
    rows, places = occurring(batch.x, V)
    whole = elbo_step(params, drawn, batch, recipe, n_terms=N)
    few = elbo_step(params, restrict_noise(drawn, recipe, rows), batch._replace(x=places), recipe, n_terms=N, rows=rows)
    assert few.loss.total == pytest.approx(whole.loss.total, rel=1e-14)
    assert few.grads.keys() == whole.grads.keys()
    for name_, grad in whole.grads.items():
        np.testing.assert_allclose(few.grads[name_], grad, rtol=0.0, atol=1e-14 * np.abs(grad).max())


def test_only_the_rows_that_occur_are_computed_with():
    seen = []

    def look_up(ids, W):
        seen.append(W.shape)
        return REFERENCE_LAYERS.embedding_forward(ids, W)

    engine = REFERENCE._replace(layers=REFERENCE_LAYERS._replace(embedding_forward=look_up))
    params, drawn, batch = given(TEXTS)
    rows, places = occurring(batch.x, V)
    drawn = restrict_noise(drawn, TEXTS, rows)
    elbo_step(params, drawn, batch._replace(x=places), TEXTS, n_terms=N, rows=rows, engine=engine)
    assert seen == [(len(rows), 4)]


def recording(called):
    """The reference's layers, each of which notes that it was called."""

    def noting(name, function):
        def call(*args, **kwargs):
            called.add(name)
            return function(*args, **kwargs)

        return call

    functions = {name: value for name, value in REFERENCE_LAYERS._asdict().items() if inspect.isfunction(value)}
    return REFERENCE_LAYERS._replace(**{name: noting(name, value) for name, value in functions.items()})


def test_every_function_of_a_step_is_the_engines_own():
    """Of both passes: a classifier looks its words up, a language model is given tokens."""
    called = set()
    for recipe in (TEXTS, TEXTS._replace(output=TEXTS.output._replace(weight=Weight("lrt"))), WORDS):
        elbo_step(*given(recipe), recipe, n_terms=N, engine=REFERENCE._replace(layers=recording(called)))
    assert called == {name for name, value in REFERENCE_LAYERS._asdict().items() if inspect.isfunction(value)}


def test_padding_does_not_matter_and_what_is_not_padding_does():
    params, drawn, batch = given(TEXTS)
    first = elbo_step(params, drawn, batch, TEXTS, n_terms=N).loss.nll
    padded, real = batch.x.copy(), batch.x.copy()
    padded[0, 1], real[1, 1] = (padded[0, 1] + 1) % V, (real[1, 1] + 1) % V
    assert elbo_step(params, drawn, batch._replace(x=padded), TEXTS, n_terms=N).loss.nll == first
    assert elbo_step(params, drawn, batch._replace(x=real), TEXTS, n_terms=N).loss.nll != first


def test_a_language_model_takes_no_padding():
    params, drawn, batch = given(WORDS)
    batch = batch._replace(mask=np.ones((T, B), bool))
    with pytest.raises(ValueError, match=r"^batch\.mask: a language model scores every step, so it takes no padding"):
        elbo_step(params, drawn, batch, WORDS, n_terms=N)


def test_one_likelihood_term_is_enough():
    params, drawn, batch = given(TEXTS)
    step = elbo_step(params, drawn, batch, TEXTS, n_terms=1)
    assert step.loss.total == step.loss.nll + step.loss.kl


def test_the_kl_of_single_precision_is_summed_in_double():
    params, _, _ = given(WORDS, "float32")
    kl, by_name = kl_divergence(params, WORDS)
    assert {np.asarray(part).dtype.name for part in (kl, *by_name.values())} == {"float64"}
    assert isinstance(kl_divergence({}, RECIPES["words, deterministic"])[0], float)
