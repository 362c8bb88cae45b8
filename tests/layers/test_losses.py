"""Losses: gradients by complex step, values by mpmath, both sides of the clip, tails, double sums, memory, errors.

[CE.F1] [CE.F2] [CE.B1] [BCE.F1] [BCE.F2] [BCE.F3] [BCE.B1] [SE.F1] [SE.B1] [LOSS.F1] [LOSS.F2] [LOSS.B1] [LOSS.B2]
"""

import math
import tracemalloc

import mpmath
import numpy as np
import pytest

from refimpl.layers.losses import (
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
    squared_error_backward,
    squared_error_forward,
)
from tests.layers.helpers import assert_same_gradients, complex_step, frozen

pytestmark = pytest.mark.filterwarnings("error")
N, K = 7, 4
CLIPS = [None, 1e-6, 0.1]
LOSSES = {
    "softmax": (softmax_cross_entropy_forward, softmax_cross_entropy_backward),
    "binary": (binary_cross_entropy_forward, binary_cross_entropy_backward),
    "squared": (squared_error_forward, squared_error_backward),
}


def make(kind, spread=1.0):
    """Input and targets; spread scales the logits, the first two rows reach beyond either clip."""
    rng = np.random.Generator(np.random.Philox(28))
    if kind == "softmax":
        logits, targets = spread * rng.standard_normal((N, K)), np.array([1, 3, 0, 0, 2, 3, 1])
        logits[0, 1], logits[1, 3] = 20.0 * spread, -20.0 * spread  # nearly sure of the target, and against it
        return frozen(logits), frozen(targets)
    y = spread * rng.standard_normal(N)
    if kind == "squared":
        return frozen(y), frozen(rng.standard_normal(N))
    y[:4] = np.array([20.0, -20.0, 20.0, -20.0]) * spread
    return frozen(y), frozen(np.array([1, 1, 0, 0, 1, 0, 1]))


def nll_of_row(logits, target, clip):
    """-log of the clipped probability of the target, in 60 digits; a scalar is the logit of class 1."""
    with mpmath.workdps(60):
        exps = [mpmath.exp(mpmath.mpf(float(a))) for a in (logits if np.ndim(logits) else [0.0, logits])]
        p = exps[int(target)] / mpmath.fsum(exps)
        return -mpmath.log(p if clip is None else min(max(p, mpmath.mpf(clip)), 1 - mpmath.mpf(clip)))


CASES = [("squared", {}), *((kind, {"probability_clip": c}) for kind in ("softmax", "binary") for c in CLIPS)]


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("kind", "options"), CASES, ids=str)
def test_gradient_by_complex_step(kind, options, reduction):
    forward, backward = LOSSES[kind]
    y, targets = make(kind)
    dloss = -1.7

    def loss(y):
        moved = targets.astype(complex) if kind == "squared" else targets
        return forward(y, moved, reduction=reduction, **options)[0] * dloss

    hand = backward(dloss, forward(y, targets, reduction=reduction, **options)[1])
    assert_same_gradients({"y": hand}, complex_step(loss, {"y": y}))


@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("kind", ["softmax", "binary"])
def test_likelihood_by_mpmath(kind, clip):
    logits, targets = make(kind)
    terms = [nll_of_row(logits[n], targets[n], clip) for n in range(N)]
    for reduction, exact in [("sum", mpmath.fsum(terms)), ("mean", mpmath.fsum(terms) / N)]:
        loss, _ = LOSSES[kind][0](logits, targets, reduction=reduction, probability_clip=clip)
        assert loss.shape == ()
        assert loss.dtype == "float64"
        assert float(loss) == pytest.approx(float(exact), rel=1e-14)


def test_squared_error_by_hand():
    y, targets = np.array([1.0, -2.0, 0.5]), np.array([0.5, 1.0, 0.5])
    assert squared_error_forward(y, targets, reduction="sum")[0] == 9.25  # no factor 1/2
    loss, cache = squared_error_forward(y, targets, reduction="mean")
    assert loss == 9.25 / 3.0
    assert squared_error_backward(3.0, cache).tolist() == pytest.approx([1.0, -6.0, 0.0], rel=1e-15)


@pytest.mark.parametrize("kind", ["softmax", "binary"])
def test_no_gradient_outside_the_clip(kind):
    logits, targets = make(kind)
    _, cache = LOSSES[kind][0](logits, targets, reduction="sum", probability_clip=1e-6)
    _, free = LOSSES[kind][0](logits, targets, reduction="sum")
    clipped, unclipped = LOSSES[kind][1](1.0, cache), LOSSES[kind][1](1.0, free)
    beyond = 2 if kind == "softmax" else 4
    assert not clipped[:beyond].any()
    assert unclipped[:beyond].any()
    assert (clipped[beyond:] == unclipped[beyond:]).all()


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("logit", [-700.0, -40.0, -1e-3, 0.0, 3.0, 40.0, 700.0])
def test_binary_tails_keep_their_digits(logit, target):
    loss, cache = binary_cross_entropy_forward(np.array([logit]), np.array([target]), reduction="sum")
    hand = binary_cross_entropy_backward(1.0, cache)[0]
    with mpmath.workdps(700):
        exact = float(nll_of_row(logit, target, None)) if abs(logit) < 100 else max(logit * (1 - 2 * target), 0.0)
        slope = 1 / (1 + mpmath.exp(-mpmath.mpf(logit))) - target
    eps = np.finfo(float).eps
    assert float(loss) == pytest.approx(exact, rel=4 * eps, abs=1e-300)
    assert hand == pytest.approx(float(slope), rel=(abs(logit) + 4) * eps, abs=1e-320)  # exp of a rounded argument


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["softmax", "binary"])
def test_no_overflow_far_out(kind, dtype):
    logits, targets = make(kind, spread=500.0)
    forward, backward = LOSSES[kind]
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, cache = forward(logits.astype(dtype), targets, reduction="sum")
        hand = backward(1.0, cache)
    exact = mpmath.fsum(nll_of_row(logits[n], targets[n], None) for n in range(N)) if kind == "softmax" else None
    assert np.isfinite(hand).all()
    assert hand.dtype == dtype
    assert loss.dtype == "float64"
    if exact is not None:
        assert float(loss) == pytest.approx(float(exact), rel=4 * float(np.finfo(dtype).eps))
    else:
        v = logits * (1 - 2 * targets)
        assert float(loss) == pytest.approx(np.maximum(v, 0.0).sum(), rel=4 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("kind", LOSSES)
def test_float32_terms_are_summed_in_double(kind):
    forward, backward = LOSSES[kind]
    rng = np.random.Generator(np.random.Philox(29))
    count = 500
    y = rng.standard_normal((count, K) if kind == "softmax" else count).astype("float32")
    targets = rng.standard_normal(count).astype("float32") if kind == "squared" else rng.integers(0, 2, count)
    loss, cache = forward(y, targets, reduction="sum")
    terms = [float(forward(y[n : n + 1], targets[n : n + 1], reduction="sum")[0]) for n in range(count)]
    assert loss.dtype == "float64"
    assert float(loss) == pytest.approx(math.fsum(terms), rel=count * np.finfo(float).eps)
    assert backward(loss, cache).dtype == "float32"


@pytest.mark.parametrize("kind", LOSSES)
def test_dloss_may_be_any_kind_of_number(kind):
    forward, backward = LOSSES[kind]
    y, targets = make(kind)
    _, cache = forward(y, targets, reduction="mean")
    plain = backward(2.5, cache)
    assert (backward(np.float64(2.5), cache) == plain).all()
    assert (backward(np.array(2.5), cache) == plain).all()
    with pytest.raises(ValueError, match=r"dloss: expected a number or a 0-d array, got shape \(7,\)"):
        backward(np.ones(N), cache)


def test_softmax_makes_one_large_array_forward_and_one_backward():
    rows, classes = 300, 400
    logits, targets = np.zeros((rows, classes), dtype="float32"), np.arange(rows)
    tracemalloc.start()
    try:
        _, cache = softmax_cross_entropy_forward(logits, targets, reduction="mean", probability_clip=1e-6)
        forward_peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.reset_peak()
        softmax_cross_entropy_backward(1.0, cache)
        backward_peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert forward_peak < 1.5 * logits.nbytes
    assert backward_peak < 2.5 * logits.nbytes


@pytest.mark.parametrize("kind", LOSSES)
def test_no_rows(kind):
    y, targets = make(kind)
    forward, backward = LOSSES[kind]
    with pytest.raises(ValueError, match='reduction: expected at least one row for "mean", got N = 0; use "sum"'):
        forward(y[:0], targets[:0], reduction="mean")
    loss, cache = forward(y[:0], targets[:0], reduction="sum")
    assert loss == 0.0
    assert backward(1.0, cache).shape == y[:0].shape


@pytest.mark.parametrize("kind", LOSSES)
def test_errors(kind):
    y, targets = make(kind)
    forward, _ = LOSSES[kind]
    with pytest.raises(ValueError, match="reduction: expected one of 'mean', 'sum', got 'none'"):
        forward(y, targets, reduction="none")
    with pytest.raises(ValueError, match=r"targets: expected shape \(N=7\), got \(1,\)"):
        forward(y, targets[:1], reduction="sum")
    with pytest.raises(ValueError, match=r"expected shape \(N"):
        forward(y[..., None], targets, reduction="sum")
    with pytest.raises(TypeError, match="expected dtype float32 or float64, got int64"):
        forward(y.astype(int), targets, reduction="sum")
    if kind == "squared":
        with pytest.raises(TypeError, match=r"targets: expected dtype float64 .that of y., got float32"):
            forward(y, targets.astype("float32"), reduction="sum")
        return
    for clip in (0.0, 0.5, -1.0):
        with pytest.raises(ValueError, match=r"probability_clip: expected a number between 0 and 0.5, or None"):
            forward(y, targets, reduction="sum", probability_clip=clip)
    with pytest.raises(IndexError, match="targets: expected ids from 0 to"):
        forward(y, targets + 3, reduction="sum")
    with pytest.raises(TypeError, match="targets: expected an integer array, got float64"):
        forward(y, targets.astype(float), reduction="sum")
