"""What is refused of several runs before any of them begins, so that it is said once and not by each."""

from collections.abc import Sequence
from pathlib import Path

from refimpl.arrays import device_module
from refimpl.experiments.many_jobs import Job
from refimpl.experiments.plan import check_asked
from refimpl.experiments.problems import check_readable
from refimpl.experiments.run import held_by


def check_jobs(jobs: Sequence[Job], *, here: bool) -> None:
    """Refuse what would fail in the run of a job, as far as that is known without reading its data.

    here: whether this machine computes; elsewhere there may be other folders and devices, which are not looked for.
    Errors: as ``check_asked``; if here, as ``check_readable`` and ``device_module``, too.
    """
    for job in jobs:
        asked = check_asked(**{name: value for name, value in job.plan.items() if name != "data_dir"})
        if here:
            check_readable(asked.experiment, job.plan.get("data_dir"), job.plan["name"])
            device_module(job.device)


def check_new(jobs: Sequence[Job]) -> None:
    """Errors: FileExistsError with the folders that hold a run already."""
    held = [job.folder for job in jobs if held_by(Path(job.folder))]
    if held:
        raise FileExistsError(
            f"{', '.join(held)}: hold runs already; continue what is unfinished with --resume, or name another --out"
        )
