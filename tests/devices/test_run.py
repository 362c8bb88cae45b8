"""A whole run on the stand-in for CuPy: batches, training, evaluation, checkpoints; the same numbers as on NumPy."""

import json

import numpy as np
import pytest
import strict_cupy
from strict_cupy import allow_reads, recording

from refimpl.training.batches import Batch
from refimpl.training.engine import REFERENCE
from refimpl.training.loop import train
from refimpl.training.metrics import repeatable
from refimpl.training.problem import _on_device, epoch_batches
from tests.training import tiny

IMPLICIT = ("float()", "bool()", "int()", "item", "tolist")


def setup_on(xp, kind):
    return tiny.setup(kind)._replace(engine=REFERENCE, xp=xp)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_run_gives_the_numbers_of_numpy(kind, tmp_path):
    """Bit for bit: the stand-in computes by NumPy, and sums few rows in the same way."""
    on_host = train(setup_on(np, kind), tmp_path / "host")
    with recording() as stats, allow_reads():
        on_device = train(setup_on(strict_cupy, kind), tmp_path / "device")
    assert repeatable(on_host.rows) == repeatable(on_device.rows)
    for name, value in on_device.params.items():
        assert np.array_equal(value.get(), on_host.params[name])
    rows = [json.loads(line) for line in (tmp_path / "device" / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == len(on_host.rows)
    hidden = {place for what, name, place in stats.sites if what == "read" and name in IMPLICIT}
    assert not hidden, hidden


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_batch_is_moved_once_and_whole(kind):
    problem = tiny.problem(kind)
    host = list(epoch_batches(problem, seed=1, epoch=1))
    with recording() as stats:
        device = list(epoch_batches(problem, seed=1, epoch=1, xp=strict_cupy))
    assert stats.copies == len(host) * sum(array is not None for array in host[0])
    for there, here in zip(device, host, strict=True):
        for a, b in zip(there, here, strict=True):
            assert (a is None) == (b is None)
            assert a is None or np.array_equal(a.get(), b)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_ids_are_checked_before_they_are_moved(kind):
    """A device would read some other row, and say nothing."""
    problem = tiny.problem(kind)
    good = next(iter(epoch_batches(problem, seed=1, epoch=1)))
    count = len(problem.corpus.vocabulary.symbols)
    classes = 2 if kind == "texts" else count
    wrong_x = np.full_like(good.x, count)
    with pytest.raises(IndexError, match=f"batch.x: expected ids from 0 to {count - 1}, got {count} at"):
        _on_device(Batch(wrong_x, good.y, good.mask), problem, strict_cupy)
    with pytest.raises(IndexError, match=f"batch.y: expected ids from 0 to {classes - 1}, got -1"):
        _on_device(Batch(good.x, np.full_like(good.y, -1), good.mask), problem, strict_cupy)


def test_ratings_are_no_ids():
    problem = tiny.problem("texts")._replace(corpus=tiny.ratings(), metric="rmse")
    for batch in epoch_batches(problem, seed=1, epoch=1, xp=strict_cupy):
        assert batch.y.dtype == np.float32
