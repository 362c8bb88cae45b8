"""What is refused of several runs before any of them begins, so that it is said once and not by each."""

from collections.abc import Sequence
from pathlib import Path

from refimpl.arrays import device_module
from refimpl.experiments.many_jobs import Job, finished
from refimpl.experiments.plan import check_asked
from refimpl.experiments.problems import check_readable
from refimpl.experiments.run import held_by
from refimpl.experiments.starts import NO_STARTS, TEXTS

REFUSALS = (ValueError, OSError, RuntimeError)


def check_jobs(jobs: Sequence[Job], *, here: bool, every: bool = True) -> None:
    """Refuse what would fail in the run of a job, as far as that is known without reading its data.

    here: whether this machine computes; elsewhere there may be other files and devices, which are not looked for.
    every: whether all jobs are refused for one. If not, they are where none of them can be made; the run of one that
    cannot says so itself, and the others are made: the rows of a table have not all the same data and options.
    Errors: as ``check_asked``; if here, as ``check_readable`` and ``device_module``, too, but for finished runs.
    """
    refused: list[Exception] = []
    for job in jobs:
        try:
            _check_job(job, here)
        except REFUSALS as error:
            if every:
                raise
            refused.append(error)
    if refused and len(refused) == len(jobs):
        raise refused[0]


def _check_job(job: Job, here: bool) -> None:
    plan = dict(job.plan)
    data_dir, starts = plan.pop("data_dir", None), plan.pop("starts", NO_STARTS)
    if not here and starts.word_vectors is not None:
        starts = starts._replace(word_vectors=TEXTS)
    asked = check_asked(**plan, starts=starts)
    if here and finished(job) is None:
        check_readable(asked.experiment, data_dir, plan["name"])
        device_module(job.device)


def check_new(jobs: Sequence[Job]) -> None:
    """Errors: FileExistsError with the folders that hold a run already."""
    held = [job.folder for job in jobs if held_by(Path(job.folder))]
    if held:
        raise FileExistsError(
            f"{', '.join(held)}: hold runs already; continue what is unfinished with --resume, or name another --out"
        )
