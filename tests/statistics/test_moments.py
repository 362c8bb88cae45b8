"""Moments of RT and LRT, and what each way of sharing the noise does to covariances.

Mean and variance do not depend on the scheme [RT.F1] [LRT.F1] [LRT.F2] [LRT.F3]; covariances over time and objects do:

    scheme                            two steps of an object         two objects
    RT, one draw a mini-batch         sum_d sigma_d^2 x_td x_t'd     the same sum
    RT, one draw an object            the same sum                   0
    LRT, one draw each                0                              0
    LRT, one draw an object           sqrt(v_t v_t')                 0

Every test states its standard error, and rejects the neighbouring schemes: |z| < 5 for the right
value, > 10 for others.
Draws are the columns of a matrix whose columns are all alike.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.noise import Draw, normal

T, B, D, DRAWS = 2, 2, 4, 20_000
RIGHT, WRONG = 5.0, 10.0  # bounds on |z|

MU = np.array([0.7, -0.4, 1.1, 0.2])
SIGMA = np.array([0.9, 0.5, 0.3, 0.8])
X = np.array([[[1.0, -0.6, 0.4, 0.5], [0.8, 0.3, -1.2, 0.6]], [[0.6, 1.0, 0.9, -0.1], [-0.7, 0.2, 0.5, 1.0]]])
MEAN = X @ MU  # (T, B)
VAR = (X * X) @ SIGMA**2


def columns(values, *middle):
    return np.broadcast_to(values.reshape(D, *(1,) * len(middle), 1), (D, *middle, DRAWS)).copy()


def rt(*eps_shape):
    """y (T, B, DRAWS)."""
    eps = normal(Draw(11, "rt"), (*eps_shape, D, DRAWS))
    W, _ = gaussian_weights_forward(GaussianParams(columns(MU), columns(np.log(SIGMA))), eps)
    return affine_forward(X, AffineParams(W, None))[0]


def lrt(time):
    eps = normal(Draw(12, "lrt"), (time, B, DRAWS))
    return affine_lrt_forward(X, AffineLRTParams(columns(MU), columns(np.log(SIGMA))), eps, var_floor=0.0)[0]


SCHEMES = {
    "rt_batch": lambda: rt(),
    "rt_object": lambda: rt(B),
    "lrt_each": lambda: lrt(T),
    "lrt_object": lambda: lrt(1),
}
schemes = pytest.mark.parametrize("scheme", SCHEMES)


def z_of_covariance(left, right, left_at, right_at, covariance):
    """z of the sample covariance about the known means; for normals its variance is (v v' + cov^2) / draws."""
    sample = np.mean((left - MEAN[left_at]) * (right - MEAN[right_at]))
    return (sample - covariance) / math.sqrt((VAR[left_at] * VAR[right_at] + covariance**2) / DRAWS)


def hypotheses(left_at, right_at):
    return {
        "weights shared": float(np.sum(SIGMA**2 * X[left_at] * X[right_at])),
        "independent": 0.0,
        "noise shared": math.sqrt(VAR[left_at] * VAR[right_at]),
    }


def only(truth, y, left_at, right_at):
    """The true hypothesis about a covariance is kept, the others are rejected."""
    for name, covariance in hypotheses(left_at, right_at).items():
        z = abs(z_of_covariance(y[left_at], y[right_at], left_at, right_at, covariance))
        assert (z < RIGHT) if name == truth else (z > WRONG), (name, z)


@schemes
def test_mean_and_variance(scheme):
    """Standard errors sqrt(v / n) and v sqrt(2 / n); reading log_sigma as log sigma^2 would give sum of sigma x^2."""
    y = SCHEMES[scheme]()
    wrong = (X * X) @ SIGMA
    for at in np.ndindex(T, B):
        assert abs(y[at].mean() - MEAN[at]) < RIGHT * math.sqrt(VAR[at] / DRAWS)
        sample = np.mean((y[at] - MEAN[at]) ** 2)
        assert abs(sample - VAR[at]) < RIGHT * VAR[at] * math.sqrt(2.0 / DRAWS)
        assert abs(sample - wrong[at]) > WRONG * wrong[at] * math.sqrt(2.0 / DRAWS)


@pytest.mark.parametrize("other", ["rt_object", "lrt_each", "lrt_object"])
def test_all_schemes_agree_in_mean_and_variance(other):
    """Two independent samples: standard errors sqrt(2 v / n) and 2 v / sqrt(n)."""
    y, y_other = SCHEMES["rt_batch"](), SCHEMES[other]()
    for at in np.ndindex(T, B):
        if other == "rt_object" and at[1] == 0:
            continue  # one stream: the draw of the first object is that of the mini-batch
        assert abs(y[at].mean() - y_other[at].mean()) < RIGHT * math.sqrt(2.0 * VAR[at] / DRAWS)
        assert abs(y[at].var() - y_other[at].var()) < RIGHT * 2.0 * VAR[at] / math.sqrt(DRAWS)


@pytest.mark.parametrize(
    ("scheme", "truth"),
    [
        ("rt_batch", "weights shared"),
        ("rt_object", "weights shared"),
        ("lrt_each", "independent"),
        ("lrt_object", "noise shared"),
    ],
)
def test_covariance_over_time(scheme, truth):
    y = SCHEMES[scheme]()
    for b in range(B):
        only(truth, y, (0, b), (1, b))


@pytest.mark.parametrize(
    ("scheme", "truth"),
    [
        ("rt_batch", "weights shared"),
        ("rt_object", "independent"),
        ("lrt_each", "independent"),
        ("lrt_object", "independent"),
    ],
)
def test_covariance_over_objects(scheme, truth):
    y = SCHEMES[scheme]()
    only(truth, y, (0, 0), (0, 1))
    only(truth, y, (0, 0), (1, 1))


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


@pytest.mark.parametrize("gates", [1, 4])
def test_gates_share_their_noise_only_where_eps_has_one_gate(gates):
    """Equal means and variances in all gates: their covariance is v with shared noise and 0 with own noise."""
    params = AffineLRTParams(columns(MU, 4), columns(np.log(SIGMA), 4))
    eps = normal(Draw(14, "gates"), (T, B, gates, DRAWS))
    y, _ = affine_lrt_forward(X, params, eps, var_floor=0.0)
    for k in (1, 2, 3):
        z = {c: z_of_covariance(y[0, 0, 0], y[0, 0, k], (0, 0), (0, 0), c) for c in (0.0, VAR[0, 0])}
        right, wrong = (VAR[0, 0], 0.0) if gates == 1 else (0.0, VAR[0, 0])
        assert abs(z[right]) < RIGHT
        assert abs(z[wrong]) > WRONG


def test_a_recurrent_weight_used_twice_is_not_two_independent_preactivations():
    """y = w (w x): its mean is (mu^2 + sigma^2) x with one weight, and mu^2 x by LRT at each step."""
    mu, log_sigma, x = np.array([[0.8]]), np.array([[math.log(0.6)]]), np.ones((1, DRAWS, 1))
    W, _ = gaussian_weights_forward(GaussianParams(mu, log_sigma), normal(Draw(15, "W"), (DRAWS, 1, 1)))
    y = x
    for _ in range(2):
        y, _ = affine_forward(y, AffineParams(W, None))
    by_lrt = x
    for step in range(2):
        eps = normal(Draw(15, "eps", step), x.shape)
        by_lrt, _ = affine_lrt_forward(by_lrt, AffineLRTParams(mu, log_sigma), eps, var_floor=0.0)
    for sample, right, wrong in ((y, 0.64 + 0.36, 0.64), (by_lrt, 0.64, 0.64 + 0.36)):
        error = sample.std() / math.sqrt(DRAWS)
        assert abs(sample.mean() - right) < RIGHT * error
        assert abs(sample.mean() - wrong) > WRONG * error
