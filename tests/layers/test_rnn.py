"""Plain RNN: gradients by complex step, values by a scalar loop, masks, multipliers, errors.

[RNN.F1] [RNN.F2] [RNN.F3] [RNN.F4] [RNN.F5]
[RNN.B1] [RNN.B2] [RNN.B3] [RNN.B4] [RNN.B5] [RNN.B6] [RNN.B7] [RNN.B8] [RNN.B9] [RNN.B10] [RNN.B11]
"""

import math

import numpy as np
import pytest

from refimpl.layers.rnn import RNNMultipliers, RNNOutputs, RNNParams, rnn_backward, rnn_forward
from refimpl.tree import flatten
from tests.layers.helpers import assert_same_gradients, complex_step, frozen

pytestmark = pytest.mark.filterwarnings("error")
T, B, D, H = 5, 3, 2, 4
SHAPES = {
    "x": (T, B, D),
    "params.W_x": (D, H),
    "params.W_h": (H, H),
    "params.b": (H,),
    "h0": (B, H),
    "multipliers.x": (B, D),
    "multipliers.h_in": (B, H),
    "multipliers.h_out": (B, H),
}
# padding on the left of object 0 and on the right of object 1, a hole in object 2
MASK = np.array([[0, 1, 1], [0, 1, 1], [1, 1, 0], [1, 0, 1], [1, 0, 1]], dtype=bool)


@pytest.fixture
def leaves():
    rng = np.random.Generator(np.random.Philox(26))
    return {name: frozen(rng.standard_normal(shape)) for name, shape in SHAPES.items()}


@pytest.fixture
def cotangents():
    rng = np.random.Generator(np.random.Philox(27))
    return RNNOutputs(frozen(rng.standard_normal((T, B, H))), frozen(rng.standard_normal((B, H))))


def run(leaves, mask=None):
    part = {name.partition(".")[2]: leaf for name, leaf in leaves.items() if name.startswith("multipliers")}
    params = RNNParams(leaves["params.W_x"], leaves["params.W_h"], leaves["params.b"])
    multipliers = RNNMultipliers(**part) if part else None
    return rnn_forward(leaves["x"], params, leaves["h0"], multipliers=multipliers, mask=mask)


def loss(leaves, cotangents, mask):
    outputs, _ = run(leaves, mask)
    return (outputs.h * cotangents.h).sum() + (outputs.last * cotangents.last).sum()


@pytest.mark.parametrize("mask", [None, frozen(MASK)], ids=["no mask", "mask"])
@pytest.mark.parametrize("absent", [(), ("x", "h_out"), ("h_in",), ("x", "h_in", "h_out")], ids=str)
def test_gradient_by_complex_step(leaves, cotangents, mask, absent):
    given = {name: leaf for name, leaf in leaves.items() if name not in {f"multipliers.{m}" for m in absent}}
    _, cache = run(given, mask)
    grads = rnn_backward(cotangents, cache)
    assert (grads.multipliers is None) == (len(absent) == 3)
    assert_same_gradients(flatten(grads), complex_step(lambda **moved: loss(moved, cotangents, mask), given))


@pytest.mark.parametrize("mask", [None, MASK], ids=["no mask", "mask"])
def test_value_by_scalar_loop(leaves, mask):
    outputs, _ = run(leaves, mask)
    x, W_x, W_h, b, h0, m_x, m_h, z_h = leaves.values()
    for n in range(B):
        h = list(h0[n])
        for t in range(T):
            new = []
            for j in range(H):
                a = b[j] + sum(x[t, n, d] * m_x[n, d] * W_x[d, j] for d in range(D))
                a += sum(h[i] * m_h[n, i] * W_h[i, j] for i in range(H))
                new.append(math.tanh(a) * z_h[n, j])
            h = new if mask is None or mask[t, n] else h
            assert outputs.h[t, n].tolist() == pytest.approx(h, rel=1e-12)
        assert outputs.last[n].tolist() == outputs.h[-1, n].tolist()


def test_a_mask_is_a_shorter_sequence(leaves):
    mask = np.ones((T, B), dtype=bool)
    mask[-2:] = False
    masked, _ = run(leaves, mask)
    shorter, _ = run(leaves | {"x": leaves["x"][:-2]})
    assert (masked.h[:-2] == shorter.h).all()
    assert (masked.last == shorter.last).all()
    assert (masked.h[-2:] == shorter.last).all()


def test_multipliers_of_one_change_nothing(leaves):
    ones = {name: np.ones_like(leaf) if name.startswith("multipliers") else leaf for name, leaf in leaves.items()}
    without = {name: leaf for name, leaf in leaves.items() if not name.startswith("multipliers")}
    assert (run(ones)[0].h == run(without)[0].h).all()


def test_h_in_is_not_h_out(leaves):
    """A neuron dropped by h_out is 0 in the output, one dropped by h_in is not; no later step hears of either."""
    dropped = np.ones((B, H))
    dropped[:, 1] = 0.0
    base = {name: leaf for name, leaf in leaves.items() if not name.startswith("multipliers")}
    base["h0"] = leaves["h0"] * dropped  # so that both see the same at the first step
    by_in, by_out = run(base | {"multipliers.h_in": dropped})[0].h, run(base | {"multipliers.h_out": dropped})[0].h
    others = [0, 2, 3]
    assert (by_out[:, :, 1] == 0.0).all()
    assert (by_in[:, :, 1] != 0.0).all()
    assert np.abs(by_in[:, :, others] - by_out[:, :, others]).max() <= 1e-14
    held = np.zeros((T, B), dtype=bool)  # a state that is held is not multiplied again
    assert (run(base | {"multipliers.h_out": 2.0 * dropped}, held)[0].last == base["h0"]).all()


def test_float32_in_float32_out(leaves, cotangents):
    single = {name: leaf.astype("float32") for name, leaf in leaves.items()}
    outputs, cache = run(single, MASK)
    grads = flatten(rnn_backward(RNNOutputs(*(c.astype("float32") for c in cotangents)), cache))
    exact = flatten(rnn_backward(cotangents, run(leaves, MASK)[1]))
    assert outputs.h.dtype == outputs.last.dtype == "float32"
    for name, grad in grads.items():
        assert grad.dtype == "float32"
        assert np.abs(grad - exact[name]).max() <= 1e-4 * np.abs(exact[name]).max()


@pytest.mark.parametrize("name", SHAPES)
def test_wrong_shape_and_dtype_of_each_input(leaves, name):
    with pytest.raises(ValueError, match=r"expected shape \(.*, got"):
        run(leaves | {name: np.zeros((*leaves[name].shape, 1))})
    with pytest.raises(TypeError, match=r"expected dtype float64 .that of x., got float32|got float64; cast"):
        run(leaves | {name: leaves[name].astype("float32")})


def test_other_errors(leaves, cotangents):
    with pytest.raises(TypeError, match="mask: expected dtype bool, got float64"):
        run(leaves, MASK.astype(float))
    with pytest.raises(ValueError, match=r"mask: expected shape \(T=5, B=3\), got \(3, 5\)"):
        run(leaves, MASK.T)
    with pytest.raises(ValueError, match=r"multipliers.h_out: expected shape \(B=3, H=4\), got \(1, 4\)"):
        run(leaves | {"multipliers.h_out": np.ones((1, H))})
    _, cache = run(leaves)
    with pytest.raises(ValueError, match=r"last: expected shape \(B=3, H=4\), got \(1, 4\)"):
        rnn_backward(cotangents._replace(last=np.zeros((1, H))), cache)
    with pytest.raises(TypeError, match="last: expected dtype float64"):
        rnn_backward(cotangents._replace(last=np.zeros((B, H), dtype="float32")), cache)
