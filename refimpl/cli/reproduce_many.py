"""``refimpl reproduce`` for several runs at once, and its ``--list``."""

import argparse
import json
import sys
import uuid
from pathlib import Path
from typing import Any

from refimpl.arrays import check_choice
from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.cost import listed
from refimpl.experiments.many import run_many
from refimpl.experiments.many_checks import check_jobs, check_new
from refimpl.experiments.many_executors import EXECUTORS, LOCAL, open_executor, share
from refimpl.experiments.many_jobs import Job, Outcome, grid_jobs, table_jobs
from refimpl.experiments.run_stop import stoppable
from refimpl.report.html import write_report
from refimpl.report.progress import Board, outcome_table
from refimpl.report.recipe_list import list_rows, list_table
from refimpl.report.run_report import comparison_report, run_report
from refimpl.training.engines import load
from refimpl.tree import as_plain

FAILED, INTERRUPTED = 1, 130
DEFAULT = "processes"  # executor


def configure(parser: argparse.ArgumentParser) -> None:
    """The options for several runs."""
    add = parser.add_argument
    add("--executor", metavar="NAME", help=f"for several runs: {EXECUTORS} ({DEFAULT})")
    add("--workers", type=int, metavar="N", help="runs at once (as many as there are processors)")


def refuse_options(parsed: argparse.Namespace) -> None:
    """Errors: ValueError if an option for several runs was given; for where there is one, or none."""
    for name in ("executor", "workers"):
        if getattr(parsed, name) is not None:
            raise ValueError(f"--{name}: expected with several runs (--seeds, --table, or several of --config)")


def call(parsed: argparse.Namespace, plan: dict[str, Any]) -> int:
    """Make the runs, write a report of each one that is done and of all, print what became of them."""
    top, seeds = parsed.out or Path("runs"), parsed.seeds or [parsed.seed]
    if parsed.start is not None:
        raise ValueError("--start: expected with one run; the rows of a table say themselves what they start from")
    if parsed.table is not None:
        if parsed.config is not None:
            raise ValueError("--config: the rows of a table say their own; choose one with --row")
        jobs = table_jobs(parsed.table, parsed.row, seeds, top, parsed.device, plan)
    else:
        configurations = [None] if parsed.config is None else parsed.config.split(",")
        if "" in configurations or len(set(configurations)) < len(configurations):
            raise ValueError(f"--config: expected different configurations such as LCCL,LCIL, got {parsed.config!r}")
        jobs = grid_jobs(parsed.experiment, configurations, seeds, top, parsed.device, plan)
    executor_name = DEFAULT if parsed.executor is None else parsed.executor
    workers, threads = share(executor_name, parsed.workers, len(jobs))
    check_jobs(jobs, here=executor_name in LOCAL, every=parsed.table is None)
    if parsed.threads is None:
        jobs = [job._replace(plan=job.plan | {"threads": threads}) for job in jobs]
    if not parsed.resume:
        check_new(jobs)
    going = top / f".going-{uuid.uuid4().hex}"
    with stoppable(parsed.minutes, _tell) as stop, open_executor(executor_name, workers, _tell) as executor:
        options: dict[str, Any] = {"at_once": workers, "stop": stop, "watch": Board(sys.stderr), "ended": _report}
        outcomes = run_many(jobs, executor, going, **options)
        if parsed.json:
            print("\n".join(json.dumps(as_plain(outcome)) for outcome in outcomes))
        else:
            print(outcome_table(outcomes))
    for page in _compare(jobs, outcomes, top):
        _tell(f"curves of the runs over each other in {page}")
    return _exit_code(outcomes, stop.interrupted)


def _exit_code(outcomes: list[Outcome], interrupted: bool) -> int:
    if any(outcome.state != "done" for outcome in outcomes):
        _tell("to continue what is unfinished, give the same command with --resume")
        if interrupted:
            return INTERRUPTED
    return FAILED if any(outcome.is_failure for outcome in outcomes) else 0


def _report(outcome: Outcome) -> None:
    """A report that cannot be written is no reason to lose the runs."""
    if outcome.state == "done":
        try:
            write_report(Path(outcome.folder) / "report.html", run_report(outcome.folder))
        except (OSError, ValueError) as error:
            _tell(f"{outcome.label}: no report: {error}")


def _compare(jobs: list[Job], outcomes: list[Outcome], top: Path) -> list[Path]:
    """Write a page for each experiment that has several runs done: curves overlaid, seeds as mean and spread."""
    done = {outcome.folder for outcome in outcomes if outcome.state == "done"}
    of_experiment: dict[str, list[str]] = {}
    for job in jobs:
        if job.folder in done:
            of_experiment.setdefault(f"{Path(job.plan['name']).name}-{job.plan['preset']}", []).append(job.folder)
    written = []
    for name, folders in of_experiment.items():
        if len(folders) > 1:
            try:
                write_report(top / f"{name}.html", comparison_report(folders))
                written.append(top / f"{name}.html")
            except (OSError, ValueError) as error:
                _tell(f"{name}: no page: {error}")
    return written


def print_list(preset: str, threads: int | None, as_json: bool) -> int:
    """Every recipe with the paper's figures and the time that it takes here."""
    check_choice("preset", preset, tuple(dict.fromkeys(name for e in EXPERIMENTS.values() for name in e.presets)))

    def tell(kind: str, number: int, count: int) -> None:
        if sys.stderr.isatty():
            print(f"\rtiming {number}/{count}: {kind}\x1b[K", end="", file=sys.stderr, flush=True)

    others = load()
    rows = listed(preset, threads=threads, tell=tell)
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    print(json.dumps(list_rows(rows, preset, others), indent=2) if as_json else list_table(rows, preset, others))
    return 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
