"""The command ``refimpl``: parses, calls, prints. No logic of its own."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refimpl import __version__
from refimpl.arrays import device_module
from refimpl.benchmarks.bench import ROUNDS, all_agree, bench, store
from refimpl.benchmarks.contenders import CONTENDERS
from refimpl.benchmarks.table import format_record
from refimpl.benchmarks.workloads import GROWTH, NAMES, SIZES
from refimpl.checks.registry import run_gradcheck
from refimpl.data.corpora import FAILED, data_folder, list_corpora, verify
from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import run_plan
from refimpl.report.audit import audit
from refimpl.report.growth_figure import save_growth_figure
from refimpl.report.html import write_report
from refimpl.report.progress import ProgressBar, format_row, header
from refimpl.report.run_report import run_report
from refimpl.training.engines import ENGINES
from refimpl.training.warmup import Warmup

USAGE_ERROR = 2  # bad input; 1 is a check that falls short
EXPECTED_ERRORS = (ValueError, TypeError, OSError, RuntimeError, FloatingPointError, IndexError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 a check falls short, 2 bad input (the message names the argument and the remedy)."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.call(parsed))
    except EXPECTED_ERRORS as error:
        print(f"refimpl {parsed.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"refimpl {parsed.command}: stopped; what was stored is whole, continue with --resume", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="refimpl", description="Reference implementation of Bayesian sparsification for recurrent networks."
    )
    parser.add_argument("--version", action="version", version=f"refimpl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    _audit_parser(
        commands.add_parser("audit", help="prove every derivative, KL, statistic and planted source; HTML report")
    )
    _gradcheck_parser(
        commands.add_parser("gradcheck", help="hand-written gradients against the complex step, a row a leaf")
    )
    _reproduce_parser(commands.add_parser("reproduce", help="train an experiment of the papers, or your own file"))
    _data_parser(commands.add_parser("data", help="which corpora there are; verify what lies in a folder"))
    _bench_parser(commands.add_parser("bench", help="time training steps against PyTorch, JAX and bare products"))
    return parser


def _audit_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("build/audit"), help="folder of the report (build/audit)")
    parser.add_argument("--quick", action="store_true", help="leave out the runs on planted sources")
    parser.set_defaults(call=_audit)


def _audit(parsed: argparse.Namespace) -> int:
    return 0 if audit(parsed.out, quick=parsed.quick, tell=print) else 1


def _gradcheck_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("layers", nargs="*", metavar="LAYER", help="names of cases, or how they begin; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON list, for programs")
    parser.set_defaults(call=_gradcheck)


def _gradcheck(parsed: argparse.Namespace) -> int:
    results = run_gradcheck(parsed.layers or None)
    if parsed.json:
        print(json.dumps([_finite(result._asdict()) for result in results], indent=1))
    else:
        width = max(len(f"{result.layer} {result.leaf}") for result in results)
        for result in results:
            name = f"{result.layer} {result.leaf}".ljust(width)
            print(f"{name}  {result.error:8.1e}  {'ok' if result.passed else f'FAILS {result.note}'}")
        failed = sum(not result.passed for result in results)
        print(f"{len(results)} leaves, {failed} above their tolerance")
    return 0 if all(result.passed for result in results) else 1


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: null in their place."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _reproduce_parser(parser: argparse.ArgumentParser) -> None:
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
    parser.set_defaults(call=_reproduce)


def _reproduce(parsed: argparse.Namespace) -> int:
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


def _data_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("list", "verify"))
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the corpora (or the variable REFIMPL_DATA)")
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(call=_data)


def _data(parsed: argparse.Namespace) -> int:
    if parsed.action == "list":
        corpora = list_corpora()
        if parsed.json:
            print(json.dumps([corpus._asdict() for corpus in corpora], indent=1))
        for corpus in () if parsed.json else corpora:
            print(f"{corpus.name:10} {corpus.folder}/  {corpus.citation}\n{'':10} licence: {corpus.licence}")
        return 0
    rows = verify(data_folder(parsed.data))
    if parsed.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    for row in () if parsed.json else rows:
        print(f"{row.status:9} {row.corpus:10} {row.file}" + (f"  {row.found}" if row.status in FAILED else ""))
    return 1 if any(row.status in FAILED for row in rows) else 0


def _bench_parser(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join((*NAMES, GROWTH))}; all but growth by default")
    add("--threads", type=_counts, metavar="N,N", help="numbers of threads (1 and all processors)")
    add("--contenders", type=_names, metavar="A,B", help=f"among {', '.join(CONTENDERS)}; all by default")
    add("--rounds", type=int, default=ROUNDS, help=f"blocks of each contender ({ROUNDS})")
    add("--size", choices=SIZES, default="paper")
    add("--python", metavar="PATH", help="interpreter that has torch or jax (this one)")
    add(
        "--out",
        type=Path,
        metavar="JSON",
        help="the record (build/benchmarks/DATE.json); a figure of growth lies beside",
    )
    add("--json", action="store_true", help="print the record in place of the tables")
    parser.set_defaults(call=_bench)


def _names(text: str) -> list[str]:
    return text.split(",")


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def _bench(parsed: argparse.Namespace) -> int:
    workloads = parsed.workloads or NAMES
    record = bench(
        workloads,
        threads=parsed.threads,
        contenders=parsed.contenders,
        rounds=parsed.rounds,
        size=parsed.size,
        python=parsed.python,
        tell=lambda text: print(text, file=sys.stderr),
    )
    path = store(record, parsed.out)
    written = [path, *(save_growth_figure(record, path) if GROWTH in workloads else ())]
    print(json.dumps(record, indent=1) if parsed.json else format_record(record))
    print(f"record in {', '.join(map(str, written))}", file=sys.stderr)
    return 0 if all_agree(record) else 1


if __name__ == "__main__":
    sys.exit(main())
