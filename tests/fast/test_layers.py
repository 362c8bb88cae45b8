"""Every other twin of a layer equals its reference, forward and backward, on random sizes.

[LSTM.F1] [LSTM.F2] [LSTM.B11] [LSTM.B12] [LSTM.B14] [LSTM.B15] [EMBEDDING.F1] [EMBEDDING.B1] [AFFINE.F1] [AFFINE.B1]
[AFFINE.B2] [AFFINE.B3] [LRT.F1] [LRT.F2] [LRT.F3] [LRT.B1] [LRT.B2] [LRT.B3] [LRT.B4] [LRT.B5] [RT.F1] [RT.B1] [RT.B2]
[CE.F1] [CE.F2] [CE.B1].
"""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refimpl.bayes.gaussian_weights import GaussianParams
from refimpl.bayes.local_reparam import AffineLRTParams
from refimpl.fast import blocks, workspace
from refimpl.fast.rows import sum_rows
from refimpl.fast.workspace import Workspace
from refimpl.layers.affine import AffineParams
from refimpl.models.fast_layers import fast_layers
from refimpl.models.layers import REFERENCE_LAYERS
from tests.fast.twins import BOUND, distance, drawer, ids

sizes = st.tuples(*[st.integers(1, 6)] * 4)
dtypes = st.sampled_from(["float64", "float32"])
threads = st.sampled_from([1, 2])


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks of seven numbers, and products that are shared whatever their size: every seam is met."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 7)
        patch.setattr(blocks, "SHARED_BLOCK", 5)
        patch.setattr(workspace, "LEAST_PRODUCT", 1)
        yield


def check(name, dtype, count, arguments, cotangent, **keywords):
    """Run both pairs of functions; an input that the twin writes over is copied for it."""
    shared = Workspace(count)
    fast = fast_layers(shared)
    functions = [
        (getattr(layers, f"{name}_forward"), getattr(layers, f"{name}_backward")) for layers in (REFERENCE_LAYERS, fast)
    ]
    results = []
    with shared.step():
        for forward, backward in functions:
            y, cache = forward(*[a.copy() if isinstance(a, np.ndarray) else a for a in arguments], **keywords)
            dy = cotangent(np.shape(y))
            y = np.array(y)  # a cotangent may take its memory
            results.append((y, backward(dy, cache)))
    assert distance(*results) <= BOUND[dtype], name


@given(sizes, dtypes, threads, st.integers(0, 99))
def test_dense_layers(size, dtype, count, seed):
    T, B, D, K = size
    draw = drawer(seed, dtype)
    cotangent = partial(lambda shape: draw("dy", *shape))
    x = draw("x", T, B, D)
    for b in (draw("b", K), None):
        check("affine", dtype, count, (x, AffineParams(draw("W", D, K), b)), cotangent)
        for shared in (1, T):
            params = AffineLRTParams(draw("W", D, K), draw("s", D, K), b)
            check("affine_lrt", dtype, count, (x, params, draw("eps", shared, B, K)), cotangent, var_floor=1e-8)
    check("affine", dtype, count, (x, AffineParams(draw("W", B, D, K), draw("b", K))), cotangent)
    check("affine", dtype, count, (x[0], AffineParams(draw("W", D, K), None)), cotangent)
    for b in (draw("b", 4, K), None):
        gates = AffineLRTParams(draw("W", D, 4, K), draw("s", D, 4, K), b)
        for eps in ((T, B, 4, K), (1, B, 4, K), (T, B, 1, K), (1, B, 1, K)):
            check("affine_lrt", dtype, count, (x, gates, draw("eps", *eps)), cotangent, var_floor=0.0)


def test_no_variance_has_no_noise():
    """x = 0 and no floor: the standard deviation is 0, and so is its derivative."""
    draw = drawer(1)
    params = AffineLRTParams(draw("W", 3, 2), draw("s", 3, 2))
    x = draw("x", 2, 4, 3)
    x[0, 1] = 0.0
    eps = draw("eps", 2, 4, 2)
    check("affine_lrt", "float64", 1, (x, params, eps), lambda shape: draw("dy", *shape), var_floor=0.0)


@given(sizes, dtypes, threads, st.integers(0, 99))
def test_inputs_of_the_gates(size, dtype, count, seed):
    T, B, V, H = size
    draw = drawer(seed, dtype)
    x, tokens = draw("x", T, B, V), ids(seed, V, T, B)
    for W in (draw("W", V, 4, H), draw("W", B, V, 4, H)):
        for multiplier in (None, draw("m", B, 1, V), draw("m", B, 4, V)):
            for name, given_x in (("gate_input", x), ("token_input", tokens)):
                check(name, dtype, count, (given_x, W, multiplier), lambda shape: draw("du", *shape))


@given(sizes, dtypes, threads, st.integers(0, 99))
def test_embedding(size, dtype, count, seed):
    T, B, V, E = size
    draw = drawer(seed, dtype)
    for W in (draw("W", V, E), draw("W", B, V, E)):
        check("embedding", dtype, count, (ids(seed, V, T, B), W), lambda shape: draw("de", *shape))


@given(sizes, dtypes, threads, st.integers(0, 99))
def test_gaussian_weights(size, dtype, count, seed):
    draw = drawer(seed, dtype)
    params = GaussianParams(draw("mu", *size), draw("s", *size))
    for shape in (size, (3, *size)):
        check("gaussian_weights", dtype, count, (params, draw("eps", *shape)), lambda shape: draw("dw", *shape))


@given(st.integers(1, 20), st.integers(1, 12), dtypes, threads, st.integers(0, 99))
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("clip", [None, 0.1])
def test_softmax_cross_entropy(reduction, clip, N, K, dtype, count, seed):
    logits = drawer(seed, dtype, scale=2.0)("logits", N, K)
    arguments = logits, ids(seed, K, N)
    keywords = {"reduction": reduction, "probability_clip": clip}
    check("softmax_cross_entropy", dtype, count, arguments, lambda _: 0.7, **keywords)


@pytest.mark.parametrize("name", ["token_input", "embedding", "softmax_cross_entropy"])
def test_ids_are_checked_before_anything_is_looked_up(name):
    draw, shared = drawer(1), Workspace()
    forward = getattr(fast_layers(shared), f"{name}_forward")
    arguments = {
        "token_input": (np.array([[0], [3]]), draw("W", 3, 4, 2)),
        "embedding": (np.array([[-1]]), draw("W", 3, 2)),
        "softmax_cross_entropy": (draw("y", 2, 3), np.array([0, 3])),
    }
    keywords = {"reduction": "mean"} if name == "softmax_cross_entropy" else {}
    with shared.step(), pytest.raises(IndexError, match="from 0 to 2"):
        forward(*arguments[name], **keywords)


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 4), st.integers(0, 99))
def test_sum_rows(N, V, K, seed):
    rows, values = ids(seed, V, N), drawer(seed)("values", N, K)
    expected = np.zeros((V, K))
    for row, value in zip(rows, values, strict=True):
        expected[row] += value
    found = sum_rows(rows, values, V)
    assert np.array_equal(found, expected)  # in their order: bit for bit
    assert found.flags.c_contiguous
