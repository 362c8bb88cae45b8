"""The gradient check itself: it passes a right pair, and fails each kind of wrong one, saying what and where."""

import numpy as np
import pytest

from refimpl.checks import gradcheck
from refimpl.checks.cases_common import normals

N, D, K = 5, 3, 2
X, W = normals(0, "x", N, D), normals(0, "W", D, K)


def forward(x, W):
    """The pair of a stranger: two outputs, arrays and dicts only."""
    y = np.tanh(x @ W)
    return {"y": y, "total": x.sum(axis=0)}, (x, W, y)


def backward(doutputs, cache):
    x, W, y = cache
    da = doutputs["y"] * (1 - y * y)
    return {"x": da @ W.T + doutputs["total"], "W": x.T @ da}


def failed(results):
    return {result.leaf for result in results if not result.passed}


def check(forward=forward, backward=backward, inputs=None, **options):
    return gradcheck(forward, backward, inputs or {"x": X.copy(), "W": W.copy()}, **options)


def test_a_right_pair_passes_with_one_result_a_leaf():
    results = check(name="mine")
    assert [(r.layer, r.leaf, r.entries) for r in results] == [("mine", "x", N * D), ("mine", "W", D * K)]
    assert all(r.passed for r in results)
    assert all(r.error <= 1e-14 for r in results)


def test_the_worst_entry_is_named_with_both_values():
    def wrong(doutputs, cache):
        grads = backward(doutputs, cache)
        grads["W"][2, 1] += 0.5
        return grads

    (result,) = [r for r in check(backward=wrong) if not r.passed]
    assert (result.leaf, result.worst_index) == ("W", (2, 1))
    assert result.hand - result.step == pytest.approx(0.5)
    assert result.error > result.tolerance


def test_an_error_in_the_12th_digit_is_seen_and_the_tolerance_is_the_callers():
    def scaled(doutputs, cache):
        return {leaf: grad * (1 + 1e-10) for leaf, grad in backward(doutputs, cache).items()}

    assert failed(check(backward=scaled)) == {"x", "W"}
    assert failed(check(backward=scaled, tolerance=1e-9)) == set()


@pytest.mark.parametrize(
    ("fault", "leaves"),
    [
        (lambda g: {"x": g["x"]}, {"W"}),
        (lambda g: g | {"W": None}, {"W"}),
        (lambda g: g | {"b": np.ones(K)}, {"b"}),
        (lambda g: g | {"W": g["W"].T}, {"W"}),
        (lambda g: g | {"W": g["W"].sum()}, {"W"}),
        (lambda g: g | {"W": g["W"].astype("float32")}, {"W"}),
        (lambda g: g | {"W": g["W"] * np.nan}, {"W"}),
        (lambda g: g | {"W": g["W"] * np.inf}, {"W"}),
        (lambda g: g | {"W": -g["W"]}, {"W"}),
        (lambda g: g | {"W": 0.0 * g["W"]}, {"W"}),
    ],
    ids=["missing", "none", "surplus", "transposed", "scalar", "float32", "nan", "inf", "sign", "zero"],
)
def test_wrong_gradients_fail(fault, leaves):
    assert failed(check(backward=lambda dy, cache: fault(backward(dy, cache)))) == leaves


def test_every_output_has_a_cotangent_of_its_own():
    def deaf(doutputs, cache):
        return backward(doutputs | {"total": np.zeros(D)}, cache)

    assert failed(check(backward=deaf)) == {"x"}


def test_a_gradient_of_an_absent_input_fails():
    def forward_optional(x, b):
        return x * x, x

    def backward_optional(dy, x):
        return {"x": 2.0 * x * dy, "b": dy.sum(axis=0)}

    assert failed(gradcheck(forward_optional, backward_optional, {"x": X.copy(), "b": None})) == {"b"}
    results = gradcheck(forward_optional, lambda dy, x: {"x": 2.0 * x * dy, "b": None}, {"x": X, "b": None})
    assert failed(results) == set()


def test_one_array_is_enough_where_one_input_is_differentiated():
    ids = np.array([0, 2, 2, 1])
    assert failed(gradcheck(lambda x, ids: (x[ids], ids), take_backward, {"x": X, "ids": ids})) == set()


def take_backward(dy, ids):
    dx = np.zeros_like(X)
    np.add.at(dx, ids, dy)
    return dx


@pytest.mark.parametrize("where", ["forward", "backward", "cotangent"])
def test_modified_arguments_fail(where):
    def forward_in_place(x, W):
        if where == "forward":
            x *= 1.0 + 2.0**-20
        return forward(x, W)

    def backward_in_place(doutputs, cache):
        grads = backward(doutputs, cache)
        if where == "backward":
            cache[1][0, 0] += 1.0
        if where == "cotangent":
            doutputs["y"][...] = 0.0
        return grads

    expected = {"forward": "x", "backward": "W", "cotangent": "doutputs.y"}[where]
    results = check(forward_in_place, backward_in_place)
    assert expected in failed(results)
    assert any("modified" in result.note for result in results if result.leaf == expected)


def product(x, b):
    return 0.0 * b + x * x, (x, b)


def product_backward(dy, cache):
    return {"x": 2.0 * cache[0] * dy, "b": 0.0 * cache[1]}


def test_a_zero_derivative_fails_unless_it_is_declared():
    inputs = {"x": X, "b": X + 1.0}
    (result,) = [r for r in gradcheck(product, product_backward, inputs) if not r.passed]
    assert result.leaf == "b"
    assert "zero_leaves" in result.note
    assert failed(gradcheck(product, product_backward, inputs, zero_leaves=("b",))) == set()


@pytest.mark.parametrize("wrong", ["hand", "step"])
def test_a_leaf_declared_zero_must_be_exactly_zero(wrong):
    inputs = {"x": X, "b": X + 1.0}
    if wrong == "hand":
        results = gradcheck(
            product, lambda dy, c: product_backward(dy, c) | {"b": 1e-300 * dy}, inputs, zero_leaves=("b",)
        )
    else:
        results = gradcheck(lambda x, b: (b + x * x, (x, b)), product_backward, inputs, zero_leaves="b")
    assert failed(results) == {"b"}


def test_fixed_inputs_are_complex_and_have_no_gradient():
    kinds = []

    def noisy(x, eps):
        kinds.append((x.dtype, eps.dtype))
        return x * eps, eps

    assert failed(gradcheck(noisy, lambda dy, eps: {"x": dy * eps}, {"x": X, "eps": X + 1.0}, fixed=["eps"])) == set()
    assert set(kinds) == {(np.dtype("float64"),) * 2, (np.dtype("complex128"),) * 2}


def test_a_real_buffer_is_an_error():
    def buffered(x, W):
        y = np.empty((N, K))
        y[...] = x @ W
        return y, (x, W)

    with pytest.raises(np.exceptions.ComplexWarning):
        check(buffered, lambda dy, cache: {"x": dy @ W.T, "W": X.T @ dy})


def test_abs_on_a_value_with_a_derivative_fails():
    assert failed(gradcheck(lambda x: (np.abs(x), x), lambda dy, x: {"x": dy * np.sign(x)}, {"x": X})) == {"x"}


def test_a_scalar_output_and_a_scalar_input():
    inputs = {"x": np.array(0.7)}
    assert failed(gradcheck(lambda x: (x * x, x), lambda dy, x: {"x": 2.0 * x * dy}, inputs)) == set()


@pytest.mark.parametrize(
    ("inputs", "options", "error", "words"),
    [
        ({"x": X.astype("float32"), "W": W}, {}, TypeError, "x: expected float64"),
        ({"x": 1.0, "W": W}, {}, TypeError, "x: expected NumPy arrays, got float"),
        ({"x": X[:0], "W": W}, {}, ValueError, "x: expected at least one entry"),
        ({"x": X, "W": W}, {"zero_leaves": ("V",)}, ValueError, "zero_leaves: .*'W'.*got 'V'"),
        ({"x": X, "W": W}, {"fixed": ("x", "W")}, ValueError, "inputs: expected at least one"),
        ({"x": X, "W": W}, {"fixed": ("eps",)}, ValueError, "fixed: "),
    ],
)
def test_errors_name_what_was_expected(inputs, options, error, words):
    with pytest.raises(error, match=words):
        check(inputs=inputs, **options)
