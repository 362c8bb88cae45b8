"""The recurrence in one launch: equal to the reference in every schedule, its barriers needed, its plans within limits.

[LSTM.F3] [LSTM.F4] [LSTM.F6] [LSTM.F7] [LSTM.F9] [LSTM.B3] [LSTM.B4] [LSTM.B5] [LSTM.B6] [LSTM.B7]
"""

from itertools import product

import numpy as np
import pytest
import strict_cupy as xp
from cuda_on_cpu import schedule

from refimpl.fast.cuda import persistent_recurrence as module
from refimpl.fast.cuda.lstm_recurrence import recurrence_backward, recurrence_forward
from refimpl.fast.cuda.persistent_recurrence import Limits, backward_plan, forward_plan, plan_for
from refimpl.layers.lstm_recurrence import RecurrenceCache, RecurrenceMultipliers, RecurrenceParams
from tests.fast.cuda.helpers import DTYPES, NEEDS_COMPILER, break_kernels, to_device
from tests.fast.cuda.test_lstm_recurrence import compare, inputs

H100 = Limits(blocks=132, shared_bytes=227 << 10)


@pytest.fixture
def limit(monkeypatch):
    def to(blocks, small_batch=64):
        monkeypatch.setattr(module, "device_limits", lambda xp, device: Limits(blocks, 227 << 10))
        monkeypatch.setattr(module, "SMALL_BATCH", small_batch)

    return to


# (T, B, H), blocks: one unit; fewer units in the last block; more objects than a tile; several chunks of rows
CASES = [((2, 1, 1), 4), ((5, 3, 10), 8), ((4, 9, 13), 5), ((3, 5, 6), 132), ((3, 61, 70), 16)]


@NEEDS_COMPILER
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("sizes", "blocks"), CASES)
def test_equals_the_reference_in_every_schedule(dtype, sizes, blocks, limit):
    limit(blocks)
    for seed in (0, 1, 2) if sizes[1] < 60 else (3,):
        with schedule(seed):
            assert compare(*inputs(dtype, sizes=sizes), dtype)


@NEEDS_COMPILER
def test_one_launch_for_all_steps(limit):
    limit(8)
    counts = []
    for steps in (4, 8):
        arguments, cotangents = inputs(sizes=(steps, 3, 10))
        device, dcotangents = {name: to_device(tree) for name, tree in arguments.items()}, to_device(cotangents)
        with xp.recording() as stats:
            _, cache = recurrence_forward(**device)
            recurrence_backward(dcotangents, cache)
        assert (stats.reads, stats.copies) == (0, 0)
        counts.append(stats.launches)
    assert counts[0] == counts[1]


BARRIERS = [
    "grid.sync();  // h_t of all units is there",
    "grid.sync();  // da of all units is there",
    "grid.sync();  // what each gate adds to dh is there",
    "__syncthreads();  // the stage is filled",
    "__syncthreads();  // nobody reads a stage any more",
    "__syncthreads();  // the products of all slices are there",
]


def right_in_every_schedule(case):
    for seed in (1, 2, 3):
        with schedule(seed):
            if not compare(*case):
                return False
    return True


@NEEDS_COMPILER
@pytest.mark.parametrize("barrier", BARRIERS)
def test_every_barrier_is_needed(barrier, limit, monkeypatch):
    limit(8)
    case = inputs(sizes=(4, 6, 40))
    break_kernels(monkeypatch, barrier, "//", "persistent")
    assert not right_in_every_schedule(case)


@NEEDS_COMPILER
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("scratch + first / chunk_rows % 2 * chunk", "scratch"),  # one stage for two chunks
        ("exchange + t % 2 * size * width", "exchange"),
        ("row < here; row += slices", "row < here - 1; row += slices"),
        ("const int own_gate = blockIdx.x % 4", "const int own_gate = 0 * blockIdx.x % 4"),
        ("dc_t *= f;", "dc_t *= g;"),
    ],
)
def test_a_wrong_line_is_found(old, new, limit, monkeypatch):
    limit(8)
    case = inputs(sizes=(3, 30, 40))
    monkeypatch.setattr(module, "MOST_THREADS", 256)
    plan = forward_plan(30, 40, 8, Limits(8, 227 << 10))
    assert 4 * plan.threads // plan.width < 40
    assert right_in_every_schedule(case)
    break_kernels(monkeypatch, old, new, "persistent")
    assert not right_in_every_schedule(case)


@NEEDS_COMPILER
def test_a_grid_that_was_made_smaller_is_an_error(limit, monkeypatch):
    """CuPy makes a cooperative grid that does not fit smaller, with a warning only."""
    limit(8)
    right = module.kernel

    def shrinking(*args, **kwargs):
        run = right(*args, **kwargs)
        return lambda grid, block, args, shared_mem: run((grid[0] - 1,), block, args, shared_mem=shared_mem)

    monkeypatch.setattr(module, "kernel", shrinking)
    arguments, _ = inputs()
    with pytest.raises(RuntimeError, match="persistent_forward: __trap"):
        recurrence_forward(**{name: to_device(tree) for name, tree in arguments.items()})


def test_the_plans_at_paper_size():
    forward, backward = forward_plan(64, 1000, 4, H100), backward_plan(64, 1000, 4, H100)
    assert forward == (64, 8, 4, 125, 512, (1000 * 32 + 16 * 512) * 4)
    assert backward == (64, 32, 4, 128, 512, (1000 * 32 + 16 * 512) * 4)
    assert forward_plan(64, 1000, 8, H100) is None  # 256 kB of W_h a block
    assert forward_plan(65, 1000, 4, H100) is None  # more cells a block than threads
    assert backward_plan(1, 10, 4, Limits(3, 227 << 10)) is None


@pytest.mark.parametrize("make", [forward_plan, backward_plan])
def test_plans_keep_within_what_the_kernels_rest_on(make):
    for batch, size, itemsize, blocks in product((1, 3, 4, 5, 20, 64), (1, 2, 7, 128, 200, 650), (4, 8), (4, 7, 132)):
        plan = make(batch, size, itemsize, Limits(blocks, 227 << 10))
        if plan is None:
            assert size * max(4, -(-4 * size // (blocks // 4 * 4))) * itemsize > 227 << 8 or batch * size > 400 * blocks
            continue
        backward = make is backward_plan
        columns = plan.units if backward else 4 * plan.units
        units_a_block = plan.units // 4 if backward else plan.units
        tiles = plan.width // 4 * (columns // 4)
        assert plan.width % 4 == 0
        assert 0 <= plan.width - batch < 4
        assert columns % 4 == 0
        assert plan.blocks <= blocks
        assert units_a_block * plan.blocks >= size
        assert plan.threads <= 512
        assert plan.threads % 32 == 0
        assert batch * units_a_block <= plan.threads  # a thread for each cell
        assert plan.slices >= 1
        assert plan.slices * tiles <= plan.threads
        assert 4 * plan.threads // plan.width >= 1  # a chunk has a row at least
        scratch = plan.shared_bytes // itemsize - size * columns
        assert scratch >= max(8 * plan.threads // plan.width * plan.width, 16 * plan.slices * tiles)
        assert plan.shared_bytes <= 227 << 10


def cache_of(**changes):
    """As much of a forward pass's cache as the choice looks at."""
    h = xp.zeros((5, changes.pop("batch", 8), 16))
    multipliers = RecurrenceMultipliers(**changes.pop("multipliers", {}))
    params = RecurrenceParams(None, None, changes.pop("peephole", None))
    cache = RecurrenceCache(params, multipliers, None, h, h, None, h, None, "sigmoid", "c")
    return cache._replace(**changes)


def test_only_the_plain_case_with_a_small_batch():
    for backward in (False, True):
        assert plan_for(cache_of(), backward=backward) is not None
        for change in (
            {"gates": "hard_sigmoid"},
            {"mask": xp.ones((4, 8), dtype=bool)},
            {"peephole": xp.ones((3, 16))},
            {"batch": module.SMALL_BATCH + 1},
            {"batch": 0},
            {"h": xp.zeros((2, 8, 16))},
            *({"multipliers": {name: xp.ones(1)}} for name in RecurrenceMultipliers._fields),
        ):
            assert plan_for(cache_of(**change), backward=backward) is None, change


def test_a_device_without_cooperative_launches(monkeypatch):
    class Device:
        id = 7
        attributes = {"CooperativeLaunch": 0}  # noqa: RUF012

        def __init__(self, id=7):
            pass

    class Cuda:
        pass

    Cuda.Device = Device
    monkeypatch.setattr(xp, "cuda", Cuda)
    assert plan_for(cache_of(), backward=False) is None


def test_the_limits_are_read_from_the_device():
    limits = module.device_limits(xp, 0)
    assert limits == Limits(132, 232448)
    assert np.all(np.array(limits) > 0)
