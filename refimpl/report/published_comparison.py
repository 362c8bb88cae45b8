"""A run against the authors' published run: tables, figure, bounds; as a section of a report, and as files."""

import csv
import io
import math
from collections.abc import Sequence
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from refimpl.experiments.published_logs import published_configurations
from refimpl.report.html import Check, Section, picture
from refimpl.report.published_alignment import (
    SCORES,
    STRUCTURES,
    Aligned,
    Verdict,
    align,
    authors_rows,
    not_comparable,
    shown_scale,
    verdicts,
)
from refimpl.report.published_figure import published_figure
from refimpl.report.records import RunRecord, metric_of
from refimpl.report.tables import Cell, Number, Table
from refimpl.training.checkpoint import write_atomically
from refimpl.training.metrics import Row

TITLE = "Against the published run"
SOURCE = "the authors' log (tipt0p/SparseBayesianRNN, commit 1f00893, `Experiments/*/Results/*.txt`)"
COLUMNS = ("epoch", "quantity", "seeds", "ours", "ours_low", "ours_high", "theirs", "difference", "difference_percent")


class Comparison(NamedTuple):
    """Runs (seeds) of one experiment and configuration, and the authors' run of it."""

    runs: Sequence[RunRecord]
    theirs: list[Row]
    aligned: list[Aligned]
    verdicts: list[Verdict]


def compare(runs: Sequence[RunRecord]) -> Comparison:
    """Compare the seeds of one configuration with the authors' run.

    Errors: ValueError if there are no runs, or that says why one cannot be compared.
    """
    if not runs:
        raise ValueError("runs: expected at least one, got none")
    for run in runs:
        reason = not_comparable(run)
        if reason is not None:
            raise ValueError(f"{run.folder}: not compared with the authors' run: {reason}")
    theirs = authors_rows(runs[0])
    return Comparison(runs, theirs, align([run.rows for run in runs], theirs), verdicts(runs, theirs))


def published_section(runs: Sequence[RunRecord], title: str = TITLE) -> Section | None:
    """The part of a report that lays runs of one configuration over the authors'; None where there is no such log.

    Where there is one that these runs cannot be compared with, the section says why.
    """
    config = runs[0].config
    if str(config.get("configuration")) not in published_configurations(str(config.get("experiment"))):
        return None
    reasons = [reason for run in runs if (reason := not_comparable(run)) is not None]
    if reasons:
        return Section(title, [f"Not drawn over {SOURCE}: {reasons[0]}."])
    found = compare(runs)
    caption = "Ours over the authors' run; the weights kept are those after propagation."
    return Section(
        title,
        [summary(found), *(f"{v.bound.words}: {v.detail}." for v in found.verdicts if v.holds is None)],
        tables=[extremes_table(found), *difference_tables(found, most=25)],
        figures=[picture(published_figure(found.runs, found.theirs), caption)],
        checks=[Check(v.bound.words, v.holds, v.detail) for v in found.verdicts if v.holds is not None],
    )


def summary(found: Comparison) -> str:
    """What is compared, in two sentences."""
    epochs = common(found)
    told = f"{len(epochs)} common epochs, {epochs[0]} to {epochs[-1]}" if epochs else "no common epoch yet"
    seeds = ", ".join(str(run.config.get("seed")) for run in found.runs)
    name = f"{found.runs[0].config['experiment']} {found.runs[0].config['configuration']}"
    return f"{name}, seed{'s' if len(found.runs) > 1 else ''} {seeds}, beside {SOURCE}: {told}."


def common(found: Comparison) -> list[int]:
    """The epochs that every seed and the authors have."""
    return sorted({one.epoch for one in found.aligned})


def extremes_table(found: Comparison) -> Table:
    """The shape of the curves over the common epochs: where each quantity is least and greatest, ours and theirs."""
    epochs = set(common(found))
    rows = [_extremes(found, name) for name in dict.fromkeys(one.quantity for one in found.aligned)]
    caption = f"Over the {len(epochs)} common epochs, the first of equal ones; ours is the mean over the seeds."
    return Table(["", "least, ours", "epoch", "theirs", "epoch", "greatest, ours", "epoch", "theirs", "epoch"], rows,
                 caption)  # fmt: skip


def _extremes(found: Comparison, name: str) -> list[Cell]:
    cells: list[Cell] = [name]
    for choose in (min, max):
        for side in map(attrgetter, ("ours", "theirs")):
            here = [one for one in found.aligned if one.quantity == name and not math.isnan(side(one))]
            one = choose(here, key=side, default=None)
            cells += [None, None] if one is None else [_cell(found, name, side(one)), one.epoch]
    return cells


def difference_tables(found: Comparison, most: int | None = None) -> list[Table]:
    """Ours, theirs, difference and difference in per cent at each common epoch: quality, weights, structures.

    most: so many epochs at most, evenly chosen, with the last; None: all.
    """
    epochs = common(found)
    step = 1 if most is None else max(-(-len(epochs) // most), 1)
    chosen = [epoch for k, epoch in enumerate(epochs) if k % step == 0 or epoch == epochs[-1]]
    thinned = "" if step == 1 else f" Every {step}th of {len(epochs)} common epochs, and the last."
    metric = metric_of(found.theirs)
    points = ", whose difference is in percentage points" if metric.scale != 1.0 else ""
    captions = {
        (*SCORES, "compression"): f"valid and test: {metric.label}{points}.{thinned}",
        tuple(found.theirs[0]["kept"]): f"Weights kept, after propagation.{thinned}",
        STRUCTURES: f"Kept, after propagation.{thinned}",
    }
    return [_differences(found, chosen, names, caption) for names, caption in captions.items()]


def _differences(found: Comparison, epochs: Sequence[int], names: Sequence[str], caption: str) -> Table:
    by_place = {(one.epoch, one.quantity): one for one in found.aligned}
    columns = ["epoch", *(column for name in names for column in (f"{name}, ours", "theirs", "diff.", "%"))]
    rows: list[list[Cell]] = []
    for epoch in epochs:
        row: list[Cell] = [epoch]
        for one in (by_place[epoch, name] for name in names):
            values = (one.ours, one.theirs, one.difference)
            row += [*(_cell(found, one.quantity, v) for v in values), _number(one.percent, "+z.2f")]
        rows.append(row)
    return Table(columns, rows, caption)


def _cell(found: Comparison, name: str, stored: float) -> Number | None:
    if name in SCORES:
        return _number(shown_scale(found.theirs[0], name) * stored, f"z,.{metric_of(found.theirs).decimals}f")
    if name == "compression":  # four digits of theirs, and as many decimals in the difference
        greatest = max(one.theirs for one in found.aligned if one.quantity == name)
        return _number(stored, f"z,.{max(3 - math.floor(math.log10(greatest)), 0)}f")
    whole = math.isnan(stored) or stored == round(stored)
    return _number(stored, "z,.0f" if whole else "z,.1f")


def _number(stored: float, spec: str) -> Number | None:
    return None if math.isnan(stored) else Number(stored, spec)


def differences_csv(found: Comparison) -> str:
    """Every quantity at every common epoch as CSV, in the units of metrics.jsonl; empty where a side has no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in found.aligned:
        told = (one.ours, one.low, one.high, one.theirs, one.difference, one.percent)
        shown = ("" if math.isnan(x) else f"{x:.10g}" for x in told)
        writer.writerow([one.epoch, one.quantity, len(found.runs), *shown])
    return text.getvalue()


def write_csv(found: Comparison, path: Path) -> None:
    """Write ``differences_csv``; what stood there before is replaced only by a whole file."""
    write_atomically(path, differences_csv(found).encode("utf-8"))
