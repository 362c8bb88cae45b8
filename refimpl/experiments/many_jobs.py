"""Runs to be made together, as plain data: every configuration with every seed, or the rows of a paper's table."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.arrays import check_choice
from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.paper_tables import TABLES, Row
from refimpl.experiments.plan import asked_options, find_experiment
from refimpl.experiments.starts import NO_STARTS
from refimpl.models.recipe import Recipe
from refimpl.training.identity import differences
from refimpl.training.metrics import best_row, out_of_patience
from refimpl.training.run_folder import LAST, METRICS, RECORD, read_rows
from refimpl.training.setup import Options
from refimpl.tree import as_plain

STATES = ("done", "stopped", "failed", "not begun")
KNOWN = (  # what of a record does not need the data
    "experiment", "configuration", "preset", "seed", "dtype", "engine", "start", "output_log_sigma", "word_vectors",
)  # fmt: skip


class Job(NamedTuple):
    """One run. plan: what ``make_plan`` takes, but for the module of arrays and the start."""

    label: str
    folder: str
    plan: dict[str, Any]
    device: str = "cpu"
    start: str | None = None  # folder of the run from whose best epoch this one starts
    going: str | None = None  # a file that is there as long as the runs may go on


class Outcome(NamedTuple):
    """What became of a run. state: one of STATES; why: what failed, or where it stands; row: its last one.

    One that is not begun, and no reason why, was stopped before its turn.
    """

    label: str
    folder: str
    state: str
    why: str = ""
    best_epoch: int | None = None
    row: dict[str, Any] | None = None

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong; that it was stopped is no failure."""
        return self.state == "failed" or (self.state == "not begun" and self.why != "")


def grid_jobs(
    name: str, configurations: Sequence[str | None], seeds: Sequence[int], top: Path, device: str, plan: dict[str, Any]
) -> list[Job]:
    """Every configuration (None: the experiment's own) with every seed; plan: the other arguments of ``make_plan``."""
    default = find_experiment(name, plan.get("model")).default
    jobs = []
    for configuration in [default if code is None else code for code in configurations]:
        arguments = plan | {"name": name, "configuration": configuration}
        jobs += [_job(f"{Path(name).name}-{configuration}", arguments, seed, top, device) for seed in seeds]
    return jobs


def table_jobs(
    table: str, label: str | None, seeds: Sequence[int], top: Path, device: str, plan: dict[str, Any]
) -> list[Job]:
    """The rows of a table (or one of them) with every seed; the runs that others start from come first.

    Errors: ValueError that lists the tables, or the rows of this one.
    """
    check_choice("table", table, tuple(TABLES))
    rows = TABLES[table].rows
    if label is not None:
        check_choice("row", label, tuple(row.label for row in rows))
        rows = tuple(row for row in rows if row.label == label)
    earlier: dict[str, Job] = {}
    jobs: dict[str, Job] = {}  # by folder: two rows may be of one run
    for row in rows:
        arguments = plan | {"name": row.experiment, "configuration": row.configuration}
        for seed in seeds:
            job = _job(row.name, arguments, seed, top, device)
            if row.start is not None:
                first = _earlier(row, plan, seed, top, device)
                earlier[first.folder] = first
                job = job._replace(start=first.folder)
            jobs[job.folder] = job
    return list((earlier | jobs).values())


def _earlier(row: Row, plan: dict[str, Any], seed: int, top: Path, device: str) -> Job:
    """The run that a row's run starts from."""
    assert row.start is not None
    arguments = plan | {"name": row.experiment, "configuration": row.start[0], "starts": NO_STARTS, "prior": None}
    if plan["preset"] == "paper":  # not the run of the row without dropout, or with VBD, which is longer
        arguments["overrides"] = plan.get("overrides", {}) | {"epochs": start_epochs(row, "paper")}
    return _job(start_label(row, plan["preset"]), arguments, seed, top, device)


def start_label(row: Row, preset: str) -> str:
    """The name of the run that a row starts from, without preset and seed."""
    assert row.start is not None
    epochs = f"-{start_epochs(row, preset)}-epochs" if preset == "paper" else ""
    return f"{row.experiment}-{row.start[0]}{epochs}"


def start_epochs(row: Row, preset: str) -> int:
    """Epochs of the run from whose best epoch a row starts.

    At ``paper`` those that the paper gives, which it chose by validation; elsewhere the whole run of that row.
    """
    assert row.start is not None
    presets = find_experiment(row.experiment, None).presets
    check_choice("preset", preset, tuple(presets))
    return row.start[1] if preset == "paper" else presets[preset].options.epochs


def _job(label: str, plan: dict[str, Any], seed: int, top: Path, device: str) -> Job:
    folder = top / folder_name(label, plan["preset"], seed)
    return Job(f"{label}, seed {seed}", str(folder), plan | {"seed": seed}, device)


def folder_name(label: str, preset: str, seed: int) -> str:
    """The name of a run's folder."""
    return f"{label}-{preset}-{seed}"


def options_of(job: Job) -> Options:
    """The training options of a job, as far as they are known without its data. Errors: ValueError on its preset."""
    experiment, preset = find_experiment(job.plan["name"], job.plan.get("model")), job.plan["preset"]
    check_choice("preset", preset, tuple(experiment.presets))
    return asked_options(experiment, experiment.presets[preset], job.plan["configuration"], job.plan.get("overrides"))


def finished(job: Job) -> Outcome | None:
    """The outcome of a run that has nothing left to do; None if it has, or if only its data can tell.

    A file of the user's own may have changed; the corpora do not. Where fewer epochs are asked for than the run was
    begun with, and it has them, its record is still to be told so: that is the run's to do.
    """
    folder = Path(job.folder)
    if job.plan["name"] not in EXPERIMENTS or not all(os.path.isfile(folder / n) for n in (RECORD, METRICS, LAST)):
        return None
    try:
        record, rows = json.loads((folder / RECORD).read_text("utf-8")), read_rows(folder)
        training = {name: record["training"][name] for name in Options._fields if name in record["training"]}
        stored = {name: record.get(name) for name in KNOWN} | {"training": training, "recipe": record["recipe"]}
        options = options_of(job)
        asked = _asked(job, options) | {"recipe": as_plain(_recipe(job, record["recipe"]))}
        reached = rows[-1]["epoch"]
        ended = reached >= options.epochs or out_of_patience(rows, rows[-1]["metric"], options.patience)
        shortened = reached == options.epochs != training["epochs"]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # the run itself says what is wrong with it
        return None
    if not ended or shortened or differences(json.dumps(stored), json.dumps(asked)):
        return None
    return outcome_of_rows(job, rows, "done", "finished before")


def _recipe(job: Job, stored: dict[str, Any]) -> Recipe:
    """The recipe of the job, with the sizes that the data gave to a stored one."""
    experiment = find_experiment(job.plan["name"], job.plan.get("model"))
    size, classes = experiment.presets[job.plan["preset"]], max(stored["outputs"], 2)
    code, prior = job.plan["configuration"], job.plan.get("prior")
    return build_recipe(experiment, code, size, stored["vocabulary"], classes, prior)


def _asked(job: Job, options: Options) -> dict[str, Any]:
    """What the record of the job's run says, without what needs its data."""
    plan = {"dtype": "float32", "engine": "fast"} | job.plan
    names = {name: plan.get(name) for name in KNOWN}
    starts = plan.get("starts", NO_STARTS)
    names["experiment"], names["start"] = Path(plan["name"]).name, Path(job.start).name if job.start else "random"
    names["output_log_sigma"] = starts.output_log_sigma
    names["word_vectors"] = None if starts.word_vectors is None else Path(starts.word_vectors).name
    return names | {"training": as_plain(options)}


def outcome_of_rows(job: Job, rows: list[dict[str, Any]], state: str, why: str) -> Outcome:
    """An outcome with the last row and the best epoch."""
    best = best_row(rows, rows[-1]["metric"]) if rows else None
    best_epoch = None if best is None else best["epoch"]
    return Outcome(job.label, job.folder, state, why, best_epoch, rows[-1] if rows else None)
