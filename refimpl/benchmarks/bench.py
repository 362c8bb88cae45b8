"""The benchmark as the command calls it: workloads by name, one record for all."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import refimpl
from refimpl.arrays import check_choice
from refimpl.benchmarks.contenders import CONTENDERS, GROWTH_CONTENDERS
from refimpl.benchmarks.machine import describe_machine
from refimpl.benchmarks.measure import BLOCK, QUIET, SEED, Tell, measure
from refimpl.benchmarks.processes import absent
from refimpl.benchmarks.workloads import GROWTH, GROWTH_CENTRE, NAMES, find_workloads
from refimpl.training.engines import available_processors

ROUNDS = 7


def bench(
    workloads: Sequence[str] = NAMES,
    *,
    threads: Sequence[int] | None = None,
    contenders: Sequence[str] | None = None,
    rounds: int = ROUNDS,
    size: str = "paper",
    python: str | None = None,
    block: float = BLOCK,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """Measure; the record. threads None: 1 and all processors. contenders None: all (of growth: three).

    Errors: ValueError on an unknown name, fewer than 1 round, or more threads than processors; WorkerError if the
    reference engine cannot do a step.
    """
    points = [point for name in workloads for point in find_workloads(name, size)]
    most = available_processors()
    counts = sorted({1, most}) if threads is None else list(threads)
    for count in counts:
        if not 1 <= count <= most:
            raise ValueError(f"threads: expected 1 to {most} (the processors to use), got {count}")
    if rounds < 1:
        raise ValueError(f"rounds: expected at least 1, got {rounds}")
    named = tuple(contenders or CONTENDERS)
    for name in named:
        check_choice("contender", name, tuple(CONTENDERS))
    missing = absent(named, python)
    rows = []
    for point in points:
        those = GROWTH_CONTENDERS if point.name == GROWTH and contenders is None else named
        there = [name for name in those if name not in missing]
        rows += [measure(point, n, there, rounds=rounds, python=python, block=block, tell=tell) for n in counts]
    return {
        "date": datetime.now().isoformat(timespec="minutes"),
        "refimpl": refimpl.__version__,
        "machine": describe_machine(),
        "method": {"size": size, "rounds": rounds, "block": block, "quiet": QUIET, "seed": SEED, "dtype": "float32"},
        "growth_centre": GROWTH_CENTRE[size]._asdict() if GROWTH in workloads else None,
        "contenders": {name: CONTENDERS[name].what for name in named},
        "absent": missing,
        "rows": rows,
    }


def all_agree(record: dict[str, Any]) -> bool:
    """Whether every contender agreed with the reference and was timed to the end."""
    found = [agreement["holds"] for row in record["rows"] for agreement in row["agreement"].values()]
    return all(found) and not any(row["failed"] for row in record["rows"])


def store(record: dict[str, Any], path: Path | None = None) -> Path:
    """Write the record as JSON to path, or to build/benchmarks/DATE.json; where it is."""
    if path is None:
        path = Path("build/benchmarks") / f"{record['date'].replace(':', '')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    return path
