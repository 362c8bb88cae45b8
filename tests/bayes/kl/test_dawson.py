"""Dawson's integral against mpmath and SciPy [KL.DAWSON.E1] [KL.DAWSON.E2]."""

import mpmath as mp
import numpy as np
import pytest
from scipy.special import dawsn

from refimpl.bayes.kl import dawson


def test_relative_accuracy_against_mpmath():
    """Within 8 units of rounding, both series, tiny and huge arguments."""
    x = np.concatenate(
        [np.exp(np.linspace(-300, -1, 20)), np.linspace(0.1, 12.0, 120), np.array([5.9999999, 6.0, 6.0000001])]
    )
    with mp.workdps(40):
        for x_i, found in zip(map(mp.mpf, x.tolist()), dawson(x), strict=True):
            true = mp.sqrt(mp.pi) / 2 * mp.exp(-(x_i**2)) * mp.erfi(x_i)
            assert abs(found / true - 1) <= 8 * np.finfo("float64").eps


def test_against_scipy():
    x = np.concatenate([np.linspace(-20.0, 20.0, 2001), np.exp(np.linspace(3.0, 340.0, 50))])
    np.testing.assert_allclose(dawson(x), dawsn(x), rtol=4e-15, atol=0)


def test_odd_and_zero_at_zero():
    x = np.linspace(0.0, 9.0, 91)
    np.testing.assert_array_equal(dawson(-x), -dawson(x))
    assert dawson(np.zeros(1))[0] == 0.0


def test_derivative_is_one_minus_two_x_f():
    x = np.concatenate([np.linspace(-9.0, 9.0, 181), np.array([5.9999, 6.0001])])
    step = dawson(x + 1e-30j).imag / 1e-30
    expected = 1.0 - 2.0 * x * dawson(x)
    assert np.max(np.abs(step - expected)) <= 1e-12 * np.max(np.abs(expected))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape(dtype):
    x = np.linspace(-8.0, 8.0, 6, dtype=dtype).reshape(2, 3)
    assert dawson(x).dtype == dtype
    assert dawson(x).shape == (2, 3)
