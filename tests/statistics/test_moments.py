"""Moments of RT, LRT and flipout, and what each way of sharing the noise does to covariances.

Mean and variance do not depend on the scheme [RT.F1] [LRT.F1] [LRT.F2] [LRT.F3] [FLIPOUT.F1] [FLIPOUT.F2] [MOMENTS.E1]
[MOMENTS.E2]; covariances over time, objects and gates do [MOMENTS.E3] [MOMENTS.E4] [MOMENTS.E5]. The table is in
refimpl/checks/moments.py.

Every test states its standard error [MOMENTS.E6], and rejects the neighbouring schemes: |z| < 5 for the right value,
> 10 for others. Draws are the columns of a matrix whose columns are all alike.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.checks import moments
from refimpl.checks.moments import DRAWS, LAWS, LINEAR, MU, SCHEMES, SIGMA, B, D, Linear, T, X, columns
from refimpl.noise import Draw, normal

RIGHT, WRONG = 5.0, 10.0  # bounds on |z|
MEAN, VAR = LINEAR.mean(), LINEAR.var()
schemes = pytest.mark.parametrize("scheme", SCHEMES)


def only(truth, z_of_law):
    """The true law of a covariance is kept, the others are rejected."""
    for law in LAWS:
        z = z_of_law(law)
        assert (z < RIGHT) if law is truth else (z > WRONG), (law.__name__, z)


def test_mean_and_variance_by_scalar_loop():
    for t, b in np.ndindex(T, B):
        assert MEAN[t, b] == pytest.approx(sum(X[t, b, d] * MU[d] for d in range(D)), rel=1e-14)
        assert VAR[t, b] == pytest.approx(sum((X[t, b, d] * SIGMA[d]) ** 2 for d in range(D)), rel=1e-14)


@schemes
def test_mean_and_variance(scheme):
    """Standard errors sqrt(v / n) and v sqrt(2 / n); reading log_sigma as log sigma^2 would give sum of sigma x^2."""
    y = SCHEMES[scheme].sample()
    assert moments.z_of_mean_and_variance(y) < RIGHT
    assert moments.z_of_mean_and_variance(y, Linear(X, MU, np.sqrt(SIGMA))) > WRONG
    assert moments.z_of_mean_and_variance(y, Linear(X, 0.9 * MU, SIGMA)) > WRONG


@schemes
def test_covariance_over_time(scheme):
    y, truth = SCHEMES[scheme].sample(), SCHEMES[scheme].over_time
    only(truth, lambda law: moments.z_over_time(y, law))


@schemes
def test_covariance_over_objects(scheme):
    y, truth = SCHEMES[scheme].sample(), SCHEMES[scheme].over_objects
    only(truth, lambda law: moments.z_over_objects(y, law))


def test_laws_by_scalar_loop():
    left, right = (0, 1), (1, 0)
    shared = sum(SIGMA[d] ** 2 * X[0, 1, d] * X[1, 0, d] for d in range(D))
    squares = 2.0 * sum(SIGMA[d] ** 4 * X[0, 1, d] ** 2 * X[1, 0, d] ** 2 for d in range(D))
    assert moments.weights_shared(LINEAR, left, right) == pytest.approx(shared, rel=1e-14)
    assert moments.noise_shared(LINEAR, left, right) == pytest.approx(math.sqrt(VAR[left] * VAR[right]), rel=1e-14)
    assert moments.covariance_of_squares(LINEAR, left, right) == pytest.approx(squares, rel=1e-14)
    error = math.sqrt((VAR[left] * VAR[right] + max(shared**2, squares)) / 100)
    assert moments.covariance_error(left, right, shared, 100) == pytest.approx(error, rel=1e-14)


# The third is one draw an object by RT: there squares of two objects are independent.
@pytest.mark.parametrize(
    ("scheme", "left", "right", "tied"),
    [
        ("flipout, signs of each", (0, 0), (1, 0), True),
        ("flipout, signs of each", (0, 0), (0, 1), True),
        ("flipout, signs of an object", (0, 0), (0, 1), True),
        ("RT, a draw an object", (0, 0), (0, 1), False),
        ("LRT, a draw each", (0, 0), (1, 0), False),
    ],
)
def test_what_flipout_makes_uncorrelated_is_not_independent(scheme, left, right, tied):
    """Squares of two centred preactivations: covariance 2 sum sigma^4 x^2 x'^2, for |eps| is shared; else 0."""
    y = SCHEMES[scheme].sample()
    exact = moments.covariance_of_squares(LINEAR, left, right)
    z_tied, z_free = (moments.z_of_squares(y, left, right, value) for value in (exact, 0.0))
    assert (z_tied if tied else z_free) < RIGHT
    assert (z_free if tied else z_tied) > WRONG


def test_within_an_object_flipout_has_all_moments_of_one_draw_an_object():
    """Signs of an object turn the draw for all its steps alike: y - m is that of some draw, and normal."""
    y = SCHEMES["flipout, signs of an object"].sample()
    deviation = (y - MEAN[..., None]) / np.sqrt(VAR)[..., None]
    fourth = np.mean(deviation**4, axis=-1)
    assert np.max(np.abs(fourth - 3.0)) < RIGHT * math.sqrt(96.0 / DRAWS)
    correlation = moments.weights_shared(LINEAR, (0, 0), (1, 0)) / math.sqrt(VAR[0, 0] * VAR[1, 0])
    squares = np.mean(deviation[0, 0] ** 2 * deviation[1, 0] ** 2)  # 1 + 2 r^2 for normals; its variance is below 105
    assert abs(squares - 1.0 - 2.0 * correlation**2) < RIGHT * math.sqrt(105.0 / DRAWS)


@pytest.mark.parametrize("other", [name for name in SCHEMES if not name.startswith("RT")])
def test_all_schemes_agree_in_mean_and_variance(other):
    """Two independent samples: standard errors sqrt(2 v / n) and 2 v / sqrt(n)."""
    y, y_other = SCHEMES["RT, a draw a mini-batch"].sample(), SCHEMES[other].sample()
    for at in np.ndindex(T, B):
        assert abs(y[at].mean() - y_other[at].mean()) < RIGHT * math.sqrt(2.0 * VAR[at] / DRAWS)
        assert abs(y[at].var() - y_other[at].var()) < RIGHT * 2.0 * VAR[at] / math.sqrt(DRAWS)


def test_correlation_is_1_only_where_the_scaled_inputs_are_parallel():
    """Cauchy-Schwarz: |sum sigma^2 x x'| <= sqrt(v v'), equal if and only if sigma x and sigma x' are parallel."""
    for x_other, parallel in ((-2.0 * X[0], True), (X[1], False)):
        linear = Linear(np.stack([X[0], x_other]), MU, SIGMA)
        for b in range(B):
            pair = ((0, b), (1, b))
            ratio = abs(moments.weights_shared(linear, *pair)) / moments.noise_shared(linear, *pair)
            assert ratio == pytest.approx(1.0, rel=1e-14) if parallel else ratio < 0.95


def test_different_symbols_are_tied_by_shared_noise_and_not_by_shared_weights():
    """One-hot inputs: RT gives covariance 0, LRT with one draw an object gives correlation exactly 1."""
    x = np.eye(D)[[[0], [1]]]  # symbol 0, then symbol 1
    params = AffineLRTParams(columns(MU), columns(np.log(SIGMA)))
    eps = normal(Draw(13, "eps"), (1, 1, DRAWS))
    y, _ = affine_lrt_forward(x, params, eps, var_floor=0.0)
    deviation = y - MU[:2].reshape(2, 1, 1)
    assert np.max(np.abs(deviation[0] / SIGMA[0] - deviation[1] / SIGMA[1])) < 1e-13 * np.max(np.abs(eps))
    W, _ = gaussian_weights_forward(GaussianParams(*params[:2]), normal(Draw(13, "W"), (D, DRAWS)))
    sample = np.mean((W[0] - MU[0]) * (W[1] - MU[1]))
    assert abs(sample) < RIGHT * SIGMA[0] * SIGMA[1] / math.sqrt(DRAWS)
    assert abs(sample - SIGMA[0] * SIGMA[1]) > WRONG * SIGMA[0] * SIGMA[1] * math.sqrt(2.0 / DRAWS)


def test_the_bug_of_weights_that_are_redrawn_at_each_step_is_found():
    y = moments.rt_redrawn()
    assert moments.z_of_mean_and_variance(y) < RIGHT  # they do not see it
    assert moments.z_over_time(y, moments.weights_shared) > WRONG
    assert moments.z_over_time(y, moments.independent) < RIGHT
