"""Several runs at once, by any ``concurrent.futures.Executor``: one that fails does not take the others with it.

A run leaves what it has in its folder, which parent and workers share: rows, checkpoints, and how far it is. It stops,
stored, when the file that says that the runs may go on is no longer there.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.experiments.many_executors import THEIRS
from refimpl.experiments.many_jobs import Job, Outcome, finished, options_of
from refimpl.experiments.many_worker import STANDING, run_job
from refimpl.experiments.run_stop import naming_out
from refimpl.training.metrics import Row
from refimpl.training.run_folder import last_row

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
    Errors: ValueError on an unknown preset or option, OSError if the folder of going cannot be written, before anything
    begins.
    """
    epochs = {job.folder: options_of(job).epochs for job in jobs}
    outcomes = {job.folder: outcome for job in jobs if (outcome := finished(job)) is not None}
    waiting = [job._replace(going=str(going)) for job in jobs if job.folder not in outcomes]
    under_way: dict[Future[Outcome], Job] = {}
    for job in waiting:
        _forget_standing(job.folder)  # of a run that was killed
    with naming_out(going.parent):
        going.parent.mkdir(parents=True, exist_ok=True)
        going.touch()
    try:
        while waiting or under_way:
            came = _submit(waiting, under_way, outcomes, executor, at_once or len(jobs), going)
            done, _ = wait(under_way, timeout=poll, return_when=FIRST_COMPLETED)
            came += [_outcome(future, under_way.pop(future), going) for future in done]
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
        if before is not None and before.is_failure:
            why = f"it starts from {before.label}: {before.state}"
        elif going.exists():  # so that nothing was stopped
            try:
                under_way[_submitted(executor, job)] = job
                continue
            except THEIRS as error:  # a pool that has lost a worker takes no more, say
                why = f"the executor refuses it: {type(error).__name__}: {error}"
        never.append(Outcome(job.label, job.folder, "not begun", why))
        outcomes[job.folder] = never[-1]  # what starts from it may come next
    return never


def _submitted(executor: Executor, job: Job) -> Future[Outcome]:
    future: object = executor.submit(run_job, job)
    if not isinstance(future, Future):
        raise TypeError(f"submit gives a {type(future).__name__}, not a Future")
    return future


def _outcome(future: Future[Outcome], job: Job, going: Path) -> Outcome:
    """Of a run whose worker came back, or did not."""
    try:
        outcome: object = future.result()
        if not isinstance(outcome, Outcome):
            why = f"its worker gives a {type(outcome).__name__}, not an Outcome"
        elif outcome.state in ("stopped", "not begun") and going.exists():
            why = f"its worker does not see {going}; name an --out that all workers see, as an absolute path"
        else:
            return outcome
    except BrokenExecutor:
        why = NO_WORD
    except THEIRS as error:  # the executor's own: a job that it cannot send, a worker that it has lost
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
