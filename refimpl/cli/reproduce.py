"""``refimpl reproduce``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from refimpl.arrays import device_module
from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import run_plan
from refimpl.report.html import write_report
from refimpl.report.progress import ProgressBar, format_row, header
from refimpl.report.run_report import run_report
from refimpl.training.engines import ENGINES
from refimpl.training.warmup import Warmup


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl reproduce``."""
    add = parser.add_argument
    add("experiment", metavar="EXPERIMENT", help=f"{', '.join(EXPERIMENTS)}, or a text, CSV or JSONL file")
    add("--config", metavar="CODE", help="the authors' letters, such as LCCL; for cornell also none, vbd, sparsevd")
    add("--preset", default="small", help="smoke, small (default) or paper")
    add("--epochs", type=int, help="in place of the preset's")
    add("--seed", type=int, default=0)
    add("--data", type=Path, metavar="DIR", help="folder of the corpora (or the variable REFIMPL_DATA)")
    add("--out", type=Path, metavar="DIR", help="folder of the run (runs/EXPERIMENT-CODE-PRESET-SEED)")
    add("--resume", action="store_true", help="continue the run in that folder")
    add("--start", type=Path, metavar="RUN", help="start from the best checkpoint of an earlier run (S004)")
    add("--engine", choices=ENGINES, default="fast", help="fast (default), or the reference it is tested against")
    add("--threads", type=int, metavar="N", help="processors to use (all that this process may use)")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--dtype", choices=("float32", "float64"), default="float32")
    add("--prior", help="KL divergence of the weights, in place of the configuration's")
    add("--learning-rate", type=float)
    add("--kl-weight", type=float, help="constant weight of the KL (1: the ELBO)")
    add("--warmup", metavar="START:STOP", help="KL weight 0 up to epoch START, 1 from epoch STOP, linear between")
    add("--patience", type=int, metavar="EPOCHS", help="stop after so many epochs without a better validation metric")
    add("--samples", type=int, help="evaluate by the average of so many samples (0: pruned means)")
    add("--unit", choices=("characters", "words", "texts", "ratings"), help="what a file of your own holds")
    add("--json", action="store_true", help="print the rows of metrics as JSON lines")


def call(parsed: argparse.Namespace) -> int:
    """Train, write the report of the run, print its metrics."""
    names = ("epochs", "learning_rate", "patience", "samples")
    overrides: dict[str, Any] = {n: getattr(parsed, n) for n in names if getattr(parsed, n) is not None}
    if parsed.warmup is not None or parsed.kl_weight is not None:
        overrides["warmup"] = _warmup(parsed.warmup, parsed.kl_weight)
    plan = make_plan(
        parsed.experiment,
        configuration=parsed.config,
        preset=parsed.preset,
        seed=parsed.seed,
        data_dir=parsed.data,
        overrides=overrides,
        prior=parsed.prior,
        model=parsed.unit,
        start=None if parsed.start is None else parsed.start.name,
        dtype=parsed.dtype,
        xp=device_module(parsed.device),
        engine=parsed.engine,
        threads=parsed.threads,
    )
    name = f"{Path(parsed.experiment).name}-{plan.configuration}-{parsed.preset}-{parsed.seed}"
    folder = parsed.out or Path("runs") / name
    bar = ProgressBar(plan.setup.options.epochs, sys.stderr)
    run = run_plan(
        plan,
        folder,
        resume=parsed.resume,
        start=parsed.start,
        device=parsed.device,
        progress=bar,
        tell=lambda text: print(text, file=sys.stderr),
    )
    bar.close()
    write_report(folder / "report.html", run_report(folder))
    if parsed.json:
        print("\n".join(json.dumps(row) for row in run.rows))
    else:
        print("\n".join([header(run.rows[0]), *(format_row(row, run.best_epoch) for row in run.rows)]))
        print(f"run in {folder}; figures and tables in {folder / 'report.html'}")
    return 0


def _warmup(text: str | None, weight: float | None) -> Warmup:
    if text is None:
        return Warmup(value=1.0 if weight is None else weight)
    if weight is not None:
        raise ValueError("--warmup and --kl-weight: expected one of them, got both")
    start, _, stop = text.partition(":")
    if not (start.isdigit() and stop.isdigit()):
        raise ValueError(f"--warmup: expected START:STOP, two epochs such as 5:20, got {text!r}")
    return Warmup("linear", start=int(start), stop=int(stop))
