"""Masks, counts and compression equal, exactly, to those printed by the authors' code, on every set they were run on.

[COUNT.E1] [COUNT.E2] [COUNT.E3] [COUNT.E4] [COUNT.E5] [COUNT.E6] [COUNT.E7]
"""

from pathlib import Path

import numpy as np
import pytest

from refimpl.compression.counting import count
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight

VECTORS = Path(__file__).parents[2] / "validation/vectors/original-2018"
GATES = ("ingate", "forgetgate", "cell", "outgate")
GAUSSIAN, POINT = Weight("rt"), Weight()

CASES = [  # file, prefix of the parameters, of raw/, mask/ and printed/ and of compression
    *[(f"counting_{name}", f"set{k}/param", f"set{k}") for name in ("char_LCCL", "cls_LCLCCL") for k in range(4)],
    *[
        (name, param, counts)
        for name in ("char_DCCD", "char_LCCL", "word_LCCL", "cls_LCLCCL_c1", "cls_LLLCCL_c1")
        for param, counts in (("param", "counts_A"), ("paramC", "counts"))
    ],
]


def gaussian(name, mu, log_sigma):
    return {name: mu} if log_sigma is None else {f"{name}.mu": mu, f"{name}.log_sigma": log_sigma}


def ours(theirs):
    """Our parameters and recipe from the authors' arrays: gates from the first axis to the middle one."""

    def recurrent(kind, log_sigma):
        mu = np.stack([theirs[f"LSTM.W_{kind}_to_{gate}"] for gate in GATES], axis=1)
        return mu, None if log_sigma not in theirs else theirs[log_sigma].transpose(1, 0, 2)

    x, h = recurrent("in", "BayesianLSTM.logsig_w_in"), recurrent("hid", "BayesianLSTM.logsig_w_hid")
    output = theirs["Dense.W"], theirs.get("Dense.log_sigma")
    params = gaussian("lstm.W_x", *x) | gaussian("lstm.W_h", *h) | gaussian("output.W", *output)
    kind = [GAUSSIAN if pair[1] is not None else POINT for pair in (x, h, output)]
    groups = {}
    for z, name in (("z_x", "in"), ("z_h", "hid"), ("z_gates", "gates")):
        if f"BayesianLSTM.mu_{name}" in theirs:
            groups[z] = "rnn2018"
            params |= gaussian(f"lstm.{z}", theirs[f"BayesianLSTM.mu_{name}"], theirs[f"BayesianLSTM.logsig_{name}"])
    embedding, vocabulary = None, x[0].shape[0]
    if "Embedding.W" in theirs:
        pair = theirs["Embedding.W"], theirs.get("BayesianEmbedding.log_sigma_w")
        params |= gaussian("embedding.W", *pair)
        z = "rnn2018" if "BayesianEmbedding.mu_in" in theirs else None
        if z:
            params |= gaussian("embedding.z", theirs["BayesianEmbedding.mu_in"], theirs["BayesianEmbedding.log_in"])
        vocabulary, size = pair[0].shape
        embedding = Embedding(size, GAUSSIAN if pair[1] is not None else POINT, z)
    layer = Recurrent("lstm", h[0].shape[0], kind[0], kind[1], **groups)
    task = "language_model" if embedding is None else "classifier"
    recipe = Recipe(task, vocabulary, output[0].shape[1], (layer,), Output(kind[2]), embedding)
    return params, recipe


def case(name, param, counts):
    with np.load(VECTORS / f"{name}.npz", allow_pickle=False) as file:
        theirs = {k.removeprefix(f"{param}/"): file[k] for k in file.files if k.startswith(f"{param}/")}
        answers = {k.removeprefix(f"{counts}/"): file[k] for k in file.files if k.startswith(f"{counts}/")}
    return *ours(theirs), answers


def their_layout(mask):
    return mask.transpose(1, 0, 2) if mask.ndim == 3 else mask


@pytest.mark.parametrize(("name", "param", "counts"), CASES)
def test_propagated_masks_and_counts(name, param, counts):
    params, recipe, answers = case(name, param, counts)
    found = count(params, recipe, "propagated")
    masks = {
        "vocabulary": "vocabulary",
        "hidden": "lstm.neurons",
        "gates": "lstm.gates",
        "w_x": "lstm.W_x",
        "w_h": "lstm.W_h",
        "w_dense": "output.W",
    }
    printed = {
        "LSTM.w_x": found.matrices["lstm.W_x"],
        "LSTM.w_h": found.matrices["lstm.W_h"],
        "Dense.w": found.matrices["output.W"],
        "LSTM.z_h": found.neurons["lstm"],
        "LSTM.gates": found.gates["lstm"],
        "LSTM.z_x": found.vocabulary,
    }
    if recipe.embedding is not None:
        masks |= {"embedding": "components", "w_emb": "embedding.W"}
        printed |= {"Embedding.w": found.matrices["embedding.W"], "Embedding.z_voc": found.vocabulary}
        printed["LSTM.z_x"] = found.components
    for theirs, mask in masks.items():
        expected = answers[f"mask/{theirs}"]
        assert their_layout(found.masks[mask]).shape == expected.shape
        assert (their_layout(found.masks[mask]) == expected).all(), theirs
    assert {f"mask/{theirs}" for theirs in masks} == {key for key in answers if key.startswith("mask/")}
    assert {key for key in answers if key.startswith("printed/")} == {f"printed/{theirs}" for theirs in printed}
    for theirs, pair in printed.items():
        assert pair == tuple(answers[f"printed/{theirs}"]), theirs
    assert found.compression == float(answers["compression"])


@pytest.mark.parametrize(("name", "param", "counts"), CASES)
def test_raw_masks(name, param, counts):
    params, recipe, answers = case(name, param, counts)
    found = count(params, recipe, "raw").masks
    masks = {"lstm.w_input": "lstm.W_x", "lstm.w_hidden": "lstm.W_h", "dense.w": "output.W"}
    masks |= {"lstm.z_input": "lstm.inputs", "lstm.gates": "lstm.gates"}
    if recipe.embedding is not None:
        masks |= {"embedding.w": "embedding.W", "embedding.z_voc": "vocabulary", "embedding.z_emb": "components"}
    for theirs, mask in masks.items():
        assert (their_layout(found[mask]) == answers[f"raw/{theirs}"]).all(), theirs
    by_weights = answers["raw/lstm.z_hidden_by_w"].astype(bool) | answers["raw/dense.w"].any(axis=1)
    assert (found["lstm.neurons"] == by_weights).all()


@pytest.mark.parametrize(("name", "param", "counts"), CASES)
def test_fixpoint_keeps_no_more_than_one_pass_and_cannot_be_passed_again(name, param, counts):
    params, recipe, _ = case(name, param, counts)
    propagated, fixpoint = (count(params, recipe, method) for method in ("propagated", "fixpoint"))
    assert all((fixpoint.masks[mask] <= propagated.masks[mask]).all() for mask in propagated.masks)
    assert count(pruned(params, fixpoint), recipe, "fixpoint").matrices == fixpoint.matrices
    assert count(pruned(params, fixpoint), recipe, "propagated").matrices == fixpoint.matrices


def pruned(params, counts):
    """The same model with dead weights at mean 0; a deterministic matrix stays, since it is alive throughout."""
    names = {f"{name}.mu": name for name in counts.matrices}
    return {k: v * counts.masks[names[k]] if k in names else v for k, v in params.items()}


@pytest.mark.parametrize(
    ("name", "param", "counts", "once", "twice"),
    [
        ("char_LCCL", "paramC", "counts", (6, 3), (5, 2)),
        ("word_LCCL", "paramC", "counts", (6, 3), (5, 2)),
        ("cls_LCLCCL_c1", "paramC", "counts", (6, 3, 3), (5, 2, 2)),
        ("cls_LLLCCL_c1", "paramC", "counts", (5, 3, 3), (3, 1, 2)),
    ],
)
def test_these_sets_tell_one_pass_from_two(name, param, counts, once, twice):
    """once, twice: words, components if any, neurons after one and two passes, from index.json of the vectors."""
    params, recipe, _ = case(name, param, counts)

    def sizes(method):
        found = count(params, recipe, method)
        structures = (found.vocabulary, found.components, found.neurons["lstm"])
        return tuple(pair[0] for pair in structures if pair is not None)

    assert sizes("propagated") == once
    assert all(left <= second for left, second in zip(sizes("fixpoint"), twice, strict=True))
