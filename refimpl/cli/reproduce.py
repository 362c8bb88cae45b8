"""``refimpl reproduce``."""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from refimpl.arrays import device_module
from refimpl.cli import reproduce_many
from refimpl.cli.arguments import path
from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.paper_tables import TABLES
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import continuation, run_plan
from refimpl.experiments.run_stop import stoppable
from refimpl.experiments.starts import Starts
from refimpl.report.html import write_report
from refimpl.report.progress import ProgressBar, format_row, header
from refimpl.report.run_report import run_report
from refimpl.training.engines import ENGINES
from refimpl.training.run_folder import last_row
from refimpl.training.warmup import Warmup

WITH_LIST = ("list", "preset", "threads", "json")
INTERRUPTED = 130  # as a shell says of a command that Ctrl-C has ended


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl reproduce``."""
    add = parser.add_argument
    add("experiment", nargs="?", metavar="EXPERIMENT", help=f"{', '.join(EXPERIMENTS)}, or a text, CSV or JSONL file")
    add("--list", action="store_true", help="every recipe of the papers' tables: the paper's figures, and the time")
    add("--table", metavar="TABLE", help=f"all rows of one of the papers' tables: {', '.join(TABLES)}")
    add("--row", metavar="LABEL", help="of the table, this row and the run that it starts from")
    add("--config", metavar="CODE[,CODE]", help="letters such as LCCL; for the 2017 experiments none, vbd, sparsevd")
    add("--preset", default="small", help="smoke, mini, small (default) or paper")
    add("--epochs", type=int, help="in place of the preset's")
    seeds = parser.add_mutually_exclusive_group()
    seeds.add_argument("--seed", type=int, default=0)
    seeds.add_argument("--seeds", type=_integers, metavar="S[,S]", help="several runs")
    add("--data", type=path, metavar="DIR", help="folder of the corpora (or the variable REFIMPL_DATA)")
    add("--out", type=path, metavar="DIR", help="folder of the run (runs/EXPERIMENT-CODE-PRESET-SEED), or of the runs")
    add("--resume", action="store_true", help="continue what is unfinished in that folder")
    add("--minutes", type=float, metavar="N", help="stop after so many, to be continued with --resume")
    add("--start", type=path, metavar="RUN", help="start from the best checkpoint of an earlier run (S004)")
    add("--engine", choices=ENGINES, default="fast", help="fast (default), or the reference it is tested against")
    add("--threads", type=int, metavar="N", help="processors to use (all that this process may use); of several, each")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--dtype", choices=("float32", "float64"), default="float32")
    add("--prior", help="KL divergence of the weights, in place of the configuration's")
    add("--learning-rate", type=float)
    add("--kl-weight", type=float, help="constant weight of the KL (1: the ELBO)")
    add("--warmup", metavar="START:STOP", help="KL weight 0 up to epoch START, 1 from epoch STOP, linear between")
    add("--patience", type=int, metavar="EPOCHS", help="stop after so many epochs without a better validation metric")
    add("--samples", type=int, help="evaluate by the average of so many samples (0: pruned means)")
    add("--evaluate-every", type=int, metavar="EPOCHS", help="validation and test only in every so many epochs")
    add("--output-log-sigma", type=float, metavar="VALUE", help="start of the output layer's log sigma (logs: -1.5)")
    add("--word-vectors", metavar="FILE", help="start of the embedding: a file of vectors, or texts: made of them")
    add("--unit", choices=("characters", "words", "texts", "ratings"), help="what a file of your own holds")
    reproduce_many.configure(parser)
    add("--json", action="store_true", help="print the rows of metrics as JSON lines; of several runs, an object each")
    parser.set_defaults(unchanged=vars(parser.parse_args([])))


def call(parsed: argparse.Namespace) -> int:
    """List, or train one run or several, write the reports, print metrics."""
    if [parsed.experiment is not None, parsed.table is not None, parsed.list].count(True) != 1:
        raise ValueError("EXPERIMENT, --table, --list: expected one of them; --list shows what there is")
    several = parsed.table is not None or parsed.seeds is not None or "," in (parsed.config or "")
    if not several:
        reproduce_many.refuse_options(parsed)
    if parsed.list:
        _refuse_beside_list(parsed)
        return reproduce_many.print_list(parsed.preset, parsed.threads, parsed.json)
    if parsed.row is not None and parsed.table is None:
        raise ValueError("--row: expected with --table")
    if parsed.unit is not None and (parsed.table is not None or parsed.experiment in EXPERIMENTS):
        raise ValueError("--unit: expected with a file of your own; the experiments of the papers have theirs")
    plan = _arguments(parsed)
    if several:
        return reproduce_many.call(parsed, plan)
    return _one(parsed, plan | {"name": parsed.experiment, "configuration": parsed.config, "seed": parsed.seed})


def _refuse_beside_list(parsed: argparse.Namespace) -> None:
    given = [n for n, value in parsed.unchanged.items() if n not in WITH_LIST and getattr(parsed, n) != value]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"{options}: expected with runs; --list takes --preset, --threads and --json")


def _arguments(parsed: argparse.Namespace) -> dict[str, Any]:
    """What ``make_plan`` takes, but for what differs from run to run."""
    names = ("epochs", "learning_rate", "patience", "samples", "evaluate_every")
    overrides: dict[str, Any] = {n: getattr(parsed, n) for n in names if getattr(parsed, n) is not None}
    if parsed.warmup is not None or parsed.kl_weight is not None:
        overrides["warmup"] = _warmup(parsed.warmup, parsed.kl_weight)
    return {
        "preset": parsed.preset,
        "data_dir": parsed.data,
        "overrides": overrides,
        "prior": parsed.prior,
        "model": parsed.unit,
        "dtype": parsed.dtype,
        "engine": parsed.engine,
        "threads": parsed.threads,
        "starts": Starts(word_vectors=parsed.word_vectors, output_log_sigma=parsed.output_log_sigma),
    }


def _one(parsed: argparse.Namespace, arguments: dict[str, Any]) -> int:
    start = None if parsed.start is None else parsed.start.absolute().resolve().name  # "." has none
    plan = make_plan(**arguments, start=start, xp=device_module(parsed.device))
    name = f"{Path(parsed.experiment).name}-{plan.configuration}-{parsed.preset}-{parsed.seed}"
    folder = parsed.out or Path("runs") / name
    bar = ProgressBar(plan.setup.options.epochs, sys.stderr, lambda: last_row(folder))
    options: dict[str, Any] = {"resume": parsed.resume, "start": parsed.start, "device": parsed.device}
    with stoppable(parsed.minutes, _tell) as stop, contextlib.closing(bar):
        run = run_plan(plan, folder, progress=bar, tell=_tell, stop=stop, **options)
    if parsed.json:
        print("\n".join(json.dumps(row) for row in run.rows))
    else:
        print("\n".join([header(run.rows[0]), *(format_row(row, run.best_epoch) for row in run.rows)]))
    write_report(folder / "report.html", run_report(folder))
    if not parsed.json:
        print(f"run in {folder}; figures and tables in {folder / 'report.html'}")
    if run.paused is not None:
        _tell(f"{folder}: {continuation(run)}")
    return INTERRUPTED if stop.interrupted and run.paused is not None else 0


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def _integers(text: str) -> list[int]:
    numbers = text.split(",")
    if not all(number.isdecimal() for number in numbers) or len(set(map(int, numbers))) < len(numbers):
        raise argparse.ArgumentTypeError(f"expected different whole numbers such as 0,1,2, got {text!r}")
    return [int(number) for number in numbers]


def _warmup(text: str | None, weight: float | None) -> Warmup:
    if text is None:
        if weight is not None and not 0.0 <= weight <= 1.0:
            raise ValueError(f"--kl-weight: expected a weight from 0 to 1, got {weight!r}")
        return Warmup(value=1.0 if weight is None else weight)
    if weight is not None:
        raise ValueError("--warmup and --kl-weight: expected one of them, got both")
    start, _, stop = text.partition(":")
    if not (start.isdecimal() and stop.isdecimal() and int(start) < int(stop)):
        raise ValueError(f"--warmup: expected START:STOP, an epoch and a later one such as 5:20, got {text!r}")
    return Warmup("linear", start=int(start), stop=int(stop))
