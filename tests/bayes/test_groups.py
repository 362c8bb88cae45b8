"""Group variables: what they start from, and the product of z with a mask at one place, with its gradient."""

import numpy as np
import pytest

from refimpl.bayes.groups import combine_multipliers, initial_group, split_multiplier_grad
from refimpl.checks import gradcheck
from refimpl.noise import Draw, bernoulli, normal

B, D = 2, 5
Z = normal(Draw(8, "z"), (B, 1, D))


def test_a_group_starts_at_mean_1():
    mu, log_sigma = initial_group((4, D), -3.0, "float32", np)
    assert np.array_equal(mu, np.ones((4, D), "float32"))
    assert np.array_equal(log_sigma, np.full((4, D), -3.0, "float32"))
    assert {mu.dtype.name, log_sigma.dtype.name} == {"float32"}


@pytest.mark.parametrize("groups", [1, 4])
def test_product_with_a_mask_and_its_gradient(groups):
    mask = bernoulli(Draw(8, "mask"), (B, groups, D), 0.6) / 0.6
    assert 0 < np.count_nonzero(mask) < mask.size

    def forward(z):
        return combine_multipliers(z, mask), None

    def backward(dproduct, cache):
        return split_multiplier_grad(dproduct, mask)

    product, _ = forward(Z)
    for b, k, d in np.ndindex(B, groups, D):
        assert product[b, k, d] == Z[b, 0, d] * mask[b, k, d]
    (result,) = gradcheck(forward, backward, {"z": Z})
    assert result.passed


def test_one_of_two_or_none():
    mask = np.ones((B, 4, D))
    assert combine_multipliers(None, None) is None
    assert combine_multipliers(Z, None) is Z
    assert combine_multipliers(None, mask) is mask
    assert split_multiplier_grad(None, mask) is None
    assert split_multiplier_grad(Z, None) is Z
