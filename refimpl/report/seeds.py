"""Runs that differ in nothing but their seed: which they are, and a table of mean and spread."""

import json
import math
from collections.abc import Sequence

from refimpl.report.records import Metric, RunRecord, best_row, metric_of, number
from refimpl.report.run_tables import SPLITS, labels
from refimpl.report.tables import Cell, Number, Table
from refimpl.training.identity import completed
from refimpl.training.metrics import Row


def groups_of_seeds(runs: Sequence[RunRecord]) -> dict[str, list[RunRecord]]:
    """The runs by label, those of one configuration that differ in their seed together.

    Two runs of one seed (another engine, another device) are no two seeds: then each run stands alone.
    """
    found: dict[str, list[RunRecord]] = {}
    for run in runs:
        found.setdefault(_identity(run), []).append(run)
    groups = []
    for group in found.values():
        seeds = [run.config.get("seed") for run in group]
        ordered = sorted(group, key=lambda run: run.config.get("seed") or 0)
        groups += [ordered] if len(set(seeds)) == len(seeds) else [[run] for run in group]
    together = [_as_one(group) for group in groups]
    return dict(zip(labels(together), groups, strict=True))


def _identity(run: RunRecord) -> str:
    same = {name: value for name, value in completed(run.config).items() if value is not None}  # older ones lack it
    for name in ("seed", "engine", "data", "n_terms", "weights"):  # the data, and so their words, go by the seed
        same.pop(name, None)
    if isinstance(same.get("recipe"), dict):
        same["recipe"] = {name: value for name, value in same["recipe"].items() if name != "vocabulary"}
    if isinstance(same.get("start"), str):  # a run's folder ends with its seed
        same["start"] = same["start"].removesuffix(f"-{run.config.get('seed')}")
    return json.dumps(same, sort_keys=True)


def _as_one(group: Sequence[RunRecord]) -> RunRecord:
    return group[0]._replace(config=group[0].config | {"seed": ", ".join(str(r.config.get("seed")) for r in group)})


def seeds_table(groups: dict[str, list[RunRecord]]) -> Table:
    """One row a configuration: mean over its seeds [least, greatest].

    Errors: ValueError if the metrics differ.
    """
    metric = metric_of([row for group in groups.values() for run in group for row in run.rows])
    columns = ["configuration", "seeds", "best epoch", "valid", "test", "last epoch", "valid", "test", "compression"]
    columns += ["vocabulary", "neurons", "gates"]
    caption = f"Mean over the seeds [least, greatest]; valid and test: {metric.label}; what is kept: last epoch."
    return Table(columns, [_seeds_row(label, group, metric) for label, group in groups.items()], caption)


def _seeds_row(label: str, group: Sequence[RunRecord], metric: Metric) -> list[Cell]:
    bests = [row for run in group if (row := best_row(run.rows)) is not None]
    lasts = [run.rows[-1] for run in group]
    quality = f",.{metric.decimals}f"

    def cells(rows: Sequence[Row]) -> list[Cell]:
        return [_told([metric.scale * number(row.get(split)) for row in rows], quality) for split in SPLITS]

    kept: list[Cell] = [
        _told([math.nan if row.get(name) is None else row[name][0] for row in lasts], ",.0f")
        for name in ("vocabulary", "neurons", "gates")
    ]
    return [
        label, len(group), _epochs(bests), *cells(bests), _epochs(lasts), *cells(lasts),
        _told([number(row.get("compression")) for row in lasts], ".4g"), *kept,
    ]  # fmt: skip


def _epochs(rows: Sequence[Row]) -> str | None:
    return ", ".join(str(epoch) for epoch in dict.fromkeys(row["epoch"] for row in rows)) or None


def _told(values: Sequence[float], spec: str) -> Number | None:
    """ "84.10 [83.20, 85.00]": mean, least and greatest; None if a seed has no value."""
    if not values or any(math.isnan(value) for value in values):
        return None
    note = f"[{min(values):{spec}}, {max(values):{spec}}]" if len(values) > 1 else ""
    return Number(math.fsum(values) / len(values), spec, note=note)
