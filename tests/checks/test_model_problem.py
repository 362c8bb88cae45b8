"""Cases of whole models: the loss that is differentiated is the one that trains, and every part of it is there.

[ELBO.F1] [ELBO.B1]; their gradients are checked by tests/checks/test_registry.py, like all others.
"""

import inspect

import numpy as np
import pytest

import refimpl.models
from refimpl.checks import run_case
from refimpl.checks.cases_models import CASES, MODELS
from refimpl.checks.model_problem import KL_WEIGHT, LOG_ALPHA_CLIP, N_TERMS, model_loss, model_step, prepare
from refimpl.models import network, objective, recurrent_layer, sample
from refimpl.models.parameters import groups, parameter_shapes
from refimpl.models.recipe import ESTIMATORS, PRIORS, TASKS
from refimpl.training import elbo


@pytest.mark.parametrize("name", MODELS)
def test_the_loss_is_that_of_training(name):
    model, inputs = prepare(MODELS[name], seed=1)
    loss = model_step(model, inputs).loss
    parts = loss.nll + KL_WEIGHT * loss.kl / N_TERMS + loss.l2
    for total in (loss.total, model_loss(model, inputs)):
        assert abs(total - parts) <= 1e-14 * (abs(loss.nll) + abs(loss.kl) + abs(loss.l2))
    assert abs(loss.kl - sum(loss.kl_by_name.values())) <= 1e-13 * max(1.0, abs(loss.kl))
    assert (loss.kl == 0.0) == (not loss.kl_by_name)
    assert (loss.l2 == 0.0) == (model.l2 is None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_parameter_is_an_input_that_is_checked(case):
    problem = case.build(0)
    assert problem.zero_leaves == ()
    assert "params" not in problem.fixed
    model = MODELS[case.name.removeprefix("model/")]
    assert problem.inputs["params"].keys() == parameter_shapes(model.recipe).keys()
    assert sum(value.size for value in problem.inputs["params"].values()) <= 400  # a forward pass for each


def test_a_wrong_gradient_of_a_model_is_found(monkeypatch):
    """z alone loses its KL divergence: the leaves of z fail, and no other."""
    (case,) = [case for case in CASES if case.name == "model/char_LLLL"]

    everything, step = elbo.priors, elbo.elbo_step

    def without_z(recipe):
        return {name: prior for name, prior in everything(recipe).items() if name not in groups(recipe)}

    def broken(*arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(elbo, "priors", without_z)
            return step(*arguments, **options)

    monkeypatch.setattr("refimpl.checks.model_problem.elbo_step", broken)
    failed = {result.leaf for result in run_case(case) if not result.passed}
    z = ("z_x", "z_h", "z_gates")
    assert failed == {f"params.lstm.{name}.{part}" for name in z for part in ("mu", "log_sigma")}


def test_every_public_forward_function_of_the_models_is_covered():
    found = {
        name
        for module in (network, objective, recurrent_layer, sample)
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.endswith("_forward") and not name.startswith("_") and function.__module__ == module.__name__
    }
    assert found == {name for case in CASES for name in case.functions}
    assert refimpl.models.__doc__


def choices():
    """Every value that the recipes of the cases have for the fields that choose something."""
    for model in MODELS.values():
        recipe = model.recipe
        yield "task", recipe.task
        yield "padding", model.padding
        yield "carried", model.carried
        yield "l2", None if model.l2 is None else model.l2.form
        yield "embedding", recipe.embedding is not None
        yield "depth", len(recipe.layers)
        yield "output", recipe.output.weight.estimator
        for layer in recipe.layers:
            for field in ("gates", "peephole", "dropout_gates", "trainable_state"):
                yield field, getattr(layer, field)
            yield "W_x", layer.W_x.estimator
            yield "W_h", layer.W_h.estimator
            yield "gate_noise", layer.W_x.gate_noise
            yield "prior", layer.W_x.prior
            for group in ("z_x", "z_h", "z_gates"):
                yield group, getattr(layer, group) is not None
            for rate in ("dropout_x", "dropout_h"):
                yield rate, getattr(layer, rate) > 0.0


EXPECTED = {
    "task": set(TASKS),
    "padding": {None, "left", "right"},
    "l2": {None, "script", "derivation"},
    "depth": {1, 2},
    "gates": {"sigmoid", "hard_sigmoid"},
    "peephole": {None, "c", "c_prev"},
    "dropout_gates": {"own", "shared"},
    "gate_noise": {"own", "shared"},
    "W_x": set(ESTIMATORS),
    "W_h": {"deterministic", "rt", "rt_object"},
    "output": set(ESTIMATORS),
    "prior": set(PRIORS) - {"kingma2015"},  # holds for alpha <= 1 alone; cases of its own in cases_kl
}


def test_every_choice_of_a_recipe_is_made_somewhere():
    made = {}
    for field, value in choices():
        made.setdefault(field, set()).add(value)
    for field, values in made.items():
        assert values == EXPECTED.get(field, {False, True}), field


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_binary_classifier_is_clipped_on_both_sides(seed):
    model, inputs = prepare(MODELS["classifier_LLLLLL"], seed)
    assert model.recipe.log_alpha_clip == LOG_ALPHA_CLIP
    p = 1.0 / (1.0 + np.exp(-model_step(model, inputs).outputs.logits[:, 0]))
    likely = np.where(inputs.y == 1, p, 1.0 - p)
    clip = model.recipe.probability_clip
    assert [(likely < clip).sum(), (likely > 1.0 - clip).sum()] == [1, 1]
