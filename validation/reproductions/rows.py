"""The records of a row of the papers' tables: which runs are the row's, the epoch that it reports, and its figures."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.many_jobs import folder_name, start_label
from refimpl.experiments.paper_tables import Row
from refimpl.report.published_alignment import scored
from refimpl.training.identity import differences
from refimpl.training.metrics import best_row, out_of_patience
from refimpl.tree import as_plain
from validation.reproductions.records import Record


class Spread(NamedTuple):
    """A figure over the seeds of a row."""

    mean: float
    low: float
    high: float
    seeds: int


def variants_of(row: Row, records: Sequence[Record]) -> list[Record]:
    """Every record of a row's experiment, configuration and start: finished or not, with whatever else it changes."""
    start = f"{row.experiment}-{row.start[0]}" if row.start else "random"
    return [
        record
        for record in records
        if (record.run["experiment"], record.run["configuration"]) == (row.experiment, row.configuration)
        and (record.run["start"] == start or (row.start and record.run["start"].startswith(f"{start}-")))
    ]


def records_of(row: Row, records: Sequence[Record]) -> list[Record]:
    """The finished records of a row of a table, one a seed: those of its own name, which change nothing else."""
    return [record for record in own_records(row, records) if finished(record)]


def own_records(row: Row, records: Sequence[Record]) -> list[Record]:
    """The records of a row of its own name, which change nothing but the seed; finished or not."""
    own = re.compile(rf"{re.escape(row.name)}(-seed[0-9]+)?")
    found = [record for record in variants_of(row, records) if own.fullmatch(record.name)]
    return [r for r in found if is_of_preset(r) and has_preset_epochs(r) and has_own_start(row, r)]


def has_own_start(row: Row, record: Record) -> bool:
    """Whether a run starts from the run of its own preset and seed that the table says, or from random values."""
    preset, seed = record.run["preset"], record.run["seed"]
    return row.start is None or record.run["start"] == folder_name(start_label(row, preset), preset, seed)


def is_of_preset(record: Record) -> bool:
    """Whether a run is what its preset says, no option changed: training, model, dtype; of as many epochs as it has."""
    run = record.run
    experiment, sizes = EXPERIMENTS[run["experiment"]], run["recipe"]
    preset = experiment.presets[run["preset"]]
    recipe = build_recipe(experiment, run["configuration"], preset, sizes["vocabulary"], max(sizes["outputs"], 2))
    follows = {"batch": preset.batch, "length": preset.length, "l2": run["training"].get("l2")}  # of the configuration
    asked = {"training": as_plain(preset.options) | follows, "recipe": as_plain(recipe), "dtype": "float32"}
    return not differences(json.dumps({name: run.get(name) for name in asked}), json.dumps(asked))


def has_preset_epochs(record: Record) -> bool:
    """Whether a run was asked for as many epochs as its preset has."""
    preset = EXPERIMENTS[record.run["experiment"]].presets[record.run["preset"]]
    return bool(record.run["training"]["epochs"] == preset.options.epochs)


def finished(record: Record) -> bool:
    """Whether a run has reached its last epoch, or was ended by its patience."""
    training, rows = record.run["training"], record.rows
    patient = training.get("patience")
    return rows[-1]["epoch"] >= training["epochs"] or out_of_patience(rows, rows[-1]["metric"], patient)


def reported(of: Row, record: Record) -> dict[str, Any] | None:
    """The epoch that the table reports of a run: the last one that it evaluated, or the best of validation."""
    if of.which == "best":
        return best_row(record.rows, record.rows[0]["metric"])
    return next((row for row in reversed(record.rows) if row["epoch"] > 0 and scored(record.run, row)), None)


def spread(row: Row, records: Sequence[Record], value: Callable[[dict[str, Any]], float | None]) -> Spread | None:
    """A figure of a row over its seeds; None if there is none, or a seed has none."""
    epochs = [reported(row, record) for record in records_of(row, records)]
    found = [None if epoch is None else value(epoch) for epoch in epochs]
    known = [number for number in found if number is not None]
    return Spread(sum(known) / len(known), min(known), max(known), len(known)) if found and known == found else None


def zeros(row: Row, epoch: dict[str, Any]) -> dict[str, float]:
    """Zeros in per cent of each matrix of which some are zero.

    As the row's source counts them: S004 by log alpha alone, the others after propagation.
    """
    which = 1 if EXPERIMENTS[row.experiment].source == "S004" else 0
    kept = {name: (count[which], count[2]) for name, count in epoch["kept"].items()}
    return {name: 100.0 * (1.0 - left / total) for name, (left, total) in kept.items() if left < total}


def is_empty(row: Row, records: Sequence[Record]) -> bool:
    """Whether nothing is left of the net of a seed."""
    epochs = [reported(row, record) for record in records_of(row, records)]
    return any(epoch is not None and not any(count[0] for count in epoch["kept"].values()) for epoch in epochs)


def missing(row: Row, records: Sequence[Record]) -> str:
    """Why a row has no figure."""
    if records_of(row, records):
        return f"{row.label}: a seed has no value at the epoch that is asked for"
    return f"{row.label}: {unfinished(row, records) or 'not run'}"


def unfinished(row: Row, records: Sequence[Record]) -> str:
    """What there is of a row without a finished record; "" if nothing."""
    if own_records(row, records):
        return "not finished"
    return "run with other options alone" if variants_of(row, records) else ""
