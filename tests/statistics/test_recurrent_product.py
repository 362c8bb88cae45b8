"""A recurrent weight met twice, w^2 x: its moments, its excess kurtosis, and what LRT at each step would make of it.

[MOMENTS.E10] [MOMENTS.E11] [RT.F1] [LRT.F3]. Standard errors are exact, from central moments up to the eighth.
"""

import math

import numpy as np
import pytest

from refimpl.checks import recurrent_product
from refimpl.checks.recurrent_product import MU, SIGMA, Law, cumulant, excess_kurtosis, law_of_lrt, law_of_rt

RIGHT, WRONG = 5.0, 10.0  # bounds on |z|
posteriors = pytest.mark.parametrize(("mu", "sigma"), [(0.8, 0.6), (-1.5, 0.2), (0.0, 1.3)])


def expectation(function, mu, sigma):
    """E of a polynomial of degree at most 31 in w, by Gauss-Hermite quadrature with 16 nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(16)
    return float(np.sum(weights * function(mu + sigma * nodes)) / math.sqrt(2.0 * math.pi))


@posteriors
def test_the_law_of_rt_by_quadrature(mu, sigma):
    law = law_of_rt(mu, sigma)
    assert law.mean == pytest.approx(expectation(lambda w: w * w, mu, sigma), rel=1e-13)
    for order, found in enumerate(law.central, 2):
        by_nodes = expectation(lambda w, n=order: (w * w - law.mean) ** n, mu, sigma)
        assert found == pytest.approx(by_nodes, rel=1e-10)
    assert law.central[0] == pytest.approx(4.0 * mu**2 * sigma**2 + 2.0 * sigma**4, rel=1e-14)
    assert cumulant(2, mu, sigma) == pytest.approx(law.central[0], rel=1e-14)


@posteriors
def test_the_law_of_lrt_by_quadrature(mu, sigma):
    law = law_of_lrt(mu, sigma)
    for order, found in enumerate(law.central, 2):
        by_nodes = expectation(
            lambda w, n=order: np.array([expectation(lambda u, w=w: (w * u - mu**2) ** n, mu, sigma) for w in w]),
            mu,
            sigma,
        )
        assert found == pytest.approx(by_nodes, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("alpha", [1e-3, 0.1, 0.5625, 3.0, 100.0])
def test_excess_kurtosis(alpha):
    """12 alpha (alpha + 4) / (alpha + 2)^2: 24 alpha... small for certain weights, 12 for pure noise; LRT has half."""
    rt, lrt = law_of_rt(1.0, math.sqrt(alpha)), law_of_lrt(1.0, math.sqrt(alpha))
    cancelled = 1e-14 / alpha**2  # the moments are differences of numbers of order 1
    assert rt.excess_kurtosis == pytest.approx(excess_kurtosis(alpha), rel=1e-12)
    assert lrt.excess_kurtosis == pytest.approx(0.5 * excess_kurtosis(alpha), rel=1e-11, abs=cancelled)
    assert lrt.central[0] == pytest.approx(0.5 * rt.central[0], rel=1e-12)
    assert rt.mean - lrt.mean == pytest.approx(alpha, rel=1e-12)


def test_pure_noise_is_a_chi_square():
    assert law_of_rt(0.0, 2.0).excess_kurtosis == pytest.approx(12.0, rel=1e-14)


def test_samples_have_their_own_moments_and_not_the_other_ones():
    rt, lrt = law_of_rt(MU, SIGMA), law_of_lrt(MU, SIGMA)
    for y, right, wrong in ((recurrent_product.by_rt(), rt, lrt), (recurrent_product.by_lrt(), lrt, rt)):
        assert recurrent_product.z_of_moments(y, right) < RIGHT
        assert recurrent_product.z_of_moments(y, wrong) > WRONG


def test_it_is_not_normal():
    """A normal with its mean and variance is rejected by the fourth moment alone, and so is normality itself."""
    rt = law_of_rt(MU, SIGMA)
    normal = tuple(math.prod(range(1, n, 2)) * rt.central[0] ** (n // 2) if n % 2 == 0 else 0.0 for n in range(2, 9))
    y = recurrent_product.by_rt()
    assert recurrent_product.z_of_moments(y, Law(rt.mean, normal)) > WRONG
    assert recurrent_product.z_of_normality(y) > WRONG
    assert recurrent_product.z_of_normality(recurrent_product.normal(recurrent_product.Draw(15, "n"), y.shape)) < RIGHT
