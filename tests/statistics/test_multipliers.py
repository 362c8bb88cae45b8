"""Statistics of multipliers: VBD masks [VBD.F1] and group variables z [RT.F1], and what their draws are shared over.

Bounds on z-scores as in test_moments: |z| < 5 for the right value, > 10 for the neighbouring wrong one.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.binary_dropout import dropout_multiplier
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.layers.gate_input import gate_input_forward
from refimpl.noise import Draw, bernoulli, normal

T, D, DRAWS = 3, 4, 20_000
RIGHT, WRONG = 5.0, 10.0
RATE = 0.3


def masks(gates):
    return bernoulli(Draw(21, "mask"), (DRAWS, gates, 1), 1.0 - RATE)


@pytest.mark.parametrize("gates", [1, 4])
def test_frequency_mean_and_variance_of_masks(gates):
    """kept ~ Bernoulli(1 - p), standard error sqrt(p (1 - p) / n); the multiplier: mean 1, variance p / (1 - p)."""
    kept = masks(gates)
    n = kept.size
    error = math.sqrt(RATE * (1.0 - RATE) / n)
    assert abs(kept.mean() - (1.0 - RATE)) < RIGHT * error
    assert abs(kept.mean() - RATE) > WRONG * error  # rate is of dropping, not of keeping
    multiplier = dropout_multiplier(kept, RATE)
    assert abs(multiplier.mean() - 1.0) < RIGHT * error / (1.0 - RATE)
    assert abs(kept.mean() - 1.0) > WRONG * error / (1.0 - RATE)  # without the scaling
    fourth = ((1.0 - RATE) * RATE**4 + RATE * (1.0 - RATE) ** 4) / (1.0 - RATE) ** 4  # central moment of the multiplier
    var = RATE / (1.0 - RATE)
    assert abs(np.mean((multiplier - 1.0) ** 2) - var) < RIGHT * math.sqrt((fourth - var**2) / n)


@pytest.mark.parametrize("gates", [1, 4])
def test_a_mask_is_shared_over_time_and_own_to_objects_and_gates(gates):
    """With x = W = 1 the input's contribution is the multiplier itself."""
    multiplier = dropout_multiplier(masks(gates), RATE)
    u, _ = gate_input_forward(np.ones((T, DRAWS, 1)), np.ones((1, 4, 1)), multiplier)
    assert np.all(np.ptp(u, axis=0) == 0.0)  # one mask for all steps
    var = RATE / (1.0 - RATE)
    centred = u[0, :, :, 0] - 1.0
    objects = np.mean(centred[0::2, 0] * centred[1::2, 0])
    assert abs(objects) < RIGHT * var / math.sqrt(DRAWS / 2)
    assert abs(objects - var) > WRONG * var / math.sqrt(DRAWS / 2)
    if gates == 1:
        assert np.all(np.ptp(u, axis=2) == 0.0)
    else:
        for k in (1, 2, 3):
            covariance = np.mean(centred[:, 0] * centred[:, k])
            assert abs(covariance) < RIGHT * var / math.sqrt(DRAWS)
            assert abs(covariance - var) > WRONG * var / math.sqrt(DRAWS)


MU_Z, SIGMA_Z = np.array([1.0, 0.8, 1.2, 0.9]), np.array([0.5, 0.4, 0.3, 0.6])
MU_W = np.array([[0.7, 0.9], [-0.4, -0.8], [1.1, 0.5], [0.6, 1.0]])
SIGMA_W = np.array([[0.3, 0.2], [0.5, 0.4], [0.2, 0.6], [0.4, 0.3]])
X = np.array([1.0, -0.6, 0.8, 0.5])


def test_moments_of_z_times_w():
    """y_k = sum_d x_d z_d w_dk: Var = sum x^2 (mu_z^2 s_w^2 + s_z^2 mu_w^2 + s_z^2 s_w^2); z ties the two outputs.

    So 1 + alpha_zw = (1 + alpha_z) (1 + alpha_w) for one weight. Standard errors from the sample itself.
    """
    z, _ = gaussian_weights_forward(GaussianParams(MU_Z, np.log(SIGMA_Z)), normal(Draw(22, "z"), (DRAWS, D)))
    W, _ = gaussian_weights_forward(GaussianParams(MU_W, np.log(SIGMA_W)), normal(Draw(22, "W"), (DRAWS, D, 2)))
    y, _ = affine_forward(X * z, AffineParams(W, None))
    mean = (X * MU_Z) @ MU_W
    z2, w2 = MU_Z**2 + SIGMA_Z**2, MU_W**2 + SIGMA_W**2
    var = (X**2) @ (z2[:, None] * w2 - (MU_Z[:, None] * MU_W) ** 2)
    without_product = (X**2) @ ((MU_Z**2)[:, None] * SIGMA_W**2)  # z taken for a constant
    for k in (0, 1):
        squares = (y[:, k] - mean[k]) ** 2
        assert abs(y[:, k].mean() - mean[k]) < RIGHT * math.sqrt(var[k] / DRAWS)
        assert abs(squares.mean() - var[k]) < RIGHT * squares.std() / math.sqrt(DRAWS)
        assert abs(squares.mean() - without_product[k]) > WRONG * squares.std() / math.sqrt(DRAWS)
    products = (y[:, 0] - mean[0]) * (y[:, 1] - mean[1])
    covariance = np.sum(X**2 * SIGMA_Z**2 * MU_W[:, 0] * MU_W[:, 1])
    assert abs(products.mean() - covariance) < RIGHT * products.std() / math.sqrt(DRAWS)
    assert abs(products.mean()) > WRONG * products.std() / math.sqrt(DRAWS)
    alpha_z, alpha_w = (SIGMA_Z / MU_Z) ** 2, (SIGMA_W / MU_W) ** 2
    of_product = z2[:, None] * w2 / (MU_Z[:, None] * MU_W) ** 2
    assert np.max(np.abs(of_product - (1.0 + alpha_z[:, None]) * (1.0 + alpha_w))) < 1e-13 * np.max(of_product)


@pytest.mark.parametrize("per_object", [False, True])
def test_z_is_shared_over_objects_only_where_eps_has_no_object_axis(per_object):
    """Draws are the entries of a vector of equal z; two objects' covariance is sigma^2 when shared and 0 when own."""
    params = GaussianParams(np.ones(DRAWS), np.full(DRAWS, math.log(0.5)))
    eps = normal(Draw(23, "z"), (2, DRAWS) if per_object else (DRAWS,))
    z, _ = gaussian_weights_forward(params, eps)
    one, two = z if per_object else (z, z)
    covariance, var = np.mean((one - 1.0) * (two - 1.0)), 0.25
    right, wrong = (0.0, var) if per_object else (var, 0.0)
    assert abs(covariance - right) < RIGHT * math.sqrt((var**2 + right**2) / DRAWS)
    assert abs(covariance - wrong) > WRONG * math.sqrt((var**2 + wrong**2) / DRAWS)
