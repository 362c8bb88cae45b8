"""VBD: scaling of masks [VBD.F1], both L2 terms [VBD.F2] [VBD.F3] and their gradients [VBD.B1] [VBD.B2].

The second L2 term is held against the KL divergence that it is the limit of, by quadrature.
"""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from refimpl.bayes.binary_dropout import (
    dropout_multiplier,
    l2_derivation_backward,
    l2_derivation_forward,
    l2_script_backward,
    l2_script_forward,
)
from refimpl.checks import run_gradcheck
from refimpl.noise import Draw, bernoulli, normal

MU = normal(Draw(7, "mu"), (5, 3))


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.75])
def test_kept_units_are_scaled_and_dropped_ones_are_zero(rate):
    kept = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    multiplier = dropout_multiplier(kept, rate)
    assert np.all(multiplier[kept == 0.0] == 0.0)
    assert np.all(multiplier[kept == 1.0] == pytest.approx(1.0 / (1.0 - rate), rel=1e-15))


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, math.nan])
def test_a_rate_outside_0_1_is_refused(rate):
    with pytest.raises(ValueError, match="rate: expected a dropout rate in"):
        dropout_multiplier(np.ones(3), rate)
    with pytest.raises(ValueError, match="rate: expected a dropout rate in"):
        l2_derivation_forward(MU, rate=rate, length_scale=1.0, n_terms=3)


def test_n_terms_below_1_is_refused():
    with pytest.raises(ValueError, match="n_terms: expected at least 1, got 0"):
        l2_derivation_forward(MU, rate=0.5, length_scale=1.0, n_terms=0)


def test_integers_are_refused():
    mu = np.arange(6).reshape(2, 3)
    with pytest.raises(TypeError, match="mu: expected dtype float32 or float64"):
        l2_script_forward(mu, weight_decay=0.1)
    with pytest.raises(TypeError, match="mu: expected dtype float32 or float64"):
        l2_derivation_forward(mu, rate=0.1, length_scale=1.0, n_terms=3)


def test_values_of_the_l2_terms():
    squares = math.fsum(float(m) ** 2 for m in MU.flat)
    assert float(l2_script_forward(MU, weight_decay=1e-3)[0]) == pytest.approx(1e-3 * squares, rel=1e-14)
    loss, _ = l2_derivation_forward(MU, rate=0.3, length_scale=0.5, n_terms=11)
    assert float(loss) == pytest.approx(0.25 * 0.7 / 22 * squares, rel=1e-14)


def spike_kl(mean, spike, rate, length_scale):
    """KL(rate N(0, spike^2) + (1 - rate) N(mean, spike^2) || N(0, 1 / length_scale^2)) by quadrature."""

    def density(w, m, s):
        return math.exp(-0.5 * ((w - m) / s) ** 2) / (s * math.sqrt(2.0 * math.pi))

    def integrand(w):
        q = rate * density(w, 0.0, spike) + (1.0 - rate) * density(w, mean, spike)
        log_prior = -0.5 * (w * length_scale) ** 2 - 0.5 * math.log(2.0 * math.pi) + math.log(length_scale)
        return q * (math.log(q) - log_prior) if q > 0.0 else 0.0

    near = [quad(integrand, centre - 12.0 * spike, centre + 12.0 * spike, epsabs=1e-12)[0] for centre in (0.0, mean)]
    return sum(near)


def test_the_derivations_l2_term_is_the_limit_of_the_kl_divergence():
    """Two means far from 0 on the scale of the spikes: the constant of the limit cancels in their difference."""
    rate, length_scale, n_terms = 0.3, 0.7, 11
    l2 = [
        float(l2_derivation_forward(np.array([m]), rate=rate, length_scale=length_scale, n_terms=n_terms)[0])
        for m in (1.5, 0.8)
    ]
    kl = [spike_kl(m, 0.01, rate, length_scale) for m in (1.5, 0.8)]
    assert kl[0] - kl[1] == pytest.approx(n_terms * (l2[0] - l2[1]), abs=1e-9)


def test_gradients():
    results = run_gradcheck(["l2_script", "l2_derivation"], seed=1)
    assert [result.leaf for result in results] == ["mu", "mu"]
    assert [result for result in results if not result.passed] == []


def test_the_l2_terms_of_float32_are_summed_in_float64():
    mu = np.full(100_000, 1.0 / 3.0, dtype="float32")
    for loss, cache, backward in (
        (*l2_script_forward(mu, weight_decay=1.0), l2_script_backward),
        (*l2_derivation_forward(mu, rate=0.0, length_scale=math.sqrt(2.0), n_terms=1), l2_derivation_backward),
    ):
        assert loss.dtype.name == "float64"
        assert float(loss) == pytest.approx(100_000 * float(mu[0] * mu[0]), rel=1e-12)
        assert backward(0.5, cache).dtype.name == "float32"


def test_masks_are_multipliers_of_the_layers_dtype():
    kept = bernoulli(Draw(7, "mask"), (2, 4, 3), 0.7, "float32")
    assert dropout_multiplier(kept, 0.3).dtype.name == "float32"
