"""Draws by kernels: the words of refimpl/noise.py, bit for bit, and normals up to the rounding of log, cos and sin."""

import math

import numpy as np
import pytest
import strict_cupy as xp
from cuda_on_cpu import schedule

from refimpl import noise
from refimpl.fast.cuda import noise as fast
from refimpl.fast.cuda import sources
from refimpl.noise import Draw
from tests.fast.cuda.helpers import DTYPES, NEEDS_COMPILER, break_kernels

pytestmark = NEEDS_COMPILER

COUNTS = (0, 1, 3, 4, 5, 7, 8, 9, 64, 1001)  # a block of words is 4 numbers or 8
# The largest key and step, of which no bit may be lost.
DRAWS = [Draw(5, "lstm.W_x", 3), Draw(2**64 - 1, "output.W", 2**64 - 1)]
# In float32, of log 1 ulp, halved by the root, of the root and the product 1/2 each, of cos and sin 1: 2.5 in all
ULPS_OF_KERNEL = 2.5
ULPS_OF_NUMPY = 4.0  # NumPy documents up to 4 ulp for its float32 functions; 3.3 were seen


def ulps(found, expected):
    """Units in the last place of found's dtype, by which it is off."""
    return np.max(np.abs(found - expected) / np.spacing(np.abs(expected).astype(found.dtype)), initial=0.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("draw", DRAWS)
def test_uniforms_and_masks_bit_for_bit(dtype, draw, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BLOCKS", 1)
    monkeypatch.setattr(sources, "THREADS", 32)  # 1001 numbers: a stride and a tail
    for count in COUNTS:
        for seed in (0, 1):
            with schedule(seed):
                found = fast.uniform(draw, (count,), dtype, xp).get()
                mask = fast.bernoulli(draw, (count,), 0.3, dtype, xp).get()
            assert np.array_equal(found, noise.uniform(draw, (count,), dtype))
            assert found.dtype == dtype
            assert np.array_equal(mask, noise.bernoulli(draw, (count,), 0.3, dtype))
            assert mask.dtype == dtype


@pytest.mark.parametrize("draw", DRAWS)
def test_normals_in_double_precision(draw):
    for count in (*COUNTS, 20001):
        assert ulps(fast.normal(draw, (count,), "float64", xp).get(), noise.normal(draw, (count,))) <= 2.0


@pytest.mark.parametrize("draw", DRAWS)
def test_normals_in_single_precision(draw):
    for count in (*COUNTS, 100001):
        found, expected = fast.normal(draw, (count,), "float32", xp).get(), noise.normal(draw, (count,), "float32")
        assert found.dtype == "float32"
        assert ulps(found.astype("float64"), exact_normals(draw, count)) <= ULPS_OF_KERNEL * 2.0**29
        assert ulps(found, expected) <= ULPS_OF_KERNEL + ULPS_OF_NUMPY


def exact_normals(draw, count):
    """Box-Muller in float64, on the float32 values of its two uniforms."""
    halves = noise.words(draw, (count + 1) // 2).view(np.uint32).reshape(-1, 2).astype("float32")
    u = (halves[:, 0] * np.float32(2.0**-32) + np.float32(2.0**-33)).astype("float64")
    angle = (halves[:, 1] * np.float32(2.0 * math.pi * 2.0**-32)).astype("float64")
    radius = np.sqrt(-2.0 * np.log(u))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:count]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 6, 7, 8])
def test_rows_are_those_of_the_whole(dtype, width):
    rows = np.array([3, 0, 3, 9, 10])
    whole = fast.normal(DRAWS[0], (11, width, 2), dtype, xp).get()
    with xp.recording() as stats:
        found = fast.normal_rows(DRAWS[0], xp.asarray(rows), (11, width, 2), dtype, xp)
    assert stats.reads == 0
    assert np.array_equal(found.get(), whole[rows])


@pytest.mark.parametrize("name", ["normal", "uniform"])
def test_one_launch_a_draw(name):
    with xp.recording() as stats:
        assert getattr(fast, name)(DRAWS[0], (3, 5), "float32", xp).shape == (3, 5)
    assert (stats.launches, stats.reads, stats.copies) == (1, 0, 0)


def test_a_mask_of_every_probability():
    for probability in (0.0, 1.0):
        assert np.all(fast.bernoulli(DRAWS[0], (99,), probability, "float32", xp).get() == probability)
    with pytest.raises(ValueError, match="probability: expected a number from 0 to 1, got 1.5"):
        fast.bernoulli(DRAWS[0], (9,), 1.5, "float32", xp)


def test_errors():
    with pytest.raises(TypeError, match="dtype: expected float32 or float64, got int64"):
        fast.normal(DRAWS[0], (3,), "int64", xp)
    with pytest.raises(ValueError, match="step: expected an integer from 0"):
        fast.normal(Draw(0, "x", -1), (3,), "float32", xp)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("round < PHILOX_ROUNDS", "round < PHILOX_ROUNDS - 1"),
        ("c0 = block + 1", "c0 = block"),
        ("c0 = high1 ^ c1 ^ k0;", "c0 = high1 ^ c1 ^ unsigned(k0);"),
        ("if (first + PER_BLOCK <= count)", "if (false)\n"),
        ("__umul64hi(PHILOX_MULTIPLIER_1, c2)", "__umul64hi(PHILOX_MULTIPLIER_0, c2)"),
    ],
)
def test_a_wrong_line_is_found(old, new, monkeypatch):
    expected = noise.uniform(DRAWS[1], (100,))
    break_kernels(monkeypatch, old, new, "noise")
    right = np.array_equal(fast.uniform(DRAWS[1], (100,), "float64", xp).get(), expected)
    assert right is (new == "if (false)\n")  # that one is only slower: the control
