"""Adam: against a scalar loop written from the paper, against the authors' own steps, and what it refuses.

[ADAM.F1] [ADAM.F2] [ADAM.F3] [ADAM.F4]
"""

import math
from pathlib import Path

import numpy as np
import pytest

from refimpl.training.adam import AdamState, adam_init, adam_update
from refimpl.training.clipping import clip_by_global_norm

VECTORS = Path(__file__).parents[2] / "validation/vectors/original-2018"
SHAPES = {"lstm.W_x.mu": (2, 4, 3), "output.b": (5,), "scalar": ()}


def arrays(seed, dtype="float64"):
    rng = np.random.Generator(np.random.Philox(seed))
    return {name: np.asarray(rng.standard_normal(shape), dtype=dtype) for name, shape in SHAPES.items()}


def paper_step(theta, m, v, gradients, rate, beta1, beta2, epsilon):
    """Kingma and Ba 2015, algorithm 1, one scalar, with epsilon_t chosen so that it equals the form of their remark."""
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - rate * m_hat / (math.sqrt(v_hat) + epsilon / math.sqrt(1 - beta2**t))
    return theta, m, v


@pytest.mark.parametrize(("beta1", "beta2", "epsilon"), [(0.9, 0.999, 1e-8), (0.6, 0.8, 0.1)])
def test_steps_equal_a_scalar_loop(beta1, beta2, epsilon):
    params, state = arrays(1), adam_init(arrays(1))
    gradients = [arrays(seed) for seed in range(2, 8)]
    new = params
    for grads in gradients:
        new, state = adam_update(new, grads, state, learning_rate=0.03, beta1=beta1, beta2=beta2, epsilon=epsilon)
    assert state.step == len(gradients)
    assert new.keys() == state.m.keys() == state.v.keys() == params.keys()
    for name, shape in SHAPES.items():
        for index in np.ndindex(shape):
            series = [float(g[name][index]) for g in gradients]
            theta, m, v = paper_step(float(params[name][index]), 0.0, 0.0, series, 0.03, beta1, beta2, epsilon)
            assert new[name][index] == pytest.approx(theta, rel=1e-13, abs=1e-15)
            assert state.m[name][index] == pytest.approx(m, rel=1e-13, abs=1e-15)
            assert state.v[name][index] == pytest.approx(v, rel=1e-13)


def test_first_step_tells_the_two_places_of_epsilon_apart():
    """Where |g| is near epsilon, the form with epsilon inside the correction is far away: 0.5 lr against 0.03 lr."""
    g = 1e-8
    params, grads = {"a": np.zeros(1)}, {"a": np.array([g])}
    new, _ = adam_update(params, grads, adam_init(params), learning_rate=1.0)
    outside = g / (g + 1e-8 / math.sqrt(0.001))
    assert -new["a"][0] == pytest.approx(outside, rel=1e-12)
    assert outside < 0.1 * g / (g + 1e-8)


@pytest.mark.parametrize("case", ["char_DCCD", "char_LCCL", "word_LCCL", "cls_LCLCCL_c1", "cls_LLLCCL_c1"])
def test_first_step_equals_the_authors(case):
    """Their gradient, their clipping limit, their parameters after their first step."""
    with np.load(VECTORS / f"{case}.npz", allow_pickle=False) as file:
        data = {key: file[key] for key in file.files}
    grads = {key.removeprefix("grad/"): value for key, value in data.items() if key.startswith("grad/")}
    params = {name: data[f"param/{name}"] for name in grads}
    clipped, norm = clip_by_global_norm(grads, float(data["meta/grad_clip"]))
    assert norm == pytest.approx(float(data["loss/grad_norm"]), rel=1e-13)
    new, _ = adam_update(params, clipped, adam_init(params), learning_rate=float(data["meta/lr"]))
    for name in params:
        step = np.abs(data[f"step1/{name}"] - params[name])
        np.testing.assert_allclose(new[name], data[f"step1/{name}"], rtol=0.0, atol=1e-12)
        assert step.max() > 1e-4  # they moved, so the comparison says something


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept_and_inputs_are_not_written_to(dtype):
    params, grads = arrays(1, dtype), arrays(2, dtype)
    state = AdamState(arrays(3, dtype), {name: x * x for name, x in arrays(4, dtype).items()}, 3)
    given = [*params.values(), *grads.values(), *state.m.values(), *state.v.values()]
    before = [x.copy() for x in given]
    for x in given:
        if x.ndim:
            x.flags.writeable = False
    new, after = adam_update(params, grads, state, learning_rate=0.1)
    assert all((x == y).all() for x, y in zip(given, before, strict=True))
    assert {x.dtype for group in (new, after.m, after.v) for x in group.values()} == {np.dtype(dtype)}
    assert (state.step, after.step) == (3, 4)
    assert not any(np.shares_memory(x, y) for group in (new, after.m, after.v) for x in group.values() for y in given)


def test_non_contiguous_inputs_give_the_same():
    params, grads = {"a": arrays(1)["lstm.W_x.mu"]}, {"a": arrays(2)["lstm.W_x.mu"]}
    expected, _ = adam_update(params, grads, adam_init(params), learning_rate=0.1)
    strided = {"a": np.asfortranarray(grads["a"])}
    new, _ = adam_update(params, strided, adam_init(params), learning_rate=0.1)
    assert (new["a"] == expected["a"]).all()


def test_errors_name_what_is_wrong():
    params, grads = arrays(1), arrays(2)
    state = adam_init(params)
    with pytest.raises(ValueError, match=r"grads: names missing .*\['output.b'\]"):
        adam_update(params, {k: v for k, v in grads.items() if k != "output.b"}, state, learning_rate=0.1)
    with pytest.raises(ValueError, match=r"state\.v: names missing"):
        adam_update(params, grads, state._replace(v={}), learning_rate=0.1)
    with pytest.raises(ValueError, match=r"grads\[output.b\]: expected shape \(5,\).*got \(1,\)"):
        adam_update(params, grads | {"output.b": np.zeros(1)}, state, learning_rate=0.1)
    with pytest.raises(TypeError, match=r"grads\[output.b\]: expected dtype float64"):
        adam_update(params, grads | {"output.b": np.zeros(5, "float32")}, state, learning_rate=0.1)
    complex_params = {"a": np.zeros(2, complex)}
    with pytest.raises(TypeError, match=r"got complex128"):
        adam_update(complex_params, complex_params, adam_init(complex_params), learning_rate=0.1)
    good = {"learning_rate": 0.1}
    wrong = [("learning_rate", -1.0), ("learning_rate", math.nan), ("beta1", 1.0), ("beta2", -0.1), ("epsilon", 0.0)]
    for name, value in wrong:
        with pytest.raises(ValueError, match=f"^{name}: expected"):
            adam_update(params, grads, state, **(good | {name: value}))
