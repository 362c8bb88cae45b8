"""What the stand-in counts: every read of the device with its place, every copy to it, every launch."""

import numpy as np
import pytest
import strict_cupy as xp
from made import ids, single
from strict_cupy import DeviceError, allow_reads, recording

from refimpl.arrays import scatter_add

# Reads


READS = {
    "float()": lambda x: float(x[0]),
    "bool()": lambda x: bool((x > 0.0).all()),
    "int()": lambda x: int(x[0]),
    "index()": lambda x: range(10)[x.astype(int)[0]],
    "item": lambda x: x[0].item(),
    "tolist": lambda x: x.tolist(),
    "str": lambda x: str(x),
    "format": lambda x: f"{x}",
    "boolean mask": lambda x: x[x > 1.0],
    "nonzero": lambda x: xp.nonzero(x),
    "flatnonzero": lambda x: xp.flatnonzero(x),
    "unique": lambda x: xp.unique(x),
    "where": lambda x: xp.where(x > 1.0),
}


@pytest.mark.parametrize("name", READS)
def test_a_hidden_read_raises_and_is_counted_where_it_is_allowed(name):
    x = single(3)
    with pytest.raises(DeviceError, match=r" reads the device .*\(at test_strict_counts\.py:\d+\)"):
        READS[name](x)
    with recording() as stats, allow_reads():
        READS[name](x)
    assert stats.reads == 1
    assert [(what, found) for what, found, _ in stats.sites] == [("read", name)]


def test_a_branch_on_the_device_raises():
    with pytest.raises(DeviceError, match=r"bool\(\) reads the device"):
        assert single(1) > 0.0


def test_get_says_what_it_does_and_is_counted():
    x = single(2)
    with recording() as stats:
        assert x.get().tolist() == xp.asnumpy(x).tolist() == [1.0, 2.0]
    assert (stats.reads, stats.launches, stats.copies) == (2, 0, 0)


def test_a_mask_that_is_written_by_is_read_too():
    x = single(3)
    with recording() as stats, allow_reads():
        x[x > 1.0] = 0.0
    assert (stats.reads, stats.copies) == (1, 1)  # how many cells; and CuPy makes an array of the number
    with pytest.raises(DeviceError, match="boolean mask reads the device"):
        x[x > 1.0] = 0.0


def test_reads_in_a_loop_are_counted_by_line():
    x = single(4)

    def train(steps):
        loss = 0.0
        for _ in range(steps):
            loss += float(xp.sum(x * x))
            if (x > 5.0).any():
                break
        return loss

    with recording() as stats, allow_reads():
        train(10)
    assert stats.reads == 20
    assert sorted(stats.sites.values()) == [10, 10]
    assert all(place.startswith("test_strict_counts.py:") for _, _, place in stats.sites)
    assert stats.table().count("test_strict_counts.py:") == 2


def test_permission_ends_with_its_block():
    with pytest.raises(ZeroDivisionError), allow_reads(), recording():
        raise ZeroDivisionError
    with pytest.raises(DeviceError):
        float(single(1)[0])


def test_repr_shows_no_values():
    with recording() as stats:
        assert repr(single(2, 3)) == "<device float32 [2, 3]>"
    assert stats.reads == 0


# Counts


COUNTS = {  # what: (launches, copies)
    "one operation": (lambda x: x + 1.0, 1, 0),
    "out": (lambda x: xp.exp(x, out=x), 1, 0),
    "two": (lambda x: xp.exp(-x), 2, 0),
    "a slice": (lambda x: x[:, 1:], 0, 0),
    "views": (lambda x: x.T.reshape(3, 2, 1).swapaxes(0, 1).real.transpose(2, 0, 1), 0, 0),
    "a reshape that copies": (lambda x: x.T.reshape(-1), 1, 0),
    "broadcasting": (lambda x: xp.broadcast_to(x, (4, 2, 3)), 0, 0),
    "contiguous already": (lambda x: xp.ascontiguousarray(x), 0, 0),
    "made contiguous": (lambda x: xp.ascontiguousarray(x.T), 1, 0),
    "on the device already": (lambda x: xp.asarray(x), 0, 0),
    "of this dtype already": (lambda x: x.astype("float32", copy=False), 0, 0),
    "cast": (lambda x: x.astype("float64"), 1, 0),
    "a copy": (lambda x: xp.array(x), 1, 0),
    "memory alone": (lambda x: xp.empty_like(x), 0, 0),
    "zeros": (lambda x: xp.zeros_like(x), 1, 0),
    "imaginary part of a real array": (lambda x: x.imag, 1, 0),
    "in place": (lambda x: x.__imul__(2.0), 1, 0),
    "in place on a part": (lambda x: x[:1].__iadd__(1.0), 1, 0),
    "assignment": (lambda x: x.__setitem__(0, 1.0), 1, 0),
    "rows by index": (lambda x: x[xp.zeros(2, dtype=int)], 2, 0),
    "a number written by index": (lambda x: x.__setitem__(xp.zeros(1, dtype=int), 1.0), 2, 1),
    "from the host": (lambda x: xp.asarray(np.ones(3)), 0, 1),
    "a number from the host": (lambda x: xp.asarray(2.0), 0, 1),
    "a number that is filled in": (lambda x: xp.full((), 2.0), 1, 0),
}


@pytest.mark.parametrize("what", COUNTS)
def test_counts(what):
    function, launches, copies = COUNTS[what]
    x = single(2, 3)
    with recording(launch_sites=True) as stats:
        function(x)
    assert (stats.launches, stats.copies, stats.reads) == (launches, copies, 0), stats.table()
    assert sum(stats.sites.values()) == launches + copies


def test_the_assignment_behind_an_in_place_part_is_nothing():
    x = single(2, 3)
    with recording() as stats:
        x[:, 1:] += 1.0
    assert stats.launches == 1
    with recording() as stats:
        x[:, ids(0, 2)] += 1.0  # taken, added, written
    assert stats.launches == 3


def test_recordings_nest_and_end():
    x = single(3)
    with recording() as outer:
        x + 1.0
        with recording() as inner:
            x + 1.0
        x + 1.0
    x + 1.0
    assert (outer.launches, inner.launches) == (3, 1)
    assert repr(outer) == "<3 launches, 0 reads, 0 copies>"


def test_scatter_add_reads_nothing():
    """Both ways of it, few rows and many."""
    rows, values = ids(4, 0, 4, 6, 0, 4, 1), single(7, 2)
    for count in (7, 1000):
        with recording() as stats:
            out = scatter_add(rows, values, count)
        assert (stats.reads, stats.copies) == (0, 0)
        expected = np.zeros((count, 2), "float32")
        np.add.at(expected, rows.get(), values.get())
        assert np.array_equal(out.get(), expected)
