"""Whether an operation makes the host wait, and how many launches it is.

On a GPU: a kernel that spins keeps the device busy while the operation is called; and the operation is captured in a
CUDA graph, whose nodes are counted by the driver. On the stand-in: what it counts itself.
"""

import ctypes
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from validation.gpu.device import synchronise
from validation.gpu.findings import FAILED, OK, Row
from validation.gpu.rules import ids, single

SPIN = """
extern "C" __global__ void spin(long long cycles) {
    const long long start = clock64();
    while (clock64() - start < cycles) {}
}
"""
CYCLES = 40_000_000  # some 20 ms
RELAXED = 2  # cudaStreamCaptureModeRelaxed
READ, FREE = "waits", "does not wait"
Operation = Callable[[ModuleType, Any], Any]


class Asked(NamedTuple):
    """x is (2, 3) in float32. launches None: not counted, as a capture does not take it."""

    what: str
    operation: Operation
    waits: bool = False
    launches: int | None = None


def _set(x: Any, index: Any, value: Any) -> None:
    x[index] = value


ASKED = (
    Asked("float()", lambda xp, x: float(x[0, 0]), True),
    Asked("bool()", lambda xp, x: bool((x > 0.0).all()), True),
    Asked("int()", lambda xp, x: int(x[0, 0]), True),
    Asked("index()", lambda xp, x: range(10)[x.astype(int)[0, 0]], True),
    Asked("item", lambda xp, x: x[0, 0].item(), True),
    Asked("tolist", lambda xp, x: x.tolist(), True),
    Asked("str", lambda xp, x: str(x), True),
    Asked("format", lambda xp, x: f"{x[0, 0]}", True),
    Asked("get", lambda xp, x: x.get(), True),
    Asked("boolean mask", lambda xp, x: x[x > 1.0], True),
    Asked("boolean mask, assigned", lambda xp, x: _set(x, x > 1.0, 0.0), True),
    Asked("nonzero", lambda xp, x: xp.nonzero(x), True),
    Asked("flatnonzero", lambda xp, x: xp.flatnonzero(x), True),
    Asked("argwhere", lambda xp, x: xp.argwhere(x), True),
    Asked("unique", lambda xp, x: xp.unique(x), True),
    Asked("bincount", lambda xp, x: xp.bincount(xp.zeros(3, dtype=int)), True),
    Asked("where of one argument", lambda xp, x: xp.where(x > 1.0), True),
    Asked("shape, dtype, strides", lambda xp, x: (x.shape, x.dtype, x.strides, x.nbytes, len(x)), launches=0),
    Asked("a slice", lambda xp, x: x[:, 1:], launches=0),
    Asked("views", lambda xp, x: x.T.reshape(3, 2, 1).swapaxes(0, 1).real.transpose(2, 0, 1), launches=0),
    Asked("broadcast_to", lambda xp, x: xp.broadcast_to(x, (4, 2, 3)), launches=0),
    Asked("expand_dims, moveaxis, squeeze, flip", lambda xp, x: _views(xp, x), launches=0),
    Asked("contiguous already", lambda xp, x: xp.ascontiguousarray(x), launches=0),
    Asked("astype that need not copy", lambda xp, x: x.astype("float32", copy=False), launches=0),
    Asked("empty_like", lambda xp, x: xp.empty_like(x), launches=0),
    Asked("one operation", lambda xp, x: x + 1.0, launches=1),
    Asked("with out", lambda xp, x: xp.exp(x, out=x), launches=1),
    Asked("two operations", lambda xp, x: xp.exp(-x), launches=2),
    Asked("in place", lambda xp, x: x.__imul__(2.0), launches=1),
    Asked("in place on a part", lambda xp, x: x[:1].__iadd__(1.0), launches=1),
    Asked("assignment of a number", lambda xp, x: _set(x, 0, 1.0), launches=1),
    Asked("a reshape that copies", lambda xp, x: x.T.reshape(-1), launches=1),
    Asked("made contiguous", lambda xp, x: xp.ascontiguousarray(x.T), launches=1),
    Asked("a cast", lambda xp, x: x.astype("float64"), launches=1),
    Asked("zeros_like", lambda xp, x: xp.zeros_like(x), launches=1),
    Asked("full", lambda xp, x: xp.full((), 2.0), launches=1),
    Asked("sum", lambda xp, x: x.sum(axis=0), launches=1),
    Asked("stack", lambda xp, x: xp.stack([x, x]), launches=1),
    Asked("where of three arguments", lambda xp, x: xp.where(x > 1.0, x, 0.0), launches=2),
    Asked("rows by index", lambda xp, x: x[xp.zeros(2, dtype=int)], launches=2),
    Asked("arange", lambda xp, x: xp.arange(5), launches=1),
    Asked("from the host", lambda xp, x: xp.asarray(np.ones(3))),
    Asked("a number written by index", lambda xp, x: _set(x, xp.zeros(1, dtype=int), 1.0)),
    Asked("an array written by index", lambda xp, x: _set(x, xp.arange(2), x)),
    Asked("a product", lambda xp, x: x @ x.T),
    Asked("argsort", lambda xp, x: xp.argsort(x[0], kind="stable")),
    Asked("searchsorted", lambda xp, x: xp.searchsorted(x[0], x[1])),
    Asked("take_along_axis", lambda xp, x: xp.take_along_axis(x, ids(xp, 0, 1)[:, None], axis=1)),
)


def _views(xp: ModuleType, x: Any) -> Any:
    return xp.flip(xp.squeeze(xp.moveaxis(xp.expand_dims(x, 0), 0, 2)), 0)


def waiting(asked: Asked, xp: ModuleType) -> Row:
    """Whether the host waits."""
    x = single(xp, 2, 3)
    if xp.__name__ != "cupy":
        with xp.recording() as stats, xp.allow_reads():
            asked.operation(xp, x)
        found = READ if stats.reads else FREE
        values: Row = {}
    else:
        found, values = _with_a_busy_device(asked.operation, xp, x)
    expected = READ if asked.waits else FREE
    return {"status": OK if found == expected else FAILED, "expected": expected, "found": found} | values


def _with_a_busy_device(operation: Operation, xp: ModuleType, x: Any) -> tuple[str, Row]:
    kernel = xp.RawKernel(SPIN, "spin")

    def host_ms(call: Callable[[], Any]) -> float:
        began = time.perf_counter()
        call()
        return (time.perf_counter() - began) * 1e3

    def spin() -> None:
        kernel((1,), (1,), (np.int64(CYCLES),))

    for _ in range(2):  # compiles the operation's kernels, and fills the pool
        operation(xp, single(xp, 2, 3))
    spin()
    synchronise(xp)
    spin()
    busy = host_ms(lambda: synchronise(xp))
    spin()
    took = host_ms(lambda: operation(xp, x))
    synchronise(xp)
    return READ if took > busy / 2 else FREE, {"operation_ms": round(took, 3), "device_busy_ms": round(busy, 3)}


def launches(asked: Asked, xp: ModuleType) -> Row:
    """The number of launches. CuPy may need more than the stand-in counts, but not none for some, nor some for none."""
    expected = asked.launches
    if xp.__name__ != "cupy":
        with xp.recording() as stats:
            asked.operation(xp, single(xp, 2, 3))
        return {"status": OK if stats.launches == expected else FAILED, "expected": expected, "found": stats.launches}
    found = graph_nodes(asked.operation, xp)
    agrees = found == 0 if expected == 0 else found >= (expected or 0)
    return {"status": OK if agrees else FAILED, "expected": expected, "found": found, "same": found == expected}


def graph_nodes(operation: Operation, xp: ModuleType) -> int:
    """Kernels, copies and fills that the operation sends to the device."""
    runtime, driver = xp.cuda.runtime, ctypes.CDLL("libcuda.so.1")
    stream, count = xp.cuda.Stream(non_blocking=True), ctypes.c_size_t()
    x = single(xp, 2, 3)
    synchronise(xp)
    with stream:
        for _ in range(2):
            operation(xp, x)  # compiles; and the pool of this stream has memory afterwards
        stream.synchronize()
        runtime.streamBeginCapture(stream.ptr, RELAXED)
        try:
            operation(xp, x)
        finally:
            graph = runtime.streamEndCapture(stream.ptr)
    outcome = driver.cuGraphGetNodes(ctypes.c_void_p(graph), None, ctypes.byref(count))
    runtime.graphDestroy(graph)
    if outcome:
        raise RuntimeError(f"cuGraphGetNodes: error {outcome} of the driver")
    return count.value
