"""The recipes of the papers' tables, with the figures that are printed and the time that they take here."""

from collections.abc import Sequence
from typing import Any

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.cost import Listed
from refimpl.experiments.paper_tables import TABLES, command
from refimpl.report.progress import duration
from refimpl.tree import as_plain

BUSY = 0.5  # processes beside the measurement that lengthen what is measured


def list_rows(rows: Sequence[Listed], preset: str, load: float | None) -> dict[str, Any]:
    """What ``--list --json`` prints: seconds are of the run alone, start_seconds of the run that it starts from.

    load: processes that wanted a processor before the times were measured, None where that is not known.
    """
    found = [
        {
            "table": listed.table,
            "label": listed.row.label,
            "experiment": listed.row.experiment,
            "configuration": listed.row.configuration,
            "start": None if listed.row.start is None else list(listed.row.start),
            "published": as_plain(listed.row.published),
            "metric": EXPERIMENTS[listed.row.experiment].metric,
            "epochs": listed.epochs,
            "seconds": listed.seconds,
            "start_seconds": listed.start_seconds,
            "command": command(listed.table, listed.row, preset),
        }
        for listed in rows
    ]
    return {"preset": preset, "times": "measured now on this machine", "load": load, "rows": found}


def list_table(rows: Sequence[Listed], preset: str, load: float | None) -> str:
    """A line a row, table by table, and a caution where other work made the times longer; load as ``list_rows``."""
    lines = [f"preset {preset}; times measured now on this machine: steps and evaluations, one run alone"]
    if load is not None and load >= BUSY:
        lines.append(
            f"other work keeps {load:.1f} processors busy, so all takes longer than alone; least with --threads 1"
        )
    for table in TABLES.values():
        lines += ["", f"{table.id}: {table.title} ({table.source})"]
        lines.append(
            f"  {'row':<24} {'experiment':<14} {'config':<9} {'valid':>8} {'test':>8} {'compr.':>8} {'epochs':>6}  time"
        )
        lines += [_line(listed) for listed in rows if listed.table == table.id]
    lines += ["", "make one:  refimpl reproduce EXPERIMENT --config CONFIG, or --table TABLE --row ROW"]
    return "\n".join(lines)


def _line(listed: Listed) -> str:
    row, published = listed.row, listed.row.published
    figures = ["-" if value is None else f"{value:.5g}" for value in published[:3]]
    epochs = "-" if listed.epochs is None else listed.epochs
    took = "no such preset" if listed.seconds is None else duration(listed.seconds)
    if listed.start_seconds is not None and row.start is not None:
        took += f", and {duration(listed.start_seconds)} for its start ({row.start[0]})"
    return (
        f"  {row.label:<24} {row.experiment:<14} {row.configuration:<9} {figures[0]:>8} {figures[1]:>8} "
        f"{figures[2]:>8} {epochs:>6}  {took}"
    )
