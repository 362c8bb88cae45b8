"""Part: the ordinary recurrence against the persistent one, by batch and size; where the second is faster."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.fast.cuda import lstm_recurrence as ordinary
from refimpl.fast.cuda import persistent_recurrence as persistent
from refimpl.layers.lstm_recurrence import LSTMState, RecurrenceCache, RecurrenceMultipliers, RecurrenceParams
from refimpl.noise import Draw, normal
from validation.gpu.agreement import TOLERANCE, relative_error
from validation.gpu.device import Context, timings
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row

STEPS = 50
SIZES = (64, 128, 256, 512, 1000, 1024)
BATCHES = (1, 4, 8, 16, 32, 48, 64, 128)


class Arrays(NamedTuple):
    """What both ways read and fill. dh and dc are turned into those of the initial state."""

    u: Any
    doutput: Any
    dh: Any
    dc: Any
    da: Any
    cache: RecurrenceCache


def recurrence(context: Context, findings: Findings) -> None:
    """Times of each size and batch, then up to which batch the persistent way is faster."""
    if not context.kernels:
        findings.add("recurrence", ABSENT, why="no g++ to compile CUDA text for the CPU")
        return
    xp, rows = context.xp, list[tuple[int, int, Row]]()
    steps, sizes, batches = (4, (8,), (1, 3)) if context.dry else (STEPS, SIZES, BATCHES)
    for size in sizes:
        for batch in batches:

            def probe(size: int = size, batch: int = batch) -> Row:
                row = compare(steps, batch, size, context.dry, xp)
                rows.append((size, batch, row))
                return dict(row)

            findings.probe(f"H {size}, B {batch}, T {steps}", probe)
    findings.probe("up to which batch persistent is faster", lambda: verdict(rows))


def compare(steps: int, batch: int, size: int, dry: bool, xp: ModuleType) -> Row:
    """Both ways, both directions: agreement, then times. "faster": ordinary / persistent, of both passes together."""
    limits = persistent.device_limits(xp, xp.cuda.Device().id)
    plans: list[persistent.Plan | None] = [None, None]
    if limits is not None:
        plans = [make(batch, size, 4, limits) for make in (persistent.forward_plan, persistent.backward_plan)]
    one, other = make_arrays(steps, batch, size, xp), make_arrays(steps, batch, size, xp)
    calls = {"ordinary": _ordinary(one, xp)}
    if None not in plans:
        calls["persistent"] = _persistent(other, plans)
    row: Row = {"plans": [None if plan is None else plan._asdict() for plan in plans]}
    for forward, backward in calls.values():
        forward()
        backward()
    if "persistent" in calls:
        pairs = ((one.cache.h, other.cache.h), (one.da, other.da), (one.dh, other.dh))
        row["relative_error"] = max(relative_error(b.get(), a.get()) for a, b in pairs)
        row["status"] = OK if row["relative_error"] <= TOLERANCE["float32"] else FAILED
    for name, passes in calls.items():
        for direction, call in zip(("forward", "backward"), passes, strict=True):
            times = timings(xp, call, repeat=1 if dry else 5, rounds=1 if dry else 3, warm_up=0 if dry else 1)
            row |= {f"{name}_{direction}_{unit}": value for unit, value in times.items()}
    if "persistent" in calls:
        both = [row[f"{name}_forward_wall_us"] + row[f"{name}_backward_wall_us"] for name in calls]
        row["faster"] = round(both[0] / both[1], 3)
    return row


def make_arrays(steps: int, batch: int, size: int, xp: ModuleType) -> Arrays:
    """The plain case; W_h small enough that gradients stay numbers, however often the backward pass is repeated."""

    def draw(name: str, *shape: int, scale: float = 1.0) -> Any:
        return xp.asarray((scale * normal(Draw(5, name), shape)).astype("float32"))

    u = draw("u", steps, batch, 4, size)
    params = RecurrenceParams(draw("W", size, 4, size, scale=0.5 / size**0.5), draw("b", 4, size))
    state = LSTMState(draw("h", batch, size), draw("c", batch, size))
    h = xp.zeros((steps + 1, batch, size), dtype=u.dtype)
    c = xp.zeros_like(h)
    h[0], c[0] = state
    multipliers = RecurrenceMultipliers()
    cache = RecurrenceCache(params, multipliers, None, h, c, None, xp.empty_like(u), None, "sigmoid", "c")
    dh, dc = draw("dh", batch, size), draw("dc", batch, size)
    return Arrays(u, draw("dy", steps, batch, size), dh, dc, xp.empty_like(u), cache)


Passes = tuple[Callable[[], Any], Callable[[], Any]]


def _ordinary(a: Arrays, xp: ModuleType) -> Passes:
    nothing = RecurrenceMultipliers()
    return (
        lambda: ordinary._forward_steps(a.u, a.cache, xp),
        lambda: ordinary._backward_steps(a.doutput, a.dh, a.dc, a.da, a.da, nothing, a.cache, xp),
    )


def _persistent(a: Arrays, plans: list[Any]) -> Passes:
    return (
        lambda: persistent.persistent_forward(a.u, a.cache, plans[0]),
        lambda: persistent.persistent_backward(a.doutput, a.dh, a.dc, a.da, a.cache, plans[1]),
    )


def verdict(rows: list[tuple[int, int, Row]]) -> Row:
    """For each size the largest batch up to which the persistent way is never slower; and for all sizes together."""
    up_to: dict[str, int] = {}
    for size in sorted({size for size, _, _ in rows}):
        up_to[str(size)] = 0
        for _, batch, row in sorted((r for r in rows if r[0] == size), key=lambda r: r[1]):
            if row.get("faster", 0.0) < 1.0:
                break
            up_to[str(size)] = batch
    fits = [batch for size, batch in up_to.items() if any(r[2].get("faster") for r in rows if str(r[0]) == size)]
    means = {
        b: float(np.exp(np.mean([np.log(r["faster"]) for _, n, r in rows if n == b and "faster" in r] or [0.0])))
        for b in sorted({n for _, n, _ in rows})
    }
    values = {"by_size": up_to, "for_all_sizes_that_fit": min(fits, default=0), "mean_ratio_by_batch": means}
    return values | {"SMALL_BATCH_now": persistent.SMALL_BATCH, "status": NOTE}
