"""Names, shapes, starting values: orthogonal and uniform matrices gate by gate, z at 1, the kept share at the start."""

import math

import numpy as np
import pytest
from scipy import stats

from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD, alive_masks
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.parameters import check_params, initialise, matrices, parameter_shapes
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight

V, E, H = 40, 30, 12
LANGUAGE_MODEL = word_model("LLLL", vocabulary=V, sizes=(H,))
CLASSIFIER = text_classifier("LLLLLL", vocabulary=V, embedding=E, size=H, classes=5)
FULL = Recipe(
    "language_model",
    7,
    7,
    (
        Recurrent("a", 3, Weight("lrt"), Weight(), z_gates="ard", peephole="c", forget_bias=0.5, trainable_state=True),
        Recurrent("b", 2, Weight(), Weight("rt"), z_x="ard", z_h="ard", peephole="c_prev", forget_bias=-1.5),
    ),
    Output(Weight("rt_object")),
    Embedding(4, Weight(), z="ard"),
    log_sigma_init=-2.25,
)


def test_names_and_shapes_of_everything_at_once():
    assert parameter_shapes(FULL) == {
        "embedding.W": (7, 4),
        "a.W_x.mu": (4, 4, 3),
        "a.W_x.log_sigma": (4, 4, 3),
        "a.W_h": (3, 4, 3),
        "b.W_x": (3, 4, 2),
        "b.W_h.mu": (2, 4, 2),
        "b.W_h.log_sigma": (2, 4, 2),
        "output.W.mu": (2, 7),
        "output.W.log_sigma": (2, 7),
        "embedding.z.mu": (7,),
        "embedding.z.log_sigma": (7,),
        "a.z_gates.mu": (4, 3),
        "a.z_gates.log_sigma": (4, 3),
        "b.z_x.mu": (3,),
        "b.z_x.log_sigma": (3,),
        "b.z_h.mu": (2,),
        "b.z_h.log_sigma": (2,),
        "a.b": (4, 3),
        "a.peephole": (3, 3),
        "a.h0": (3,),
        "a.c0": (3,),
        "b.b": (4, 2),
        "b.peephole": (3, 2),
        "output.b": (7,),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_starting_values_that_are_not_random(dtype):
    params = initialise(FULL, 3, dtype)
    assert list(params) == list(parameter_shapes(FULL))
    assert {value.dtype.name for value in params.values()} == {dtype}
    for name, value in params.items():
        if name.endswith(".log_sigma"):
            assert np.all(value == -2.25), name
        elif ".z" in name:
            assert np.all(value == 1.0), name
        elif name.endswith((".peephole", "h0", "c0")) or name == "output.b":
            assert not value.any(), name
    for layer, bias in (("a", 0.5), ("b", -1.5)):
        i, f, g, o = params[f"{layer}.b"]
        assert np.all(f == bias)
        assert not np.any([i, g, o])


def test_float32_is_the_rounded_float64():
    single, double = initialise(CLASSIFIER, 3, "float32"), initialise(CLASSIFIER, 3, "float64")
    for name, value in double.items():
        assert np.array_equal(single[name], value.astype("float32")), name


def test_every_matrix_gate_and_seed_has_its_own_numbers():
    params = initialise(FULL._replace(layers=(FULL.layers[0]._replace(size=4),)), 3, "float64")
    square = [params["a.W_x.mu"][:, k] for k in range(4)] + [params["a.W_h"][:, k] for k in range(4)]
    for i, one in enumerate(square):
        for other in square[:i]:
            assert np.max(np.abs(one - other)) > 0.1
    again, other = initialise(FULL, 3), initialise(FULL, 4)
    for name in ("embedding.W", "a.W_x.mu", "output.W.mu"):
        assert np.array_equal(initialise(FULL, 3)[name], again[name])
        assert not np.array_equal(again[name], other[name])


def gates(params, name):
    W = params.get(f"{name}.mu", params.get(name))
    return [W[:, k] for k in range(4)] if W.ndim == 3 else [W]


@pytest.mark.parametrize(
    ("recipe", "name", "gain"),
    [
        (LANGUAGE_MODEL, "lstm.W_x", 1.0),  # 40 x 12: orthonormal columns
        (LANGUAGE_MODEL, "lstm.W_h", 1.0),
        (LANGUAGE_MODEL, "output.W", 1.0),  # 12 x 40: orthonormal rows
        (CLASSIFIER, "lstm.W_h", 1.1),
        (character_model("DCCD", vocabulary=5, size=H), "lstm.W_x", 1.0),  # 5 x 12
    ],
)
def test_orthogonal_by_gate(recipe, name, gain):
    for W in gates(initialise(recipe, 1, "float64"), name):
        small = W.T @ W if W.shape[0] >= W.shape[1] else W @ W.T
        assert np.max(np.abs(small - gain**2 * np.eye(min(W.shape)))) <= 1e-13


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("embedding.W", 0.05),
        ("lstm.W_x", math.sqrt(6.0 / (E + H))),  # of one gate: as if it stood alone
        ("output.W", math.sqrt(6.0 / (H + 5))),
    ],
)
def test_uniform_bounds_by_gate(name, bound):
    """n draws miss the outer tenth of either side with probability 0.95^n, n >= 60 here and 360 at least together."""
    everything = []
    for W in gates(initialise(CLASSIFIER, 1, "float64"), name):
        assert np.max(np.abs(W)) <= bound
        assert np.max(W) > 0.9 * bound
        assert np.min(W) < -0.9 * bound
        everything.append(W.ravel())
    u = np.concatenate(everything) / bound
    assert abs(u.mean()) <= 5.0 / math.sqrt(3.0 * u.size)  # standard deviation of one: 1 / sqrt(3)
    assert abs((u**2).mean() - 1.0 / 3.0) <= 5.0 * math.sqrt(4.0 / 45.0 / u.size)


def test_a_gain_of_glorot_and_a_width_of_uniform():
    weight = Weight(init="glorot_uniform", init_scale=3.0)
    recipe = LANGUAGE_MODEL._replace(output=Output(weight))
    W = initialise(recipe, 1)["output.W"]
    assert 0.9 < np.max(np.abs(W)) / (3.0 * math.sqrt(6.0 / (H + V))) <= 1.0
    W = initialise(recipe._replace(output=Output(weight._replace(init="uniform"))), 1)["output.W"]
    assert 0.9 < np.max(np.abs(W)) / 3.0 <= 1.0


def orthogonal_share(longer_side, gain=1.0):
    """P(|w| > bound): the square of an entry of a random orthogonal matrix is Beta(1/2, (n - 1) / 2)."""
    return stats.beta(0.5, 0.5 * (longer_side - 1)).sf((bound() / gain) ** 2)


def bound():
    """Kept at log sigma = -3 are those with |mu| above this: 0.011109."""
    return math.exp(-3.0 - 0.5 * LOG_ALPHA_THRESHOLD)


KEPT = {  # model: matrix: expected share, and what the widths of the papers' matrices give in percent
    "word": {"lstm.W_x": (orthogonal_share(10_000), 26.7), "output.W": (orthogonal_share(10_000), 26.7)},
    "char": {"lstm.W_x": (orthogonal_share(1_000), 72.5), "output.W": (orthogonal_share(1_000), 72.5)},
    "imdb": {
        "embedding.W": (1.0 - bound() / 0.05, 77.8),
        "lstm.W_x": (1.0 - bound() / math.sqrt(6.0 / 428.0), 90.6),
        "lstm.W_h": (orthogonal_share(128, 1.1), 90.9),
        "output.W": (1.0 - bound() / math.sqrt(6.0 / 129.0), 94.8),
    },
}
MODELS = {  # entries of an orthogonal matrix are as large as its longer side says: the shorter one may be short
    "word": word_model("LCCL", vocabulary=10_000, sizes=(4,)),
    "char": character_model("LCCL", vocabulary=1_000, size=8),
    "imdb": text_classifier("LCLCCL", vocabulary=50, embedding=300, size=128, classes=1),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_share_that_is_kept_at_the_start(model):
    """Binomial standard error; entries of an orthogonal matrix are less spread than independent ones."""
    kept = alive_masks(initialise(MODELS[model], 2, "float64"))
    for name, (expected, percent) in KEPT[model].items():
        assert 100.0 * expected == pytest.approx(percent, abs=0.06)
        found = kept[name]
        assert abs(found.mean() - expected) <= 5.0 * math.sqrt(expected * (1.0 - expected) / found.size), name


def test_every_matrix_of_the_recipe_is_there_in_order():
    assert list(matrices(CLASSIFIER)) == ["embedding.W", "lstm.W_x", "lstm.W_h", "output.W"]
    assert list(matrices(FULL)) == ["embedding.W", "a.W_x", "a.W_h", "b.W_x", "b.W_h", "output.W"]


def test_parameters_of_another_recipe_are_refused():
    params = initialise(LANGUAGE_MODEL, 1)
    check_params(params, LANGUAGE_MODEL)
    b = params["lstm.b"]
    with pytest.raises(ValueError, match=r"params: missing \['lstm.b'\], not of this recipe \['lstm.bias'\]"):
        check_params({k: v for k, v in params.items() if k != "lstm.b"} | {"lstm.bias": b}, LANGUAGE_MODEL)
    with pytest.raises(ValueError, match=r"lstm.b: expected shape \(4, 12\), got \(12, 4\)"):
        check_params(params | {"lstm.b": b.T}, LANGUAGE_MODEL)
    for bad in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match="lstm.b: expected finite values, found NaN or infinity"):
            check_params(params | {"lstm.b": b + np.float32(bad)}, LANGUAGE_MODEL)
