"""Input of the gates, dense and by token.

Values by scalar loops [LSTM.F1] [LSTM.F2]; gradients by complex step
[LSTM.B11] [LSTM.B12] [LSTM.B13] [LSTM.B14] [LSTM.B15].
"""

import numpy as np
import pytest

from refimpl.checks import run_gradcheck
from refimpl.layers.gate_input import (
    gate_input_backward,
    gate_input_forward,
    token_input_backward,
    token_input_forward,
)
from refimpl.noise import Draw, normal

T, B, D, H = 5, 2, 6, 3
ROUNDING = 1e-13  # sums of at most 60 products of order 1, at 1e-16 each
IDS = np.array([[0, 3], [5, 3], [0, 0], [2, 1], [0, 5]])  # (T, B); 4 is absent, 0 and 3 are repeated

layouts = pytest.mark.parametrize("per_object", [False, True])
multipliers = pytest.mark.parametrize("groups", [None, 1, 4])


def arrays(groups, per_object):
    W = normal(Draw(2, "W"), (B, D, 4, H) if per_object else (D, 4, H))
    multiplier = None if groups is None else normal(Draw(2, "m"), (B, groups, D))
    return normal(Draw(2, "x"), (T, B, D)), W, multiplier


def weight(W, b, d, k, h):
    return W[b, d, k, h] if W.ndim == 4 else W[d, k, h]


def factor(m, b, k, d):
    return 1.0 if m is None else m[b, k if m.shape[1] == 4 else 0, d]


@layouts
@multipliers
def test_dense_values_by_scalar_loop(groups, per_object):
    x, W, m = arrays(groups, per_object)
    u, _ = gate_input_forward(x, W, m)
    assert u.shape == (T, B, 4, H)
    for t, b, k, h in np.ndindex(T, B, 4, H):
        expected = sum(x[t, b, d] * factor(m, b, k, d) * weight(W, b, d, k, h) for d in range(D))
        assert abs(u[t, b, k, h] - expected) <= ROUNDING


@layouts
@multipliers
def test_token_values_by_scalar_loop(groups, per_object):
    _, W, m = arrays(groups, per_object)
    u, _ = token_input_forward(IDS, W, m)
    assert u.shape == (T, B, 4, H)
    for t, b, k, h in np.ndindex(T, B, 4, H):
        d = IDS[t, b]
        assert u[t, b, k, h] == factor(m, b, k, d) * weight(W, b, d, k, h)


@layouts
@multipliers
def test_tokens_are_one_hot_inputs(groups, per_object):
    _, W, m = arrays(groups, per_object)
    one_hot = np.eye(D)[IDS]
    dense, dense_cache = gate_input_forward(one_hot, W, m)
    token, token_cache = token_input_forward(IDS, W, m)
    du = normal(Draw(2, "du"), token.shape)
    dense_grads, token_grads = gate_input_backward(du, dense_cache), token_input_backward(du, token_cache)
    assert np.max(np.abs(dense - token)) <= ROUNDING
    assert np.max(np.abs(dense_grads.W_x - token_grads.W_x)) <= ROUNDING
    assert np.all(token_grads.W_x[..., 4, :, :] == 0.0)
    if m is None:
        assert token_grads.multiplier is None
    else:
        assert np.max(np.abs(dense_grads.multiplier - token_grads.multiplier)) <= ROUNDING


def test_gradients():
    """[LSTM.B11] [LSTM.B12] [LSTM.B13] [LSTM.B14] [LSTM.B15], every leaf of every layout."""
    results = run_gradcheck(["gate_input", "token_input"], seed=1)
    assert len({result.layer for result in results}) == 12
    assert [result for result in results if not result.passed] == []


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
@layouts
def test_ids_of_any_integer_type(dtype, per_object):
    _, W, m = arrays(4, per_object)
    expected, expected_cache = token_input_forward(IDS, W, m)
    found, cache = token_input_forward(IDS.astype(dtype), W, m)
    assert np.array_equal(found, expected)
    du = normal(Draw(2, "du"), found.shape)
    for grad, reference in zip(token_input_backward(du, cache), token_input_backward(du, expected_cache), strict=True):
        assert np.array_equal(grad, reference)


@layouts
@multipliers
def test_float32_stays_float32(groups, per_object):
    x, W, m = (None if a is None else a.astype("float32") for a in arrays(groups, per_object))
    u, cache = gate_input_forward(x, W, m)
    v, token_cache = token_input_forward(IDS, W, m)
    grads = [*gate_input_backward(u, cache), *token_input_backward(v, token_cache)]
    assert {a.dtype.name for a in [u, v, *grads] if a is not None} == {"float32"}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"x": np.zeros((T, B, D + 1))}, ValueError, "W_x: expected shape"),
        ({"x": np.zeros((T, D))}, ValueError, "x: expected shape"),
        ({"W_x": np.zeros((D, 3, H))}, ValueError, "W_x: expected shape .*, got"),
        ({"W_x": np.zeros((B + 1, D, 4, H))}, ValueError, "W_x: expected shape"),
        ({"multiplier": np.zeros((B, 2, D))}, ValueError, "multiplier: expected shape"),
        ({"multiplier": np.zeros((1, 4, D))}, ValueError, "multiplier: expected shape"),
        ({"W_x": np.zeros((D, 4, H), "float32")}, TypeError, "W_x: expected dtype float64"),
        ({"x": np.zeros((T, B, D), int)}, TypeError, "x: expected dtype float32 or float64"),
    ],
)
def test_errors_of_dense_inputs(changes, error, words):
    x, W, m = arrays(4, False)
    with pytest.raises(error, match=words):
        gate_input_forward(**({"x": x, "W_x": W, "multiplier": m} | changes))


@pytest.mark.parametrize(
    ("ids", "error", "words"),
    [
        (np.where(IDS == 5, D, IDS), IndexError, "ids: expected ids from 0 to 5, got 6"),
        (np.where(IDS == 5, -1, IDS), IndexError, "ids: expected ids from 0 to 5, got -1"),
        (IDS[0], ValueError, "ids: expected shape"),
        (IDS[:, :1], ValueError, "expected shape"),
        (IDS.astype(float), TypeError, "ids: expected an integer array"),
    ],
)
def test_errors_of_tokens(ids, error, words):
    _, W, m = arrays(4, False)
    with pytest.raises(error, match=words):
        token_input_forward(ids, W, m)
