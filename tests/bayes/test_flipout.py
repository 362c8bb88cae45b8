"""Flipout: values by a scalar loop, gradients by complex step, what signs do and do not change, errors.

[FLIPOUT.F1] [FLIPOUT.F2] [FLIPOUT.B1] [FLIPOUT.B2] [FLIPOUT.B3]; the moments are in tests/statistics.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.flipout import AffineFlipoutParams, FlipoutNoise, affine_flipout_backward, affine_flipout_forward
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_backward, gaussian_weights_forward
from refimpl.checks import run_gradcheck
from refimpl.layers.affine import AffineParams, affine_backward, affine_forward
from refimpl.noise import Draw, bernoulli, normal

T, B, D, K = 4, 2, 5, 3
sign_steps = pytest.mark.parametrize("steps", [1, T])


def arrays(steps, bias=True):
    params = AffineFlipoutParams(
        mu=normal(Draw(9, "mu"), (D, K)),
        log_sigma=normal(Draw(9, "log_sigma"), (D, K)) - 1.0,
        b=normal(Draw(9, "b"), (K,)) if bias else None,
    )
    noise = FlipoutNoise(
        normal(Draw(9, "eps"), (D, K)),
        2.0 * bernoulli(Draw(9, "signs_in"), (steps, B, D), 0.5) - 1.0,
        2.0 * bernoulli(Draw(9, "signs_out"), (steps, B, K), 0.5) - 1.0,
    )
    return normal(Draw(9, "x"), (T, B, D)), params, noise


@sign_steps
@pytest.mark.parametrize("bias", [False, True])
def test_values_by_scalar_loop(steps, bias):
    """Each step and object meets the weights mu + sigma eps s r."""
    x, params, noise = arrays(steps, bias)
    y, _ = affine_flipout_forward(x, params, noise)
    assert y.shape == (T, B, K)
    for t, b, k in np.ndindex(T, B, K):
        at = t if steps == T else 0
        expected = float(params.b[k]) if bias else 0.0
        for d in range(D):
            turned = float(noise.eps[d, k]) * float(noise.signs_in[at, b, d]) * float(noise.signs_out[at, b, k])
            w = float(params.mu[d, k]) + math.exp(float(params.log_sigma[d, k])) * turned
            expected += w * float(x[t, b, d])
        assert y[t, b, k] == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_gradients():
    results = run_gradcheck(["affine_flipout"], seed=1)
    assert {result.layer for result in results} == {"affine_flipout/own", "affine_flipout/time_shared"}
    assert [result for result in results if not result.passed] == []


def test_without_a_turn_it_is_one_draw_a_mini_batch():
    """All signs +1, or all -1 on both sides: the reparameterization trick, forward and backward."""
    x, params, noise = arrays(1)
    W, drawn = gaussian_weights_forward(GaussianParams(*params[:2]), noise.eps)
    y_rt, affine = affine_forward(x, AffineParams(W, params.b))
    dy = normal(Draw(9, "dy"), y_rt.shape)
    dx, (dW, db) = affine_backward(dy, affine)
    dmu, dlog_sigma = gaussian_weights_backward(dW, drawn)
    for sign in (1.0, -1.0):
        signs = FlipoutNoise(noise.eps, np.full((1, B, D), sign), np.full((1, B, K), sign))
        y, cache = affine_flipout_forward(x, params, signs)
        grads = affine_flipout_backward(dy, cache)
        pairs = zip((y, grads.x, *grads.params), (y_rt, dx, dmu, dlog_sigma, db), strict=True)
        assert all(np.max(np.abs(a - b)) <= 1e-14 * np.max(np.abs(b)) for a, b in pairs)


@sign_steps
def test_no_bias_is_a_bias_of_zero(steps):
    x, params, noise = arrays(steps, bias=False)
    y, cache = affine_flipout_forward(x, params, noise)
    zero, _ = affine_flipout_forward(x, params._replace(b=np.zeros(K)), noise)
    assert np.array_equal(y, zero)
    assert affine_flipout_backward(y, cache).params.b is None


@sign_steps
def test_float32_stays_float32_and_inputs_are_not_modified(steps):
    x, params, noise = arrays(steps)
    x = x.astype("float32")
    params, noise = (type(part)(*(a.astype("float32") for a in part)) for part in (params, noise))
    for a in (x, *params, *noise):
        a.flags.writeable = False
    y, cache = affine_flipout_forward(x, params, noise)
    y.flags.writeable = False
    grads = affine_flipout_backward(y, cache)
    assert {a.dtype.name for a in (y, grads.x, *grads.params)} == {"float32"}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"x": np.zeros((B, D))}, ValueError, "x: expected shape"),
        ({"mu": np.zeros((D, 4, K))}, ValueError, "mu: expected shape"),
        ({"log_sigma": np.zeros((D, 1))}, ValueError, "log_sigma: expected shape"),
        ({"b": np.zeros(1)}, ValueError, "b: expected shape"),
        ({"eps": np.zeros((B, D, K))}, ValueError, "eps: expected shape"),
        ({"signs_in": np.ones((T, 1, D))}, ValueError, "signs_in: expected shape"),
        ({"signs_in": np.ones((2, B, D))}, ValueError, "signs_in: expected shape"),
        ({"signs_in": np.ones((T, B, D))}, ValueError, "signs_out: expected shape"),
        ({"signs_out": np.ones((T, B, K))}, ValueError, "signs_out: expected shape"),
        ({"signs_out": np.ones((1, B, K), "float32")}, TypeError, "signs_out: expected dtype float64"),
    ],
)
def test_errors(changes, error, words):
    x, params, noise = arrays(1)
    given = {"x": x, **params._asdict(), **noise._asdict()} | changes
    with pytest.raises(error, match=words):
        affine_flipout_forward(
            given["x"],
            AffineFlipoutParams(given["mu"], given["log_sigma"], given["b"]),
            FlipoutNoise(given["eps"], given["signs_in"], given["signs_out"]),
        )


def test_a_cotangent_of_another_shape_is_refused():
    x, params, noise = arrays(T)
    y, cache = affine_flipout_forward(x, params, noise)
    with pytest.raises(ValueError, match="dy: expected shape"):
        affine_flipout_backward(y[:1], cache)
