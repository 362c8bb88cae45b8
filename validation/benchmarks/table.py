"""The two tables of README's section "Speed", from the records of several runs: medians over the runs.

    python validation/benchmarks/table.py validation/benchmarks/2026-11-22-bench-*.json

Each run of ``refimpl bench`` gives a median of its rounds, and ratios that are medians of the rounds' ratios.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

WORKLOADS = ("char", "word", "imdb", "small")
OTHERS = ("reference", "torch", "torch-compiled", "torch-cell", "jax", "gemm")

Record = dict[str, Any]


def entries(records: list[Record], workload: str, threads: int, contender: str) -> list[Record]:
    """What each run found for a contender."""
    rows = [row for record in records for row in record["rows"]]
    rows = [row for row in rows if row["workload"]["name"] == workload and row["threads"] == threads]
    return [row["contenders"][contender] for row in rows if contender in row["contenders"]]


def seconds(records: list[Record], workload: str, threads: int, contender: str) -> str:
    """Time of a step."""
    walls = [entry["median"]["wall"] for entry in entries(records, workload, threads, contender)]
    return f"{statistics.median(walls):#.3g}" if walls else "–"


def ratio(records: list[Record], workload: str, threads: int, base: str) -> str:
    """refimpl over base."""
    found = [entry["ratio"][base]["median"] for entry in entries(records, workload, threads, "refimpl")]
    return f"{statistics.median(found):.2f}" if found else "–"


def memory(records: list[Record], workload: str) -> str:
    """Peak memory of refimpl over that of torch, two threads."""
    found = [entry["memory_ratio"]["torch"] for entry in entries(records, workload, 2, "refimpl")]
    return f"{statistics.median(found):.2f}" if found else "–"


def tables(records: list[Record]) -> str:
    """Both tables in Markdown."""
    lines = ["| workload | s | / torch | / torch-compiled | / gemm | 1 thread: s | / torch | peak memory / torch |"]
    lines.append("| --- " * 8 + "|")
    for name in WORKLOADS:
        two = [seconds(records, name, 2, "refimpl"), *(ratio(records, name, 2, b) for b in OTHERS[1:3] + OTHERS[5:])]
        one = [seconds(records, name, 1, "refimpl"), ratio(records, name, 1, "torch")]
        lines.append(f"| {' | '.join([name, *two, *one, memory(records, name)])} |")
    lines += ["", f"| seconds a step, 2 threads | {' | '.join(OTHERS)} |", "| --- " * (len(OTHERS) + 1) + "|"]
    for name in WORKLOADS:
        lines.append(f"| {' | '.join([name, *(seconds(records, name, 2, other) for other in OTHERS)])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables([json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:]]))
