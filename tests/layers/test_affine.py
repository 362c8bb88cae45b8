"""Affine layer: gradients by complex step, values by a scalar loop, one W or one for each object, errors.

[AFFINE.F1] [AFFINE.B1] [AFFINE.B2] [AFFINE.B3]
"""

import numpy as np
import pytest

from refimpl.layers.affine import AffineParams, affine_backward, affine_forward
from tests.layers.helpers import assert_same_gradients, complex_step, frozen

pytestmark = pytest.mark.filterwarnings("error")
T, B, D, K = 4, 3, 5, 2
LAYOUTS = {  # shapes of x and W
    "rows": ((B, D), (D, K)),
    "steps": ((T, B, D), (D, K)),
    "rows, W per object": ((B, D), (B, D, K)),
    "steps, W per object": ((T, B, D), (B, D, K)),
}


@pytest.fixture(params=LAYOUTS)
def case(request):
    rng = np.random.Generator(np.random.Philox(22))
    x_shape, W_shape = LAYOUTS[request.param]
    leaves = {"x": x_shape, "W": W_shape, "b": (K,)}
    dy = frozen(rng.standard_normal((*x_shape[:-1], K)))
    return {name: frozen(rng.standard_normal(shape)) for name, shape in leaves.items()}, dy


def by_name(grads):
    return {"x": grads.x, **grads.params._asdict()}


def loss(dy, x, W, b=None):
    return (affine_forward(x, AffineParams(W, b))[0] * dy).sum()


def test_gradient_by_complex_step(case):
    leaves, dy = case
    _, cache = affine_forward(leaves["x"], AffineParams(leaves["W"], leaves["b"]))
    hand = by_name(affine_backward(dy, cache))
    assert_same_gradients(hand, complex_step(lambda **moved: loss(dy, **moved), leaves))


def test_gradient_without_bias(case):
    leaves, dy = case
    leaves = {name: leaves[name] for name in ("x", "W")}
    _, cache = affine_forward(leaves["x"], AffineParams(leaves["W"], None))
    hand = by_name(affine_backward(dy, cache))
    assert hand.pop("b") is None
    assert_same_gradients(hand, complex_step(lambda **moved: loss(dy, **moved), leaves))


def test_value_by_scalar_loop(case):
    leaves, _ = case
    x, W, b = leaves.values()
    y, _ = affine_forward(x, AffineParams(W, b))
    assert y.shape == (*x.shape[:-1], K)
    for index in np.ndindex(y.shape):
        *row, k = index
        column = W[:, k] if W.ndim == 2 else W[row[-1], :, k]  # the object is the last axis before D
        expected = b[k] + sum(x[(*row, d)] * column[d] for d in range(D))
        assert y[index] == pytest.approx(expected, rel=1e-13, abs=1e-14)


def test_float32_in_float32_out(case):
    leaves, dy = case
    x, W, b = (leaf.astype("float32") for leaf in leaves.values())
    y, cache = affine_forward(x, AffineParams(W, b))
    grads = affine_backward(dy.astype("float32"), cache)
    exact = affine_backward(dy, affine_forward(leaves["x"], AffineParams(leaves["W"], leaves["b"]))[1])
    assert y.dtype == "float32"
    for single, double in zip(by_name(grads).values(), by_name(exact).values(), strict=True):
        assert single.dtype == "float32"
        assert np.abs(single - double).max() <= 1e-5 * np.abs(double).max()


def test_no_rows():
    y, cache = affine_forward(np.zeros((0, D)), AffineParams(np.ones((D, K)), np.ones(K)))
    grads = affine_backward(np.zeros((0, K)), cache)
    assert y.shape == (0, K)
    assert grads.x.shape == (0, D)
    assert not grads.params.W.any()
    assert grads.params.W.shape == (D, K)
    assert not grads.params.b.any()
    assert grads.params.b.shape == (K,)


@pytest.mark.parametrize(
    ("x", "W", "b", "message"),
    [
        ((B, D), (D + 1, K), (K,), r"W: expected shape \(D=5, K\), got \(6, 2\)"),
        ((B, D), (D, K), (1,), r"b: expected shape \(K=2\), got \(1,\)"),
        ((T, B, D), (1, D, K), (K,), r"W: expected shape \(B=3, D=5, K\), got \(1, 5, 2\)"),
        ((D,), (D, K), (K,), r"x: expected shape \(N, D\) or \(T, B, D\), got \(5,\)"),
        ((B, D), (K,), (K,), r"W: expected shape \(D, K\), or \(B, D, K\)"),
    ],
)
def test_wrong_shapes(x, W, b, message):
    with pytest.raises(ValueError, match=message):
        affine_forward(np.zeros(x), AffineParams(np.zeros(W), np.zeros(b)))


def test_wrong_dtypes_and_cotangent(case):
    leaves, dy = case
    x, W, b = leaves.values()
    with pytest.raises(TypeError, match=r"b: expected dtype float64 .that of x., got float32"):
        affine_forward(x, AffineParams(W, b.astype("float32")))
    _, cache = affine_forward(x, AffineParams(W, b))
    with pytest.raises(ValueError, match="dy: expected shape"):
        affine_backward(dy[:1], cache)
    with pytest.raises(TypeError, match="dy: expected dtype float64"):
        affine_backward(dy.astype("float32"), cache)
