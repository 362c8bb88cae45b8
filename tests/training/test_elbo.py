"""The loss of a step: its parts against sums written out, its gradient against the complex step.

[ELBO.F1] [ELBO.B1]
"""

import math

import numpy as np
import pytest

from refimpl.checks.gradcheck import gradcheck
from refimpl.models.network import network_forward
from refimpl.models.objective import objective_forward
from refimpl.models.parameters import matrices, priors
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe
from refimpl.models.sample import draw_noise, sample_forward
from refimpl.training.batches import Batch
from refimpl.training.elbo import L2, dropout_rates, elbo_step, kl_divergence
from tests.training import tiny

T, B, N = 4, 3, 17
CLIP = 2.5  # of log alpha, inside the values here (the 2018 code has 8)


def everything():
    """RT, RT by object, both kinds of LRT, every group variable, VBD and five priors in one language model."""
    first = Recurrent(
        "lstm1",
        3,
        Weight("lrt", "molchanov2017", gate_noise="shared"),
        Weight("rt", "rnn2018"),
        z_x="rnn2018",
        z_h="ard",
        z_gates="rnn2018",
        dropout_h=0.4,
        peephole="c",
        trainable_state=True,
    )
    second = Recurrent("lstm2", 2, Weight("rt_object", "log_uniform"), Weight(), dropout_x=0.25, dropout_gates="shared")
    embedding = Embedding(2, Weight("rt_object", "rnn2018"), z="rnn2018", dropout=0.3)
    output = Output(Weight("lrt_shared", "standard_normal"), dropout=0.2)
    return check_recipe(Recipe("language_model", tiny.SYMBOLS, tiny.SYMBOLS, (first, second), output, embedding))


def inputs(recipe, dtype="float64"):
    steps = Batch(tiny.drawn_ids("x", T, B), tiny.drawn_ids("y", T, B))
    return tiny.random_params(recipe, dtype=dtype), draw_noise(recipe, T, B, seed=2, step=5, dtype=dtype), steps


SCRIPT, DERIVATION = L2("script", weight_decay=0.03), L2("derivation", length_scale=0.7)


def test_gradient_of_everything_is_the_complex_step():
    """The loss is put together here, so that a term which elbo_step lacks in value and gradient is missed too."""
    recipe = everything()
    params, drawn, batch = inputs(recipe)
    rates = {"embedding.W.mu": 0.3, "lstm1.W_h.mu": 0.4, "lstm2.W_x.mu": 0.25, "output.W.mu": 0.2}

    def forward(params, drawn):
        outputs, _ = network_forward(batch.x, sample_forward(params, drawn, recipe)[0], recipe)
        nll, _ = objective_forward(outputs.logits, batch.y, recipe)
        loss = nll + 0.6 * kl_divergence(params, recipe)[0] / N
        for name, rate in rates.items():
            loss = loss + 0.7**2 * (1.0 - rate) / (2.0 * N) * (params[name] ** 2).sum()
        return loss, (params, drawn)

    def backward(dloss, cache):
        step = elbo_step(*cache, batch, recipe, n_terms=N, kl_weight=0.6, l2=DERIVATION)
        return {"params": {name: dloss * grad for name, grad in step.grads.items()}}

    results = gradcheck(forward, backward, {"params": params, "drawn": drawn}, fixed=("drawn",))
    assert len(results) == len(params)
    assert all(result.passed for result in results), [result for result in results if not result.passed]


def kl_of_a_weight(prior, mu, log_sigma):
    """rnn2018 as the 2018 code has it, log alpha clipped to [-CLIP, CLIP]; N(0, 1) exactly."""
    if prior == "standard_normal":
        return 0.5 * (mu**2 + math.exp(2.0 * log_sigma) - 1.0) - log_sigma
    log_alpha = max(-CLIP, min(CLIP, 2.0 * log_sigma - math.log(mu**2)))
    return 0.5 * math.log1p(math.exp(-log_alpha)) - 0.64 / (1.0 + math.exp(-1.5 * (1.3 + log_alpha))) - 0.03


def vbd():
    """Sparse VD and VBD at once: weights, z, and four matrices under dropout."""
    weight = Weight("rt", "rnn2018")
    layer = Recurrent("lstm", 3, weight, Weight(), z_h="rnn2018", dropout_x=0.25, dropout_h=0.4)
    output = Output(Weight("lrt", "standard_normal"), dropout=0.2)
    embedding = Embedding(2, weight, dropout=0.3)
    return Recipe("language_model", tiny.SYMBOLS, tiny.SYMBOLS, (layer,), output, embedding, log_alpha_clip=CLIP)


@pytest.mark.parametrize("l2", [SCRIPT, DERIVATION, None])
def test_total_is_the_sum_of_its_parts(l2):
    recipe = vbd()
    params, drawn, batch = inputs(recipe)
    step = elbo_step(params, drawn, batch, recipe, n_terms=N, kl_weight=0.6, l2=l2)
    terms = []
    for t, b in np.ndindex(T, B):
        row = step.outputs.logits[t, b].tolist()
        terms.append(math.log(math.fsum(math.exp(v) for v in row)) - row[batch.y[t, b]])
    assert step.loss.nll == pytest.approx(math.fsum(terms) / (T * B), rel=1e-13)
    by_name = {}
    for name, prior in priors(recipe).items():
        pairs = zip(params[f"{name}.mu"].ravel(), params[f"{name}.log_sigma"].ravel(), strict=True)
        by_name[name] = math.fsum(kl_of_a_weight(prior, *map(float, pair)) for pair in pairs)
    assert step.loss.kl_by_name.keys() == by_name.keys() == {"embedding.W", "lstm.W_x", "lstm.z_h", "output.W"}
    for name, kl in by_name.items():
        assert step.loss.kl_by_name[name] == pytest.approx(kl, rel=1e-12)
    assert step.loss.kl == pytest.approx(sum(by_name.values()), rel=1e-12)
    assert kl_divergence(params, recipe) == (step.loss.kl, step.loss.kl_by_name)
    rates = {"embedding.W.mu": 0.3, "lstm.W_x.mu": 0.25, "lstm.W_h": 0.4, "output.W.mu": 0.2}
    penalty = 0.0
    for name, rate in rates.items():
        factor = 0.0 if l2 is None else 0.03 if l2 is SCRIPT else 0.7**2 * (1.0 - rate) / (2.0 * N)
        penalty += factor * math.fsum(value**2 for value in params[name].ravel().tolist())
    assert step.loss.l2 == pytest.approx(penalty, rel=1e-13)
    expected = step.loss.nll + 0.6 * sum(by_name.values()) / N + penalty
    assert step.loss.total == pytest.approx(expected, rel=1e-13)
    assert dropout_rates(recipe) == {name.removesuffix(".mu"): rate for name, rate in rates.items()}


def test_the_number_of_terms_divides_the_kl_and_the_l2_of_the_derivation_and_nothing_else():
    recipe = everything()
    given = inputs(recipe)

    def step(n_terms, kl_weight=0.6, l2=None):
        return elbo_step(*given, recipe, n_terms=n_terms, kl_weight=kl_weight, l2=l2)

    few, many, data = step(10), step(1000), step(10, 0.0)
    for loss in (many.loss, step(10, l2=SCRIPT).loss, step(1000, l2=DERIVATION).loss):
        assert (loss.nll, loss.kl) == (few.loss.nll, few.loss.kl)
    assert few.loss.total - few.loss.nll == pytest.approx(100 * (many.loss.total - many.loss.nll), rel=1e-11)
    assert step(10, l2=SCRIPT).loss.l2 == step(1000, l2=SCRIPT).loss.l2
    assert step(10, l2=DERIVATION).loss.l2 == pytest.approx(100 * step(1000, l2=DERIVATION).loss.l2, rel=1e-15)
    gaussian = {f"{name}.{part}" for name in priors(recipe) for part in ("mu", "log_sigma")}
    for name, grad in data.grads.items():
        of_few, of_many = few.grads[name] - grad, many.grads[name] - grad
        scale = np.abs(few.grads[name]).max()
        np.testing.assert_allclose(of_few, 100.0 * of_many, rtol=0.0, atol=1e-13 * 100 * scale)
        assert (np.abs(of_few).max() > 0.0) == (name in gaussian)


def test_without_weight_the_kl_is_reported_and_does_not_train():
    recipe = everything()
    params, drawn, batch = inputs(recipe)
    none = elbo_step(params, drawn, batch, recipe, n_terms=N, kl_weight=0.0)
    assert none.loss.total == none.loss.nll
    assert none.loss.l2 == 0.0
    assert none.loss.kl == elbo_step(params, drawn, batch, recipe, n_terms=N).loss.kl != 0.0
    assert elbo_step(params, drawn, batch, recipe, n_terms=N).loss.total == pytest.approx(
        none.loss.nll + none.loss.kl / N, rel=1e-15
    )


def test_l2_pulls_at_the_means_of_the_matrices_under_dropout_only():
    recipe = vbd()
    params, drawn, batch = inputs(recipe)
    plain, script = (elbo_step(params, drawn, batch, recipe, n_terms=N, l2=l2).grads for l2 in (None, SCRIPT))
    for name, value in params.items():
        factor = 0.06 if name in ("embedding.W.mu", "lstm.W_x.mu", "lstm.W_h", "output.W.mu") else 0.0
        np.testing.assert_allclose(script[name] - plain[name], factor * value, rtol=0.0, atol=1e-15)


def test_a_deterministic_model_has_no_kl():
    recipe = tiny.recipe("words")
    plain = recipe._replace(
        layers=tuple(layer._replace(W_x=Weight(), W_h=Weight(), z_x=None, z_h=None) for layer in recipe.layers),
        output=Output(Weight()),
    )
    step = elbo_step(*inputs(plain), plain, n_terms=N)
    assert (step.loss.kl, step.loss.kl_by_name) == (0.0, {})
    assert step.loss.total == step.loss.nll


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_have_the_names_shapes_and_dtype_of_the_parameters(dtype):
    recipe = everything()
    params, drawn, batch = inputs(recipe, dtype)
    before = {name: value.copy() for name, value in params.items()}
    for value in [*params.values(), *drawn.values(), batch.x, batch.y]:
        value.flags.writeable = False
    step = elbo_step(params, drawn, batch, recipe, n_terms=N, l2=SCRIPT)
    assert list(step.grads) == list(params)
    assert all(step.grads[n].shape == v.shape and step.grads[n].dtype == v.dtype for n, v in params.items())
    assert all((params[name] == value).all() for name, value in before.items())
    assert {np.asarray(part).dtype.name for part in step.loss[:4]} == {"float64"}
    assert all(kl.dtype == np.float64 for kl in step.loss.kl_by_name.values())


def test_states_are_carried_and_the_trained_start_then_has_no_gradient():
    recipe = everything()
    params, drawn, batch = inputs(recipe)
    first = elbo_step(params, drawn, batch, recipe, n_terms=N)
    second = elbo_step(params, drawn, batch, recipe, n_terms=N, states=first.outputs.states)
    assert second.loss.nll != first.loss.nll
    for name in ("lstm1.h0", "lstm1.c0"):
        assert np.abs(first.grads[name]).min() > 0.0
        assert (second.grads[name] == 0.0).all()
    assert set(matrices(recipe)) <= {name.removesuffix(".mu") for name in first.grads}


def test_errors_name_what_is_wrong():
    recipe = vbd()
    given = inputs(recipe)
    with pytest.raises(ValueError, match=r"^n_terms: expected the number of likelihood terms, at least 1, got 0"):
        elbo_step(*given, recipe, n_terms=0)
    for weight in (-0.1, math.nan):
        with pytest.raises(ValueError, match=r"^kl_weight: expected a number of at least 0"):
            elbo_step(*given, recipe, n_terms=N, kl_weight=weight)
    with pytest.raises(ValueError, match=r'^l2.form: expected "script" or "derivation", got \'both\''):
        elbo_step(*given, recipe, n_terms=N, l2=L2("both"))
