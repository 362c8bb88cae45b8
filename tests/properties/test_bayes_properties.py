"""What holds for every posterior: the limit sigma -> 0, the KL's shape, and the flat direction (z, w) -> (cz, w/c)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.layers.gate_input import gate_input_forward
from refimpl.layers.lstm import LSTMParams, lstm_forward
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.noise import Draw, normal

T, B, D, H = 4, 2, 5, 3
OF_ALPHA = [name for name in KL_DIVERGENCES if name != "standard_normal"]  # depend on alpha = sigma^2 / mu^2 alone
ROUNDING = 1e-13  # log sigma is below 32 and rounded at 4e-15; the slope of every KL in log sigma is below 1.3

examples = settings(max_examples=20, deadline=None, derandomize=True)
seeds = st.integers(0, 2**32)
moderate = st.floats(-10.0, 10.0, allow_subnormal=False)


def kl(name, mu, log_sigma, clip=None):
    divergence = KL_DIVERGENCES[name]
    options = {"log_alpha_clip": clip} if divergence.clips else {}
    value, cache = divergence.forward(np.asarray(mu, float), np.asarray(log_sigma, float), **options)
    return value, divergence.backward(1.0, cache)


@given(seeds)
@examples
def test_without_variance_the_draws_are_the_means(seed):
    x, mu = normal(Draw(seed, "x"), (T, B, D)), normal(Draw(seed, "mu"), (D, 4, H))
    none = np.full_like(mu, -800.0)  # sigma underflows to exactly 0
    w, _ = gaussian_weights_forward(GaussianParams(mu, none), normal(Draw(seed, "eps"), (B, D, 4, H)))
    assert np.array_equal(w, np.broadcast_to(mu, w.shape))
    eps = normal(Draw(seed, "eps"), (1, B, 4, H))
    y, _ = affine_lrt_forward(x, AffineLRTParams(mu, none), eps, var_floor=0.0)
    assert np.max(np.abs(y - gate_input_forward(x, mu)[0])) <= ROUNDING


@given(seeds)
@examples
def test_the_noisy_lstm_tends_to_the_deterministic_one_in_proportion_to_sigma(seed):
    def draw(name, *shape):
        return normal(Draw(seed, name), shape)

    params = LSTMParams(draw("W_x", D, 4, H), draw("W_h", H, 4, H), draw("b", 4, H))
    state = LSTMState(draw("h", B, H), draw("c", B, H))
    x = draw("x", T, B, D)
    exact = lstm_forward(x, params, state)[0].h

    def distance(sigma):
        noisy = [
            gaussian_weights_forward(
                GaussianParams(W, np.full_like(W, math.log(sigma))), draw("eps " + name, *W.shape)
            )[0]
            for name, W in zip(("W_x", "W_h"), params[:2], strict=True)
        ]
        return np.max(np.abs(lstm_forward(x, LSTMParams(*noisy, params.b), state)[0].h - exact))

    assert distance(1e-6) > 0.0
    assert distance(1e-6) == pytest.approx(0.1 * distance(1e-5), rel=0.01)  # the next order is sigma^2


@pytest.mark.parametrize("name", OF_ALPHA)
@given(st.floats(-20.0, 20.0), st.floats(1e-3, 5.0), moderate)
@examples
def test_the_kl_falls_as_alpha_grows(name, log_alpha, gap, log_sigma):
    if name == "kingma2015":
        log_alpha = -abs(log_alpha) - gap - 1e-6  # alpha <= 1 only
    mu = [math.exp(log_sigma - 0.5 * a) for a in (log_alpha, log_alpha + gap)]
    value, grads = kl(name, mu, [log_sigma, log_sigma])
    assert value[0] > value[1] - 1e-15
    assert np.all(grads.mu > 0.0)
    assert np.all(grads.log_sigma < 0.0)


@pytest.mark.parametrize("name", [name for name in KL_DIVERGENCES if name != "kingma2015"])
@given(
    st.lists(st.floats(-1e30, 1e30) | st.sampled_from([0.0, -0.0, 5e-324]), min_size=3, max_size=3),
    st.floats(-50.0, 50.0),
    st.sampled_from([None, 8.0]),
)
@examples
def test_the_kl_and_its_gradient_are_finite_and_even_in_mu(name, mu, log_sigma, clip):
    value, grads = kl(name, mu, np.full(3, log_sigma), clip)
    mirrored, mirrored_grads = kl(name, -np.array(mu), np.full(3, log_sigma), clip)
    assert all(np.all(np.isfinite(a)) for a in (value, *grads))
    assert np.array_equal(mirrored, value)
    assert np.array_equal(mirrored_grads.mu, -grads.mu)
    assert np.all(grads.mu[np.array(mu) == 0.0] == 0.0)


@pytest.mark.parametrize("name", OF_ALPHA)
@given(seeds, st.integers(-8, 8))
@examples
def test_scaling_z_up_and_w_down_changes_neither_the_function_nor_the_kl(name, seed, power):
    """Group variables, math of the flat direction: c is a power of 2, one for each input component."""

    def draw(what, *shape):
        return normal(Draw(seed, what), shape)

    def posterior(what, *shape):
        mu = draw(what, *shape)
        return GaussianParams(mu, np.log(np.abs(mu)) - 1.0 - np.abs(draw(what + " s", *shape)))

    z, W = posterior("z", D), posterior("W", D, 4, H)
    c = 2.0 ** (power * np.sign(draw("c", D)))
    scaled_z = GaussianParams(c * z.mu, z.log_sigma + np.log(c))
    c = c[:, None, None]
    scaled_W = GaussianParams(W.mu / c, W.log_sigma - np.log(c))

    def function(z, W):
        factor, _ = gaussian_weights_forward(z, draw("eps z", B, D))
        weights, _ = gaussian_weights_forward(W, draw("eps W", D, 4, H))
        return gate_input_forward(draw("x", T, B, D), weights, factor[:, None, :])[0]

    u = function(z, W)
    assert np.max(np.abs(function(scaled_z, scaled_W) - u)) <= ROUNDING * max(1.0, np.max(np.abs(u)))
    for before, after in ((z, scaled_z), (W, scaled_W)):
        assert np.max(np.abs(kl(name, *after)[0] - kl(name, *before)[0])) <= ROUNDING


def test_the_standard_normal_prior_has_no_flat_direction():
    """The power of the test above: with N(0, 1) the scale of a weight matters."""
    value = kl("standard_normal", [1.0], [-1.0])[0] - kl("standard_normal", [2.0], [-1.0 + math.log(2.0)])[0]
    assert abs(value.item()) > 0.1
