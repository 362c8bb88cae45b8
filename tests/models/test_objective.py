"""The loss that a task names, by plain loops; shapes of gradients; predictions."""

import math

import numpy as np
import pytest

from refimpl.checks import gradcheck
from refimpl.models.objective import objective_backward, objective_forward, predictions
from refimpl.models.recipe import Output, Recipe, Recurrent, Weight
from refimpl.noise import Draw, normal

T, B, K = 4, 3, 5
LAYER = Recurrent("lstm", 2, Weight(), Weight())


def recipe(task, outputs, clip=None):
    return Recipe(task, 7, outputs, (LAYER,), Output(Weight()), probability_clip=clip)


CASES = {  # recipe, shape of the logits, targets
    "language_model": (recipe("language_model", K), (T, B, K), (np.arange(T * B) * 2 % K).reshape(T, B)),
    "classifier": (recipe("classifier", K), (B, K), np.array([4, 0, 2])),
    "binary": (recipe("classifier", 1), (B, 1), np.array([1, 0, 1])),
    "regressor": (recipe("regressor", 1), (B, 1), np.array([0.5, -1.5, 2.0])),
}


def logits_of(case, dtype="float64"):
    return normal(Draw(6, "logits"), CASES[case][1], dtype)


def terms(case, logits, targets):
    """The loss of every term, in the order of the targets."""
    found = []
    for index in np.ndindex(targets.shape):
        row, target = logits[index], targets[index]
        if case == "regressor":
            found.append((row[0] - target) ** 2)
        elif case == "binary":
            p = 1.0 / (1.0 + math.exp(-row[0]))
            found.append(-math.log(p if target == 1 else 1.0 - p))
        else:
            found.append(-math.log(math.exp(row[target]) / sum(math.exp(v) for v in row)))
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_value_by_loop(case, reduction):
    model, _, targets = CASES[case]
    logits = logits_of(case)
    loss, _ = objective_forward(logits, targets, model, reduction=reduction)
    expected = terms(case, logits, targets)
    assert np.shape(loss) == ()
    assert float(loss) == pytest.approx(sum(expected) / (len(expected) if reduction == "mean" else 1), rel=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_gradient(case):
    model, _, targets = CASES[case]
    results = gradcheck(
        lambda logits, targets: objective_forward(logits, targets, model),
        lambda dloss, cache: {"logits": objective_backward(dloss, cache)},
        {"logits": logits_of(case), "targets": targets},
        fixed=("targets",),
    )
    assert [(r.leaf, r.passed) for r in results] == [("logits", True)]


@pytest.mark.parametrize("case", CASES)
def test_float32_logits_have_float32_gradients_and_a_float64_loss(case):
    model, shape, targets = CASES[case]
    targets = targets.astype("float32") if case == "regressor" else targets
    loss, cache = objective_forward(logits_of(case, "float32"), targets, model)
    assert loss.dtype == "float64"
    assert objective_backward(1.0, cache).dtype == "float32"
    assert objective_backward(1.0, cache).shape == shape


@pytest.mark.parametrize(("case", "clip"), [("classifier", 0.3), ("binary", 0.3)])
def test_the_probability_clip_of_the_recipe(case, clip):
    """A target's probability below the clip counts as the clip, and has no gradient."""
    model, _, targets = CASES[case]
    logits = np.zeros(CASES[case][1])
    logits[0] = -20.0 if case == "binary" else np.array([9.0, 0.0, 0.0, 0.0, -20.0])
    clipped = model._replace(probability_clip=clip)
    loss, cache = objective_forward(logits[:1], targets[:1], clipped)
    assert float(loss) == pytest.approx(-math.log(clip), rel=1e-14)
    assert not objective_backward(1.0, cache).any()
    loss, cache = objective_forward(logits[:1], targets[:1], model)
    assert float(loss) > 19.0
    assert objective_backward(1.0, cache).any()


@pytest.mark.parametrize("case", CASES)
def test_predictions(case):
    model, shape, _ = CASES[case]
    logits = logits_of(case)
    found = predictions(logits, model)
    assert found.shape == shape
    for index in np.ndindex(shape[:-1]):
        row = logits[index]
        if case == "regressor":
            expected = row
        elif case == "binary":
            expected = [1.0 / (1.0 + math.exp(-row[0]))]
        else:
            expected = [math.exp(v) / sum(math.exp(w) for w in row) for v in row]
        assert found[index] == pytest.approx(expected, rel=1e-13)


def test_wrong_targets_are_refused():
    model, _, targets = CASES["language_model"]
    logits = logits_of("language_model")
    with pytest.raises(IndexError, match="targets: expected ids from 0 to 4, got 5"):
        objective_forward(logits, targets + 1, model)
    with pytest.raises(ValueError, match="targets: expected shape"):
        objective_forward(logits, targets[:-1], model)
    with pytest.raises(ValueError, match="reduction: expected one of 'mean', 'sum', got 'none'"):
        objective_forward(logits, targets, model, reduction="none")
