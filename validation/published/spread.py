"""``python -m validation.published.spread``: the authors' run among ours of several seeds.

Reads the records of ``validation.published.steps`` in ``validation/published/steps`` and those of runs at paper size in
``validation/reproductions``, and writes ``validation/published/steps/README.md``: for each configuration and epoch the
mean and range of our seeds, and whether the authors' figure lies where a further run of ours would.
"""

import json
import math
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple, TypeAlias

from scipy.stats import t

from refimpl.experiments.published_logs import published_configurations, published_rows
from refimpl.report.tables import Cell, Number, Table, markdown_table
from refimpl.training.checkpoint import write_atomically
from validation.reproductions.records import Record, read_all
from validation.reproductions.rows import is_of_preset

HERE = Path(__file__).parent / "steps"
SHARE = 0.95  # of further runs that lie within the interval
LEAST = 3  # seeds that say something of a spread
PAGE = """\
# The authors' run among ours of several seeds

Written by `python -m validation.published.spread`. Loss and gradient norms are from the records in this folder, each
made by `python -m validation.published.steps EXPERIMENT --config CODE --seed SEED --epochs EPOCHS --out FILE`;
compression and vocabulary from the [records of runs](../../reproductions/README.md); quality from either.

A seed sets the initial weights, the noise and, for characters, the order of the windows. The authors' seed gives other
numbers than ours, so their run and one of ours differ by chance even where every step is the same. *Expected*: where
{share:.0%} of further runs of ours would lie, from the mean and standard deviation over our seeds (Student's t; at
least {least} seeds).

{tables}
"""
QUANTITIES = {
    "loss": "loss, nats",
    "norm_mean": "gradient norm, mean",
    "norm_max": "gradient norm, largest",
    "valid": "valid",
    "test": "test",
    "compression": "compression",
    "vocabulary": "vocabulary",
}
Figures: TypeAlias = dict[str, float]  # by QUANTITIES


class Epoch(NamedTuple):
    """Which epoch of which run."""

    experiment: str
    configuration: str
    seed: int
    epoch: int


def main() -> int:
    """Write the page."""
    found: dict[Epoch, Figures] = {}
    for epoch, figures in [*of_runs(read_all()), *of_steps(HERE)]:
        found[epoch] = found.get(epoch, {}) | figures
    names = sorted({epoch[:2] for epoch in found if any(e[:2] == epoch[:2] and e.seed != epoch.seed for e in found)})
    tables = [f"## {name} {code}\n\n{markdown_table(table(name, code, found))}" for name, code in names]
    page = PAGE.format(share=SHARE, least=LEAST, tables="\n\n".join(tables))
    write_atomically(HERE / "README.md", page.encode())
    return 0


def of_steps(folder: Path) -> Iterator[tuple[Epoch, Figures]]:
    """The epochs of the records of steps. Errors: ValueError on two records of one seed."""
    seen = set[tuple[str, str, int]]()
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        name, code, seed = (record["run"][key] for key in ("experiment", "configuration", "seed"))
        if (name, code, seed) in seen:
            raise ValueError(f"{path}: expected one record of each seed, got a second one of {name} {code} seed {seed}")
        seen.add((name, code, seed))
        for row in record["epochs"]:
            yield Epoch(name, code, seed, row["epoch"]), {name: row[name] for name in QUANTITIES if name in row}


def of_runs(records: Iterable[Record]) -> Iterator[tuple[Epoch, Figures]]:
    """The trained epochs of runs at paper size that the authors logged too, and that change nothing but the seed."""
    for record in records:
        name, code, seed = (record.run[key] for key in ("experiment", "configuration", "seed"))
        own = re.compile(rf"{re.escape(name)}-{re.escape(code)}(-seed[0-9]+)?")
        logged = record.run["preset"] == "paper" and code in published_configurations(name)
        if logged and own.fullmatch(record.name) and is_of_preset(record):
            for row in record.rows[1:]:
                yield Epoch(name, code, seed, row["epoch"]), end_of_epoch(row)


def end_of_epoch(row: dict[str, Any]) -> Figures:
    """What a row of metrics has of QUANTITIES, ours or the authors'."""
    return {name: row[name] for name in ("valid", "test", "compression")} | {"vocabulary": row["vocabulary"][0]}


def logged(experiment: str, configuration: str) -> dict[int, Figures]:
    """The authors' figures by epoch."""
    return {
        row["epoch"]: end_of_epoch(row)
        | {"loss": row["loss"]}
        | dict(zip(("norm_mean", "norm_max"), row["gradient_norm"], strict=True))
        for row in published_rows(experiment, configuration)
    }


def table(experiment: str, configuration: str, found: dict[Epoch, Figures]) -> Table:
    """Each quantity of each epoch of which there are at least two seeds: ours, and the authors' figure among them."""
    rows: list[list[Cell]] = []
    for epoch, theirs in logged(experiment, configuration).items():
        of_epoch = [figures for e, figures in found.items() if (*e[:2], e.epoch) == (experiment, configuration, epoch)]
        for name, words in QUANTITIES.items():
            ours = [figures[name] for figures in of_epoch if name in figures]
            if len(ours) > 1 and not (min(ours) == max(ours) == theirs[name]):
                rows.append([epoch, words, len(ours), *among(ours, theirs[name])])
    return Table(("epoch", "", "seeds", "ours, mean", "lowest", "highest", "theirs", "off, %", "expected", ""), rows)


def among(ours: Sequence[float], theirs: float) -> list[Cell]:
    """Mean, lowest, highest, theirs, its distance from our mean in per cent, the interval, and whether it is inside."""
    mean = fmean(ours)
    figures: list[Cell] = [Number(value, ".5g") for value in (mean, min(ours), max(ours), theirs)]
    figures.append(Number(100.0 * (theirs - mean) / abs(mean), "+.2f"))
    if len(ours) < LEAST:
        return [*figures, None, None]
    width = float(t.ppf(0.5 + SHARE / 2.0, len(ours) - 1)) * stdev(ours) * math.sqrt(1.0 + 1.0 / len(ours))
    interval = f"{mean - width:.5g} to {mean + width:.5g}"
    return [*figures, interval, "inside" if abs(theirs - mean) <= width else "outside"]


if __name__ == "__main__":
    sys.exit(main())
