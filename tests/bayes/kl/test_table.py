"""Every KL divergence alike: gradients by complex step, dtypes, float32 at the ends of its range, errors.

[KL.RATIO.F1] [KL.RATIO.F2] [KL.RATIO.F3] [KL.RATIO.B1] [KL.RATIO.B2] [KL.LOGUNIFORM.B1] [KL.MOLCHANOV.B1]
[KL.RNN2018.B1] [KL.ARD.B1] [KL.NORMAL.F1] [KL.NORMAL.B1] [KL.NORMAL.B2] [KL.KINGMA.B1]
"""

import inspect
import math

import numpy as np
import pytest

from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.models.recipe import PRIORS

CASES = [
    (name, clip)
    for name, divergence in KL_DIVERGENCES.items()
    for clip in ((None, 8.0, 3.0) if divergence.clips else ((),))
]
LEAVES = ("mu", "log_sigma")
STEP = 1e-30


def options(clip):
    return {} if clip == () else {"log_alpha_clip": clip}


def arguments(name, clip, dtype="float64"):
    """Means of both signs and zero, at log alpha on both sides of each switch: clip, series (-4.28), tail (-55.3)."""
    log_alpha = [-100.0, -55.4, -55.2, -30.0, -8.1, -7.9, -4.30, -4.25, -3.1, -2.9, -1.5, -0.1]
    if name != "kingma2015":
        log_alpha += [0.1, 2.9, 3.1, 7.9, 8.1, 30.0, 100.0, math.inf]
    rng = np.random.Generator(np.random.Philox(5))
    log_sigma = rng.uniform(-5.0, 1.0, (2, len(log_alpha)))
    mu = np.array([[1.0], [-1.0]]) * np.exp(log_sigma - 0.5 * np.array(log_alpha))
    return mu.astype(dtype), log_sigma.astype(dtype), rng.standard_normal(mu.shape).astype(dtype)


@pytest.mark.parametrize(("name", "clip"), CASES)
@pytest.mark.parametrize("leaf", LEAVES)
def test_gradient_by_complex_step(name, clip, leaf):
    if name == "standard_normal":
        rng = np.random.Generator(np.random.Philox(6))
        mu, log_sigma, dkl = rng.standard_normal((3, 4, 5))
        mu[0, 0] = 0.0
    else:
        mu, log_sigma, dkl = arguments(name, clip)
    divergence = KL_DIVERGENCES[name]
    _, cache = divergence.forward(mu, log_sigma, **options(clip))
    hand = getattr(divergence.backward(dkl, cache), leaf)
    moved = {"mu": mu.astype(complex), "log_sigma": log_sigma.astype(complex)}
    moved[leaf] += 1j * STEP  # the KL is elementwise: one step serves all entries
    kl, _ = divergence.forward(moved["mu"], moved["log_sigma"], **options(clip))
    step = dkl * kl.imag / STEP
    assert np.any(step != 0.0)
    assert np.max(np.abs(hand - step)) <= 1e-12 * np.max(np.abs(step))
    assert np.all(np.abs(hand - step) <= 1e-12 * np.abs(step) + STEP)  # each entry is a leaf of its own


@pytest.mark.parametrize(("name", "clip"), [case for case in CASES if case[1] not in ((), None)])
def test_clip_keeps_the_value_at_the_edge_and_stops_the_gradient(name, clip):
    divergence = KL_DIVERGENCES[name]
    mu, log_sigma, _ = arguments(name, clip)
    kl, cache = divergence.forward(mu, log_sigma, log_alpha_clip=clip)
    free, free_cache = divergence.forward(mu, log_sigma, log_alpha_clip=None)
    grads, free_grads = divergence.backward(1.0, cache), divergence.backward(1.0, free_cache)
    with np.errstate(divide="ignore"):
        log_alpha = 2.0 * log_sigma - np.log(mu * mu)
    edge = np.exp(-0.5 * np.clip(log_alpha, -clip, clip))
    at_edge, _ = divergence.forward(edge, np.zeros_like(edge), log_alpha_clip=None)
    np.testing.assert_allclose(kl, at_edge, rtol=1e-14, atol=1e-15)
    inside = np.abs(log_alpha) < clip
    assert 0 < inside.sum() < inside.size
    for leaf in LEAVES:
        assert np.all(getattr(grads, leaf)[~inside] == 0.0)
        np.testing.assert_array_equal(getattr(grads, leaf)[inside], getattr(free_grads, leaf)[inside])
    np.testing.assert_array_equal(kl[inside], free[inside])


@pytest.mark.parametrize(("name", "clip"), CASES)
def test_float32_from_end_to_end_of_its_range(name, clip):
    """No warning but underflow, and the true value (float64's) wherever float32 can hold it, infinity elsewhere."""
    log_sigma = np.linspace(-40.0, 10.0, 26)[:, None]
    log_alpha = np.linspace(-100.0, -0.01 if name == "kingma2015" else 100.0, 41)
    magnitude = np.exp(log_sigma - 0.5 * log_alpha)
    zero = () if name == "kingma2015" else (0.0 * magnitude,)
    mu = np.concatenate([magnitude, -magnitude, *zero], axis=1).astype("float32")
    log_sigma = np.broadcast_to(log_sigma, mu.shape).astype("float32")
    divergence = KL_DIVERGENCES[name]
    with np.errstate(all="raise", under="ignore"):
        kl, cache = divergence.forward(mu, log_sigma, **options(clip))
        grads = divergence.backward(1.0, cache)
    kl64, cache64 = divergence.forward(mu.astype("float64"), log_sigma.astype("float64"), **options(clip))
    grads64 = divergence.backward(1.0, cache64)
    float32 = np.finfo("float32")
    # About 16 roundings in a row. The KL of rnn2018 and kingma2015 is a difference of numbers of order 1.
    relative = 16 * float(float32.eps)
    absolute = 4 * float(float32.eps) if name in ("rnn2018", "kingma2015") else 0.0
    for found, expected in [(kl, kl64), (grads.mu, grads64.mu), (grads.log_sigma, grads64.log_sigma)]:
        assert found.dtype == np.float32
        too_large = np.abs(expected) > float32.max
        assert np.all(found[too_large] == np.inf)
        error = np.abs(found[~too_large] - expected[~too_large])
        bound = relative * np.abs(expected[~too_large]) + absolute + 4 * float(float32.smallest_subnormal)
        assert np.all(error <= bound)
    assert np.any(np.isinf(kl)) == (name == "standard_normal")  # mu^2 alone is ever too large


@pytest.mark.parametrize(("name", "clip"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_shape_and_untouched_inputs(name, clip, dtype):
    mu, log_sigma, dkl = arguments(name, clip, dtype)
    if name == "standard_normal":
        mu = np.tanh(mu)
    mu, log_sigma, dkl = (
        np.repeat(a[:, :, None], 2, axis=2)[:, ::-1, 1] for a in (mu, log_sigma, dkl)
    )  # not contiguous
    copies = mu.copy(), log_sigma.copy(), dkl.copy()
    for a in (mu, log_sigma, dkl):
        a.flags.writeable = False
    divergence = KL_DIVERGENCES[name]
    kl, cache = divergence.forward(mu, log_sigma, **options(clip))
    grads = divergence.backward(dkl, cache)
    for out in (kl, *grads):
        assert out.dtype == dtype
        assert out.shape == mu.shape
    for before, after in zip(copies, (mu, log_sigma, dkl), strict=True):
        np.testing.assert_array_equal(before, after)
    kl_of_copies, _ = divergence.forward(*copies[:2], **options(clip))
    np.testing.assert_array_equal(kl, kl_of_copies)
    for number in (-0.25, np.float64(-0.25)):
        for one, filled in zip(
            divergence.backward(number, cache), divergence.backward(np.full_like(kl, -0.25), cache), strict=True
        ):
            assert one.dtype == dtype
            np.testing.assert_array_equal(one, filled)


@pytest.mark.parametrize(("name", "clip"), CASES)
@pytest.mark.parametrize("shape", [(), (0,), (1, 2, 3)])
def test_any_shape(name, clip, shape):
    divergence = KL_DIVERGENCES[name]
    kl, cache = divergence.forward(np.full(shape, 0.5), np.full(shape, -1.5), **options(clip))
    assert kl.shape == shape
    assert divergence.backward(1.0, cache).mu.shape == shape


@pytest.mark.parametrize(("name", "clip"), CASES)
def test_errors_name_the_argument(name, clip):
    divergence = KL_DIVERGENCES[name]
    ones = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"log_sigma: expected shape \(2, 3\), got \(3,\)"):
        divergence.forward(ones, -np.ones(3), **options(clip))
    with pytest.raises(TypeError, match=r"log_sigma: expected dtype float64 \(that of mu\), got float32"):
        divergence.forward(ones, -ones.astype("float32"), **options(clip))
    with pytest.raises(TypeError, match=r"mu: expected dtype float32 or float64, got int64"):
        divergence.forward(ones.astype("int64"), -ones, **options(clip))
    _, cache = divergence.forward(ones, -ones, **options(clip))
    with pytest.raises(ValueError, match=r"dkl: expected shape \(2, 3\), got \(3,\)"):
        divergence.backward(np.ones(3), cache)
    with pytest.raises(TypeError, match=r"dkl: expected dtype float64 \(that of mu\), got float32"):
        divergence.backward(ones.astype("float32"), cache)


@pytest.mark.parametrize("clip", [0.0, -8.0, 50.5, math.inf, math.nan])
def test_clip_out_of_range_is_refused(clip):
    for divergence in KL_DIVERGENCES.values():
        if divergence.clips:
            with pytest.raises(ValueError, match=r"log_alpha_clip: expected None or a number in \(0, 50\]"):
                divergence.forward(np.ones(2), -np.ones(2), log_alpha_clip=clip)


def test_the_table_tells_what_each_divergence_takes():
    assert set(KL_DIVERGENCES) == set(PRIORS)
    for name, divergence in KL_DIVERGENCES.items():
        assert divergence.forward.__name__ == f"kl_{name}_forward"
        assert divergence.backward.__name__ == f"kl_{name}_backward"
        parameters = inspect.signature(divergence.forward).parameters
        assert divergence.clips == ("log_alpha_clip" in parameters)
        assert all(p.default is p.empty for p in parameters.values())
