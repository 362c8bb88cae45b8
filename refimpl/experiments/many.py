"""Several runs at once, by any ``concurrent.futures.Executor``: one that fails does not take the others with it.

A run leaves what it has in its folder, which parent and workers share: rows, checkpoints, and how far it is. It stops,
stored, when the file that says that the runs may go on is no longer there.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.arrays import device_module
from refimpl.experiments.many_executors import orphaned
from refimpl.experiments.many_jobs import Job, Outcome, finished, options_of, outcome_of_rows
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import continuation, run_plan
from refimpl.training.epoch import Progress
from refimpl.training.metrics import Row
from refimpl.training.run_folder import last_row

STANDING = "progress.json"
TOLD_EVERY = 1.0  # seconds
NO_WORD = "its process ended without a word (killed, or out of memory); --resume continues it"


class Standing(NamedTuple):
    """How far a run is. state: waiting, running, or that of its outcome; step 0: no epoch has begun."""

    label: str
    state: str
    why: str = ""
    epochs: int = 0
    epoch: int = 0
    step: int = 0
    steps: int = 0
    nll: float | None = None
    row: Row | None = None  # the last one that was stored


def run_job(job: Job) -> Outcome:
    """Make one run, or what is left of it. It raises nothing: an error is its outcome."""

    def may_not_go_on() -> bool:
        if job.going is not None and orphaned():  # nobody else can stop them any more
            Path(job.going).unlink(missing_ok=True)
        return job.going is not None and not os.path.exists(job.going)

    if may_not_go_on():  # it was queued when the others were stopped
        return Outcome(job.label, job.folder, "not begun")
    folder = Path(job.folder)
    try:
        start = None if job.start is None else Path(job.start)
        plan = make_plan(**job.plan, start=None if start is None else start.name, xp=device_module(job.device))
        run = run_plan(
            plan,
            folder,
            resume=True,
            start=start,
            device=job.device,
            progress=_told_in(folder),
            stop=may_not_go_on,
        )
    except Exception as error:
        return Outcome(job.label, job.folder, "failed", f"{type(error).__name__}: {error}")
    return outcome_of_rows(job, run.rows, "done" if run.paused is None else "stopped", continuation(run))


def _told_in(folder: Path) -> Progress:
    """Progress that writes itself into the folder, now and then; not part of the run, not flushed, and may fail."""
    last = [0.0]

    def progress(epoch: int, step: int, steps: int, nll: float) -> None:
        if time.monotonic() - last[0] >= TOLD_EVERY:
            last[0] = time.monotonic()
            told = {"pid": os.getpid(), "epoch": epoch, "step": step, "steps": steps, "nll": nll}
            fresh = folder / f"{STANDING}.new"
            with contextlib.suppress(OSError):
                fresh.write_text(json.dumps(told))
                fresh.replace(folder / STANDING)

    return progress


def _forget_standing(folder: str) -> None:
    """Where that cannot be done, the run itself says why; the others go on."""
    with contextlib.suppress(OSError):
        (Path(folder) / STANDING).unlink(missing_ok=True)


def run_many(
    jobs: Sequence[Job],
    executor: Executor,
    going: Path,
    *,
    at_once: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    watch: Callable[[list[Standing]], None] = lambda _: None,
    ended: Callable[[Outcome], None] = lambda _: None,
    poll: float = 1.0,
) -> list[Outcome]:
    """Make the runs; their outcomes, in the order of the jobs.

    going: a file in a folder that all workers see; it is made here, and taken away when stop comes true or this ends.
    at_once: runs that the executor is given at a time; None: all. watch: told every poll seconds how far the runs are.
    ended: told of each outcome as it comes.
    Errors: ValueError on an unknown preset or option, before anything begins.
    """
    epochs = {job.folder: options_of(job).epochs for job in jobs}
    outcomes = {job.folder: outcome for job in jobs if (outcome := finished(job)) is not None}
    waiting = [job._replace(going=str(going)) for job in jobs if job.folder not in outcomes]
    under_way: dict[Future[Outcome], Job] = {}
    for job in waiting:
        _forget_standing(job.folder)  # of a run that was killed
    going.parent.mkdir(parents=True, exist_ok=True)
    going.touch()
    try:
        while waiting or under_way:
            came = _submit(waiting, under_way, outcomes, executor, at_once or len(jobs), going)
            done, _ = wait(under_way, timeout=poll, return_when=FIRST_COMPLETED)
            came += [_outcome(future, under_way.pop(future)) for future in done]
            for outcome in came:
                outcomes[outcome.folder] = outcome
                _forget_standing(outcome.folder)
                ended(outcome)
            if stop():
                going.unlink(missing_ok=True)
            watch([standing(job, epochs[job.folder], outcomes.get(job.folder)) for job in jobs])
    finally:
        going.unlink(missing_ok=True)
    return [outcomes[job.folder] for job in jobs]


def _submit(
    waiting: list[Job],
    under_way: dict[Future[Outcome], Job],
    outcomes: dict[str, Outcome],
    executor: Executor,
    at_once: int,
    going: Path,
) -> list[Outcome]:
    """Submit what waits for nothing any more, and take it off the list; outcomes of what will not begin."""
    never = []
    for job in list(waiting):
        if len(under_way) >= at_once:
            break
        if job.start in {other.folder for other in (*waiting, *under_way.values())}:
            continue
        waiting.remove(job)
        before = outcomes.get(job.start) if job.start else None
        why = ""
        if before is not None and before.state != "done":
            why = f"it starts from {before.label}: {before.state}"
        elif going.exists():
            try:
                under_way[executor.submit(run_job, job)] = job
                continue
            except (BrokenExecutor, RuntimeError) as error:  # a pool that has lost a worker takes no more
                why = f"the executor takes no more: {error}"
        never.append(Outcome(job.label, job.folder, "not begun", why))
    return never


def _outcome(future: Future[Outcome], job: Job) -> Outcome:
    """Of a run whose worker came back, or did not."""
    try:
        return future.result()
    except BrokenExecutor:
        why = NO_WORD
    except Exception as error:  # the executor's own: a job that it cannot send, a worker that it has lost
        why = f"{type(error).__name__}: {error}"
    return Outcome(job.label, job.folder, "failed", why, row=last_row(Path(job.folder)))


def standing(job: Job, epochs: int, outcome: Outcome | None = None) -> Standing:
    """How far a run of so many epochs is, by what its folder says."""
    if outcome is not None:
        epoch = outcome.row["epoch"] if outcome.row else 0
        return Standing(job.label, outcome.state, outcome.why, epochs, epoch, row=outcome.row)
    folder = Path(job.folder)
    told: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):
        told = json.loads((folder / STANDING).read_text("utf-8"))
    row = last_row(folder)
    if not told:
        return Standing(job.label, "waiting", "", epochs, row=row)
    epoch, step, steps = (int(told[name]) for name in ("epoch", "step", "steps"))
    return Standing(job.label, "running", "", epochs, epoch, step, steps, told["nll"], row)
