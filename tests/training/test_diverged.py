"""Divergence: the first bad tensor is named, at the step where it appeared, and the last good checkpoint stays."""

import json

import numpy as np
import pytest

from refimpl.models.parameters import priors
from refimpl.models.sample import draw_noise
from refimpl.training import elbo, epoch
from refimpl.training.adam import adam_init, adam_update
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.diverged import Diverged, first_bad_tensor, is_finite
from refimpl.training.elbo import elbo_step
from refimpl.training.engine import REFERENCE
from refimpl.training.loop import train
from refimpl.training.problem import epoch_batches
from refimpl.training.run_folder import BEST, LAST, METRICS
from tests.training import tiny

BAD = (np.nan, np.inf, -np.inf)


def planted(array, bad=np.nan):
    """The same with one bad entry, the last one."""
    changed = np.array(array)
    changed.reshape(-1)[-1] = bad
    return changed


@pytest.fixture(scope="module")
def one_step():
    recipe, problem = tiny.recipe("words"), tiny.problem("words")
    params = tiny.random_params(recipe)
    batch = next(epoch_batches(problem, seed=1, epoch=1))
    drawn = draw_noise(recipe, *batch.x.shape, seed=1, step=0, dtype="float64")
    step = elbo_step(params, drawn, batch, recipe, n_terms=93)
    after, adam = adam_update(params, step.grads, adam_init(params), learning_rate=0.1)
    return params, step, after, adam


@pytest.mark.parametrize("bad", BAD)
def test_each_tensor_of_a_step_is_named(one_step, bad):
    params, step, after, adam = one_step
    assert first_bad_tensor(params, step, after, adam) is None

    def name(before=params, step=step, after=after, adam=adam):
        return first_bad_tensor(before, step, after, adam)

    def with_outputs(**changes):
        return step._replace(outputs=step.outputs._replace(**changes))

    def with_loss(**changes):
        return step._replace(loss=step.loss._replace(**changes))

    b = {"lstm2.b": planted(params["lstm2.b"], bad)}
    assert name(before=params | b) == "parameter lstm2.b"
    assert name(step=with_outputs(hidden=planted(step.outputs.hidden, bad))) == "hidden states"
    assert name(step=with_outputs(logits=planted(step.outputs.logits, bad))) == "logits"
    assert name(step=with_loss(nll=np.float64(bad))) == "negative log-likelihood"
    kl = step.loss.kl_by_name | {"lstm1.z_h": np.float64(bad)}
    assert name(step=with_loss(kl_by_name=kl, total=np.float64(bad))) == "KL divergence of lstm1.z_h"
    assert name(step=with_loss(total=np.float64(bad))) == "loss"
    assert name(step=step._replace(grads=step.grads | b), after=after | b) == "gradient of lstm2.b"
    assert name(adam=adam._replace(v=adam.v | b), after=after | b) == "Adam's second moment of lstm2.b"
    assert name(after=after | b) == "parameter lstm2.b after the update"
    everything = {key: planted(value, bad) for key, value in params.items()}
    assert name(step=step._replace(grads=everything)) == f"gradient of {next(iter(params))}"


def test_is_finite():
    ones = np.ones((2, 3), "float32")
    assert is_finite(ones, np.float64(1.0), np.ones(()))
    assert is_finite(np.full(2, np.finfo("float32").max, "float32"), np.full(2, np.finfo("float32").max, "float32"))
    for bad in BAD:
        assert not is_finite(ones, planted(ones, bad))
        assert not is_finite(np.float64(bad))


@pytest.fixture
def at_step(monkeypatch):
    """Plant something in what elbo_step gives at one step of training, known by the step of its noise."""
    current = []

    def noise(*args, step, **kwargs):
        current[:] = [step]
        return draw_noise(*args, step=step, **kwargs)

    def plant(place, change):
        monkeypatch.setattr(epoch, "draw_noise", noise)
        monkeypatch.setattr(
            epoch, "elbo_step", lambda *a, **k: (change if current == [place] else lambda s: s)(elbo_step(*a, **k))
        )
        return current

    return plant


def bad_gradient(step):
    return step._replace(grads=step.grads | {"lstm2.b": planted(step.grads["lstm2.b"])})


# words with segments of one step: 31 steps an epoch, read after the 16th and the 31st
@pytest.mark.parametrize("step", [0, 15, 16, 30, 31 + 30])
def test_a_gradient_that_becomes_nan_is_named_at_its_step(tmp_path, at_step, step):
    """Also in the last step of an interval or epoch, when its loss was still finite."""
    setup = tiny.setup("words", epochs=3)
    setup = setup._replace(problem=setup.problem._replace(length=1))
    at_step(step, bad_gradient)
    number = 1 + step // 31
    message = (
        rf"diverged in epoch {number}, step {step + 1}: gradient of lstm2.b is the first tensor .*smaller learning rate"
    )
    with pytest.raises(Diverged, match=message):
        train(setup, tmp_path)
    last = load_checkpoint(tmp_path / LAST)
    assert (last.epoch, last.step) == (number - 1, 31 * (number - 1))
    assert is_finite(*last.params.values(), *last.m.values(), *last.v.values())
    assert load_checkpoint(tmp_path / BEST).epoch == number - 1
    assert [json.loads(row)["epoch"] for row in (tmp_path / METRICS).read_text().splitlines()] == list(range(number))


def test_logits_that_become_nan_are_named(tmp_path, monkeypatch, at_step):
    current = at_step(5, lambda step: step)
    forward = elbo.network_forward

    def network(*args, **kwargs):
        outputs, cache = forward(*args, **kwargs)
        return (outputs._replace(logits=planted(outputs.logits)), cache) if current == [5] else (outputs, cache)

    monkeypatch.setattr(elbo, "network_forward", network)
    with pytest.raises(Diverged, match=r"in epoch 1, step 6: logits is the first tensor"):
        train(tiny.setup("words"), tmp_path)
    assert load_checkpoint(tmp_path / LAST).epoch == 0


@pytest.mark.parametrize("bad", BAD)
def test_a_kl_that_is_not_finite_is_named(tmp_path, at_step, bad):
    """In the last step of the epoch: only the total of the loss shows it, and the gradients are still finite."""
    current = at_step(7, lambda step: step)
    setup = tiny.setup("words")
    names = list(priors(setup.recipe))
    calls = []

    def add_kl(*args, **kwargs):
        kl, dmu, dlog_sigma = REFERENCE.add_kl(*args, **kwargs)
        calls.append(names[len(calls) % len(names)])
        return np.float64(bad) if current == [7] and calls[-1] == "lstm2.W_h" else kl, dmu, dlog_sigma

    with pytest.raises(Diverged, match=r"in epoch 1, step 8: KL divergence of lstm2.W_h is the first tensor"):
        train(setup._replace(engine=REFERENCE._replace(add_kl=add_kl)), tmp_path)


@pytest.mark.parametrize("clip_norm", [1.0, None])
def test_a_huge_learning_rate_diverges_and_leaves_the_last_checkpoint(tmp_path, clip_norm):
    """No warning on the way, and it is an arithmetic error for who does not know this package."""
    setup = tiny.setup("characters", learning_rate=1e30, clip_norm=clip_norm)
    with pytest.raises(FloatingPointError, match=r"diverged in epoch 1, step \d: .* is the first tensor") as error:
        train(setup, tmp_path)
    assert "lower clip norm" in str(error.value)
    last = load_checkpoint(tmp_path / LAST)
    assert last.epoch == 0
    assert is_finite(*last.params.values())
    resumed = train(setup._replace(options=setup.options._replace(learning_rate=0.01, epochs=1)), tmp_path, resume=True)
    assert [row["epoch"] for row in resumed.rows] == [0, 1]


def test_a_gradient_whose_square_overflows_is_found(tmp_path, at_step):
    """Its second moment would be infinite for ever, and the parameter would silently stop to learn."""
    large = {"lstm2.b": np.full((4, 2), 1e25, "float32")}
    at_step(3, lambda step: step._replace(grads=step.grads | large))
    with pytest.raises(Diverged, match=r"step 4: Adam's second moment of lstm2.b is the first tensor"):
        train(tiny.setup("words", clip_norm=None), tmp_path)


def test_a_fault_that_does_not_come_again_is_still_an_error(tmp_path, at_step):
    """Memory that flips once: the replay finds nothing."""
    faults = [np.nan]

    def once(step):
        bad = faults.pop() if faults else 0.0
        return step._replace(loss=step.loss._replace(nll=step.loss.nll + bad))

    at_step(2, once)
    with pytest.raises(Diverged, match=r"in epoch 1: a loss was not finite, and is when repeated"):
        train(tiny.setup("words"), tmp_path)
