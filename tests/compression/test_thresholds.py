"""log alpha and the masks of what is alive. [THRESHOLD.E1] [THRESHOLD.E2]"""

import math

import mpmath
import numpy as np
import pytest

from refimpl.compression.thresholds import alive_masks, log_alpha


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log_alpha_against_mpmath(dtype):
    rng = np.random.Generator(np.random.Philox(9))
    mu = rng.standard_normal((3, 4, 2)).astype(dtype)
    log_sigma = (3.0 * rng.standard_normal((3, 4, 2)) - 3.0).astype(dtype)
    found = log_alpha(mu, log_sigma)
    assert found.dtype == np.dtype(dtype)
    for index in np.ndindex(mu.shape):
        m, s = mpmath.mpf(float(mu[index])), mpmath.mpf(float(log_sigma[index]))
        exact = mpmath.log(mpmath.exp(s) ** 2 / m**2)
        scale = 2.0 * abs(float(s)) + 2.0 * abs(float(mpmath.log(abs(m))))  # of the two terms that are subtracted
        assert abs(float(found[index]) - float(exact)) <= 4.0 * np.finfo(dtype).eps * scale


def test_zero_mean_is_infinitely_noisy_and_warns_of_nothing():
    found = log_alpha(np.array([0.0, -0.0, 1.0]), np.array([-50.0, 2.0, 0.0]))
    assert found.tolist() == [math.inf, math.inf, 0.0]


def test_small_means_do_not_underflow():
    mu = np.array([1e-30], dtype="float32")  # its square is 0 in float32
    assert log_alpha(mu, np.full(1, -70.0, "float32"))[0] == pytest.approx(-140.0 + 60.0 * math.log(10.0), rel=1e-5)


def test_alive_means_strictly_below_the_threshold():
    """At mu = 1, log alpha is 2 log_sigma exactly."""
    params = {"a.mu": np.ones(3), "a.log_sigma": np.array([1.5 - 2.0**-50, 1.5, 1.5 + 2.0**-50])}
    assert alive_masks(params)["a"].tolist() == [True, False, False]
    assert alive_masks(params, threshold=3.5)["a"].tolist() == [True, True, True]


def test_which_parameters_have_a_mask():
    params = {
        "embedding.W": np.zeros((5, 3)),  # deterministic: alive throughout, even where it is 0
        "lstm.W_x.mu": np.ones((3, 4, 2)),
        "lstm.W_x.log_sigma": np.full((3, 4, 2), 2.0),
        "lstm.W_h": np.ones((2, 4, 2)),
        "lstm.z_h.mu": np.ones(2),
        "lstm.z_h.log_sigma": np.array([-3.0, 3.0]),
        "lstm.b": np.zeros((4, 2)),
        "lstm.h0": np.zeros(2),
        "lstm.peephole": np.zeros((3, 2)),
        "output.b": np.zeros(7),
    }
    masks = alive_masks(params)
    assert masks.keys() == {"embedding.W", "lstm.W_x", "lstm.W_h", "lstm.z_h"}
    assert all(mask.dtype == bool for mask in masks.values())
    assert masks["embedding.W"].all()
    assert masks["lstm.W_h"].all()
    assert not masks["lstm.W_x"].any()
    assert masks["lstm.z_h"].tolist() == [True, False]


def test_inputs_are_not_written_to():
    mu, log_sigma = np.array([0.0, 2.0]), np.array([1.0, 2.0])
    mu.flags.writeable = log_sigma.flags.writeable = False
    log_alpha(mu, log_sigma)
    assert mu.tolist() == [0.0, 2.0]


def test_errors_name_what_is_wrong():
    with pytest.raises(TypeError, match=r"^log_sigma: expected dtype float64"):
        log_alpha(np.ones(2), np.ones(2, "float32"))
    with pytest.raises(TypeError, match=r"complex128"):
        log_alpha(np.ones(2, complex), np.ones(2, complex))
    with pytest.raises(ValueError, match=r"^log_sigma: expected shape \(2,\).*got \(1,\)"):
        log_alpha(np.ones(2), np.ones(1))
    with pytest.raises(ValueError, match=r"a\.mu is there and a\.log_sigma is missing"):
        alive_masks({"a.mu": np.ones(2)})
    with pytest.raises(ValueError, match=r"a\.log_sigma is there and a\.mu is missing"):
        alive_masks({"a.log_sigma": np.ones(2)})
    with pytest.raises(ValueError, match=r"^a\.log_sigma: expected shape \(2\), got \(3,\)"):
        alive_masks({"a.mu": np.ones(2), "a.log_sigma": np.ones(3)})
    with pytest.raises(ValueError, match=r"^a: .*NaN; the model has diverged"):
        alive_masks({"a.mu": np.array([1.0, np.nan]), "a.log_sigma": np.ones(2)})
