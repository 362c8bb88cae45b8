"""The kernels at sizes that fill a GPU, where there is one; the stand-in runs the same tests at small sizes."""

import numpy as np
import pytest
import strict_cupy

from refimpl import noise
from refimpl.arrays import device_module
from refimpl.bayes.kl import kl_rnn2018_backward, kl_rnn2018_forward
from refimpl.fast.cuda import noise as fast_noise
from refimpl.fast.cuda import persistent_recurrence
from refimpl.fast.cuda.update import clip_adam, kl_add, squared_norm
from refimpl.noise import Draw
from refimpl.training.adam import AdamState, adam_update
from tests.fast.cuda.helpers import DTYPES, NEEDS_COMPILER, close, draw, to_device
from tests.fast.cuda.test_lstm_recurrence import ON, compare, inputs


@pytest.fixture(
    params=[
        pytest.param("stand-in", marks=NEEDS_COMPILER),
        pytest.param("gpu", marks=pytest.mark.gpu),
    ]
)
def device(request):
    """The array module, and how many times larger the sizes are."""
    return (strict_cupy, 1) if request.param == "stand-in" else (device_module("cuda"), 20)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("small_batch", [0, 64], ids=["ordinary", "persistent"])
def test_the_recurrence(dtype, small_batch, device, monkeypatch):
    xp, scale = device
    monkeypatch.setattr(persistent_recurrence, "SMALL_BATCH", small_batch)
    case = inputs(dtype, sizes=(4 * min(scale, 5), 3 * scale, 32 * scale))
    weights = case[0]["params"]._replace(W_h=case[0]["params"].W_h / np.asarray(2.0 * scale**0.5, dtype=dtype))
    assert compare(case[0] | {"params": weights}, case[1], dtype, xp)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_recurrence_with_everything(dtype, device):
    xp, scale = device
    arguments, cotangents = inputs(dtype, 4, sizes=(4, 2 * scale, 5 * scale), **ON)
    weights = arguments["params"]._replace(W_h=arguments["params"].W_h / np.asarray(scale**0.5, dtype=dtype))
    assert compare(arguments | {"params": weights}, cotangents, dtype, xp)


@pytest.mark.parametrize("dtype", DTYPES)
def test_kl_and_adam(dtype, device):
    xp, scale = device
    names = ("mu", "log_sigma", "dmu", "dlog_sigma")
    case = {name: draw(name, 30 * scale, 70 * scale, dtype=dtype) for name in names}
    terms, cache = kl_rnn2018_forward(case["mu"], case["log_sigma"], log_alpha_clip=8.0)
    added = kl_rnn2018_backward(0.01, cache)
    dmu, dlog_sigma = case["dmu"] + added.mu, case["dlog_sigma"] + added.log_sigma
    on_device = to_device(case, xp)
    kl = kl_add(**on_device, prior="rnn2018", log_alpha_clip=8.0, scale=0.01)
    expected = (dmu, dlog_sigma, np.asarray(terms.sum(dtype="float64")))
    assert close(expected, (on_device["dmu"], on_device["dlog_sigma"], kl), dtype)
    assert close(np.asarray((dmu.astype("float64") ** 2).sum()), squared_norm(on_device["dmu"]), dtype)

    state = AdamState({"mu": case["log_sigma"]}, {"mu": case["dmu"] ** 2}, 0)
    new, state = adam_update({"mu": case["mu"]}, {"mu": dmu * 0.5}, state, learning_rate=0.1)
    arrays = to_device((case["mu"], dmu, case["log_sigma"], case["dmu"] ** 2), xp)
    rate = 0.1 * (1.0 - 0.999) ** 0.5 / (1.0 - 0.9)
    multiplier = xp.asarray(np.asarray(0.5))
    clip_adam(*arrays, multiplier, rate=rate, beta1=0.9, beta2=0.999, epsilon=1e-8)
    assert close((new["mu"], state.m["mu"], state.v["mu"]), (arrays[0], arrays[2], arrays[3]), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_draws(dtype, device):
    xp, scale = device
    name, shape = Draw(2**63 + 1, "lstm.W_h", 12345), (101, 99 * scale)
    uniforms = fast_noise.uniform(name, shape, dtype, xp)
    assert np.array_equal(uniforms.get(), noise.uniform(name, shape, dtype))
    masks = fast_noise.bernoulli(name, shape, 0.25, dtype, xp)
    assert np.array_equal(masks.get(), noise.bernoulli(name, shape, 0.25, dtype))
    assert close(noise.normal(name, shape, dtype), fast_noise.normal(name, shape, dtype, xp), dtype)
