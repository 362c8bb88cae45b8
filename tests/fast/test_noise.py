"""Noise of the fast engine is that of refimpl.noise, bit for bit, however it is shared out."""

import numpy as np
import pytest

from refimpl import noise
from refimpl.fast import noise as fast_noise
from refimpl.fast.workspace import Workspace


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1,), (7, 3), (2, 9, 5), (0,), ()])
def test_normals_are_the_same_bits(monkeypatch, dtype, threads, shape):
    monkeypatch.setattr(fast_noise, "LEAST_PAIRS", 1)
    draw = noise.Draw(3, "stream", 4)
    found = fast_noise.normal(draw, shape, dtype, workspace=Workspace(threads))
    assert np.array_equal(found, noise.normal(draw, shape, dtype))
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("first", [0, 1, 2, 3, 5, noise.CHUNK - 1])
def test_pairs_from_anywhere(dtype, first):
    draw = noise.Draw(3, "stream", 4)
    out = np.empty((6, 2), dtype)
    noise.fill_normals(draw, out, first)
    assert np.array_equal(out, noise.normal(draw, (first + 6, 2), dtype)[first:])


def test_another_device_is_refused():
    with pytest.raises(ValueError, match="xp: expected numpy"):
        fast_noise.normal(noise.Draw(1, "s"), (2,), "float32", pytest, workspace=Workspace())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("trailing", [(3,), (2, 4), ()])
def test_rows_are_the_same_bits(monkeypatch, dtype, threads, trailing):
    monkeypatch.setattr(fast_noise, "LEAST_PAIRS", 1)
    draw, rows, shape = noise.Draw(3, "stream", 4), np.array([0, 1, 5, 17, 18]), (20, *trailing)
    found = fast_noise.normal_rows(draw, rows, shape, dtype, workspace=Workspace(threads))
    assert np.array_equal(found, noise.normal(draw, shape, dtype)[rows])
    assert found.dtype == dtype
