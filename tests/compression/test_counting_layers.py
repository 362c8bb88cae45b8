"""The raw count of two layers, words that have a z, the threshold, and a model that is not the recipe's.

[COUNT.E1] [COUNT.E2] [COUNT.E4] [COUNT.E7]
"""

import numpy as np
import pytest

from refimpl.compression.counting import COMPRESSION_EPSILON, count
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight

GAUSSIAN = Weight("rt")
V, E, H = 4, 2, 3  # and a second layer of 2


def of(shape, *alive, log_alpha=6.0):
    """Means 1, log alpha 6 but -6 where a place is alive."""
    log_sigma = np.full(shape, 0.5 * log_alpha)
    for place in alive:
        log_sigma[place] = -3.0
    return np.ones(shape), log_sigma


def model(entries, *layers, embedding=None):
    params = {}
    for name, (mu, log_sigma) in entries.items():
        params |= {f"{name}.mu": mu, f"{name}.log_sigma": log_sigma}
    return params, Recipe("language_model", V, V, layers, Output(GAUSSIAN), embedding)


def two_layers(**options):
    """Symbol 0 -> neuron 0 of a -> neuron 1 of b -> the output; z of b's input 0 is dead where there is one."""
    entries = {
        "a.W_x": of((V, 4, H), (0, 0, 0)),
        "a.W_h": of((H, 4, H)),
        "b.W_x": of((H, 4, 2), (0, 1, 1)),
        "b.W_h": of((2, 4, 2)),
        "output.W": of((2, V), (1, 0)),
    }
    if "z_x" in options:
        entries["b.z_x"] = of((H,), 1, 2)
    return model(entries, Recurrent("a", H, GAUSSIAN, GAUSSIAN), Recurrent("b", 2, GAUSSIAN, GAUSSIAN, **options))


def test_raw_neurons_of_a_lower_layer_are_judged_by_the_weights_that_read_them():
    found = count(*two_layers(z_x="ard"), "raw")
    assert found.masks["a.neurons"].tolist() == [True, False, False]  # by its row of b.W_x, whatever z says
    assert found.masks["b.inputs"].tolist() == [False, True, True]  # by z alone
    assert count(*two_layers(z_x="ard"), "propagated").masks["a.neurons"].tolist() == [False, False, False]


def test_raw_inputs_of_an_upper_layer_do_not_look_at_the_layer_below():
    params, recipe = two_layers()
    recipe = recipe._replace(layers=(recipe.layers[0]._replace(z_h="ard"), recipe.layers[1]))
    mu, log_sigma = of((H,), 1, 2)  # z of neuron 0 is dead
    params |= {"a.z_h.mu": mu, "a.z_h.log_sigma": log_sigma}
    assert count(params, recipe, "raw").masks["b.inputs"].tolist() == [True, False, False]
    assert count(params, recipe, "propagated").masks["b.inputs"].tolist() == [False, False, False]


def words_with_z():
    """Word 0 is alive by its z and its row, 1 by its z alone, 2 by its row alone, 3 by neither."""
    entries = {
        "embedding.W": of((V, E), (0, 0), (2, 0)),
        "embedding.z": of((V,), 0, 1),
        "lstm.W_x": of((E, 4, H), (0, 0, 0)),
        "lstm.W_h": of((H, 4, H)),
        "output.W": of((H, V), (0, 0)),
    }
    return model(entries, Recurrent("lstm", H, GAUSSIAN, GAUSSIAN), embedding=Embedding(E, GAUSSIAN, z="ard"))


def test_a_word_with_a_z_is_judged_by_it_and_in_the_fixpoint_by_its_row_too():
    words = {method: count(*words_with_z(), method).masks["vocabulary"] for method in ("raw", "propagated", "fixpoint")}
    assert words["raw"].tolist() == words["propagated"].tolist() == [True, True, False, False]
    assert words["fixpoint"].tolist() == [True, False, False, False]


def test_compression_is_all_over_what_is_left():
    found = count(*words_with_z(), "raw")
    total = V * E + E * 4 * H + H * 4 * H + H * V
    assert found.compression == total / (4 + COMPRESSION_EPSILON)


def test_the_threshold_is_the_one_that_is_given():
    params, recipe = two_layers()
    assert count(params, recipe, "raw").matrices["a.W_x"] == (1, 48)
    assert count(params, recipe, "raw", threshold=6.5).matrices["a.W_x"] == (48, 48)
    assert count(params, recipe, "raw", -7.0).matrices["a.W_x"] == (0, 48)


@pytest.mark.parametrize("make", [two_layers, words_with_z])
def test_a_matrix_of_another_shape_is_refused_by_its_name(make):
    params, recipe = make()
    for name in params:
        if name.endswith(".mu"):
            base = name.removesuffix(".mu")
            for axis in range(params[name].ndim):
                wider = {f"{base}.{part}": np.repeat(params[f"{base}.{part}"], 2, axis) for part in ("mu", "log_sigma")}
                with pytest.raises(ValueError, match=rf"^{base}: expected shape \([\d, ]+\), got \([\d, ]+\)$"):
                    count(params | wider, recipe, "raw")


def test_mu_and_log_sigma_of_two_shapes_are_refused_by_name():
    params, recipe = two_layers()
    params["a.W_x.log_sigma"] = params["a.W_x.log_sigma"][:, :, :1]
    with pytest.raises(ValueError, match=r"^a\.W_x\.log_sigma: expected shape \(4, 4, 3\), got \(4, 4, 1\)$"):
        count(params, recipe, "raw")
