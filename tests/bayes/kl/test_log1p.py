"""log(1 + r) against NumPy's log1p, from the smallest r to the largest that occurs [KL.LOG1P.E1]."""

import numpy as np
import pytest

from refimpl.bayes.kl.log1p import log1p


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relative_accuracy(dtype):
    low, high = (-80.0, 55.0) if dtype == "float32" else (-700.0, 55.0)
    r = np.concatenate([[0.0], np.exp(np.linspace(low, high, 4001)), np.linspace(0.5, 2.0, 501) * np.finfo(dtype).eps])
    r = r.astype(dtype)
    found = log1p(r)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, np.log1p(r.astype("float64")), rtol=4 * float(np.finfo(dtype).eps), atol=0)


def test_derivative():
    r = np.exp(np.linspace(-80.0, 55.0, 301))
    np.testing.assert_allclose(log1p(r + 1e-30j).imag / 1e-30, 1.0 / (1.0 + r), rtol=1e-15)
