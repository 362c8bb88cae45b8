"""Counts worked out by hand on nets of three neurons; that removal leaves the function as it is; what is refused.

[COUNT.E1] [COUNT.E2] [COUNT.E3] [COUNT.E4] [COUNT.E5] [COUNT.E6] [COUNT.E7]
"""

import numpy as np
import pytest

from refimpl.compression.counting import METHODS, count
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight

IN, FORGET, CELL, OUT = range(4)  # gates
GAUSSIAN = Weight("rt")
Z = "rnn2018"


def gaussian(name, alive):
    """mu 1 and log alpha -6 where alive, +6 elsewhere."""
    alive = np.asarray(alive, dtype=bool)
    return {f"{name}.mu": np.ones(alive.shape), f"{name}.log_sigma": np.where(alive, -3.0, 3.0)}


def edges(shape, *places):
    alive = np.zeros(shape, dtype=bool)
    for place in places:
        alive[place] = True
    return alive


def language_model(W_x, W_h, W_y, **groups):
    """One-hot symbols, three neurons; groups are masks of z_x, z_h, z_gates."""
    V, _, H = W_x.shape
    layer = Recurrent("lstm", H, GAUSSIAN, GAUSSIAN, **dict.fromkeys(groups, Z))
    params = gaussian("lstm.W_x", W_x) | gaussian("lstm.W_h", W_h) | gaussian("output.W", W_y)
    for name, alive in groups.items():
        params |= gaussian(f"lstm.{name}", alive)
    return params, Recipe("language_model", V, V, (layer,), Output(GAUSSIAN))


def sizes(found, layer="lstm"):
    matrices = [pair[0] for pair in found.matrices.values()]
    return (*matrices, found.vocabulary[0], found.neurons[layer][0], found.gates[layer][0])


def chain():
    """Neuron 2 feeds 1, that feeds 0, that nothing reads; the output reads 2. Symbols 0, 1, 3 feed neurons 0, 2, 1."""
    return language_model(
        W_x=edges((4, 4, 3), (0, CELL, 0), (1, IN, 2), (3, FORGET, 1)),
        W_h=edges((3, 4, 3), (2, OUT, 1), (1, IN, 0)),
        W_y=edges((3, 4), (2, 1)),
    )


@pytest.mark.parametrize(
    ("method", "kept"),
    [  # W_x, W_h, output; symbols, neurons, gates
        ("raw", (3, 2, 1, 3, 2, 5)),
        ("propagated", (2, 1, 1, 3, 2, 3)),  # neuron 0 goes with its two edges; neuron 1 stays, and so does symbol 0
        ("fixpoint", (1, 0, 1, 1, 1, 1)),  # neuron 1 follows with its two edges, then symbols 0 and 3
    ],
)
def test_chain_of_three_neurons(method, kept):
    found = count(*chain(), method)
    assert sizes(found) == kept
    assert found.method == method
    assert [pair[1] for pair in found.matrices.values()] == [48, 36, 12]
    assert (found.vocabulary[1], found.neurons["lstm"][1], found.gates["lstm"][1]) == (4, 3, 12)
    assert found.components is None
    assert found.compression == 96 / (sum(kept[:3]) + 1e-8)


def test_masks_of_the_chain():
    masks = count(*chain(), "propagated").masks
    assert masks["vocabulary"].tolist() == [True, True, False, True]
    assert masks["lstm.neurons"].tolist() == [False, True, True]
    assert np.argwhere(masks["lstm.gates"]).tolist() == [[IN, 2], [FORGET, 1], [OUT, 1]]
    assert np.argwhere(masks["lstm.W_x"]).tolist() == [[1, IN, 2], [3, FORGET, 1]]
    assert np.argwhere(masks["lstm.W_h"]).tolist() == [[2, OUT, 1]]
    masks = count(*chain(), "fixpoint").masks
    assert np.argwhere(masks["lstm.W_x"]).tolist() == [[1, IN, 2]]
    assert masks["vocabulary"].tolist() == [False, True, False, False]
    assert masks["lstm.neurons"].tolist() == [False, False, True]


def test_neuron_that_only_reads_itself_stays_and_one_without_input_stays():
    """What goes in does not matter, and a loop feeds itself for ever; both are the 2018 rule."""
    W_x = edges((4, 4, 3))
    params = language_model(W_x, edges((3, 4, 3), (0, FORGET, 0)), edges((3, 4), (1, 3)))
    for method in METHODS:
        assert count(*params, method).masks["lstm.neurons"].tolist() == [True, True, False]


def words(z_alive, **groups):
    """Three words with embeddings of size 2; row 1 is dead; component 1 is used by word 2 alone and read by nothing."""
    layer = Recurrent("lstm", 3, GAUSSIAN, GAUSSIAN, **dict.fromkeys(groups, Z))
    embedding = Embedding(2, GAUSSIAN, None if z_alive is None else Z)
    params = gaussian("embedding.W", [[1, 0], [0, 0], [1, 1]])
    params |= gaussian("lstm.W_x", edges((2, 4, 3), (0, IN, 0))) | gaussian("lstm.W_h", edges((3, 4, 3)))
    params |= gaussian("output.W", edges((3, 1), (0, 0)))
    if z_alive is not None:
        params |= gaussian("embedding.z", z_alive)
    return params, Recipe("classifier", 3, 1, (layer,), Output(GAUSSIAN), embedding)


@pytest.mark.parametrize(
    ("z_alive", "method", "vocabulary", "weights", "components"),
    [
        (None, "raw", 2, 3, 2),
        (None, "propagated", 2, 2, 1),
        (None, "fixpoint", 2, 2, 1),
        ([1, 1, 1], "raw", 3, 3, 2),
        ([1, 1, 1], "propagated", 3, 2, 1),  # more words than weights, as 265 words and 262 weights
        ([1, 1, 1], "fixpoint", 2, 2, 1),
        ([1, 1, 0], "raw", 2, 3, 2),
        ([1, 1, 0], "propagated", 2, 1, 1),
        ([1, 1, 0], "fixpoint", 1, 1, 1),
    ],
)
def test_vocabulary_by_its_z_and_by_its_rows(z_alive, method, vocabulary, weights, components):
    found = count(*words(z_alive), method)
    assert found.vocabulary == (vocabulary, 3)
    assert found.matrices["embedding.W"] == (weights, 6)
    assert found.components == (components, 2)
    assert found.matrices["lstm.W_x"] == (1, 24)
    assert found.compression == (6 + 24 + 36 + 3) / (weights + 2 + 1e-8)


def full(**groups):
    return language_model(edges((4, 4, 3), ...), edges((3, 4, 3), ...), edges((3, 4), ...), **groups)


@pytest.mark.parametrize("method", ["propagated", "fixpoint"])
def test_each_group_variable_removes_what_it_multiplies(method):
    assert sizes(count(*full(), method)) == (48, 36, 12, 4, 3, 12)
    assert sizes(count(*full(z_x=[1, 0, 1, 0]), method)) == (24, 36, 12, 2, 3, 12)
    assert sizes(count(*full(z_h=[1, 0, 0]), method)) == (16, 4, 4, 4, 1, 4)
    z_gates = np.ones((4, 3))
    z_gates[FORGET] = 0
    assert sizes(count(*full(z_gates=z_gates), method)) == (48, 36, 12, 4, 3, 9)
    assert sizes(count(*full(z_gates=z_gates, z_h=[1, 0, 0]), method)) == (16, 4, 4, 4, 1, 3)


def test_gate_that_only_a_dead_neuron_feeds_is_constant_in_the_fixpoint():
    """The 2018 code decides gates from the raw masks, so there it stays."""
    params = language_model(edges((4, 4, 3)), edges((3, 4, 3), (0, OUT, 1)), edges((3, 4), (1, 0)), z_h=[0, 1, 1])
    assert [count(*params, method).gates["lstm"][0] for method in METHODS] == [1, 1, 0]
    assert [count(*params, method).neurons["lstm"][0] for method in METHODS] == [2, 1, 1]


def test_raw_count_looks_at_a_group_variable_alone():
    W_x, none = edges((4, 4, 3), (0, IN, 0)), edges((3, 4, 3))
    groups = {"z_x": [1, 1, 0, 0], "z_h": [1, 1, 0], "z_gates": edges((4, 3), (IN, 0), (CELL, 1))}
    params = language_model(W_x, none, edges((3, 4), (2, 0)), **groups)
    assert sizes(count(*params, "raw")) == (1, 0, 1, 2, 2, 2)
    assert sizes(count(*params, "propagated")) == (0, 0, 0, 1, 0, 0)  # the one neuron that is read has a dead z


def test_deterministic_matrices_are_alive_throughout():
    params, recipe = chain()
    params["output.W"] = params.pop("output.W.mu") * 0.0
    del params["output.W.log_sigma"]
    assert sizes(count(params, recipe, "fixpoint")) == (3, 2, 12, 3, 3, 5)


@pytest.mark.parametrize("method", METHODS)
def test_model_that_is_dead_throughout_is_a_defined_result(method):
    params = language_model(edges((4, 4, 3)), edges((3, 4, 3)), edges((3, 4)))
    found = count(*params, method)
    assert sizes(found) == (0, 0, 0, 0, 0, 0)
    assert found.compression == 96 / 1e-8


def two_layers(**groups):
    """Layer a: neuron 0 is read by b, 1 by nothing, 2 by itself alone. Layer b: 0 is read by the output, 1 by none."""
    kinds = {layer: {z: Z for z in ("z_x", "z_h") if f"{layer}.{z}" in groups} for layer in "ab"}
    layers = (Recurrent("a", 3, GAUSSIAN, GAUSSIAN, **kinds["a"]), Recurrent("b", 2, GAUSSIAN, GAUSSIAN, **kinds["b"]))
    masks = {
        "a.W_x": edges((5, 4, 3), (0, IN, 0), (1, IN, 1), (2, IN, 2)),
        "a.W_h": edges((3, 4, 3), (2, FORGET, 2)),
        "b.W_x": edges((3, 4, 2), (0, OUT, 0), (0, OUT, 1)),
        "b.W_h": edges((2, 4, 2)),
        "output.W": edges((2, 5), (0, 0)),
        **groups,
    }
    params = {}
    for name, alive in masks.items():
        params |= gaussian(name, alive)
    return params, Recipe("language_model", 5, 5, layers, Output(GAUSSIAN))


def test_upper_layer_reads_the_lower_one():
    found = count(*two_layers(), "propagated")
    assert found.neurons == {"a": (2, 3), "b": (1, 2)}
    assert {name: pair[0] for name, pair in found.matrices.items()} == {
        "a.W_x": 2, "a.W_h": 1, "b.W_x": 1, "b.W_h": 0, "output.W": 1,
    }  # fmt: skip
    assert found.gates == {"a": (3, 12), "b": (1, 8)}
    assert found.masks["b.inputs"].tolist() == [True, False, False]


def test_dead_input_of_the_upper_layer_ends_the_lower_neuron():
    found = count(*two_layers(**{"b.z_x": [0, 1, 1]}), "propagated")
    assert found.masks["a.neurons"].tolist() == [False, False, True]
    assert found.matrices["b.W_x"] == (0, 24)
    found = count(*two_layers(**{"a.z_h": [0, 1, 1]}), "propagated")  # and the other way round
    assert found.masks["b.inputs"].tolist() == [False, False, False]
    assert found.matrices["b.W_x"] == (0, 24)


def test_death_travels_down_the_layers_only_in_the_fixpoint():
    params, recipe = two_layers(**{"b.z_h": [0, 1]})  # b has no neuron left: 0 by z, 1 since nothing reads it
    once, at_last = (count(params, recipe, method) for method in ("propagated", "fixpoint"))
    assert (once.neurons["b"], once.masks["a.neurons"].tolist()) == ((0, 2), [True, False, True])
    assert at_last.masks["a.neurons"].tolist() == [False, False, True]


SIZES = {"V": 6, "E": 4, "H": 5, "K": 3}


def random_model(seed):
    """Embedding and two layers, every group variable, random deaths, weights of random size."""
    V, E, H, K = SIZES.values()
    layers = tuple(Recurrent(name, H, GAUSSIAN, GAUSSIAN, Z, Z, Z) for name in ("a", "b"))
    recipe = Recipe("classifier", V, K, layers, Output(GAUSSIAN), Embedding(E, GAUSSIAN, Z))
    shapes = {"embedding.W": (V, E), "embedding.z": (V,), "output.W": (H, K)}
    for name, width in (("a", E), ("b", H)):
        shapes |= {f"{name}.W_x": (width, 4, H), f"{name}.W_h": (H, 4, H)}
        shapes |= {f"{name}.z_x": (width,), f"{name}.z_h": (H,), f"{name}.z_gates": (4, H)}
    rng = np.random.Generator(np.random.Philox(seed))
    params = {f"{name}.b": rng.standard_normal((4, H)) for name in ("a", "b")}
    for name, shape in shapes.items():
        alive = rng.random(shape) < (0.75 if ".z" in name else 0.15)
        params[f"{name}.mu"] = rng.standard_normal(shape)
        params[f"{name}.log_sigma"] = np.log(np.abs(params[f"{name}.mu"])) + np.where(alive, -1.0, 3.0)
    return params, recipe, rng.integers(0, V, (7, 3))


def outputs(params, matrices, groups, ids):
    """The network with means times masks, all h of the upper layer read by the output; (T, B, K)."""
    mean = {name: params[f"{name}.mu"] * mask for name, mask in (matrices | groups).items()}
    x = mean["embedding.W"][ids] * mean["embedding.z"][ids][..., None]
    for name in ("a", "b"):
        h = c = np.zeros((ids.shape[1], SIZES["H"]))
        steps = []
        for x_t in x:
            u = np.einsum("bd,dgh->bgh", x_t * mean[f"{name}.z_x"], mean[f"{name}.W_x"])
            u = (u + np.einsum("bd,dgh->bgh", h, mean[f"{name}.W_h"])) * mean[f"{name}.z_gates"] + params[f"{name}.b"]
            i, f, o = (1.0 / (1.0 + np.exp(-u[:, k])) for k in (IN, FORGET, OUT))
            c = f * c + i * np.tanh(u[:, CELL])
            h = o * np.tanh(c) * mean[f"{name}.z_h"]
            steps.append(h)
        x = np.stack(steps)
    return x @ mean["output.W"]


def test_removal_leaves_the_function_as_it_is():
    differ = moves = 0
    for seed in range(40):
        params, recipe, ids = random_model(seed)
        found = {method: count(params, recipe, method) for method in METHODS}
        groups = {
            name.removesuffix(".mu"): params[name.replace(".mu", ".log_sigma")] < np.log(np.abs(value)) + 1.5
            for name, value in params.items()
            if ".z" in name and name.endswith(".mu")
        }
        y = {
            method: outputs(params, {name: found[method].masks[name] for name in found[method].matrices}, groups, ids)
            for method in METHODS
        }
        assert np.array_equal(y["raw"], y["propagated"])
        assert np.array_equal(y["raw"], y["fixpoint"])
        moves += np.ptp(y["raw"], axis=1).max() > 0.0  # the answer depends on the text
        kept = [sum(pair[0] for pair in found[method].matrices.values()) for method in METHODS]
        assert kept[0] >= kept[1] >= kept[2]
        differ += kept[1] > kept[2]
    assert min(differ, moves) >= 10  # so that the test could have failed


def test_inputs_are_not_written_to():
    params, recipe, _ = random_model(1)
    for value in params.values():
        value.flags.writeable = False
    for method in METHODS:
        count(params, recipe, method)


def test_errors_name_what_is_wrong():
    params, recipe = chain()
    with pytest.raises(ValueError, match=r"^method: expected one of 'raw', 'propagated', 'fixpoint', got 'all'"):
        count(params, recipe, "all")
    with pytest.raises(ValueError, match=r"missing \[\], unknown \['lstm.z_h'\]"):
        count(params | gaussian("lstm.z_h", np.ones(3)), recipe, "raw")
    with pytest.raises(ValueError, match=r"missing \['output.W'\], unknown \[\]"):
        count({k: v for k, v in params.items() if not k.startswith("output")}, recipe, "raw")
    with pytest.raises(ValueError, match=r"^output\.W: expected shape \(3, 4\), got \(4, 3\)"):
        count(params | gaussian("output.W", np.ones((4, 3))), recipe, "raw")
    with pytest.raises(ValueError, match=r"^output.W: .*NaN"):
        count(params | {"output.W.mu": np.full((3, 4), np.nan)}, recipe, "raw")
