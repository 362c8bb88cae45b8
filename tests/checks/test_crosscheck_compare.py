"""A verdict for each tensor, and the layouts of others."""

import numpy as np
import pytest

from refimpl import noise
from refimpl.checks.crosscheck import compare as c
from refimpl.checks.crosscheck import layouts
from refimpl.noise import Draw

D, H = 5, 3
ROUNDING = {"float64": 1e-15, "float32": 1e-7}


def normal(name, *shape):
    return noise.normal(Draw(0, name), shape)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_tensor_agrees_up_to_the_bound_of_its_own_precision(dtype):
    expected = normal("t", 4, 3)
    bound = c.TOLERANCES[dtype] * np.max(np.abs(expected))
    near, far = expected.copy(), expected.copy()
    near[2, 1] += 0.9 * bound
    far[2, 1] += 1.1 * bound
    near, far = (a.astype(dtype) for a in (near, far))
    assert c.compare_tensor("out.t", expected, near).verdict == c.AGREES
    found = c.compare_tensor("out.t", expected, far)
    assert (found.verdict, found.worst, found.tolerance) == (c.DIFFERS, (2, 1), c.TOLERANCES[dtype])
    assert found.error == pytest.approx(1.1 * c.TOLERANCES[dtype], rel=0.02)
    assert (found.found, found.expected) == (float(far[2, 1]), expected[2, 1])
    assert c.same({"t": expected}, {"t": near})
    assert not c.same({"t": expected}, {"t": far})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: 2.5 * t, "2.5 times the expected tensor"),
        (lambda t: t - 0.25, "the expected tensor plus -0.25"),
        (lambda t: t.astype("float32").astype("float64"), "agrees within rounding of float32"),
        (lambda t: np.concatenate([t[:2], normal("other", 2, 3)]), "agrees before [2]"),
        (lambda t: np.concatenate([normal("other", 2, 3), t[2:]]), "agrees at [2], [3]"),
        (lambda t: np.where(np.eye(4, 3) > 0, t, 0.5 * t), "3 of 12 entries agree"),
        (lambda t: np.where(np.eye(4, 3) > 0, np.nan, t), "3 of 12 entries are not finite"),
        (lambda t: t.T.copy(), "shape (3, 4), expected (4, 3); with its axes in the order (1, 0) it agrees"),
        (lambda t: 2.0 * t.T, "with its axes in the order (1, 0) it would fit"),
        (lambda t: t.reshape(-1), "the values are right, reshape them"),
        (lambda t: t[:3], "shape (3, 3), expected (4, 3)"),
        (lambda t: t + 0j, "expected real numbers, got dtype complex128"),
    ],
)
def test_what_is_said_of_a_tensor_that_differs(change, said):
    expected = normal("t", 4, 3)
    found = c.compare_tensor("out.t", expected, change(expected))
    assert found.verdict == c.DIFFERS
    assert said in found.note


def test_a_tensor_of_zeros_is_measured_absolutely_and_nan_never_agrees():
    zeros = np.zeros(3)
    assert c.compare_tensor("t", zeros, zeros + 1e-13).verdict == c.AGREES
    assert c.compare_tensor("t", zeros, zeros + 1e-11).verdict == c.DIFFERS
    assert c.compare_tensor("t", zeros, zeros + np.nan).verdict == c.DIFFERS
    assert not c.same({"t": zeros}, {"t": zeros + np.nan})
    assert c.compare_tensor("t", np.float64(2.0), np.float64(2.0)).verdict == c.AGREES
    assert c.compare_tensor("t", np.float64(np.inf), np.float64(np.inf)).verdict == c.AGREES


def test_tensors_are_named_in_the_order_of_computation():
    expected = {"mid.a": normal("a", 2), "out.y": normal("y", 2), "grad.param.W": normal("W", 2)}
    found = {"grad.param.W": expected["grad.param.W"] + 1.0, "out.y": expected["out.y"] + 1.0}
    verdicts = c.compare(expected, found)
    assert [(v.name, v.verdict) for v in verdicts] == [
        ("mid.a", c.MISSING),
        ("out.y", c.DIFFERS),
        ("grad.param.W", c.DIFFERS),
    ]
    assert c.first_diverging(verdicts).name == "out.y"
    assert c.first_diverging(c.compare(expected, expected)) is None


def test_layouts_compute_the_same_preactivations_and_come_back():
    W, b, x = normal("W", D, 4, H), normal("b", 4, H), normal("x", 2, D)
    a = np.einsum("bd,dkh->bkh", x, W)
    torch = x @ layouts.torch_weight(W).T
    keras = x @ layouts.keras_weight(W)
    for flat in (torch, keras):
        np.testing.assert_allclose(flat.reshape(2, 4, H), a, rtol=0, atol=1e-14)
    (onnx,) = layouts.onnx_weight(W)
    i, o, f, g = np.split(x @ onnx.T, 4, axis=1)
    for k, gate in enumerate((i, f, g, o)):
        np.testing.assert_allclose(gate, a[:, k], rtol=0, atol=1e-14)
    np.testing.assert_array_equal(layouts.from_torch_weight(layouts.torch_weight(W)), W)
    np.testing.assert_array_equal(layouts.from_keras_weight(layouts.keras_weight(W)), W)
    np.testing.assert_array_equal(layouts.from_torch_bias(layouts.torch_bias(b)), b)
    np.testing.assert_array_equal(layouts.onnx_bias(b)[0], [*b[0], *b[3], *b[1], *b[2], *np.zeros(4 * H)])
    p = normal("p", 3, H)
    np.testing.assert_array_equal(layouts.onnx_peephole(p)[0], [*p[0], *p[2], *p[1]])
