"""Chapter 10, its steps by SymPy: activations, layers, losses, clipping, Adam, batches, planted sources."""

import math

import numpy as np
import pytest
import sympy
from sympy import Matrix, Piecewise, Rational, exp, log, sqrt, tanh

from refimpl.training.batches import (
    character_offset_stop,
    character_terms,
    character_window_count,
    character_windows,
    word_segments,
    word_terms,
)
from refimpl.training.learning_rate import learning_rate
from refimpl.training.warmup import Warmup, kl_weight
from tests.derivations.gaussian import all_equal, equal

a, y, t, v, dy, c = sympy.symbols("a y t v dy c", real=True)
p, beta1, beta2, eta, e_hat = sympy.symbols("p beta1 beta2 eta epsilon", positive=True)


def matrix(name, rows, columns):
    return Matrix(rows, columns, lambda i, j: sympy.Symbol(f"{name}{i}{j}", real=True))


def test_sigmoid():
    """[SIGMOID.F1] [SIGMOID.B1]"""
    s = 1 / (1 + exp(-a))
    assert equal((s - (1 + tanh(a / 2)) / 2).rewrite(exp), 0)
    assert equal(s.diff(a), s * (1 - s))


def test_hard_sigmoid_and_tanh():
    """[HARDSIGMOID.F1] [HARDSIGMOID.B1] [TANH.F1] [TANH.B1]"""
    line = Rational(1, 5) * a + Rational(1, 2)
    y = Piecewise((0, line <= 0), (1, line >= 1), (line, True))
    slopes = [y.diff(a).subs(a, value) for value in (-3, -2, 0, 2, 3)]
    assert slopes == [0, Rational(1, 5), Rational(1, 5), Rational(1, 5), 0]
    assert [line.subs(a, Rational(5, 2) * sign) for sign in (-1, 1)] == [0, 1]  # the corners
    assert equal(tanh(a).diff(a), 1 - tanh(a) ** 2)


def test_softmax_and_cross_entropy():
    """[SOFTMAX.F1] [SOFTMAX.B1] [CE.F1] [CE.F2] [CE.B1]  Three classes."""
    logits, d = sympy.symbols("a0:3", real=True), sympy.symbols("dy0:3", real=True)
    total = sum(exp(x) for x in logits)
    y = [exp(x) / total for x in logits]
    shifted = [exp(x - logits[1]) / sum(exp(other - logits[1]) for other in logits) for x in logits]
    assert all_equal(y, shifted)
    L = sum(di * yi for di, yi in zip(d, y, strict=True))
    by_hand = [yk * (dk - L) for dk, yk in zip(d, y, strict=True)]
    assert all_equal([L.diff(x) for x in logits], by_hand)
    assert equal(sum(by_hand), 0)
    target = 2
    nll = log(sum(exp(x - logits[1]) for x in logits)) - (logits[target] - logits[1])
    assert equal(exp(-nll) - y[target], 0)
    assert all_equal([nll.diff(x) for x in logits], [y[k] - int(k == target) for k in range(3)])


def test_binary_cross_entropy():
    """[BCE.F1] [BCE.F2] [BCE.F3] [BCE.B1]"""
    p_one = 1 / (1 + exp(-a))
    softplus = log(1 + exp(v))
    assert equal(exp(-softplus.subs(v, -a)), p_one)  # target 1
    assert equal(exp(-softplus.subs(v, a)), 1 - p_one)  # target 0
    x = sympy.Symbol("x", positive=True)
    assert equal(exp(softplus.subs(v, x)), exp(x + log(1 + exp(-x))))  # v > 0: max(v, 0) = v
    assert equal(softplus.diff(v), exp(v - softplus))
    for target, sign in ((0, 1), (1, -1)):
        nll = -log(1 - p_one) if target == 0 else -log(p_one)
        assert equal(nll.diff(a), sign * exp(v - softplus).subs(v, sign * a))


def test_squared_error_reduction_and_clip():
    """[SE.F1] [SE.B1] [LOSS.F1] [LOSS.F2] [LOSS.B1] [LOSS.B2]"""
    assert equal(((y - t) ** 2).diff(y), 2 * (y - t))
    density = exp(-((t - y) ** 2)) / sqrt(sympy.pi)  # N(t; y, 1/2)
    assert equal((-log(density)).diff(y), 2 * (y - t))
    terms = sympy.symbols("l0:4")
    assert [(sum(terms) / 4).diff(x) for x in terms] == [Rational(1, 4)] * 4
    low = Rational(1, 10)
    nll = Piecewise((-log(1 - low), p >= 1 - low), (-log(low), p <= low), (-log(p), True))
    for value in (Rational(1, 20), Rational(1, 2), Rational(19, 20)):
        clipped = sympy.Min(sympy.Max(value, low), 1 - low)
        assert equal(nll.subs(p, value), -log(clipped))
        assert (nll.diff(p).subs(p, value) == 0) == (value != Rational(1, 2))


def test_affine_embedding_and_scale():
    """[AFFINE.F1] [AFFINE.B1] [AFFINE.B2] [AFFINE.B3] [EMBEDDING.F1] [EMBEDDING.B1] [SCALE.F1] [SCALE.B1] [SCALE.B2]"""
    x, W, d, b = matrix("x", 3, 2), matrix("W", 2, 2), matrix("d", 3, 2), matrix("b", 1, 2)
    L = sum((x * W + sympy.ones(3, 1) * b).multiply_elementwise(d))
    assert all_equal([L.diff(s) for s in x], d * W.T)
    assert all_equal([L.diff(s) for s in W], x.T * d)
    assert all_equal([L.diff(s) for s in b], sympy.ones(1, 3) * d)
    one_hot = Matrix([[0, 1], [1, 0], [0, 1]])  # ids 1, 0, 1
    assert one_hot * W == Matrix.vstack(W[1, :], W[0, :], W[1, :])
    L = sum((one_hot * W).multiply_elementwise(d))
    assert all_equal([L.diff(s) for s in W], Matrix.vstack(d[1, :], d[0, :] + d[2, :]))
    m = matrix("m", 1, 2)
    L = sum(x[i, n] * m[n] * d[i, n] for i in range(3) for n in range(2))
    assert all_equal([L.diff(s) for s in x], [d[i, n] * m[n] for i in range(3) for n in range(2)])
    assert all_equal([L.diff(s) for s in m], [sum(d[i, n] * x[i, n] for i in range(3)) for n in range(2)])


def test_adam():
    """[ADAM.F1] [ADAM.F2] [ADAM.F3] [ADAM.F4]  Both means written out, the correction, and where epsilon stands."""
    g = sympy.symbols("g1:5", real=True)
    m = s = sympy.Integer(0)
    for gradient in g:
        m, s = beta1 * m + (1 - beta1) * gradient, beta2 * s + (1 - beta2) * gradient**2
    T = len(g)
    assert equal(m, (1 - beta1) * sum(beta1 ** (T - i) * g[i - 1] for i in range(1, T + 1)))
    common = dict.fromkeys(g, g[0])
    assert equal(m.subs(common), (1 - beta1**T) * g[0])
    assert equal(s.subs(common), (1 - beta2**T) * g[0] ** 2)
    mean, square = sympy.symbols("m v", positive=True)
    corrected, root = sympy.symbols("k1 k2", positive=True)  # 1 - beta1^t, sqrt(1 - beta2^t)
    algorithm_1 = (mean / corrected) / (sqrt(square) / root + e_hat)
    rate = root / corrected  # ADAM.F3, in learning rates
    assert equal(algorithm_1, rate * mean / (sqrt(square) + e_hat * root))
    ours = rate * mean / (sqrt(square) + e_hat)  # ADAM.F4
    assert equal(ours, algorithm_1.subs(e_hat, e_hat / root))
    x = sympy.Symbol("g", positive=True)
    first = {mean: (1 - beta1) * x, square: (1 - beta2) * x**2, corrected: 1 - beta1, root: sqrt(1 - beta2)}
    assert equal(ours.subs(first), x / (x + e_hat / sqrt(1 - beta2)))
    assert f"{1 / math.sqrt(1 - 0.999):.1f}" == "31.6"


def test_rms_of_adams_mean_of_noise():
    """Var m = (1 - beta1) / (1 + beta1) Var g."""
    x = sympy.Symbol("x", positive=True)
    powers = sum(x ** (2 * j) for j in range(8))
    assert equal((1 - x) ** 2 * powers, (1 - x) / (1 + x) * (1 - x**16))


def test_clipping():
    """[CLIP.F1] [CLIP.F2]  The norm after it, on both sides of the limit."""
    g = sympy.symbols("g1:4", real=True)
    norm, limit, small = sympy.symbols("n c delta", positive=True)
    for shorter in (norm, limit):
        length = sum((x * shorter / (norm + small)) ** 2 for x in g).subs(g[0] ** 2, norm**2 - g[1] ** 2 - g[2] ** 2)
        expanded = sympy.expand(length).subs(g[0] ** 2, norm**2 - g[1] ** 2 - g[2] ** 2)
        assert equal(expanded, (norm * shorter / (norm + small)) ** 2)


def test_schedules():
    """[WARMUP.E1] [WARMUP.E2] [SCHEDULE.E1]  Where each begins and ends, and that the code is on the line between."""
    epoch = sympy.Symbol("epoch")
    linear, ramp = (epoch - 5) / Rational(15), Rational(4, 100) + Rational(2, 100) * (epoch - 1)
    assert [sympy.solve(linear - end, epoch) for end in (0, 1)] == [[5], [20]]
    assert sympy.solve(ramp - 1, epoch) == [49]
    for e in range(1, 60):
        assert kl_weight(e, Warmup("linear", start=5, stop=20)) == float(
            sympy.Min(sympy.Max(linear.subs(epoch, e), 0), 1)
        )
        assert kl_weight(e, Warmup("ramp")) == pytest.approx(float(sympy.Min(ramp.subs(epoch, e), 1)), rel=1e-15)
    drops = (50, 60, 70, 80)
    for begun, e in ((0, 49), (1, 50), (2, 69), (3, 70), (4, 99)):
        assert learning_rate(e, 1.0, drops) == pytest.approx(float(Rational(1, 5) ** begun), rel=1e-15)


@pytest.mark.parametrize("length", [2, 7, 30])
def test_batches(length):
    """[BATCHES.E1] [BATCHES.E2] [BATCHES.E3] [BATCHES.E4]  Counted on the batches themselves."""
    for size in range(2 * length, 4 * length):
        ids = np.arange(size)
        windows = size // length - 1
        stop = size - length * windows
        assert (windows, stop) == (character_window_count(size, length), character_offset_stop(size, length))
        batches = list(character_windows(ids, length, offset=stop - 1))  # the largest shift
        assert max(batch.y.max() for batch in batches) == size - 2
        assert sum(batch.y.size for batch in batches) == windows * (length - 1) == character_terms(size, length)
        streams = length
        predicted = np.concatenate([batch.y.reshape(-1) for batch in word_segments(ids, streams, 3)])
        assert len(predicted) == streams * (size // streams) - streams == word_terms(size, streams)
        assert not set(predicted) & set(range(0, streams * (size // streams), size // streams))  # first of a stream


def test_entropy_of_blocks():
    """[PLANTED.E2] [PLANTED.E3]  H_2 - H_1 is the mean entropy of the next symbol, for any law of two symbols."""
    joint = matrix("p", 2, 2).applyfunc(lambda s: sympy.Symbol(s.name, positive=True))
    first = [joint[i, 0] + joint[i, 1] for i in range(2)]
    H_2 = -sum(x * log(x) for x in joint)
    H_1 = -sum(x * log(x) for x in first)
    conditional = -sum(joint[i, j] * log(joint[i, j] / first[i]) for i in range(2) for j in range(2))
    assert equal(sympy.expand_log(H_2 - H_1 - conditional), 0)


def test_stationary_law():
    """[PLANTED.E1]  A chain of two symbols: the fixed point of p' = p P, and that mass is kept."""
    stay, leave, x = sympy.symbols("stay leave x", positive=True)
    P = Matrix([[1 - leave, leave], [stay, 1 - stay]])
    fixed = Matrix([[stay, leave]]) / (stay + leave)
    assert all_equal(fixed * P, fixed)
    assert equal(sum(Matrix([[x, 1 - x]]) * P), 1)


def test_planted_sentiment():
    """[PLANTED.E4] [PLANTED.E5] [PLANTED.E6]"""
    x, tie, flip = sympy.symbols("x p_0 phi", positive=True)
    for n in (1, 4, 5):
        law = sympy.expand((Rational(1, 8) / x + Rational(3, 4) + x / 8) ** n)  # its coefficients are the convolution
        counted = sum(
            sympy.factorial(n) / sympy.factorial(j) ** 2 / sympy.factorial(n - 2 * j)
            * Rational(1, 8) ** (2 * j) * Rational(3, 4) ** (n - 2 * j)
            for j in range(n // 2 + 1)
        )  # fmt: skip
        assert law.coeff(x, 0) == counted
        assert law.subs(x, 1) == 1
    cases = [(tie, Rational(1, 2)), ((1 - tie) / 2, 1 - flip), ((1 - tie) / 2, flip)]  # probability, P(label 1)
    right = sum(weight * (1 - flip if label == flip else label) for weight, label in cases)
    assert equal(right, tie / 2 + (1 - tie) * (1 - flip))
    entropy = sum(weight * (-label * log(label) - (1 - label) * log(1 - label)) for weight, label in cases)
    printed = tie * log(2) + (1 - tie) * (-flip * log(flip) - (1 - flip) * log(1 - flip))
    assert equal(sympy.expand_log(entropy - printed), 0)
