"""Figures of the records of one preset: each experiment of a table, and S004's Figures 1 and 2 in their layout.

    python -m validation.reproductions.figures

Runs of the preset mini are many, so they are drawn together: means over the seeds, bands from least to greatest.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.paper_tables import TABLES, PaperTable
from refimpl.report.comparison_figure import comparison
from refimpl.report.drawing import save_png
from refimpl.report.s004_figures import figure_1, figure_2
from validation.reproductions.records import HERE, Record, read_all
from validation.reproductions.rows import records_of

CHARACTERS_2017 = "workshop2017-characters"


def main() -> int:
    """Draw all figures of the preset mini."""
    records = [record for record in read_all() if record.run["preset"] == "mini"]
    for path in draw(records, HERE / "mini"):
        print(path)
    return 0


def draw(records: Sequence[Record], out: Path) -> list[Path]:
    """Write the figures that the records are enough for; their paths."""
    out.mkdir(exist_ok=True)
    written = []
    for table in TABLES.values():
        for experiment in dict.fromkeys(row.experiment for row in table.rows):
            groups = groups_of(table, experiment, records)
            if len(groups) > 1:
                written.append(out / f"{table.id}-{experiment}.png")
                every = EXPERIMENTS[experiment].presets["mini"].options.evaluate_every
                save_png(comparison(groups, dict.fromkeys(groups, every)), written[-1])
    return written + draw_s004(records, out)


def groups_of(table: PaperTable, experiment: str, records: Sequence[Record]) -> dict[str, list[list[dict]]]:
    """The rows of metrics of each row of a table, a list a seed; rows of the table without a record are left out."""
    found = {}
    for row in table.rows:
        runs = [record.rows for record in records_of(row, records)]
        if row.experiment == experiment and runs:
            found[row.label.rpartition(", ")[2]] = runs
    return found


def draw_s004(records: Sequence[Record], out: Path) -> list[Path]:
    """S004's two figures, of the least seed of each row."""
    random, pretrained = {}, {}
    for row in TABLES[CHARACTERS_2017].rows:
        runs = sorted(records_of(row, records), key=lambda record: record.run["seed"])
        if runs:
            (pretrained if row.start else random)[row.label] = runs[0].rows
    sparse = {label: rows for label, rows in (random | pretrained).items() if label.startswith("SparseVD")}
    if not (random and pretrained and sparse):
        return []
    paths = [out / "s004-figure-1.png", out / "s004-figure-2.png"]
    save_png(figure_1(random, pretrained), paths[0])
    save_png(figure_2(sparse), paths[1])
    return paths


if __name__ == "__main__":
    sys.exit(main())
