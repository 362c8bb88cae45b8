"""Fused draws of weights, KL terms, clipping and Adam equal their twins.

[RT.F1] [ELBO.B1] [ADAM.F1] [ADAM.F2] [ADAM.F4] [KL.RATIO.F1] [KL.RATIO.F2] [KL.RATIO.F3] [KL.RATIO.B1] [KL.RATIO.B2]
[KL.LOG1P.E1] [KL.RNN2018.F1] [KL.RNN2018.F2] [KL.RNN2018.B1] [KL.MOLCHANOV.F1] [KL.MOLCHANOV.F2] [KL.MOLCHANOV.B1]
[KL.ARD.F1] [KL.ARD.B1] [KL.NORMAL.F1] [KL.NORMAL.F2] [KL.NORMAL.B1] [KL.NORMAL.B2]
"""

import math

import numpy as np
import pytest
import strict_cupy as xp
from cuda_on_cpu import schedule

from refimpl.bayes.gaussian_weights import GaussianParams
from refimpl.bayes.gaussian_weights import gaussian_weights_forward as reference_weights
from refimpl.bayes.kl.table import KL_DIVERGENCES, summed_kl
from refimpl.fast.cuda import sources, update
from refimpl.fast.cuda.update import PRIORS, clip_adam, gaussian_weights_forward, kl_add, squared_norm
from refimpl.training.adam import AdamState, adam_update
from tests.fast.cuda.helpers import DTYPES, NEEDS_COMPILER, TOLERANCE, break_kernels, close, draw, to_device

pytestmark = NEEDS_COMPILER

SIZES = [(1,), (7, 11), (255,), (2049,), (3, 4, 500)]  # below a block, above, and two blocks and a tail
# Means and log deviations on both sides of each clip and of Q_MAX, and a mean of 0.
EXTREMES = {"mu": [0.0, 1e-30, -1e-3, 0.3, -7.0, 50.0, 1e15, -1e15], "log_sigma": [-30.0, -3.0, 0.0, 2.0, 9.0]}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3,), (2, 3), (5, 2, 3)])
def test_gaussian_weights(dtype, shape, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BLOCKS", 1)
    monkeypatch.setattr(sources, "THREADS", 4)
    params = GaussianParams(*(draw(name, *shape[-2:], dtype=dtype) for name in ("mu", "log_sigma")))
    eps = draw("eps", *shape, dtype=dtype)
    with xp.recording() as stats:
        found = gaussian_weights_forward(to_device(params), xp.asarray(eps))
    assert stats.launches == 1
    expected = reference_weights(params, eps)
    assert close(expected[0], found[0], dtype)
    assert close(expected[1].deviation, found[1].deviation, dtype)
    assert found[1].per_object == expected[1].per_object == (len(shape) == 3)


def test_gaussian_weights_check_shapes():
    params = to_device(GaussianParams(draw("mu", 2, 3), draw("log_sigma", 2, 3)))
    with pytest.raises(ValueError, match="eps: expected shape"):
        gaussian_weights_forward(params, xp.zeros((3, 2)))
    with pytest.raises(TypeError, match="eps: expected dtype float64"):
        gaussian_weights_forward(params, xp.zeros((2, 3), dtype="float32"))


def kl_case(shape, dtype):
    names = ("mu", "log_sigma", "dmu", "dlog_sigma")
    return {name: draw(f"kl {name}", *shape, dtype=dtype, scale=1.0 + (name == "log_sigma")) for name in names}


def reference_kl(case, prior, clip, scale):
    """KL and new gradients by the functions of bayes/kl."""
    with np.errstate(over="ignore"):
        kl, cache = summed_kl(case["mu"], case["log_sigma"], prior=prior, log_alpha_clip=clip)
        added = KL_DIVERGENCES[prior].backward(scale, cache)
    return kl, case["dmu"] + added.mu, case["dlog_sigma"] + added.log_sigma


def run_kl(case, prior, clip, scale):
    device = to_device(case)
    kl = kl_add(**device, prior=prior, log_alpha_clip=clip, scale=scale)
    assert (kl.shape, kl.dtype) == ((), "float64")
    return kl, device["dmu"], device["dlog_sigma"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("clip", [None, 8.0])
def test_kl(dtype, prior, clip):
    for shape in SIZES:
        case = kl_case(shape, dtype)
        expected = reference_kl(case, prior, clip, 0.37)
        for seed in (0, 3):
            with schedule(seed):
                found = run_kl(case, prior, clip, 0.37)
            for one, other in zip(expected, found, strict=True):
                assert close(np.asarray(one), other, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("prior", PRIORS)
@pytest.mark.parametrize("clip", [None, 8.0])
def test_kl_at_extremes_weight_by_weight(dtype, prior, clip):
    for mu in EXTREMES["mu"]:
        for log_sigma in EXTREMES["log_sigma"]:
            case = {name: np.zeros(1, dtype=dtype) for name in ("dmu", "dlog_sigma")}
            case |= {"mu": np.array([mu], dtype=dtype), "log_sigma": np.array([log_sigma], dtype=dtype)}
            expected, found = reference_kl(case, prior, clip, 1.0), run_kl(case, prior, clip, 1.0)
            for one, other in zip(expected, found, strict=True):
                value = float(other.get().item())
                assert value == pytest.approx(one.item(), rel=10 * TOLERANCE[dtype], abs=0.0), (mu, log_sigma)


def test_sums_have_one_order():
    case = kl_case((5000,), "float64")
    results = set()
    for seed in range(4):
        with schedule(seed):
            kl, squares = run_kl(case, "rnn2018", 8.0, 0.1)[0], squared_norm(xp.asarray(case["mu"]))
            results.add((kl.get().tobytes(), squares.get().tobytes()))
    assert len(results) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_and_launches(dtype):
    x = draw("x", 3, 999, dtype=dtype)
    device = to_device(kl_case((9, 9), dtype) | {"x": x})
    with xp.recording() as stats:
        squares = squared_norm(device.pop("x"))
        kl_add(**device, prior="ard", log_alpha_clip=None, scale=1.0)
    assert (stats.launches, stats.reads, stats.copies) == (4, 0, 0)
    assert float(squares.get()) == pytest.approx((x.astype("float64") ** 2).sum(), rel=1e-14)


@pytest.mark.parametrize(("name", "value"), [("MOST_SUMS", 2), ("THREADS", 4)])
def test_many_numbers_a_thread(name, value, monkeypatch):
    """In the first stage, with two blocks; in the second, with 157 blocks and 4 threads."""
    monkeypatch.setattr(update, name, value)
    x = draw("many", 5000)
    assert float(squared_norm(xp.asarray(x)).get()) == pytest.approx((x**2).sum(), rel=1e-14)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        __syncthreads();\n", ""),
        ("half > 0; half /= 2", "half > 1; half /= 2"),
        ("for (int n = threadIdx.x; n < count; n += blockDim.x) sum +=", "const int n = 0; sum +="),
        ("*dlog_sigma -= mu * by_mu;", "*dlog_sigma += mu * by_mu;"),
        ("if (q > most || q < -most) return {most, 0, 0};", ""),
    ],
)
def test_a_wrong_line_is_found(old, new, monkeypatch):
    case = kl_case((5000,), "float64")
    expected = reference_kl(case, "rnn2018", 3.0, 0.37)
    break_kernels(monkeypatch, old, new, "update")
    right = []
    for seed in (1, 2, 3):
        with schedule(seed):
            found = run_kl(case, "rnn2018", 3.0, 0.37)
        right.append(all(close(np.asarray(a), b, "float64") for a, b in zip(expected, found, strict=True)))
    assert not all(right)


def test_errors_of_kl():
    device = to_device(kl_case((4, 3), "float64"))
    options = {"prior": "ard", "log_alpha_clip": None, "scale": 1.0}
    with pytest.raises(
        ValueError, match="prior: expected one of rnn2018, molchanov2017, ard, standard_normal, got 'log_u"
    ):
        kl_add(**device, **options | {"prior": "log_uniform"})
    with pytest.raises(ValueError, match="log_alpha_clip: expected None or a number in \\(0, 50\\], got 51"):
        kl_add(**device, **options | {"log_alpha_clip": 51.0})
    with pytest.raises(ValueError, match="dmu: expected shape"):
        kl_add(**device | {"dmu": xp.zeros((3, 4))}, **options)
    with pytest.raises(ValueError, match="dmu: expected a contiguous array"):
        kl_add(**device | {"dmu": xp.zeros((3, 4)).T}, **options)
    with pytest.raises(TypeError, match="dlog_sigma: expected dtype float64"):
        kl_add(**device | {"dlog_sigma": xp.zeros((4, 3), dtype="float32")}, **options)
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got complex128"):
        squared_norm(xp.zeros(3, dtype="complex128"))


RATES = {"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("multiplier", [None, 0.123456789])
def test_adam_bit_for_bit(dtype, multiplier, monkeypatch):
    """The same operations in the same order: on a GPU multiply and add may be fused, here they are not."""
    monkeypatch.setattr(sources, "MOST_BLOCKS", 1)
    p, g, m, v = (draw(f"adam {name}", 37, 11, dtype=dtype) for name in "pgmv")
    v = v * v
    factor = np.dtype(dtype).type(1.0 if multiplier is None else multiplier)
    expected, state = adam_update(
        {"W": p}, {"W": g * factor}, AdamState({"W": m}, {"W": v}, 4), learning_rate=0.01, **RATES
    )
    rate = 0.01 * math.sqrt(1.0 - 0.999**5) / (1.0 - 0.9**5)
    device = [xp.asarray(x) for x in (p, g, m, v)]
    on_device = None if multiplier is None else xp.asarray(np.array(multiplier))
    with xp.recording() as stats:
        clip_adam(*device, on_device, rate=rate, **RATES)
    assert (stats.launches, stats.reads, stats.copies) == (1, 0, 0)
    for one, other in zip((expected["W"], g, state.m["W"], state.v["W"]), device, strict=True):
        assert np.array_equal(one, other.get())


def test_errors_of_adam():
    device = [xp.zeros((3, 2)) for _ in "pgmv"]
    with pytest.raises(ValueError, match="v: expected shape"):
        clip_adam(*device[:3], xp.zeros((2, 3)), None, rate=0.1, **RATES)
    with pytest.raises(ValueError, match="multiplier: expected a 0-d float64 array, got float32 \\(\\)"):
        clip_adam(*device, xp.zeros((), dtype="float32"), rate=0.1, **RATES)
