"""The record as JSON, and what is worth reading of it as Markdown."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from validation.gpu.findings import FAILED, STATUSES, Row, short

Record = dict[str, Any]
MOST_FAILURES = 40  # that the summary names, of a part


def write(record: Record, path: Path) -> None:
    """path (.json), and beside it the same name with .md; both anew, so that a run cut off leaves whole files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for target, text in ((path, json.dumps(record, indent=1) + "\n"), (path.with_suffix(".md"), summary(record))):
        partial = target.with_suffix(f"{target.suffix}.partial")
        partial.write_text(text, "utf-8")
        partial.replace(target)


def summary(record: Record) -> str:
    """The Markdown page."""
    title = "GPU run" if record["device"] == "CUDA" else "Dry run on the stand-in for CuPy: no number here is a GPU's"
    lines = [f"# {title}, {record['date']}", "", "| part | outcome | seconds | " + " | ".join(STATUSES) + " |"]
    lines.append("| --- " * (3 + len(STATUSES)) + "|")
    for name, part in record["parts"].items():
        counts = Counter(row["status"] for row in part["rows"])
        cells = " | ".join(str(counts[status]) for status in STATUSES)
        lines.append(f"| {name} | {part['outcome']} | {part['seconds']} | {cells} |")
    for name, part in record["parts"].items():
        lines += ["", f"## {part['title']}", ""]
        failed = [row for row in part["rows"] if row["status"] == FAILED]
        lines += [f"* FAILED {row['name']}: {values(row)}" for row in failed[:MOST_FAILURES]]
        lines += ["", *PAGES.get(name, all_rows)(part["rows"])]
    return "\n".join(lines).rstrip() + "\n"


def values(row: Row) -> str:
    """A row without its name and status, in one line."""
    return short({key: value for key, value in row.items() if key not in ("name", "status")})


def all_rows(rows: list[Row]) -> list[str]:
    """A line each, without those that failed, which are named above."""
    return [f"* {row['name']}: {values(row) or row['status']}" for row in rows if row["status"] != FAILED]


def truths(rows: list[Row]) -> list[str]:
    """What agrees is not named; where they differ on purpose, how."""
    purpose = [row for row in rows if row.get("differs_on_purpose")]
    lines = [f"{len(rows)} rules; those on which the stand-in differs on purpose:", ""]
    lines += ["| rule | CuPy | stand-in | why | found |", "| --- | --- | --- | --- | --- |"]
    columns = ("cupy", "stand_in", "differs_on_purpose", "found")
    return lines + [f"| {row['name']} | " + " | ".join(str(row[c]) for c in columns) + " |" for row in purpose]


def recurrence(rows: list[Row]) -> list[str]:
    """Microseconds of a pass, and the ratio of both passes together."""
    ways = [f"{way}_{direction}_wall_us" for way in ("ordinary", "persistent") for direction in ("forward", "backward")]
    lines = ["| sizes | " + " | ".join(ways) + " | ordinary / persistent |", "| --- " * 6 + "|"]
    measured = [row for row in rows if ways[0] in row]
    lines += [
        f"| {row['name']} | " + " | ".join(str(row.get(way, "")) for way in ways) + f" | {row.get('faster', '')} |"
        for row in measured
    ]
    return [*lines, "", *all_rows([row for row in rows if row not in measured])]


def steps(rows: list[Row]) -> list[str]:
    """Medians of a step, in milliseconds, and how many times that of the fast engine it is."""
    timed = [row for row in rows if row["name"].endswith(": times") and "sizes" in row]
    lines = ["| workload | contender | median ms | least | most | times of fast | memory |", "| --- " * 7 + "|"]
    for row in timed:
        for name, found in row.items():
            if isinstance(found, dict):
                numbers = [found.get(key) for key in ("median_ms", "least_ms", "most_ms", "times_of_fast")]
                cells = " | ".join("" if n is None else f"{n:.4g}" for n in numbers)
                memory = short({key: value for key, value in found.items() if key.startswith("peak")})
                lines.append(f"| {row['name'].partition(':')[0]}: {row['sizes']} | {name} | {cells} | {memory} |")
    return [*lines, "", *all_rows([row for row in rows if row not in timed])]


PAGES: dict[str, Callable[[list[Row]], list[str]]] = {"truths": truths, "recurrence": recurrence, "steps": steps}
