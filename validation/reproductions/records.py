"""Committed records of runs: configuration, environment, fingerprint of the data, and the metrics of every epoch.

A record is PRESET/NAME.json with "run" (what run.json says) and "metrics" (the lines of metrics.jsonl), and the same
metrics as PRESET/NAME.csv. No text and no weights.
"""

import csv
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from refimpl.report.records import read_run
from refimpl.training.identity import differences

HERE = Path(__file__).parent
PRESETS = ("paper", "mini", "small", "smoke", "warmup")
PLAIN = ("epoch", "nll", "kl", "kl_weight", "n_terms", "valid", "test", "compression", "compression_raw")
COUNTED = ("vocabulary", "neurons", "gates")
MEASURED = ("seconds", "peak_mib")


class Record(NamedTuple):
    """One run."""

    name: str
    run: dict[str, Any]
    rows: list[dict[str, Any]]


def run_name(run: dict[str, Any]) -> str:
    """EXPERIMENT-CODE; then what is not the preset's: schedule, start, starting values, seed."""
    parts = [run["experiment"], run["configuration"]]
    if run["training"]["warmup"]["kind"] != "constant":
        parts.append("warmup")
    if run["start"] != "random":
        parts += ["from", run["start"].removeprefix(f"{run['experiment']}-").partition("-")[0]]  # its configuration
    if run.get("word_vectors"):
        parts.append("vectors")
    if run.get("output_log_sigma") is not None:
        parts.append(f"output{run['output_log_sigma']:g}")
    if run["seed"] != 0:
        parts.append(f"seed{run['seed']}")
    return "-".join(parts)


def from_folder(folder: Path) -> Record:
    """The record of a run folder. Errors: as ``read_run``; ValueError if run.json lacks what a name is made of."""
    found = read_run(folder)
    try:
        return Record(run_name(found.config), found.config, found.rows)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder}: run.json is none of a run ({error!r}); make the run anew") from error


def write(record: Record, name: str | None = None) -> None:
    """Write JSON and CSV of a record, under a name of its own if one is given.

    Errors: ValueError if the record of another run, or of more epochs of this one, has that name.
    """
    folder = HERE / record.run["preset"]
    folder.mkdir(exist_ok=True)
    check_same(folder / f"{name or record.name}.json", record)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in record.rows)
    run = json.dumps(record.run, indent=1).replace("\n", "\n ")
    (folder / f"{name or record.name}.json").write_text(f'{{\n "run": {run},\n "metrics": [\n{lines}\n ]\n}}\n')
    (folder / f"{name or record.name}.csv").write_text(as_csv(record.rows))


def check_same(path: Path, record: Record) -> None:
    """Errors: as ``write``."""
    if not path.exists():
        return
    stored = json.loads(path.read_text())
    other = differences(json.dumps(stored["run"]), json.dumps(record.run))
    if len(stored["metrics"]) > len(record.rows):
        other.append(f"epochs: stored {stored['metrics'][-1]['epoch']}, now {record.rows[-1]['epoch']}")
    if other:
        raise ValueError(f"{path}: holds another run ({'; '.join(other)}); give this one a name with --as NAME")


def as_csv(rows: list[dict[str, Any]]) -> str:
    """A line an epoch; kept weights a matrix: after propagation, by log alpha alone, all."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    counts = ("kept", "kept_raw", "weights")
    names = [f"{matrix}.{count}" for matrix in rows[0]["kept"] for count in counts]
    out.writerow([*PLAIN, *names, *(f"{name}{part}" for name in COUNTED for part in ("", "_all")), *MEASURED])
    for row in rows:
        kept = [count for matrix in row["kept"].values() for count in matrix]
        counted = [count for name in COUNTED for count in row[name]]
        out.writerow([*(row[name] for name in PLAIN), *kept, *counted, *(row.get(name) for name in MEASURED)])
    return text.getvalue()


def read_all() -> list[Record]:
    """Every committed record, preset by preset and then by name."""
    found = []
    for preset in PRESETS:
        for path in sorted((HERE / preset).glob("*.json")):
            content = json.loads(path.read_text())
            found.append(Record(path.stem, content["run"], content["metrics"]))
    return found
