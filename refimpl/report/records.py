"""Run folders as data, and how the metrics that their rows hold are shown."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.arrays import check_choice
from refimpl.training import metrics
from refimpl.training.metrics import Row
from refimpl.training.run_folder import read_rows

RECORD = "run.json"


class Metric(NamedTuple):
    """How a metric is shown."""

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


class RunRecord(NamedTuple):
    """What a run folder says in run.json and metrics.jsonl."""

    folder: Path
    config: dict[str, Any]
    rows: list[Row]


def read_run(folder: Path | str) -> RunRecord:
    """Read run.json and metrics.jsonl of a run folder.

    Errors: FileNotFoundError if a file is missing; ValueError that names the file if it is damaged, if there is no row
    yet, or if the metric is unknown.
    """
    folder = Path(folder)
    path = folder / RECORD
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no record there; name the folder of a run")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: expected a JSON object ({error}); start the run anew") from error
    if not isinstance(config, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(config).__name__}; start the run anew")
    rows = read_rows(folder)
    if not rows:
        raise ValueError(f"{folder}: expected at least one row of metrics, found none; the run has not begun")
    metric_of(rows)
    return RunRecord(folder, config, rows)


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
    """The trained epoch with the best validation metric, the first of equals; None if none was scored."""
    metric_of(rows)
    return metrics.best_row([row for row in rows if not math.isnan(number(row.get("valid")))], rows[0]["metric"])


def kept_weights(row: Row) -> tuple[int, int, int]:
    """(kept propagated, kept raw, total) over all matrices of a row; zeros if the row counts none."""
    counts = list((row.get("kept") or {}).values())
    propagated, raw, total = (sum(int(count[i]) for count in counts) for i in range(3))
    return propagated, raw, total
