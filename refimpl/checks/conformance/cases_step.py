"""Cases of a whole training step: the models of the papers, and each choice of a recipe."""

from typing import Any

import numpy as np

from refimpl.checks.conformance.case import Case, Given
from refimpl.checks.conformance.making import integers, kept, normals, on_grid, padding
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.parameters import parameter_shapes
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.models.sample import noise_shapes
from refimpl.tree import as_plain

T, B, V, E, H, K = 6, 2, 8, 5, 3, 7
N_TERMS, KL_WEIGHT = 170, 0.75
LENGTHS = (T - 3, T - 1)
RATE, CLIP = 0.25, 2.0
PLAIN = Weight()
SCRIPT, DERIVATION = {"form": "script", "weight_decay": 0.0625}, {"form": "derivation", "length_scale": 0.75}


def _case(
    number: int,
    comment: str,
    recipe: Recipe,
    *,
    mask: str | None = None,
    carried: bool = False,
    l2: dict[str, Any] | None = None,
    log_alpha_clip: float | None = CLIP,
    probability_clip: float | None = None,
) -> Case:
    case = f"step-{number:03d}"
    recipe = check_recipe(recipe._replace(log_alpha_clip=log_alpha_clip, probability_clip=probability_clip))
    given = _parameters(case, recipe) | {"input.ids": integers(case, "ids", V - 1, T, B)} | _targets(case, recipe)
    if mask is not None:
        given["input.mask"] = padding(mask, LENGTHS, T)
    if carried:
        for layer in recipe.layers:
            for state in ("h", "c"):
                given[f"input.{state}.{layer.name}"] = normals(case, f"{state}.{layer.name}", B, layer.size)
    for name, shape in noise_shapes(recipe, T, B).items():
        make = kept(case, name, RATE, *shape) if ".dropout" in name else normals(case, f"eps.{name}", *shape)
        given[f"noise.{name}"] = make
    config = {"n_terms": N_TERMS, "kl_weight": KL_WEIGHT, "l2": l2, "recipe": as_plain(recipe)}
    return Case(case, "step", comment, config, given)


def _parameters(case: str, recipe: Recipe) -> Given:
    """z around 1; the neurons of a hard sigmoid stand at the two ends of its middle piece."""
    given: Given = {}
    for name, shape in parameter_shapes(recipe).items():
        mean = -1.0 if name.endswith(".log_sigma") else float(".z" in name)
        given[f"param.{name}"] = normals(case, name, *shape, mean=mean, scale=0.6)
    for layer in recipe.layers:
        if layer.gates == "hard_sigmoid":
            given[f"param.{layer.name}.b"] += on_grid(np.linspace(-1.0, 2.5, layer.size))
    return given


def _targets(case: str, recipe: Recipe) -> Given:
    if recipe.task == "regressor":
        return {"input.y": normals(case, "y", B)}
    shape = (T, B) if recipe.task == "language_model" else (B,)
    y = integers(case, "y", max(recipe.outputs, 2), *shape)
    y.reshape(-1)[:2] = 0, 1  # whatever the draw, both classes of a binary classifier occur
    return {"input.y": y}


def _classifier(letters: str, classes: int) -> Recipe:
    return text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=classes)


def _regressor(gates: str) -> Recipe:
    """Variational Binary Dropout on word types, on x and h of the LSTM, and before the dense layer."""
    layer = Recurrent("lstm", H, PLAIN, PLAIN, dropout_x=RATE, dropout_h=RATE, dropout_gates=gates)
    return Recipe("regressor", V, 1, (layer,), Output(PLAIN, dropout=RATE), Embedding(E, PLAIN, dropout=RATE))


def _s004(estimator: str, gate_noise: str, embedding: Embedding | None) -> Recipe:
    """Sparse VD of S004: LRT on W_x, RT on W_h, LRT on the output, trained initial states."""
    layer = Recurrent(
        "lstm", H, Weight(estimator, "molchanov2017", gate_noise), Weight("rt", "molchanov2017"), trainable_state=True
    )
    return Recipe("language_model", V, V, (layer,), Output(Weight(estimator, "molchanov2017")), embedding)


def _peepholes(seen: str) -> Recipe:
    layer = Recurrent("lstm", H, PLAIN, PLAIN, peephole=seen)
    return Recipe("classifier", V, K, (layer,), Output(PLAIN), Embedding(E, PLAIN))


def _objects() -> Recipe:
    """Weights drawn for each object, the exact KL."""
    weight = Weight("rt_object", "log_uniform")
    return Recipe("language_model", V, V, (Recurrent("lstm", H, weight, weight),), Output(weight), Embedding(E, weight))


def step_cases() -> tuple[Case, ...]:
    """All of them."""
    return (
        _case(1, "character model DCCD, deterministic", character_model("DCCD", vocabulary=V, size=H)),
        _case(2, "character model LCCL: sparse weights", character_model("LCCL", vocabulary=V, size=H)),
        _case(
            3,
            "character model LLLL: and z of gates, symbols and neurons",
            character_model("LLLL", vocabulary=V, size=H),
            log_alpha_clip=8.0,
        ),
        _case(
            4,
            "word model LCIL, two layers, z of words and inputs, carried states",
            word_model("LCIL", vocabulary=V, sizes=(H, E)),
            carried=True,
        ),
        _case(
            5,
            "word model LLRL, z of gates and neurons, carried states",
            word_model("LLRL", vocabulary=V, sizes=(H,)),
            carried=True,
        ),
        _case(
            6,
            "binary classifier LLLCCL, z of words, padding on the left",
            _classifier("LLLCCL", 1),
            mask="left",
            probability_clip=1e-6,
        ),
        _case(
            7,
            "classifier LCLLLL of seven classes, probability clipped, padding on the left",
            _classifier("LCLLLL", K),
            mask="left",
            probability_clip=0.125,
        ),
        _case(8, "classifier DCDCCD, deterministic, padding on the left", _classifier("DCDCCD", K), mask="left"),
        _case(9, "classifier NLNCCN, standard normal prior", _classifier("NLNCCN", K), mask="left"),
        _case(
            10,
            "regressor under Variational Binary Dropout, own masks of the gates, L2 of the script",
            _regressor("own"),
            mask="left",
            l2=SCRIPT,
        ),
        _case(
            11,
            "regressor under Variational Binary Dropout, shared masks, L2 of the derivation",
            _regressor("shared"),
            l2=DERIVATION,
        ),
        _case(
            12,
            "language model of S004 on one-hot symbols, LRT noise shared over time, no clip",
            _s004("lrt_shared", "own", None),
            log_alpha_clip=None,
        ),
        _case(
            13,
            "language model on an embedding, LRT noise of each step, shared by the gates",
            _s004("lrt", "shared", Embedding(E, PLAIN)),
        ),
        _case(
            14,
            "classifier with peepholes, the output gate's sees c_t; padding on the right",
            _peepholes("c"),
            mask="right",
        ),
        _case(
            15,
            "classifier with peepholes, the output gate's sees c_(t-1); padding on the left",
            _peepholes("c_prev"),
            mask="left",
        ),
        _case(16, "language model, weights drawn for each object, exact KL", _objects(), log_alpha_clip=None),
    )
