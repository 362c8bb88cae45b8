"""``refimpl bench``."""

import argparse
import json
import sys

from refimpl.benchmarks.bench import ROUNDS, all_agree, bench, store
from refimpl.benchmarks.contenders import CONTENDERS
from refimpl.benchmarks.table import format_record
from refimpl.benchmarks.workloads import GROWTH, NAMES, SIZES
from refimpl.cli.arguments import path
from refimpl.report.growth_figure import save_growth_figure


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl bench``."""
    add = parser.add_argument
    add("workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join((*NAMES, GROWTH))}; all but growth by default")
    add("--threads", type=_counts, metavar="N,N", help="numbers of threads (1 and all processors)")
    add("--contenders", type=_names, metavar="A,B", help=f"among {', '.join(CONTENDERS)}; all by default")
    add("--rounds", type=int, default=ROUNDS, help=f"blocks of each contender ({ROUNDS})")
    add("--size", choices=SIZES, default="paper")
    add("--python", metavar="PATH", help="interpreter that has torch or jax (this one)")
    add(
        "--out",
        type=path,
        metavar="JSON",
        help="the record (build/benchmarks/DATE.json); a figure of growth lies beside",
    )
    add("--json", action="store_true", help="print the record in place of the tables")


def _names(text: str) -> list[str]:
    return text.split(",")


def _counts(text: str) -> list[int]:
    return [int(count) for count in text.split(",")]


def call(parsed: argparse.Namespace) -> int:
    """Measure, store and print the record."""
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
