"""A multiplier of each object, shared over time: values by a scalar loop, gradients, errors.

[SCALE.F1] [SCALE.B1] [SCALE.B2]
"""

import numpy as np
import pytest

from refimpl.checks import run_gradcheck
from refimpl.layers.scale import scale_backward, scale_forward
from refimpl.noise import Draw, normal

T, B, D = 4, 3, 5


def arrays(dtype="float64"):
    x, m = normal(Draw(8, "x"), (T, B, D), dtype), normal(Draw(8, "m"), (B, D), dtype)
    dy = normal(Draw(8, "dy"), (T, B, D), dtype)
    for array in (x, m, dy):
        array.flags.writeable = False  # a function that modifies its input fails
    return x, m, dy


def test_value_by_scalar_loop():
    x, m, _ = arrays()
    y, _ = scale_forward(x, m)
    assert y.shape == (T, B, D)
    for t, b, d in np.ndindex(y.shape):
        assert y[t, b, d] == x[t, b, d] * m[b, d]


def test_gradients():
    results = run_gradcheck(["scale"], seed=1)
    assert {result.leaf for result in results} == {"x", "multiplier"}
    assert [result for result in results if not result.passed] == []


def test_the_gradient_of_the_multiplier_sums_over_the_steps_of_its_object():
    x, m, dy = arrays()
    grads = scale_backward(dy, scale_forward(x, m)[1])
    assert grads.multiplier.shape == (B, D)
    for b, d in np.ndindex(B, D):
        assert grads.multiplier[b, d] == pytest.approx(sum(dy[t, b, d] * x[t, b, d] for t in range(T)), rel=1e-13)
        assert np.array_equal(grads.x[:, b, d], dy[:, b, d] * m[b, d])


def test_float32_in_float32_out():
    x, m, dy = arrays("float32")
    y, cache = scale_forward(x, m)
    assert y.dtype == "float32"
    assert [grad.dtype for grad in scale_backward(dy, cache)] == [np.float32, np.float32]


@pytest.mark.parametrize("shape", [(1, D), (D,), (B, 1), (T, D), (B, D, 1)])
def test_a_multiplier_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"multiplier: expected shape \(B=3, D=5\), got"):
        scale_forward(np.ones((T, B, D)), np.ones(shape))


def test_other_inputs_are_refused():
    with pytest.raises(ValueError, match=r"x: expected shape \(T, B, D\), got \(3, 5\)"):
        scale_forward(np.ones((B, D)), np.ones((B, D)))
    with pytest.raises(TypeError, match=r"multiplier: expected dtype float64 \(that of x\), got float32"):
        scale_forward(np.ones((T, B, D)), np.ones((B, D), "float32"))
    with pytest.raises(TypeError, match="x: expected dtype float32 or float64, got int64"):
        scale_forward(np.ones((T, B, D), "int64"), np.ones((B, D)))


def test_other_cotangents_are_refused():
    x, m, dy = arrays()
    _, cache = scale_forward(x, m)
    with pytest.raises(ValueError, match=r"dy: expected shape \(T=4, B=3, D=5\), got \(1, 3, 5\)"):
        scale_backward(dy[:1], cache)
    with pytest.raises(TypeError, match="dy: expected dtype float64"):
        scale_backward(dy.astype("float32"), cache)
