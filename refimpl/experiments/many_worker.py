"""What a worker does with one of several runs, and tells through the run's folder while it does it."""

import contextlib
import json
import os
import time
from pathlib import Path

from refimpl.arrays import device_module
from refimpl.experiments.many_executors import leave_ctrl_c_of_a_worker, orphaned
from refimpl.experiments.many_jobs import Job, Outcome, outcome_of_rows
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import continuation, run_plan
from refimpl.training.epoch import Progress

STANDING = "progress.json"
TOLD_EVERY = 1.0  # seconds


def run_job(job: Job) -> Outcome:
    """Make one run, or what is left of it. It raises nothing: an error is its outcome."""

    def may_not_go_on() -> bool:
        if job.going is not None and orphaned():  # nobody else can stop them any more
            Path(job.going).unlink(missing_ok=True)
        return job.going is not None and not os.path.exists(job.going)

    leave_ctrl_c_of_a_worker()
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
