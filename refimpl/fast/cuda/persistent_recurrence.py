"""The plain LSTM recurrence in one launch a direction, with W_h kept in the shared memory of all blocks together.

Plain: sigmoid gates, one W_h, no peepholes, no multipliers, no mask. It saves the launches and the rereading of W_h at
each time step, which is what a small batch waits for; a large one is bound by arithmetic, where cuBLAS is at least as
good. SMALL_BATCH is an estimate, not measured yet.
"""

from functools import cache as remember
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array, array_module
from refimpl.fast.cuda.sources import kernel
from refimpl.layers.lstm_recurrence import RecurrenceCache

MOST_THREADS = 512  # of a block, as in persistent.cu
SCRATCH = 16  # numbers a thread for the stages and partial sums of its block
SMALL_BATCH = 32


class Limits(NamedTuple):
    """What a device has."""

    blocks: int  # multiprocessors: each takes one block of ours
    shared_bytes: int  # of a block


class Plan(NamedTuple):
    """How the work is cut; the fields are the last arguments of the kernels."""

    width: int  # the batch, rounded up to fours
    units: int  # forward: units of a block; backward: units that the four blocks of a group share
    slices: int  # into which the rows of a product are cut
    blocks: int
    threads: int  # of a block
    shared_bytes: int


def forward_plan(batch: int, size: int, itemsize: int, limits: Limits) -> Plan | None:
    """A plan if W_h (H, 4, H) fits on the chip and the batch in a block's threads, else None."""
    units = -(-size // limits.blocks)
    return _plan(batch, size, units, 4 * units, -(-size // units), itemsize, limits)


def backward_plan(batch: int, size: int, itemsize: int, limits: Limits) -> Plan | None:
    """The same for W_h^T; the four blocks of a group have a gate each."""
    if limits.blocks < 4:
        return None
    units = 4 * -(-size // (limits.blocks // 4 * 4))
    return _plan(batch, size, units, units, 4 * -(-size // units), itemsize, limits)


def _plan(batch: int, size: int, units: int, columns: int, blocks: int, itemsize: int, limits: Limits) -> Plan | None:
    width = 4 * -(-batch // 4)
    tiles = width // 4 * (columns // 4)
    # a thread has a unit of an object in the gates' mathematics: columns / 4 units of the block and `width` objects;
    # in the product it has a tile, and every slices-th of the rows
    wanted = max(width * (columns // 4), tiles * size)
    threads = min(MOST_THREADS, 32 * -(-wanted // 32))
    shared_bytes = (size * columns + SCRATCH * threads) * itemsize
    if width * (columns // 4) > threads or shared_bytes > limits.shared_bytes:
        return None
    return Plan(width, units, threads // tiles, blocks, threads, shared_bytes)


@remember
def device_limits(xp: ModuleType, device: int) -> Limits | None:
    """The limits of the current device, None if it cannot run all blocks of a grid at the same time."""
    found = xp.cuda.Device(device).attributes
    if not found["CooperativeLaunch"]:
        return None
    return Limits(found["MultiProcessorCount"], found["MaxSharedMemoryPerBlockOptin"])


def plan_for(cache: RecurrenceCache, *, backward: bool) -> Plan | None:
    """The plan if this case is plain, its batch small, and the device able."""
    params, m, mask, h, *_, gates, _ = cache
    states, batch, size = h.shape  # T + 1 of them
    if gates != "sigmoid" or any(x is not None for x in (params.peephole, mask, *m)):
        return None
    if states < 3 or not 0 < batch <= SMALL_BATCH or size == 0:
        return None
    xp = array_module(h)
    limits = device_limits(xp, xp.cuda.Device().id)
    if limits is None:
        return None
    return (backward_plan if backward else forward_plan)(batch, size, h.dtype.itemsize, limits)


def persistent_forward(u: Array, cache: RecurrenceCache, plan: Plan) -> None:
    """Fill h, c and activations. Equations: LSTM.F3, F4, F6, F7, F9."""
    xp = array_module(u)
    steps, batch, _, size = u.shape
    exchange = xp.zeros((2, size, plan.width), dtype=u.dtype)
    exchange[0, :, :batch] = cache.h[0].T
    arrays = (u, cache.params.W_h, cache.params.b, cache.h, cache.c, cache.activations, exchange)
    _run("persistent_forward", arrays, (steps, batch, size), plan, xp)


def persistent_backward(doutput: Array, dh: Array, dc: Array, da: Array, cache: RecurrenceCache, plan: Plan) -> None:
    """Fill da; dh and dc of the last state become those of the initial one. Equations: LSTM.B3-B7."""
    xp = array_module(doutput)
    steps, batch, size = doutput.shape
    exchange = xp.zeros((4, size, plan.width), dtype=da.dtype)
    pieces = xp.empty((4, batch, size), dtype=da.dtype)
    arrays = (doutput, cache.params.W_h, cache.c, cache.activations, dh, dc, da, exchange, pieces)
    _run("persistent_backward", arrays, (steps, batch, size), plan, xp)


def _run(name: str, arrays: tuple[Array, ...], sizes: tuple[int, ...], plan: Plan, xp: ModuleType) -> None:
    run = kernel("persistent", name, arrays[0].dtype.name, xp, cooperative=True, shared_bytes=plan.shared_bytes)
    numbers = (*sizes, plan.width, plan.units, plan.slices, plan.blocks)
    args = (*arrays, *(np.int32(n) for n in numbers))
    run((plan.blocks,), (plan.threads,), args, shared_mem=plan.shared_bytes)
