"""Activations: gradients by complex step, values by mpmath, range of float32, errors.

[SIGMOID.F1] [SIGMOID.B1] [HARDSIGMOID.F1] [HARDSIGMOID.B1] [TANH.F1] [TANH.B1] [SOFTMAX.F1] [SOFTMAX.B1]
"""

import mpmath
import numpy as np
import pytest

from refimpl.layers import activations
from tests.layers.helpers import assert_same_gradients, complex_step, frozen

pytestmark = pytest.mark.filterwarnings("error")
NAMES = ["sigmoid", "hard_sigmoid", "tanh", "softmax"]
CORNERS = [-2.5, 2.5]


def both(name):
    return getattr(activations, f"{name}_forward"), getattr(activations, f"{name}_backward")


def row_oracle(name, row):
    """y of one row, in 40 digits."""
    with mpmath.workdps(40):
        row = [mpmath.mpf(float(a)) for a in row]
        if name == "softmax":
            total = mpmath.fsum(mpmath.exp(a) for a in row)
            return [float(mpmath.exp(a) / total) for a in row]
        scalar = {
            "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
            "hard_sigmoid": lambda a: min(max(a / 5 + mpmath.mpf(1) / 2, 0), 1),
            "tanh": mpmath.tanh,
        }[name]
        return [float(scalar(a)) for a in row]


@pytest.fixture
def case():
    rng = np.random.Generator(np.random.Philox(21))
    a = 3.0 * rng.standard_normal((4, 2, 5))  # both saturated sides of the hard sigmoid, and its middle
    assert (a < -2.5).any()
    assert (a > 2.5).any()
    assert (np.abs(a) < 2.5).any()
    return frozen(a), frozen(rng.standard_normal(a.shape))  # a, cotangent


@pytest.mark.parametrize("name", NAMES)
def test_gradient_by_complex_step(case, name):
    a, dy = case
    forward, backward = both(name)
    da = backward(dy, forward(a)[1])
    assert_same_gradients({"a": da}, complex_step(lambda a: (forward(a)[0] * dy).sum(), {"a": a}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_value_by_mpmath(case, name, dtype):
    a = case[0].astype(dtype)
    y, _ = both(name)[0](a)
    assert y.dtype == dtype
    assert y.shape == a.shape
    for index in np.ndindex(a.shape[:-1]):
        # |y| <= 1: three roundings, and for softmax those of the shifted argument, below 16 here
        bound = np.finfo(dtype).eps * (3 if name != "softmax" else 16)
        assert np.abs(y[index] - row_oracle(name, a[index])).max() <= bound


@pytest.mark.parametrize("name", NAMES)
def test_float32_in_float32_out(case, name):
    forward, backward = both(name)
    y, cache = forward(case[0].astype("float32"))
    da = backward(case[1].astype("float32"), cache)
    exact = backward(case[1], forward(case[0])[1])
    assert y.dtype == da.dtype == "float32"
    assert np.abs(da - exact).max() <= 1e-5 * np.abs(exact).max()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex128"])
def test_no_overflow_far_out(name, dtype):
    a = np.array([[-1e4, 1e4, 0.0, -88.8, 88.8, -710.0, 710.0]], dtype=dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        y, cache = both(name)[0](a)
        da = both(name)[1](np.ones_like(a), cache)
    assert np.isfinite(y).all()
    assert np.isfinite(da).all()
    assert np.abs(y.real - row_oracle(name, a.real[0])).max() <= 2 * np.finfo(dtype).eps


def test_hard_sigmoid_corners_and_nan():
    y, cache = activations.hard_sigmoid_forward(np.array([*CORNERS, -2.4999, 2.4999, np.nan]))
    da = activations.hard_sigmoid_backward(np.ones(5), cache)
    assert y[0] == 0.0
    assert y[1] == 1.0
    assert 0.0 < y[2] < y[3] < 1.0
    assert np.isnan(y[4])
    assert da[:4].tolist() == [0.0, 0.0, 0.2, 0.2]


def test_softmax_is_over_the_last_axis_and_ignores_a_shift(case):
    a, _ = case
    y, _ = activations.softmax_forward(a)
    assert np.abs(y.sum(axis=-1) - 1.0).max() <= 4 * np.finfo(float).eps
    shifted, _ = activations.softmax_forward(a + 1024.0)
    assert np.abs(shifted - y).max() <= 1024 * np.finfo(float).eps


@pytest.mark.parametrize("name", NAMES)
def test_errors(case, name):
    a, dy = case
    forward, backward = both(name)
    with pytest.raises(TypeError, match="a: expected dtype float32 or float64, got int64"):
        forward(np.zeros((2, 3), dtype=int))
    _, cache = forward(a)
    with pytest.raises(ValueError, match=r"dy: expected shape \(4, 2, 5\), got \(2, 5\)"):
        backward(dy[0], cache)
    with pytest.raises(TypeError, match="dy: expected dtype float64"):
        backward(dy.astype("float32"), cache)


@pytest.mark.parametrize("shape", [(), (3, 0)])
def test_softmax_of_nothing(shape):
    with pytest.raises(ValueError, match=r"a: expected shape \(\.\.\., K\) with K at least 1"):
        activations.softmax_forward(np.zeros(shape))
