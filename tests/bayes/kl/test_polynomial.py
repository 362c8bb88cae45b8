"""Horner's rule block by block gives what NumPy's gives at once."""

import numpy as np
import pytest

from refimpl.bayes.kl.polynomial import BLOCK, polynomial


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (2, BLOCK + 7)])
def test_against_numpy(shape):
    x = np.random.Generator(np.random.Philox(3)).uniform(0.0, 2.0, shape)
    coefficients = (0.5, 0.0, 2.0, 0.25)
    found = polynomial(x, coefficients)
    assert found.shape == shape
    np.testing.assert_allclose(found, np.polynomial.polynomial.polyval(x, coefficients), rtol=1e-15)
