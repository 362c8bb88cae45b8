"""How times are taken: one worker at a time, in turns whose order alternates, on a machine that is watched."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from refimpl.benchmarks.agreement import check_agreement
from refimpl.benchmarks.contenders import CONTENDERS
from refimpl.benchmarks.machine import busy_seconds
from refimpl.benchmarks.processes import Worker, WorkerError, interpreter
from refimpl.benchmarks.summary import summarise
from refimpl.benchmarks.traits import Plan, Workload, write_plan
from refimpl.benchmarks.workloads import describe, first_noise, make_batch, make_params, traits_of

SEED = 1
WARM_UP = 2  # steps before the clock: compilation, first touch of memory
PAUSE = 0.3  # seconds before a block, in which the threads of the one before fall asleep
BLOCK = 0.3  # seconds of a block, at least
QUIET = 0.15  # of a processor: what others may use during a block
TRIES = 4  # of a block

Tell = Callable[[str], None]


def measure(
    workload: Workload,
    threads: int,
    contenders: Sequence[str],
    *,
    rounds: int,
    python: str | None = None,
    block: float = BLOCK,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """One workload on so many threads: agreement, blocks, medians and ratios of all contenders.

    python: the interpreter of the frameworks. A contender that disagrees or ends is not timed, and the record says why.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write_inputs(folder, workload, threads)
        checked = [name for name in contenders if CONTENDERS[name].checked]
        tell(f"{workload.name}: {describe(workload)}, threads {threads}: one step of each")
        agreements, failed = check_agreement(checked, python, folder, threads)
        timed = [n for n in contenders if n not in failed and (n not in agreements or agreements[n].holds)]
        blocks, ends, ended = _time(timed, python, folder, threads, rounds, block, tell)
    row: dict[str, Any] = {
        "workload": workload._asdict(),
        "threads": threads,
        "agreement": {n: a._asdict() | {"holds": a.holds} for n, a in agreements.items()},
        "failed": failed | ended,
        "contenders": {n: {"blocks": blocks[n]} | ends[n] for n in ends},
    }
    return row | {"contenders": summarise(row["contenders"], QUIET)}


def _write_inputs(folder: Path, workload: Workload, threads: int) -> None:
    write_plan(folder / "plan.json", Plan(workload, traits_of(workload, SEED), threads, SEED))
    batch = {name: value for name, value in make_batch(workload, SEED)._asdict().items() if value is not None}
    params = {f"param/{name}": value for name, value in make_params(workload, SEED).items()}
    np.savez(folder / "inputs.npz", **params, **batch)
    np.savez(folder / "noise.npz", **first_noise(workload, SEED))


def _time(
    names: Sequence[str], python: str | None, folder: Path, threads: int, rounds: int, block: float, tell: Tell
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, dict[str, Any]], dict[str, str]]:
    """Blocks by contender, what each says at its end, and what went wrong with those that ended early."""
    blocks: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    workers: dict[str, Worker] = {}
    failed: dict[str, str] = {}
    ends: dict[str, dict[str, Any]] = {}

    with contextlib.ExitStack() as stack:
        steps: dict[str, int] = {}
        for name in names:
            worker = stack.enter_context(Worker(name, interpreter(name, python), folder, threads))
            with _noted(name, failed):
                worker.ask(f"steps {WARM_UP}")
                steps[name] = max(math.ceil(block / worker.ask("steps 1")["wall"]), 1)
                workers[name] = worker
        for turn in range(rounds):
            tell(f"  round {turn + 1} of {rounds}")
            order = [name for name in names if name not in failed]
            for name in order if turn % 2 == 0 else order[::-1]:
                with _noted(name, failed):
                    blocks[name].append(quiet_block(workers[name], steps[name]))
        for name in [name for name in names if name not in failed]:
            with _noted(name, failed):
                ends[name] = workers[name].ask("end")
    return blocks, ends, failed


@contextlib.contextmanager
def _noted(name: str, failed: dict[str, str]) -> Any:
    """A worker that ends does not end the others."""
    try:
        yield
    except WorkerError as error:
        failed[name] = str(error)


def quiet_block(worker: Worker, steps: int) -> dict[str, Any]:
    """Time so many steps; again, up to TRIES times, while others use the machine. The quietest try is kept."""
    best: dict[str, Any] | None = None
    for tries in range(1, TRIES + 1):
        time.sleep(PAUSE * tries)
        before = busy_seconds()
        answer = worker.ask(f"steps {steps}")
        after = busy_seconds()
        others = None
        if before is not None and after is not None:
            others = max(after - before - answer["cpu"], 0.0) / answer["wall"]
        found = {"wall": answer["wall"] / steps, "cpu": answer["cpu"] / steps, "steps": steps, "others": others}
        if best is None or (others is not None and others < best["others"]):
            best = found
        best["tries"] = tries
        if others is None or others <= QUIET:
            break
    assert best is not None
    return best
