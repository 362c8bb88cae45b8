"""Recipes by letters: every combination builds and has the expected parameters, and gradients like its parameters."""

import itertools

import numpy as np
import pytest

from refimpl.models.letters import (
    CLASSIFIER_POSITIONS,
    LANGUAGE_MODEL_POSITIONS,
    character_model,
    text_classifier,
    word_model,
)
from refimpl.models.parameters import initialise, matrices, parameter_shapes, priors
from refimpl.models.sample import draw_noise
from refimpl.training.batches import Batch
from refimpl.training.elbo import elbo_step

T, B, V, E, H, H2, K = 2, 2, 5, 3, 4, 6, 7
LEGAL = {"weights": "DLN", "z": "CL", "input and hidden z": "CLIR"}
LM_LEGAL = [LEGAL[p] for p in ("weights", "z", "input and hidden z", "weights")]
CLASSIFIER_LEGAL = [LEGAL[p] for p in ("weights", "z", "weights", "z", "input and hidden z", "weights")]
LM_LETTERS = ["".join(letters) for letters in itertools.product(*LM_LEGAL)]
CLASSIFIER_LETTERS = ["".join(letters) for letters in itertools.product(*CLASSIFIER_LEGAL)]


def weight_shapes(name, letter, shape):
    return {name: shape} if letter == "D" else {f"{name}.mu": shape, f"{name}.log_sigma": shape}


def lstm_shapes(name, letters, inputs, size):
    """letters: of the weights, of the gates' z, of the input and hidden z."""
    weights, gates, states = letters
    shapes = weight_shapes(f"{name}.W_x", weights, (inputs, 4, size))
    shapes |= weight_shapes(f"{name}.W_h", weights, (size, 4, size))
    if states in "LI":
        shapes |= weight_shapes(f"{name}.z_x", "L", (inputs,))
    if states in "LR":
        shapes |= weight_shapes(f"{name}.z_h", "L", (size,))
    if gates == "L":
        shapes |= weight_shapes(f"{name}.z_gates", "L", (4, size))
    return shapes | {f"{name}.b": (4, size)}


def language_model_shapes(letters, sizes):
    names = ["lstm"] if len(sizes) == 1 else [f"lstm{i}" for i in range(1, len(sizes) + 1)]
    shapes = {}
    for name, inputs, size in zip(names, (V, *sizes), sizes, strict=False):
        shapes |= lstm_shapes(name, letters[:3], inputs, size)
    return shapes | weight_shapes("output.W", letters[3], (sizes[-1], V)) | {"output.b": (V,)}


def classifier_shapes(letters, classes):
    shapes = weight_shapes("embedding.W", letters[0], (V, E))
    if letters[1] == "L":
        shapes |= weight_shapes("embedding.z", "L", (V,))
    shapes |= lstm_shapes("lstm", letters[2:5], E, H)
    return shapes | weight_shapes("output.W", letters[5], (H, classes)) | {"output.b": (classes,)}


def language_models(letters):
    yield character_model(letters, vocabulary=V, size=H), (H,)
    yield word_model(letters, vocabulary=V, sizes=(H, H2)), (H, H2)


def assert_parameters_and_gradients(recipe, expected):
    """The same names, shapes, dtype and order of parameters and gradients."""
    assert parameter_shapes(recipe) == expected
    params = initialise(recipe, seed=1)
    assert {name: value.shape for name, value in params.items()} == expected
    labels = (T, B) if recipe.task == "language_model" else (B,)
    batch = Batch(np.arange(T * B).reshape(T, B), np.zeros(labels, int), None)
    drawn = draw_noise(recipe, T, B, seed=1, step=0)
    grads = elbo_step(params, drawn, batch, recipe, n_terms=10).grads
    assert list(grads) == list(params)
    assert {name: grad.shape for name, grad in grads.items()} == expected
    assert {grad.dtype.name for grad in grads.values()} == {"float32"}


@pytest.mark.parametrize("first", "DLN")
def test_every_language_model(first):
    for letters in (word for word in LM_LETTERS if word[0] == first):
        for recipe, sizes in language_models(letters):
            assert_parameters_and_gradients(recipe, language_model_shapes(letters, sizes))


@pytest.mark.parametrize("first", "DLN")
def test_every_classifier(first):
    for index, letters in enumerate(word for word in CLASSIFIER_LETTERS if word[0] == first):
        classes = (1, K)[index % 2]
        recipe = text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=classes)
        assert_parameters_and_gradients(recipe, classifier_shapes(letters, classes))


def test_more_layers_and_fewer():
    recipe = character_model("LLLL", vocabulary=V, size=H, layers=3)
    assert_parameters_and_gradients(recipe, language_model_shapes("LLLL", (H, H, H)))
    recipe = word_model("DCID", vocabulary=V, sizes=(H,))
    assert_parameters_and_gradients(recipe, language_model_shapes("DCID", (H,)))


def test_there_are_as_many_as_letters_allow():
    assert len(LM_LETTERS) == 3 * 2 * 4 * 3
    assert len(CLASSIFIER_LETTERS) == 3 * 2 * 3 * 2 * 4 * 3


def build(model, letters):
    if model is text_classifier:
        return model(letters, vocabulary=V, embedding=E, size=H, classes=1)
    return model(letters, vocabulary=V, **({"size": H} if model is character_model else {"sizes": (H,)}))


@pytest.mark.parametrize(
    ("model", "legal", "positions"),
    [
        (character_model, LM_LEGAL, LANGUAGE_MODEL_POSITIONS),
        (word_model, LM_LEGAL, LANGUAGE_MODEL_POSITIONS),
        (text_classifier, CLASSIFIER_LEGAL, CLASSIFIER_POSITIONS),
    ],
)
def test_an_illegal_letter_is_named_with_its_position(model, legal, positions):
    correct = "".join(letters[0] for letters in legal)
    build(model, correct)
    for i, letters in enumerate(legal):
        for letter in set("DLNCIRdlX ") - set(letters):
            wrong = correct[:i] + letter + correct[i + 1 :]
            message = rf"letters: position {i} \({positions[i]}\) expected one of .*{letters[-1]}, got '{letter}' in"
            with pytest.raises(ValueError, match=message):
                build(model, wrong)
    for wrong in ("", correct[1:], correct + "D"):
        with pytest.raises(ValueError, match=f"letters: expected {len(legal)} letters .*{positions[0]}, .* got"):
            build(model, wrong)


@pytest.mark.parametrize(("letter", "prior"), [("L", "rnn2018"), ("N", "standard_normal")])
def test_the_prior_of_a_letter(letter, prior):
    """z is log-uniform whatever the weights' prior is."""
    recipe = character_model(f"{letter}LL{letter}", vocabulary=V, size=H)
    assert priors(recipe) == {
        "lstm.W_x": prior,
        "lstm.W_h": prior,
        "output.W": prior,
        "lstm.z_x": "rnn2018",
        "lstm.z_h": "rnn2018",
        "lstm.z_gates": "rnn2018",
    }


@pytest.mark.parametrize("letter", "LN")
def test_another_prior_of_the_weights(letter):
    letters = f"{letter}L{letter}LL{letter}"
    recipe = text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=1, weight_prior="ard")
    assert {name for name, prior in priors(recipe).items() if prior == "ard"} == matrices(recipe).keys()
    assert {prior for name, prior in priors(recipe).items() if ".z" in name} == {"rnn2018"}
    for recipe in (
        character_model(f"{letter}CC{letter}", vocabulary=V, size=H, weight_prior="ard"),
        word_model(f"{letter}CC{letter}", vocabulary=V, sizes=(H,), weight_prior="ard"),
    ):
        assert set(priors(recipe).values()) == {"ard"}


def estimators(recipe):
    return {name: matrix.weight.estimator for name, matrix in matrices(recipe).items()}


def test_which_trick_samples_which_matrix():
    """2018 code: RT for all but the output of the character model (LRT, shared over time) and of classifiers (LRT)."""
    character = estimators(character_model("LCCL", vocabulary=V, size=H))
    assert character == {"lstm.W_x": "rt", "lstm.W_h": "rt", "output.W": "lrt_shared"}
    word = estimators(word_model("LCCL", vocabulary=V, sizes=(H, H)))
    assert set(word.values()) == {"rt"}
    assert len(word) == 5
    classifier = estimators(text_classifier("LCLCCL", vocabulary=V, embedding=E, size=H, classes=1))
    assert classifier == {"embedding.W": "rt", "lstm.W_x": "rt", "lstm.W_h": "rt", "output.W": "lrt"}
    mixed = estimators(text_classifier("DCLCCD", vocabulary=V, embedding=E, size=H, classes=1))
    assert mixed == {
        "embedding.W": "deterministic",
        "lstm.W_x": "rt",
        "lstm.W_h": "rt",
        "output.W": "deterministic",
    }


def initialisers(recipe):
    return {name: (m.weight.init, m.weight.init_scale) for name, m in matrices(recipe).items()}


@pytest.mark.parametrize("letter", "DL")
def test_what_the_2018_code_starts_from(letter):
    character = character_model(f"{letter}CC{letter}", vocabulary=V, size=H)
    word = word_model(f"{letter}CC{letter}", vocabulary=V, sizes=(H,))
    classifier = text_classifier(f"{letter}C{letter}CC{letter}", vocabulary=V, embedding=E, size=H, classes=1)
    for recipe in (character, word):
        assert set(initialisers(recipe).values()) == {("orthogonal", 1.0)}
    assert initialisers(classifier) == {
        "embedding.W": ("uniform", 0.05),
        "lstm.W_x": ("glorot_uniform", 1.0),
        "lstm.W_h": ("orthogonal", 1.1),
        "output.W": ("glorot_uniform", 1.0),
    }
    assert [recipe.layers[0].forget_bias for recipe in (character, word, classifier)] == [0.0, 1.0, 1.0]
    gates = [recipe.layers[0].gates for recipe in (character, word, classifier)]
    assert gates == ["sigmoid", "sigmoid", "hard_sigmoid"]
    assert [recipe.probability_clip for recipe in (character, word, classifier)] == [None, None, 1e-6]
    for recipe in (character, word, classifier):
        assert (recipe.log_sigma_init, recipe.log_alpha_clip, recipe.var_floor) == (-3.0, 8.0, 1e-8)
        assert not recipe.layers[0].trainable_state
        assert recipe.layers[0].peephole is None


def test_a_regressor_by_letters():
    recipe = text_classifier("LCLCCL", vocabulary=V, embedding=E, size=H, classes=1, task="regressor")
    assert (recipe.task, recipe.probability_clip) == ("regressor", None)
    assert parameter_shapes(recipe) == classifier_shapes("LCLCCL", 1)
