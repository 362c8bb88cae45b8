"""Where a run starts from: an earlier run's weights as means (S004), and starting values in place of the recipe's."""

import numpy as np
import pytest

from refimpl.data.labelled import TextCorpus, Texts
from refimpl.data.text import sorted_vocabulary
from refimpl.data.word_vectors import vectors_of_texts
from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.starts import TEXTS, Starts, check_starts, start_from, starting_parameters
from refimpl.models.parameters import initialise
from refimpl.training.problem import Problem
from refimpl.training.setup import Setup


def recipe_of(name, configuration, classes=2):
    return build_recipe(EXPERIMENTS[name], configuration, EXPERIMENTS[name].presets["smoke"], 11, classes)


def setup_of(recipe):
    return Setup(recipe, None, None, seed=3)


def test_weights_of_an_earlier_run_become_the_means_and_the_rest_starts_anew():
    earlier = initialise(recipe_of("char-ptb-2017", "vbd"), seed=1)
    earlier["lstm.h0"][...] = 0.25
    recipe = recipe_of("char-ptb-2017", "sparsevd")
    params, fresh = start_from(earlier, recipe, seed=3), initialise(recipe, seed=3)
    for name in ("lstm.W_x", "lstm.W_h", "output.W"):
        np.testing.assert_array_equal(params[f"{name}.mu"], earlier[name])
        np.testing.assert_array_equal(params[f"{name}.log_sigma"], fresh[f"{name}.log_sigma"])
    np.testing.assert_array_equal(params["lstm.h0"], earlier["lstm.h0"])


def test_a_start_is_a_copy():
    earlier = initialise(recipe_of("char-ptb", "LCCL"), seed=1)
    params = start_from(earlier, recipe_of("char-ptb", "LCCL"), seed=3)
    params["lstm.W_h.mu"][...] = 7.0
    assert not (earlier["lstm.W_h.mu"] == 7.0).any()


def test_a_model_of_another_shape_or_without_a_common_matrix_is_refused():
    recipe = recipe_of("char-ptb", "LCCL")
    with pytest.raises(ValueError, match="start: lstm.W_x.mu has shape .* the earlier run's lstm.W_x .*"):
        start_from({"lstm.W_x": np.zeros((2, 4, 3), "float32")}, recipe, seed=3)
    with pytest.raises(ValueError, match="no matrix of this one"):
        start_from({"lstm.b": initialise(recipe, 1)["lstm.b"]}, recipe, seed=3)


def test_output_log_sigma_fills_the_output_layer_alone():
    recipe = recipe_of("imdb", "LLLCCL")
    plain, asked = (starting_parameters(setup_of(recipe), starts) for starts in (Starts(), Starts(None, -1.5)))
    assert (asked["output.W.log_sigma"] == np.float32(-1.5)).all()
    for name in plain.keys() - {"output.W.log_sigma"}:
        np.testing.assert_array_equal(asked[name], plain[name])


def corpus_of(texts, symbols):
    ids = np.array(texts, dtype=np.int32)
    part = Texts(ids, ids > 0, np.zeros(len(ids), np.int32))
    return TextCorpus(part, part, part, sorted_vocabulary(symbols), ("no", "yes"))


def test_word_vectors_of_the_texts_are_the_means_of_the_words_that_occur():
    recipe = recipe_of("imdb", "LLLCCL")
    size = recipe.embedding.size
    corpus = corpus_of(np.random.default_rng(0).integers(0, 10, (40, 9)), "abcdefghijk")
    setup = setup_of(recipe)._replace(problem=Problem("texts", corpus, "accuracy", 4, 9))
    params, plain = starting_parameters(setup, Starts(TEXTS)), starting_parameters(setup)
    vectors, found = vectors_of_texts(corpus.train, 11, size)
    np.testing.assert_array_equal(found, [False, *[True] * 9, False])
    np.testing.assert_array_equal(params["embedding.W.mu"][found], vectors[found].astype("float32"))
    np.testing.assert_array_equal(params["embedding.W.mu"][~found], plain["embedding.W.mu"][~found])
    np.testing.assert_array_equal(params["embedding.W.log_sigma"], plain["embedding.W.log_sigma"])


def test_word_vectors_of_a_file_go_to_the_rows_of_their_words(tmp_path):
    recipe = recipe_of("imdb", "DCDCCD")
    size = recipe.embedding.size
    file = tmp_path / "vectors.txt"
    file.write_text(f"b {' '.join(['0.5'] * size)}\nzebra {' '.join(['9'] * size)}\n")
    corpus = corpus_of([[1, 2, 3]], "abcdefghijk")
    setup = setup_of(recipe)._replace(problem=Problem("texts", corpus, "accuracy", 1, 3))
    params, plain = starting_parameters(setup, Starts(str(file))), starting_parameters(setup)
    assert (params["embedding.W"][1] == 0.5).all()
    others = np.arange(11) != 1
    np.testing.assert_array_equal(params["embedding.W"][others], plain["embedding.W"][others])


@pytest.mark.parametrize(
    ("experiment", "configuration", "starts", "message"),
    [
        ("imdb", "DCDCCD", Starts(None, -1.5), "output_log_sigma: .* posterior; got -1.5"),
        ("imdb", "LLLCCL", Starts(None, float("nan")), "output_log_sigma: .* finite number"),
        ("char-ptb", "LCCL", Starts(TEXTS), "word_vectors: .* embedding .*; got 'texts'"),
        ("imdb", "LLLCCL", Starts("nowhere.txt"), "word_vectors: expected 'texts' or the path .*nowhere.txt"),
    ],
)
def test_a_starting_value_that_the_model_cannot_have_is_refused(experiment, configuration, starts, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        check_starts(starts, recipe_of(experiment, configuration))
