"""Statistics of multipliers: VBD masks [VBD.F1] and group variables z [RT.F1], and what their draws are shared over.

[MOMENTS.E7] [MOMENTS.E8] [MOMENTS.E9]. First the layers, then every z and every mask as models use them, under both
engines. Bounds on z-scores as in test_moments: |z| < 5 for the right value, > 10 for the neighbouring wrong one.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.binary_dropout import dropout_multiplier
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.checks.model_moments import language_model, samples, subject_of
from refimpl.checks.model_multipliers import (
    mask_variance,
    moments_of,
    multiplier_samples,
    multipliers,
    product_variance,
    tied_by_group,
    z_of_moments,
    z_of_pair,
)
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.models.recipe import Embedding, Recurrent, Weight
from refimpl.models.sample import noise_shapes
from refimpl.noise import Draw, bernoulli, normal

D, DRAWS = 4, 20_000
RIGHT, WRONG = 5.0, 10.0
RATE = 0.3
ROUNDING = 1e-13  # a preactivation is read off a gate by the inverse of its activation
engines = pytest.mark.parametrize("engine", ["reference", "fast"])
names = pytest.mark.parametrize("name", multipliers())


def z(sample, value, variance):
    return abs(sample.mean() - value) / math.sqrt(variance / sample.size)


@pytest.mark.parametrize("gates", [1, 4])
def test_frequency_mean_and_variance_of_masks(gates):
    """kept ~ Bernoulli(1 - p), standard error sqrt(p (1 - p) / n); the multiplier: mean 1, variance p / (1 - p)."""
    kept = bernoulli(Draw(21, "mask"), (DRAWS, gates, 1), 1.0 - RATE)
    of_kept = RATE * (1.0 - RATE)
    assert z(kept, 1.0 - RATE, of_kept) < RIGHT
    assert z(kept, RATE, of_kept) > WRONG  # rate is of dropping, not of keeping
    multiplier, var = dropout_multiplier(kept, RATE), mask_variance(RATE)
    assert var == pytest.approx(RATE / (1.0 - RATE), rel=1e-15)
    assert z(multiplier, 1.0, var) < RIGHT
    assert z(kept, 1.0, var) > WRONG  # without the scaling
    fourth = ((1.0 - RATE) * RATE**4 + RATE * (1.0 - RATE) ** 4) / (1.0 - RATE) ** 4  # central moment of the multiplier
    assert z((multiplier - 1.0) ** 2, var, fourth - var**2) < RIGHT
    assert z((multiplier - 1.0) ** 2, of_kept, fourth - var**2) > WRONG


@engines
@names
def test_moments_of_a_models_multiplier(name, engine):
    multiplier = multipliers()[name]
    m = multiplier_samples(multiplier, engine)
    assert z_of_moments(m, multiplier) < RIGHT
    assert z_of_moments(0.9 * m, multiplier) > WRONG
    if multiplier.is_mask:  # nothing but zeros and 1 / (1 - p), and zeros with frequency p
        assert np.max(np.minimum(np.abs(m), np.abs(m - 1.0 / (1.0 - RATE)))) < ROUNDING
        dropped = np.abs(m[0, :, 0]) < 0.5
        assert z(dropped, RATE, RATE * (1.0 - RATE)) < RIGHT
        assert z(dropped, 1.0 - RATE, RATE * (1.0 - RATE)) > WRONG


@engines
@names
def test_sharing_of_a_models_multiplier(name, engine):
    """One for all steps of an object (or of a word in it), own to each object; own to gates or shared, as it says."""
    multiplier = multipliers()[name]
    m, var = multiplier_samples(multiplier, engine), moments_of(multiplier)[1]

    def independent(left, right):
        assert z_of_pair(left, right, 0.0, multiplier) < RIGHT
        assert z_of_pair(left, right, var, multiplier) > WRONG

    def equal(left, right):
        assert np.max(np.abs(left - right)) < ROUNDING
        assert z_of_pair(left, right, var, multiplier) < RIGHT
        assert z_of_pair(left, right, 0.0, multiplier) > WRONG

    equal(m[0, :, 0], m[2, :, 0])  # the text is a word, another one, and the first again
    (independent if multiplier.by_word else equal)(m[0, :, 0], m[1, :, 0])
    independent(m[0, ::2, 0], m[0, 1::2, 0])
    for k in range(1, m.shape[-1]):
        (independent if multiplier.own_gates else equal)(m[0, :, 0], m[0, :, k])


MU_Z, SIGMA_Z = np.array([1.0, 0.8, 1.2, 0.9]), np.array([0.5, 0.4, 0.3, 0.6])
MU_W = np.array([[0.7, 0.9], [-0.4, -0.8], [1.1, 0.5], [0.6, 1.0]])
SIGMA_W = np.array([[0.3, 0.2], [0.5, 0.4], [0.2, 0.6], [0.4, 0.3]])
X = np.array([1.0, -0.6, 0.8, 0.5])


def test_moments_of_z_times_w():
    """y_k = sum_d x_d z_d w_dk: Var = sum x^2 (mu_z^2 s_w^2 + s_z^2 mu_w^2 + s_z^2 s_w^2); z ties the two outputs.

    So 1 + alpha_zw = (1 + alpha_z) (1 + alpha_w) for one weight. Standard errors from the sample itself.
    """
    drawn_z, _ = gaussian_weights_forward(GaussianParams(MU_Z, np.log(SIGMA_Z)), normal(Draw(22, "z"), (DRAWS, D)))
    W, _ = gaussian_weights_forward(GaussianParams(MU_W, np.log(SIGMA_W)), normal(Draw(22, "W"), (DRAWS, D, 2)))
    y, _ = affine_forward(X * drawn_z, AffineParams(W, None))
    mean = (X * MU_Z) @ MU_W
    of_weight = product_variance(MU_Z[:, None], SIGMA_Z[:, None], MU_W, SIGMA_W)
    without_product = (X**2) @ ((MU_Z**2)[:, None] * SIGMA_W**2)  # z taken for a constant
    for k in (0, 1):
        squares = (y[:, k] - mean[k]) ** 2
        assert z(y[:, k], mean[k], (X**2) @ of_weight[:, k]) < RIGHT
        assert z(squares, (X**2) @ of_weight[:, k], squares.var()) < RIGHT
        assert z(squares, without_product[k], squares.var()) > WRONG
    products = (y[:, 0] - mean[0]) * (y[:, 1] - mean[1])
    assert z(products, tied_by_group(X, X, SIGMA_Z, MU_W[:, 0], MU_W[:, 1]), products.var()) < RIGHT
    assert z(products, 0.0, products.var()) > WRONG
    alpha_z, alpha_w = (SIGMA_Z / MU_Z) ** 2, (SIGMA_W / MU_W) ** 2
    alpha_zw = of_weight / (MU_Z[:, None] * MU_W) ** 2
    expected = (1.0 + alpha_z[:, None]) * (1.0 + alpha_w) - 1.0
    assert np.max(np.abs(alpha_zw - expected)) < 1e-13 * np.max(expected)


def z_times_w(estimator):
    """A model whose z of inputs meets random input weights: the same two inputs at two steps, one neuron."""
    x = np.array([[1.0, -0.6], [0.8, 0.5]])
    layer = Recurrent("lstm", 1, Weight(estimator), Weight("deterministic"), z_x="ard")
    recipe = language_model(layer, 2, Embedding(2, Weight("deterministic")))
    params = {
        "embedding.W": x,
        "lstm.W_x.mu": np.array([[[0.7], [0.9], [0.4], [0.6]], [[-0.4], [-0.8], [-0.5], [-1.0]]]),
        "lstm.W_x.log_sigma": np.full((2, 4, 1), math.log(0.4)),
        "lstm.z_x.mu": MU_Z[:2],
        "lstm.z_x.log_sigma": np.log(SIGMA_Z[:2]),
    }
    ids = np.broadcast_to(np.array([[0], [1]]), (2, DRAWS))
    subject = subject_of(recipe, params, ids, lambda outputs, a: a[..., 0])
    return subject, x, params["lstm.W_x.mu"][..., 0]


@engines
@pytest.mark.parametrize("estimator", ["rt_object", "lrt", "lrt_shared"])
def test_z_times_w_in_a_model(estimator, engine):
    """Given z, LRT is exact: variances and gates are as with drawn weights. Over time only the estimator is left.

    Two steps: sum x x' Var(z w) with drawn weights; with own noise what z ties, sum x x' sigma_z^2 mu_w^2.
    """
    subject, x, mu_w = z_times_w(estimator)
    a = samples(subject, engine, seed=24, steps=1)  # (T, B, 4)
    of_weight = product_variance(MU_Z[:2, None], SIGMA_Z[:2, None], mu_w, 0.4)
    deviation = a - ((x * MU_Z[:2]) @ mu_w)[:, None, :]
    for t in (0, 1):
        squares = deviation[t, :, 0] ** 2
        assert z(squares, (x[t] ** 2) @ of_weight[:, 0], squares.var()) < RIGHT
        gates = deviation[t, :, 0] * deviation[t, :, 1]
        assert z(gates, tied_by_group(x[t], x[t], SIGMA_Z[:2], mu_w[:, 0], mu_w[:, 1]), gates.var()) < RIGHT
        assert z(gates, 0.0, gates.var()) > WRONG
    over_time = deviation[0, :, 0] * deviation[1, :, 0]
    found = {
        "rt_object": z(over_time, (x[0] * x[1]) @ of_weight[:, 0], over_time.var()),
        "lrt": z(over_time, tied_by_group(x[0], x[1], SIGMA_Z[:2], mu_w[:, 0], mu_w[:, 0]), over_time.var()),
    }
    for name, score in found.items():
        assert (score < RIGHT) if name == estimator else (score > WRONG), name


@pytest.mark.parametrize("per_object", [False, True])
def test_z_is_shared_over_objects_only_where_eps_has_no_object_axis(per_object):
    """Draws are the entries of a vector of equal z; two objects' covariance is sigma^2 when shared and 0 when own."""
    params = GaussianParams(np.ones(DRAWS), np.full(DRAWS, math.log(0.5)))
    eps = normal(Draw(23, "z"), (2, DRAWS) if per_object else (DRAWS,))
    drawn, _ = gaussian_weights_forward(params, eps)
    one, two = drawn if per_object else (drawn, drawn)
    covariance, var = np.mean((one - 1.0) * (two - 1.0)), 0.25
    right, wrong = (0.0, var) if per_object else (var, 0.0)
    assert abs(covariance - right) < RIGHT * math.sqrt((var**2 + right**2) / DRAWS)
    assert abs(covariance - wrong) > WRONG * math.sqrt((var**2 + wrong**2) / DRAWS)


def test_every_place_of_a_multiplier_is_visited():
    """The names of the draws, over all models: no place of the papers is left out."""
    recipes = [multiplier.subject.recipe for multiplier in multipliers().values()]
    places = {name for recipe in recipes for name in noise_shapes(recipe, 3, 2)}
    assert places == {
        "embedding.z", "embedding.dropout", "lstm.z_x", "lstm.z_h", "lstm.z_gates", "lstm.dropout_x", "lstm.dropout_h",
        "output.dropout",
    }  # fmt: skip


@names
def test_engines_show_the_same_multipliers(name):
    """Number for number: the fast engine's rows are those of the reference, and not others of the same law."""
    reference, fast = (multiplier_samples(multipliers()[name], engine) for engine in ("reference", "fast"))
    assert np.max(np.abs(reference - fast)) < ROUNDING
