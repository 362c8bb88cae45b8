"""Draws and weights: shapes by the sharing table, values by hand, gradients summed over what shares a draw, pruning."""

import numpy as np
import pytest

from refimpl.compression.thresholds import alive_masks
from refimpl.models.letters import text_classifier, word_model
from refimpl.models.network import network_forward
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight
from refimpl.models.sample import (
    LRTWeight,
    draw_noise,
    mean_weights,
    noise_shapes,
    sample_backward,
    sample_forward,
)
from refimpl.noise import Draw, normal, uniform
from tests.models.small import B, E, H, T, V, language_model, run, small

CLASSIFIER = text_classifier("LLLLLL", vocabulary=V, embedding=E, size=H, classes=4)


def regressor(rate, gates):
    layer = Recurrent("lstm", H, Weight(), Weight(), dropout_x=rate, dropout_h=rate, dropout_gates=gates)
    embedding = Embedding(E, Weight(), dropout=rate)
    return Recipe("regressor", V, 1, (layer,), Output(Weight(), dropout=rate), embedding)


# --- what a draw is shared over -------------------------------------------------------------------------------------


def lstm_input(estimator, gate_noise="own"):
    recipe = language_model(estimator, output="deterministic")
    (layer,) = recipe.layers
    layer = layer._replace(W_x=layer.W_x._replace(gate_noise=gate_noise), W_h=Weight())
    return recipe._replace(layers=(layer,))


SHARING = [
    (lstm_input("deterministic"), {}),
    (lstm_input("rt"), {"lstm.W_x": (V, 4, H)}),
    (lstm_input("rt_object"), {"lstm.W_x": (B, V, 4, H)}),
    (lstm_input("lrt"), {"lstm.W_x": (T, B, 4, H)}),
    (lstm_input("lrt", "shared"), {"lstm.W_x": (T, B, 1, H)}),
    (lstm_input("lrt_shared"), {"lstm.W_x": (1, B, 4, H)}),
    (lstm_input("lrt_shared", "shared"), {"lstm.W_x": (1, B, 1, H)}),
    (language_model(output="rt"), {"output.W": (H, V)}),
    (language_model(output="rt_object"), {"output.W": (B, H, V)}),
    (language_model(output="lrt"), {"output.W": (T, B, V)}),
    (language_model(output="lrt_shared"), {"output.W": (1, B, V)}),
    (
        language_model(embedding=Embedding(E, Weight("rt"), z="ard"), z_x="ard", z_h="ard", z_gates="ard"),
        {
            "embedding.W": (V, E),
            "embedding.z": (B, V),
            "lstm.z_x": (B, E),
            "lstm.z_h": (B, H),
            "lstm.z_gates": (B, 4, H),
        },
    ),
    (language_model(z_x="ard"), {"lstm.z_x": (B, V)}),  # of a language model on symbols: z of the vocabulary
    (
        regressor(0.3, "own"),
        {
            "embedding.dropout": (B, V),
            "lstm.dropout_x": (B, 4, E),
            "lstm.dropout_h": (B, 4, H),
            "output.dropout": (B, H),
        },
    ),
    (
        regressor(0.3, "shared"),
        {
            "embedding.dropout": (B, V),
            "lstm.dropout_x": (B, 1, E),
            "lstm.dropout_h": (B, 1, H),
            "output.dropout": (B, H),
        },
    ),
    (regressor(0.0, "own"), {}),
    (
        CLASSIFIER,
        {
            "embedding.W": (V, E),
            "embedding.z": (B, V),
            "lstm.W_x": (E, 4, H),
            "lstm.W_h": (H, 4, H),
            "lstm.z_x": (B, E),
            "lstm.z_h": (B, H),
            "lstm.z_gates": (B, 4, H),
            "output.W": (1, B, 4),  # LRT on h_T: one step
        },
    ),
]


@pytest.mark.parametrize(("recipe", "shapes"), SHARING, ids=range(len(SHARING)))
def test_shapes_of_the_sharing_table(recipe, shapes):
    assert noise_shapes(recipe, T, B) == shapes
    drawn = draw_noise(recipe, T, B, seed=1, step=0)
    assert {name: eps.shape for name, eps in drawn.items()} == shapes


def test_a_second_layer_sees_the_first_ones_width():
    layers = tuple(
        Recurrent(name, size, Weight(), Weight(), z_x="ard", dropout_h=0.1, dropout_x=0.1)
        for name, size in (("lower", 3), ("upper", 5))
    )
    recipe = Recipe("language_model", V, V, layers, Output(Weight(), dropout=0.1))
    assert noise_shapes(recipe, T, B) == {
        "lower.z_x": (B, V),
        "upper.z_x": (B, 3),
        "lower.dropout_x": (B, 4, V),
        "lower.dropout_h": (B, 4, 3),
        "upper.dropout_x": (B, 4, 3),
        "upper.dropout_h": (B, 4, 5),
        "output.dropout": (B, 5),
    }


# --- draws ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_draw_is_the_named_one(dtype):
    drawn = draw_noise(CLASSIFIER, T, B, seed=5, step=3, dtype=dtype)
    for name, eps in drawn.items():
        assert eps.dtype == dtype
        assert np.array_equal(eps, normal(Draw(5, f"noise.{name}", 3), eps.shape, dtype)), name


def test_masks_are_kept_with_one_minus_the_rate():
    recipe = regressor(0.3, "own")._replace(vocabulary=4000)
    drawn = draw_noise(recipe, T, B, seed=5, step=3)
    kept = drawn["embedding.dropout"]
    assert set(np.unique(kept)) == {0.0, 1.0}
    assert abs(kept.mean() - 0.7) <= 5.0 * np.sqrt(0.3 * 0.7 / kept.size)
    shape = (B, 4, E)
    expected = uniform(Draw(5, "noise.lstm.dropout_x", 3), shape, "float32") < 0.7
    assert np.array_equal(drawn["lstm.dropout_x"], expected)


def test_steps_and_seeds_have_draws_of_their_own():
    one, again = (draw_noise(CLASSIFIER, T, B, seed=5, step=3) for _ in range(2))
    for other in (draw_noise(CLASSIFIER, T, B, seed=5, step=4), draw_noise(CLASSIFIER, T, B, seed=6, step=3)):
        for name, eps in one.items():
            assert np.array_equal(eps, again[name])
            assert not np.array_equal(eps, other[name])


# --- weights and gradients --------------------------------------------------------------------------------------------


def test_weights_by_hand():
    model = small(CLASSIFIER)
    weights, _ = sample_forward(model.params, model.drawn, CLASSIFIER)
    assert weights.keys() == {*model.drawn, "lstm.b", "output.b"}
    for name, eps in model.drawn.items():
        mu, log_sigma = model.params[f"{name}.mu"], model.params[f"{name}.log_sigma"]
        if name == "output.W":
            assert weights[name] == LRTWeight(mu, log_sigma, eps)
        else:
            assert np.array_equal(weights[name], mu + np.exp(log_sigma) * eps), name
    for name in ("lstm.b", "output.b"):
        assert weights[name] is model.params[name]


def test_vbd_multipliers_have_mean_one():
    recipe = regressor(0.25, "own")
    model = small(recipe)
    weights, _ = sample_forward(model.params, model.drawn, recipe)
    for name, kept in model.drawn.items():
        assert np.array_equal(weights[name], kept / 0.75)


def test_gradients_are_summed_over_what_shares_a_draw():
    """One draw a mini-batch: the gradient as it is. One an object: summed over the objects. VBD: nothing to train."""
    layer = Recurrent("lstm", H, Weight("rt"), Weight("rt_object"), z_h="ard", dropout_h=0.5)
    recipe = Recipe("language_model", V, V, (layer,), Output(Weight("lrt")))
    model = small(recipe)
    weights, cache = sample_forward(model.params, model.drawn, recipe)
    d = {name: normal(Draw(2, name), np.shape(value)) for name, value in weights.items() if name != "output.W"}
    dW = LRTWeight(normal(Draw(2, "mu"), (H, V)), normal(Draw(2, "log_sigma"), (H, V)), None)
    grads = sample_backward({**d, "output.W": dW}, cache)
    assert grads.keys() == model.params.keys()
    by_rt = ("lstm.W_x", "lstm.W_h", "lstm.z_h")
    noise = {name: np.exp(model.params[f"{name}.log_sigma"]) * model.drawn[name] for name in by_rt}
    assert np.array_equal(grads["lstm.W_x.mu"], d["lstm.W_x"])
    assert np.array_equal(grads["lstm.W_x.log_sigma"], d["lstm.W_x"] * noise["lstm.W_x"])
    for name in ("lstm.W_h", "lstm.z_h"):
        assert np.array_equal(grads[f"{name}.mu"], sum(d[name][b] for b in range(B)))
        by_object = sum(d[name][b] * noise[name][b] for b in range(B))
        assert np.max(np.abs(grads[f"{name}.log_sigma"] - by_object)) <= 1e-15 * B
    assert (grads["output.W.mu"], grads["output.W.log_sigma"]) == (dW.mu, dW.log_sigma)
    for name in ("lstm.b", "output.b"):
        assert grads[name] is d[name]


def test_other_noise_than_the_recipes_is_refused():
    model = small(CLASSIFIER)
    missing = {name: eps for name, eps in model.drawn.items() if name != "lstm.z_h"}
    with pytest.raises(ValueError, match=r"drawn: expected noise named \['embedding.W', .*'lstm.z_h'.*, got \["):
        sample_forward(model.params, missing, CLASSIFIER)
    with pytest.raises(ValueError, match="drawn: expected noise named"):
        sample_forward(model.params, model.drawn | {"lstm.z": np.zeros(3)}, CLASSIFIER)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("lstm.W_x", (B, E, 4, H), rf"lstm.W_x: expected shape \({E}, 4, {H}\)"),  # that of rt_object
        ("lstm.z_h", (H,), rf"lstm.z_h: expected shape \(B=5, {H}\), got \({H},\)"),  # one for all objects
        ("lstm.z_h", (1, H), rf"lstm.z_h: expected shape \(B=5, {H}\), got \(1, {H}\)"),
        ("lstm.z_gates", (B, 1, H), rf"lstm.z_gates: expected shape \(B=5, 4, {H}\), got"),
        ("output.W", (T, B, 4), r"output.W: expected shape \(1, B, 4\)"),
    ],
)
def test_noise_that_is_shared_otherwise_is_refused(name, shape, message):
    """Broadcasting would take these shapes, and would sample another model."""
    model = small(CLASSIFIER)
    with pytest.raises(ValueError, match=message):
        sample_forward(model.params, model.drawn | {name: np.zeros(shape)}, CLASSIFIER)


# --- means and pruning ------------------------------------------------------------------------------------------------


def by_hand_masks(params):
    """log alpha = 2 log sigma - log mu^2 < 3."""
    return {
        name.removesuffix(".mu"): 2.0 * params[name[:-2] + "log_sigma"] - np.log(params[name] ** 2) < 3.0
        for name in params
        if name.endswith(".mu")
    }


def some_pruned(recipe):
    """A model of which some entries of every Gaussian parameter are pruned and some are not."""
    model = small(recipe)
    params = dict(model.params)
    for name in [n for n in params if n.endswith("log_sigma")]:
        params[name] = params[name].copy()
        params[name].reshape(-1)[::3] = 4.0
    model = model._replace(params=params)
    alive = alive_masks(params)
    for name, mask in by_hand_masks(params).items():
        assert np.array_equal(alive[name], mask)
        assert 0.0 < mask.mean() < 1.0
    return model, alive


def test_means_and_pruned_means_by_hand():
    model, alive = some_pruned(CLASSIFIER)
    full, pruned = mean_weights(model.params, CLASSIFIER, B), mean_weights(model.params, CLASSIFIER, B, alive)
    assert full.keys() == pruned.keys() == {*model.drawn, "lstm.b", "output.b"}
    for name, mask in by_hand_masks(model.params).items():
        mu = model.params[f"{name}.mu"]
        for found, expected in ((full[name], mu), (pruned[name], np.where(mask, mu, 0.0))):
            if ".z" in name:  # one for every object
                assert found.shape == (B, *mu.shape)
                assert all(np.array_equal(row, expected) for row in found)
            else:
                assert np.array_equal(found, expected)
    assert pruned["lstm.b"] is model.params["lstm.b"]


def test_means_leave_dropout_and_noise_out():
    recipe = regressor(0.5, "own")
    model = small(recipe)
    weights = mean_weights(model.params, recipe, B)
    assert weights.keys() == model.params.keys()
    for name, value in weights.items():
        assert value is model.params[name]


def test_a_pruned_sample():
    """What is pruned is 0 in every draw; of an LRT matrix mean and variance."""
    model, alive = some_pruned(CLASSIFIER)
    weights, cache = sample_forward(model.params, model.drawn, CLASSIFIER, alive)
    plain, _ = sample_forward(model.params, model.drawn, CLASSIFIER)
    for name, mask in alive.items():
        if name == "output.W":
            assert np.array_equal(weights[name].mu, np.where(mask, plain[name].mu, 0.0))
            sigma = np.exp(weights[name].log_sigma)
            assert np.array_equal(sigma, np.where(mask, np.exp(plain[name].log_sigma), 0.0))
            assert weights[name].eps is plain[name].eps
        else:
            assert np.array_equal(weights[name], np.where(mask, plain[name], 0.0)), name
    with pytest.raises(ValueError, match="alive: a pruned sample is for evaluation and has no backward pass"):
        sample_backward({}, cache)


def test_a_pruned_sample_of_an_lrt_output_is_that_of_the_small_matrix():
    """LRT with pruned entries draws from N(sum of kept h mu, sum of kept h^2 sigma^2 + floor)."""
    model, alive = some_pruned(CLASSIFIER)
    outputs = run(model, alive=alive)
    h = outputs.states[0].h
    mask, eps = alive["output.W"], model.drawn["output.W"][0]
    mu, log_sigma = model.params["output.W.mu"], model.params["output.W.log_sigma"]
    for b, k in np.ndindex(B, 4):
        kept = [j for j in range(H) if mask[j, k]]
        mean = model.params["output.b"][k] + sum(h[b, j] * mu[j, k] for j in kept)
        variance = sum((h[b, j] * np.exp(log_sigma[j, k])) ** 2 for j in kept)
        assert outputs.logits[b, k] == pytest.approx(mean + np.sqrt(variance + 1e-8) * eps[b, k], rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pruning_keeps_the_dtype(dtype):
    model = small(CLASSIFIER, dtype=dtype)
    alive = alive_masks(model.params)
    for weights in (
        mean_weights(model.params, CLASSIFIER, B, alive),
        sample_forward(model.params, model.drawn, CLASSIFIER, alive)[0],
    ):
        flat = [a for w in weights.values() for a in (w if isinstance(w, LRTWeight) else (w,))]
        assert {array.dtype.name for array in flat} == {dtype}
        assert network_forward(model.ids, weights, CLASSIFIER)[0].logits.dtype == dtype


RECIPES = {
    "classifier": CLASSIFIER,
    "language_model": language_model("rt", output="lrt_shared", z_x="rnn2018", z_h="rnn2018", z_gates="rnn2018"),
    "objects": language_model("rt_object", embedding=Embedding(E, Weight("rt_object"))),
    "lrt": language_model("lrt"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_model_whose_every_weight_is_pruned(name):
    """Only biases are left: every object and step has the same logits, those of the output's bias."""
    recipe = RECIPES[name]
    model = small(recipe)
    params = {n: np.full_like(v, 5.0) if n.endswith("log_sigma") else v for n, v in model.params.items()}
    alive = {n: np.zeros_like(mask) for n, mask in alive_masks(params).items()}
    if name == "classifier":
        assert not any(mask.any() for mask in alive_masks(params).values())
    outputs, _ = network_forward(model.ids, mean_weights(params, recipe, B, alive), recipe)
    assert np.array_equal(outputs.logits, np.broadcast_to(params["output.b"], outputs.logits.shape))
    weights, _ = sample_forward(params, model.drawn, recipe, alive)
    sampled = network_forward(model.ids, weights, recipe)[0].logits
    floor = 1.0001e-4 * np.max(np.abs(model.drawn["output.W"]))  # LRT leaves the root of its floor, 1e-4, times eps
    assert np.max(np.abs(sampled - params["output.b"])) <= (floor if "lrt" in recipe.output.weight.estimator else 0.0)


def test_no_two_quantities_share_a_draw():
    """Two layers of one size have matrices of one shape."""
    drawn = draw_noise(word_model("LLLL", vocabulary=7, sizes=(4, 4)), 3, 2, seed=0, step=0)
    assert drawn["lstm1.W_h"].shape == drawn["lstm2.W_h"].shape
    assert len({array.ravel()[:8].tobytes() for array in drawn.values()}) == len(drawn)
