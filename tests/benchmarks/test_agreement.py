"""What agrees and what does not: tolerances hold, NaN never agrees, names and shapes must match."""

import numpy as np
import pytest

from refimpl.benchmarks.agreement import Agreement, compare, relative_difference


def store(folder, name, **grads):
    np.savez(folder / f"{name}.npz", **grads)


def test_differences_are_relative_2_norms(tmp_path):
    b = np.array([3.0, 4.0], dtype="float32")
    store(tmp_path, "reference", **{"lstm.b": b, "output.b": b})
    store(tmp_path, "torch", **{"lstm.b": b + np.float32([0.0, 0.5]), "output.b": b})
    found = compare("torch", {"reference": -2.0, "torch": -2.002}, tmp_path)
    assert found.gradients == {"lstm.b": pytest.approx(0.1), "output.b": 0.0}
    assert found.loss == pytest.approx(0.001)
    assert found.worst == ("lstm.b", pytest.approx(0.1))


@pytest.mark.parametrize(
    ("loss", "gradient", "holds"),
    [
        (1e-5, 1e-4, True),
        (2e-4, 1e-4, False),
        (1e-5, 2e-3, False),
        (float("nan"), 0.0, False),
        (0.0, float("nan"), False),
    ],
)
def test_tolerances(loss, gradient, holds):
    assert Agreement(loss, {"lstm.b": 0.0, "output.b": gradient}).holds is holds


def test_a_gradient_of_zero_must_be_zero():
    zero = np.zeros(3)
    assert relative_difference("a", zero, zero) == 0.0
    assert relative_difference("a", zero + 1e-9, zero) == float("inf")


def test_names_and_shapes_must_match(tmp_path):
    store(tmp_path, "reference", b=np.ones(3))
    store(tmp_path, "torch", c=np.ones(3))
    with pytest.raises(ValueError, match="torch: gradients expected for ['b'], got ['c']".replace("[", r"\[")):
        compare("torch", {"reference": 1.0, "torch": 1.0}, tmp_path)
    with pytest.raises(ValueError, match="expected shape"):
        relative_difference("torch: b", np.ones(2), np.ones(3))
