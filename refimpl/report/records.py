"""Run folders as data, and how the metrics that their rows hold are shown."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.arrays import check_choice
from refimpl.training import metrics
from refimpl.training.metrics import Row
from refimpl.training.run_folder import RECORD, check_format, read_rows

COUNTED = ("vocabulary", "neurons", "gates")  # [kept, all]; of each matrix kept has [propagated, raw, all]


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
    """What a run folder (or a file of both) says in run.json and metrics.jsonl."""

    folder: Path  # or file
    config: dict[str, Any]
    rows: list[Row]


def read_run(path: Path | str) -> RunRecord:
    """Read run.json and metrics.jsonl of a run folder, or one file that holds both ({"run": ..., "metrics": [...]}).

    Errors: FileNotFoundError if a file is missing; ValueError that names the file if it is damaged, of a later version,
    if there is no row yet, if the metric is unknown, or if a count is none.
    """
    path = Path(path)
    if path.is_file():
        return _read_file(path)
    record = path / RECORD
    if not record.is_file():
        raise FileNotFoundError(f"{record}: no record there; name the folder of a run")
    check_format(record)
    return _record(path, _json_object(record, "start the run anew"), read_rows(path))


def _read_file(path: Path) -> RunRecord:
    remedy = "name the folder of a run, or a record of validation/reproductions"
    both = _json_object(path, remedy)
    config, rows = both.get("run"), both.get("metrics")
    if not isinstance(config, dict) or not isinstance(rows, list):
        raise ValueError(f"{path}: expected an object run and a list metrics, got the keys {sorted(both)}; {remedy}")
    epochs = [row.get("epoch") if isinstance(row, dict) else None for row in rows]
    if epochs != list(range(len(rows))):
        raise ValueError(f"{path}: damaged (expected a row for each epoch from 0 on); collect the record anew")
    return _record(path, config, rows)


def _json_object(path: Path, remedy: str) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # of JSON or of UTF-8
        raise ValueError(f"{path}: expected a JSON object ({error}); {remedy}") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(found).__name__}; {remedy}")
    return found


def _record(path: Path, config: dict[str, Any], rows: list[Row]) -> RunRecord:
    if not rows:
        raise ValueError(f"{path}: expected at least one row of metrics, found none; the run has not begun")
    try:
        metric_of(rows)
        _check_config(config)
        _check_counts(rows)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return RunRecord(path, config, rows)


def _check_config(config: dict[str, Any]) -> None:
    """Errors: ValueError that names the field where the pages count on a value and there is another."""
    seed, told = config.get("seed"), config.get("deviations")
    if seed is not None and type(seed) is not int:
        raise ValueError(f"seed: expected an integer, got {seed!r}; make it anew")
    if told is not None and not (isinstance(told, list) and all(isinstance(one, str) for one in told)):
        raise ValueError(f"deviations: expected a list of texts, got {told!r}; make it anew")
    every = _object("training", config.get("training")).get("evaluate_every", 1)
    if type(every) is not int or every < 1:
        raise ValueError(f"training.evaluate_every: expected an integer of at least 1, got {every!r}; make it anew")


def _check_counts(rows: list[Row]) -> None:
    """Errors: as ``_check_config``."""
    for row in rows:
        kept = _object(f"kept, epoch {row['epoch']}", row.get("kept"))
        counted = [(f"kept, {name}", count, 3) for name, count in kept.items()]
        counted += [(name, row[name], 2) for name in COUNTED if row.get(name) is not None]
        for name, count, length in counted:
            if not (isinstance(count, list) and len(count) == length and all(type(n) is int for n in count)):
                raise ValueError(
                    f"{name}: expected {length} integers, got {count!r} at epoch {row['epoch']}; make it anew"
                )


def _object(name: str, value: object) -> dict[str, Any]:
    """What stands there; nothing for null and for what is absent."""
    if value is not None and not isinstance(value, dict):
        raise ValueError(f"{name}: expected a JSON object, got {value!r}; make it anew")
    return value or {}


def number(value: object) -> float:
    """A stored value as a float; NaN for null, for what is absent, and for infinities."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return math.nan


def metric_of(rows: list[Row]) -> Metric:
    """The one metric of the rows.

    Errors: ValueError if there are no rows, the metric is unknown, or rows differ in it.
    """
    names = {str(row.get("metric")) for row in rows}
    if len(names) != 1:
        raise ValueError(f"rows: expected one metric in all rows, got {sorted(names) or 'no rows'}")
    (name,) = names
    check_choice("metric", name, tuple(METRICS))
    return METRICS[name]


def best_row(rows: list[Row]) -> Row | None:
    """The trained epoch with the best validation metric, the first of equals; None if none was scored."""
    metric_of(rows)
    return metrics.best_row([row for row in rows if not math.isnan(number(row.get("valid")))], rows[0]["metric"])


def kept_weights(row: Row) -> tuple[int, int, int]:
    """(kept propagated, kept raw, total) over all matrices of a row; zeros if the row counts none."""
    counts = list((row.get("kept") or {}).values())
    propagated, raw, total = (sum(int(count[i]) for count in counts) for i in range(3))
    return propagated, raw, total
