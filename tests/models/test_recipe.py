"""Recipes that cannot be built: every message names the field, what was expected and what was found."""

import math

import pytest

from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.models.parameters import INITIALISE
from refimpl.models.recipe import INITIALISERS, PRIORS, Embedding, Output, Recipe, Recurrent, Weight, check_recipe

RT, LRT = Weight("rt"), Weight("lrt_shared")
LAYER = Recurrent("lstm", 3, RT, RT)
RECIPE = Recipe("language_model", 5, 5, (LAYER,), Output(RT), Embedding(4, RT))
REGRESSOR = RECIPE._replace(task="regressor", outputs=1)


def with_layer(**fields):
    return RECIPE._replace(layers=(LAYER._replace(**fields),))


def with_embedding(**fields):
    return RECIPE._replace(embedding=RECIPE.embedding._replace(**fields))


def with_output(**fields):
    return RECIPE._replace(output=RECIPE.output._replace(**fields))


def test_a_recipe_that_can_be_built_is_given_back():
    for recipe in (RECIPE, REGRESSOR, RECIPE._replace(embedding=None)):
        assert check_recipe(recipe) is recipe


BAD = [
    (
        RECIPE._replace(task="tagger"),
        r"task: expected one of 'language_model', 'classifier', 'regressor', got 'tagger'",
    ),
    (RECIPE._replace(layers=()), "layers: expected at least one recurrent layer, got none"),
    (RECIPE._replace(layers=(LAYER, LAYER)), r"layers: expected distinct names .*\['lstm', 'lstm'\]"),
    (with_layer(name="output"), r"layers: expected distinct names other than embedding and output, got \['output'\]"),
    (with_layer(name="embedding"), "layers: expected distinct names"),
    (REGRESSOR._replace(outputs=2), "outputs: a regressor has 1, got 2"),
    (RECIPE._replace(vocabulary=0), "vocabulary: expected an integer of at least 1, got 0"),
    (RECIPE._replace(vocabulary=5.0), "vocabulary: expected an integer of at least 1, got 5.0"),
    (RECIPE._replace(outputs=-1), "outputs: expected an integer of at least 1, got -1"),
    (with_embedding(size=0), "embedding.size: expected an integer of at least 1, got 0"),
    (with_embedding(dropout=1.0), r"embedding.dropout: expected a dropout rate in \[0, 1\), got 1.0"),
    (with_embedding(z="laplace"), "embedding.z: expected one of None, 'log_uniform'.*got 'laplace'"),
    (with_embedding(weight=Weight("lrt")), "embedding.estimator: expected one of .*'rt_object', got 'lrt'"),
    (with_layer(size=0), "lstm.size: expected an integer of at least 1, got 0"),
    (with_layer(dropout_x=-0.1), "lstm.dropout_x: expected a dropout rate"),
    (with_layer(dropout_h=math.nan), "lstm.dropout_h: expected a dropout rate .*got nan"),
    (with_layer(W_x=LRT, dropout_x=0.3), "lstm.dropout_x: expected 0 with LRT on W_x, got 0.3"),
    (with_layer(dropout_gates="each"), "lstm.dropout_gates: expected one of 'own', 'shared', got 'each'"),
    (with_layer(z_x="laplace"), "lstm.z_x: expected one of"),
    (with_layer(z_h="laplace"), "lstm.z_h: expected one of"),
    (with_layer(z_gates="laplace"), "lstm.z_gates: expected one of"),
    (with_layer(gates="tanh"), "lstm.gates: expected one of 'sigmoid', 'hard_sigmoid', got 'tanh'"),
    (with_layer(peephole="h"), "lstm.peephole: expected one of None, 'c_prev', 'c', got 'h'"),
    (with_layer(W_x=Weight("flipout")), "lstm.W_x.estimator: expected one of 'deterministic'.*got 'flipout'"),
    (with_layer(W_h=Weight("lrt")), "lstm.W_h.estimator: expected one of .*got 'lrt'"),
    (with_layer(W_h=Weight("lrt_shared")), "lstm.W_h.estimator: expected one of .*got 'lrt_shared'"),
    (with_layer(W_x=RT._replace(prior="laplace")), "lstm.W_x.prior: expected one of 'log_uniform'.*got 'laplace'"),
    (with_layer(W_x=RT._replace(prior=None)), "lstm.W_x.prior: expected one of 'log_uniform'.*got None"),
    (with_layer(W_x=LRT._replace(gate_noise="two")), "lstm.W_x.gate_noise: expected one of 'own', 'shared', got 'two'"),
    (with_layer(W_x=RT._replace(gate_noise="shared")), "lstm.W_x.gate_noise: expected one of 'own', got 'shared'"),
    (with_output(weight=LRT._replace(gate_noise="shared")), "output.gate_noise: expected one of 'own', got 'shared'"),
    (with_layer(W_h=RT._replace(init="zeros")), "lstm.W_h.init: expected one of 'orthogonal'.*got 'zeros'"),
    (with_output(dropout=2), "output.dropout: expected a dropout rate"),
    (with_output(weight=Weight("flipout")), "output.estimator: expected one of .*'lrt', 'lrt_shared', got 'flipout'"),
    (REGRESSOR._replace(output=Output(LRT)), "output.estimator: expected one of .*'lrt', got 'lrt_shared'"),
    (REGRESSOR._replace(probability_clip=1e-6), "probability_clip: expected None for a regressor, got 1e-06"),
    (RECIPE._replace(probability_clip=0.5), "probability_clip: expected None or a number between 0 and 0.5, got 0.5"),
    (RECIPE._replace(probability_clip=0.0), "probability_clip: expected None or a number between 0 and 0.5, got 0.0"),
]


@pytest.mark.parametrize(("recipe", "message"), BAD, ids=[message[:30] for _, message in BAD])
def test_a_recipe_that_cannot_be_built(recipe, message):
    with pytest.raises(ValueError, match=message):
        check_recipe(recipe)


def test_a_layer_is_named_in_the_message():
    second = LAYER._replace(name="lstm2", size=-4)
    with pytest.raises(ValueError, match="lstm2.size: expected an integer of at least 1, got -4"):
        check_recipe(RECIPE._replace(layers=(LAYER, second)))


def test_the_names_here_are_those_of_the_tables():
    assert set(PRIORS) == set(KL_DIVERGENCES)
    assert set(INITIALISERS) == set(INITIALISE)
