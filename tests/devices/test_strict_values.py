"""What would give other numbers than were meant: precision, an index that occurs twice, sums in no fixed order."""

import numpy as np
import pytest
import strict_cupy as xp
from made import double, ids, single
from strict_cupy import DeviceError

# Precision


@pytest.mark.parametrize(
    "mistake",
    [
        lambda x: x * np.float64(2.0),
        lambda x: np.float64(2.0) * x,
        lambda x: x + double(3),
        lambda x: x + double(1)[0],  # a 0-d array is an array
        lambda x: x + xp.zeros(3),
        lambda x: x * ids(1, 2, 3),
        lambda x: x + xp.asarray(np.ones(3, complex)),
        lambda x: xp.where(x > 0.0, x, double(3)),
        lambda x: xp.concatenate([x, double(3)]),
        lambda x: x @ double(3),
        lambda x: x.__iadd__(double(3)),
        lambda x: x.__imul__(np.float64(2.0)),
        lambda x: xp.multiply(x, double(3), out=x),
        lambda x: xp.multiply(x, np.float64(2.0)),
        lambda x: xp.add(double(3), double(3), out=x),
        lambda x: (x + 1j) * (x + 1j) + double(3),
    ],
)
def test_single_precision_is_not_promoted_in_silence(mistake):
    with pytest.raises(DeviceError, match=r"silently promoted|computed in float64 and rounded"):
        mistake(single(3))


def test_what_is_no_promotion_passes():
    x, y = single(3), double(3)
    for result in (x * 2.0, 2 * x, x**2, np.float32(2.0) * x, xp.where(x > 0.0, x, 0.0), xp.maximum(x, 0.5), -x):
        assert result.dtype == np.float32
    assert (x + 1j).dtype == np.complex64
    assert (y * np.float64(2.0) + xp.asarray(np.ones(3, complex))).dtype == complex
    assert (ids(1, 2) / 2).dtype == np.float64  # of integers
    assert ((x > y).dtype, xp.where(x > y, 1.0, 2.0).dtype) == (bool, float)
    assert x.sum(dtype="float64").dtype == xp.sum(x, dtype="float64").dtype == np.float64  # asked for
    assert x.astype("float64").dtype == np.float64
    y += x  # the target is double, and was made so
    xp.multiply(x, x, out=y)
    y[:2] = x[:2]


# Assignment by index arrays


def test_an_index_may_not_occur_twice():
    x = single(2, 3)
    for index in (ids(1, 1), (slice(None), ids(0, 2, 0)), (ids(0, 1, 0), ids(2, 1, 2)), (0, ids(-1, 2))):
        with pytest.raises(DeviceError, match="an index occurs twice in an assignment"):
            x[index] = xp.zeros_like(x[index])
        with pytest.raises(DeviceError, match="an index occurs twice in an assignment"):
            x[index] += 1.0
        x[index] = 5.0  # the same number whoever comes last


def test_an_index_is_judged_as_a_whole():
    x = xp.zeros((3, 2))
    x[xp.arange(3), ids(1, 0, 1)] -= 1.0  # a column twice, no cell twice
    x[ids(2, 0)] = single(2, 2)
    assert x.get().tolist() == [[3.0, 4.0], [-1.0, 0.0], [1.0, 2.0]]


def test_an_index_out_of_bounds_raises():
    with pytest.raises(IndexError):
        single(3)[ids(0, 3)]


@pytest.mark.parametrize("kind", ["float32", "float64", "complex128"])
def test_sums_in_no_fixed_order_are_refused(kind):
    x = single(3).astype(kind)
    for mistake in (
        lambda: xp.add.at(x, ids(0, 0), x[:2]),
        lambda: xp.cumsum(x),
        lambda: x.cumsum(),
        lambda: xp.add.accumulate(x),
        lambda: xp.add.reduceat(x, ids(0, 1)),
    ):
        with pytest.raises(DeviceError, match="other last bits in every run"):
            mistake()


def test_sums_of_integers_have_one_value():
    x = ids(1, 2, 3)
    xp.add.at(x, ids(0, 0), ids(10, 10))
    assert xp.cumsum(x).get().tolist() == [21, 23, 26]
