"""Run folders as data: run.json (what was run), metrics.jsonl (a row an epoch), and the metrics that rows are measured in."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from refimpl.arrays import check_choice

Row: TypeAlias = dict[str, Any]  # one line of metrics.jsonl


class Metric(NamedTuple):
    label: str  # with its unit, as an axis carries it
    scale: float  # from the stored value to the one shown
    decimals: int
    higher_is_better: bool
    log_axis: bool


METRICS = {
    "bits_per_char": Metric("bits per character", 1.0, 3, False, False),
    "perplexity": Metric("perplexity", 1.0, 2, False, True),
    "accuracy": Metric("accuracy (%)", 100.0, 2, True, False),  # stored as a fraction
    "rmse": Metric("root mean squared error", 1.0, 4, False, False),
}


class Run(NamedTuple):
    folder: Path
    config: dict[str, Any]  # run.json
    rows: list[Row]  # metrics.jsonl, at least one
    cut: bool  # the last line was being written when the run ended, and is left out


def read_run(folder: Path | str) -> Run:
    """Read run.json and metrics.jsonl of a run folder.

    A last line without a line end (a run that was stopped while writing) is left out and marked in ``cut``.
    Errors: FileNotFoundError if a file is missing; ValueError that names file and line if one is not a JSON object,
    if there is no epoch at all, or if a metric is unknown.
    """
    folder = Path(folder)
    config = _json_object((folder / "run.json").read_text(encoding="utf-8"), f"{folder / 'run.json'}")
    path = folder / "metrics.jsonl"
    *lines, rest = path.read_text(encoding="utf-8").split("\n")
    rows = [_json_object(line, f"{path}, line {n}") for n, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        raise ValueError(f"{path}: expected at least one epoch, found none; the run stopped before its first row")
    for row in rows:
        check_choice(f"{path}, metric", row.get("metric"), tuple(METRICS))
    return Run(folder, config, rows, cut=bool(rest.strip()))


def _json_object(text: str, place: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place}: expected a JSON object, got {text[:40]!r} ({error.msg})") from error
    if not isinstance(value, dict):
        raise ValueError(f"{place}: expected a JSON object, got {type(value).__name__}")
    return value


def number(value: object) -> float:
    """A stored value as a float; NaN for null, for what is absent, and for infinities."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return math.nan


def metric_of(rows: list[Row]) -> Metric:
    """The one metric of the rows.

    Errors: ValueError if there are no rows, the metric is unknown, or rows differ in it.
    """
    names = {row.get("metric") for row in rows}
    if len(names) != 1:
        raise ValueError(f"rows: expected one metric in all rows, got {sorted(map(str, names)) or 'no rows'}")
    (name,) = names
    check_choice("metric", name, tuple(METRICS))
    return METRICS[str(name)]


def best_row(rows: list[Row]) -> Row | None:
    """The row of the best validation metric, the first of equals; initialisation counts only if nothing else is there.

    None if no row has a finite one.
    """
    better = -1.0 if metric_of(rows).higher_is_better else 1.0
    measured = [row for row in rows if not math.isnan(number(row.get("valid")))]
    trained = [row for row in measured if row["epoch"] > 0]
    return min(trained or measured, key=lambda row: better * number(row["valid"]), default=None)


def kept_weights(row: Row) -> tuple[int, int, int]:
    """(kept propagated, kept raw, total) over all matrices of a row; zeros if the row counts none."""
    counts = list((row.get("kept") or {}).values())
    propagated, raw, total = (sum(int(count[i]) for count in counts) for i in range(3))
    return propagated, raw, total
