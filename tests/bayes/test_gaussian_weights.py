"""Gaussian weights: values by a scalar loop [RT.F1], gradients by complex step [RT.B1] [RT.B2], sharing, errors."""

import math

import numpy as np
import pytest

from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_backward, gaussian_weights_forward
from refimpl.checks import run_gradcheck
from refimpl.noise import Draw, normal

B, D, K = 2, 5, 3


def arrays(*eps_shape):
    params = GaussianParams(mu=normal(Draw(5, "mu"), (D, K)), log_sigma=normal(Draw(5, "s"), (D, K)) - 1.0)
    return params, normal(Draw(5, "eps"), eps_shape)


@pytest.mark.parametrize("eps_shape", [(D, K), (B, D, K)])
def test_values_by_scalar_loop(eps_shape):
    params, eps = arrays(*eps_shape)
    w, _ = gaussian_weights_forward(params, eps)
    assert w.shape == eps_shape
    for index in np.ndindex(*eps_shape):
        mu, log_sigma = params.mu[index[-2:]], params.log_sigma[index[-2:]]
        assert w[index] == pytest.approx(mu + math.exp(log_sigma) * eps[index], rel=1e-14)


def test_gradients():
    results = run_gradcheck(["gaussian_weights"], seed=1)
    assert len({result.layer for result in results}) == 6
    assert [result for result in results if not result.passed] == []


def test_one_draw_is_one_object_with_its_own():
    """A draw for a mini-batch and a draw for each of one objects are the same thing."""
    params, eps = arrays(D, K)
    shared, shared_cache = gaussian_weights_forward(params, eps)
    own, own_cache = gaussian_weights_forward(params, eps[None])
    assert np.array_equal(own[0], shared)
    for a, b in zip(
        gaussian_weights_backward(own, own_cache), gaussian_weights_backward(shared, shared_cache), strict=True
    ):
        assert np.array_equal(a, b)


def test_float32_stays_float32_and_inputs_are_not_modified():
    params, eps = arrays(B, D, K)
    params, eps = GaussianParams(*(a.astype("float32") for a in params)), eps.astype("float32")
    for a in (*params, eps):
        a.flags.writeable = False
    w, cache = gaussian_weights_forward(params, eps)
    w.flags.writeable = False
    assert {a.dtype.name for a in (w, *gaussian_weights_backward(w, cache))} == {"float32"}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"log_sigma": np.zeros(K)}, ValueError, "log_sigma: expected shape"),
        ({"eps": np.zeros(K)}, ValueError, "eps: expected shape"),
        ({"eps": np.zeros((B, 1, K))}, ValueError, "eps: expected shape"),
        ({"eps": np.zeros((1, B, D, K))}, ValueError, "eps: expected shape"),
        ({"eps": np.zeros((D, K), "float32")}, TypeError, "eps: expected dtype float64"),
        ({"mu": np.zeros((D, K), int)}, TypeError, "mu: expected dtype float32 or float64"),
    ],
)
def test_errors(changes, error, words):
    params, eps = arrays(D, K)
    given = {**params._asdict(), "eps": eps} | changes
    with pytest.raises(error, match=words):
        gaussian_weights_forward(GaussianParams(given["mu"], given["log_sigma"]), given["eps"])
