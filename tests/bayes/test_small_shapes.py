"""One input, no element, an array of many blocks: estimators and series at the smallest and the largest shapes.

[LRT.F1] [LRT.F2] [LRT.B2] [LRT.B4] [KL.LOGUNIFORM.F1]
"""

import numpy as np

from refimpl.bayes.kl.polynomial import BLOCK, polynomial
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_backward, affine_lrt_forward


def test_lrt_of_a_single_input():
    """y = x mu + |x| sigma eps, and its derivatives, by hand."""
    x, mu, log_sigma, eps = 3.0, 0.5, np.log(0.25), -2.0
    params = AffineLRTParams(np.array([[mu]]), np.array([[log_sigma]]), None)
    y, cache = affine_lrt_forward(np.full((1, 1, 1), x), params, np.full((1, 1, 1), eps), var_floor=0.0)
    grads = affine_lrt_backward(np.ones((1, 1, 1)), cache)
    found = [float(a.item()) for a in (y, grads.x, grads.params.mu, grads.params.log_sigma)]
    np.testing.assert_allclose(found, [0.0, mu + 0.25 * eps, x, x * 0.25 * eps], rtol=1e-15, atol=1e-15)


def test_a_polynomial_of_nothing_and_of_many_blocks():
    coefficients = (2.0, -1.0, 0.5)
    for count in (0, 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3):
        x = np.linspace(0.0, 1.0, count)
        np.testing.assert_array_equal(polynomial(x, coefficients), (0.5 * x - 1.0) * x + 2.0)
