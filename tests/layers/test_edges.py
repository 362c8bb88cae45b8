"""Values at the edges: rows of very different size, probabilities exactly at the clip.

[SOFTMAX.F1] [LOSS.F2] [LOSS.B2] [CE.B1]
"""

import math

import numpy as np
import pytest

from refimpl.layers.activations import softmax_forward
from refimpl.layers.losses import (
    clip_nll,
    softmax_cross_entropy_backward,
    softmax_cross_entropy_forward,
)


def test_softmax_shifts_each_row_by_its_own_maximum():
    """By the largest of all rows, the exponentials of the smaller ones would all be 0."""
    y, _ = softmax_forward(np.array([[1000.0, 1000.0 + math.log(3.0)], [-1000.0, -1000.0]]))
    np.testing.assert_allclose(y, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-13)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3, 0)])
def test_softmax_of_no_classes_is_refused(shape):
    with pytest.raises(ValueError, match=r"^a: expected shape \(\.\.\., K\) with K at least 1, got"):
        softmax_forward(np.zeros(shape))


@pytest.mark.parametrize("shape", [(1,), (0, 2), (2, 1, 3)])
def test_softmax_of_one_class_or_no_rows_is_defined(shape):
    y, _ = softmax_forward(np.zeros(shape))
    np.testing.assert_array_equal(y, np.full(shape, 1.0 / shape[-1]))


def test_exactly_at_the_clip_the_derivative_is_zero():
    clip = 0.25
    low, high = -math.log1p(-clip), -math.log(clip)
    between = 0.5 * (low + high)
    clipped, inside = clip_nll(np.array([low, between, high]), clip)
    assert clipped.tolist() == [low, between, high]
    assert inside.tolist() == [False, True, False]
    _, cache = softmax_cross_entropy_forward(np.zeros((1, 4)), np.array([2]), reduction="sum", probability_clip=clip)
    assert not softmax_cross_entropy_backward(1.0, cache).any()  # four equal classes: p = 1/4
