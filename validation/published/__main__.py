"""``python -m validation.published RUN ... --out DIR``: runs of the preset paper over the authors' own, epoch by epoch.

A RUN is a run folder, or a record of ``validation/reproductions`` (JSON). Runs that differ only in their seed and reach
the same epoch are compared together. For each configuration DIR gets a CSV of every quantity at every common epoch and
the figure, and README.md, the summary of all.
"""

import argparse
import sys
from collections.abc import Container, Sequence
from itertools import count
from pathlib import Path

from refimpl.report.drawing import save_png
from refimpl.report.published_alignment import not_comparable
from refimpl.report.published_comparison import (
    Comparison,
    common,
    compare,
    difference_tables,
    extremes_table,
    summary,
    write_csv,
)
from refimpl.report.published_figure import deviations_text, published_figure
from refimpl.report.records import RunRecord, read_run
from refimpl.report.run_tables import peak_memory
from refimpl.report.seeds import groups_of_seeds
from refimpl.report.tables import Cell, Table, markdown_table, text_table
from refimpl.training.checkpoint import write_atomically

ROOT = Path(__file__).resolve().parents[2]
PAGE = """\
# Our runs over the authors'

Written by `python -m validation.published RUN ...`; `../README.md` says what is compared. A difference is ours minus
theirs, in per cent of theirs; the CSV files have every quantity at every common epoch.

{summary}

{parts}
"""


def main(arguments: Sequence[str]) -> int:
    """0 if every bound that the runs have reached holds, else 1; 2 if one cannot be read, or none can be compared."""
    parser = argparse.ArgumentParser(prog="python -m validation.published", description=__doc__)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "published", help="(build/published)")
    parsed = parser.parse_args(arguments)
    try:
        runs = [read_run(path) for path in {path.resolve(): path for path in parsed.runs}.values()]
    except (OSError, ValueError) as error:
        print(f"python -m validation.published: {error}", file=sys.stderr)
        return 2
    told = {str(run.folder): reason for run in runs if (reason := not_comparable(run)) is not None}
    for name, reason in told.items():
        print(f"{name}: not compared: {reason}", file=sys.stderr)
    groups = groups_of_seeds([run for run in runs if not_comparable(run) is None])
    if not groups:
        return 2
    found: dict[str, Comparison] = {}
    for group in groups.values():
        for of_one_length in by_last_epoch(group):
            found[new_name(of_one_length, found)] = compare(of_one_length)
    write(found, parsed.out)
    for comparison in found.values():
        print(text(comparison), end="\n\n")
    print(f"CSV, figures and README.md in {parsed.out}")
    return int(any(verdict.holds is False for one in found.values() for verdict in one.verdicts))


def by_last_epoch(seeds: Sequence[RunRecord]) -> list[list[RunRecord]]:
    """Seeds that reach the same epoch together, since the mean of all would end with the shortest; longest first."""
    found: dict[int, list[RunRecord]] = {}
    for run in seeds:
        found.setdefault(run.rows[-1]["epoch"], []).append(run)
    return [found[last] for last in sorted(found, reverse=True)]


def new_name(runs: Sequence[RunRecord], taken: Container[str]) -> str:
    """That of a record's file, else EXPERIMENT-CODE and the seeds of several; numbered where that is taken."""
    first = runs[0]
    of_file = first.folder.stem if len(runs) == 1 and first.folder.suffix == ".json" else None
    of_runs = f"{first.config['experiment']}-{first.config['configuration']}"
    if len(runs) > 1:
        of_runs += "-".join(["-seeds", *sorted(str(run.config.get("seed")) for run in runs)])
    name = of_file or of_runs
    return next(n for k in count(1) if (n := name if k == 1 else f"{name}-{k}") not in taken)


def text(found: Comparison) -> str:
    """A comparison for the terminal: verdicts, deviations, shape, and every common epoch."""
    parts = [summary(found), *verdict_lines(found), deviations_text(found.runs[0], 110)]
    parts.append(f"Peak memory: {'; '.join(peak_memory(run) for run in found.runs)}.")
    return "\n".join([*parts, *(f"\n{text_table(t)}" for t in (extremes_table(found), *difference_tables(found)))])


def verdict_lines(found: Comparison) -> list[str]:
    """Each bound, and whether it holds."""
    words = {True: "holds", False: "FALLS SHORT", None: "open"}
    return [f"{words[v.holds]}: {v.bound.words} ({v.detail})" for v in found.verdicts]


def write(found: dict[str, Comparison], out: Path) -> None:
    """CSV, figure and page; files of an earlier call are replaced, others stay."""
    out.mkdir(parents=True, exist_ok=True)
    for name, comparison in found.items():
        write_csv(comparison, out / f"{name}.csv")
        save_png(published_figure(comparison.runs, comparison.theirs), out / f"{name}.png")
    page = PAGE.format(
        summary=markdown_table(summary_table(found)),
        parts="\n\n".join(part(name, comparison) for name, comparison in found.items()),
    )
    write_atomically(out / "README.md", page.encode("utf-8"))


def summary_table(found: dict[str, Comparison]) -> Table:
    """One row a configuration: common epochs, what is asked for, whether it holds."""
    rows: list[list[Cell]] = []
    for name, comparison in found.items():
        epochs = common(comparison)
        for verdict in comparison.verdicts or [None]:
            rows.append([
                name, len(comparison.runs), f"{len(epochs)}, up to {epochs[-1]}" if epochs else "none",
                None if verdict is None else verdict.bound.words, None if verdict is None else verdict.holds,
                None if verdict is None else verdict.detail,
            ])  # fmt: skip
    return Table(["run", "seeds", "common epochs", "asked for", "", "detail"], rows)


def part(name: str, found: Comparison) -> str:
    """One configuration on the page."""
    lines = [f"## {name}", summary(found), *(f"* {line}" for line in verdict_lines(found))]
    tables = [markdown_table(t) for t in (extremes_table(found), *difference_tables(found, most=25))]
    memory = f"Peak memory: {'; '.join(peak_memory(run) for run in found.runs)}."
    image = f"![Ours over the authors' run, a panel a quantity]({name}.png)\n\n[{name}.csv]({name}.csv)"
    return "\n\n".join([lines[0], lines[1], "\n".join(lines[2:]), deviations_text(found.runs[0], 110), memory, image,
                        *tables])  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
