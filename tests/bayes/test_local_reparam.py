"""LRT: values by a scalar loop for each way of sharing, gradients by complex step, the variance floor, errors.

[LRT.F1] [LRT.F2] [LRT.F3] [LRT.B1] [LRT.B2] [LRT.B3] [LRT.B4] [LRT.B5]; the moments are in tests/statistics.
"""

import math

import numpy as np
import pytest

from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_backward, affine_lrt_forward
from refimpl.checks import run_gradcheck
from refimpl.noise import Draw, normal

T, B, D, H, K = 4, 2, 5, 3, 6

sharings = pytest.mark.parametrize(
    ("columns", "eps_shape"),
    [
        ((K,), (T, B, K)),
        ((K,), (1, B, K)),
        ((4, H), (T, B, 4, H)),
        ((4, H), (T, B, 1, H)),
        ((4, H), (1, B, 4, H)),
        ((4, H), (1, B, 1, H)),
    ],
    ids=str,
)


def arrays(columns, eps_shape, bias=True):
    params = AffineLRTParams(
        mu=normal(Draw(6, "mu"), (D, *columns)),
        log_sigma=normal(Draw(6, "log_sigma"), (D, *columns)) - 1.0,
        b=normal(Draw(6, "b"), columns) if bias else None,
    )
    return normal(Draw(6, "x"), (T, B, D)), params, normal(Draw(6, "eps"), eps_shape)


@sharings
@pytest.mark.parametrize("var_floor", [0.0, 0.1])
def test_values_by_scalar_loop(columns, eps_shape, var_floor):
    x, params, eps = arrays(columns, eps_shape)
    y, _ = affine_lrt_forward(x, params, eps, var_floor=var_floor)
    assert y.shape == (T, B, *columns)
    for t, b, *column in np.ndindex(*y.shape):
        k = tuple(column)
        mean = params.b[k] + sum(x[t, b, d] * params.mu[(d, *k)] for d in range(D))
        var = var_floor + sum((x[t, b, d] * math.exp(params.log_sigma[(d, *k)])) ** 2 for d in range(D))
        shared = [0 if size == 1 else i for i, size in zip((t, b, *k), eps_shape, strict=True)]
        assert y[(t, b, *k)] == pytest.approx(mean + math.sqrt(var) * eps[tuple(shared)], rel=1e-13, abs=1e-13)


def test_gradients():
    results = run_gradcheck(["affine_lrt"], seed=1)
    assert len({result.layer for result in results}) == 7
    assert [result for result in results if not result.passed] == []


@sharings
def test_no_bias_is_a_bias_of_zero(columns, eps_shape):
    x, params, eps = arrays(columns, eps_shape, bias=False)
    y, cache = affine_lrt_forward(x, params, eps, var_floor=1e-8)
    zero, _ = affine_lrt_forward(x, params._replace(b=np.zeros(columns)), eps, var_floor=1e-8)
    assert np.array_equal(y, zero)
    assert affine_lrt_backward(y, cache).params.b is None


def test_a_row_of_zeros_without_a_floor_has_no_noise_and_no_nan():
    x, params, eps = arrays((K,), (T, B, K))
    x[1, 0] = 0.0
    y, cache = affine_lrt_forward(x, params, eps, var_floor=0.0)
    dy = normal(Draw(6, "dy"), y.shape)
    grads = affine_lrt_backward(dy, cache)
    assert np.array_equal(y[1, 0], params.b)
    assert np.max(np.abs(grads.x[1, 0] - params.mu @ dy[1, 0])) <= 1e-14 * np.max(np.abs(grads.x))
    assert all(np.all(np.isfinite(a)) for a in (grads.x, *grads.params))


@sharings
def test_float32_stays_float32_and_inputs_are_not_modified(columns, eps_shape):
    x, params, eps = arrays(columns, eps_shape)
    x, eps, params = x.astype("float32"), eps.astype("float32"), AffineLRTParams(*(a.astype("float32") for a in params))
    for a in (x, eps, *params):
        a.flags.writeable = False
    y, cache = affine_lrt_forward(x, params, eps, var_floor=1e-8)
    y.flags.writeable = False
    grads = affine_lrt_backward(y, cache)
    assert {a.dtype.name for a in (y, grads.x, *grads.params)} == {"float32"}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"x": np.zeros((B, D))}, ValueError, "x: expected shape"),
        ({"mu": np.zeros((D + 1, K))}, ValueError, "mu: expected shape"),
        ({"log_sigma": np.zeros((D, 1))}, ValueError, "log_sigma: expected shape"),
        ({"b": np.zeros(1)}, ValueError, "b: expected shape"),
        ({"eps": np.zeros((T, 1, K))}, ValueError, "eps: expected shape"),
        ({"eps": np.zeros((2, B, K))}, ValueError, "eps: expected shape"),
        ({"eps": np.zeros((T, B, K), "float32")}, TypeError, "eps: expected dtype float64"),
        ({"var_floor": -1e-8}, ValueError, "var_floor: expected a number of at least 0"),
        ({"var_floor": math.nan}, ValueError, "var_floor: "),
    ],
)
def test_errors(changes, error, words):
    x, params, eps = arrays((K,), (T, B, K))
    given = {"x": x, **params._asdict(), "eps": eps, "var_floor": 1e-8} | changes
    with pytest.raises(error, match=words):
        affine_lrt_forward(
            given["x"],
            AffineLRTParams(given["mu"], given["log_sigma"], given["b"]),
            given["eps"],
            var_floor=given["var_floor"],
        )
