"""``python -m validation.published.spread``: the authors' run among ours of several seeds.

Reads the records of ``validation.published.steps`` in ``validation/published/steps``, and writes the README.md there:
for each configuration and epoch the mean and range of our seeds, and whether the authors' figure lies where a further
run of ours would.
"""

import json
import math
import sys
from pathlib import Path
from statistics import fmean, stdev
from typing import TypeAlias

from scipy.stats import t

from refimpl.experiments.published_logs import Row, published_rows
from refimpl.report.tables import Cell, Number, Table, markdown_table
from refimpl.training.checkpoint import write_atomically

HERE = Path(__file__).parent / "steps"
SHARE = 0.95  # of further runs that lie within the interval
LEAST = 3  # seeds that say something of a spread
PAGE = """\
# The authors' run among ours of several seeds

Written by `python -m validation.published.spread` from the records in this folder, each made by
`python -m validation.published.steps EXPERIMENT --config CODE --seed SEED --epochs EPOCHS --out FILE`.

A seed sets the initial weights, the noise and, for characters, the order of the windows. The authors' seed gives other
numbers than ours, so their run and one of ours differ by chance even where every step is the same. *Expected*: where
{share:.0%} of further runs of ours would lie, from the mean and standard deviation over our seeds (Student's t; at
least {least} seeds).

{tables}
"""
Records: TypeAlias = dict[tuple[str, str], dict[int, list[Row]]]  # experiment and configuration: epoch: one row a seed
QUANTITIES = {
    "loss": "loss, nats",
    "norm_mean": "gradient norm, mean",
    "norm_max": "gradient norm, largest",
    "valid": "valid",
    "test": "test",
}


def main() -> int:
    """Write the page."""
    found = read(HERE)
    tables = "\n\n".join(f"## {name} {code}\n\n{markdown_table(table(name, code, found[name, code]))}"
                         for name, code in sorted(found))  # fmt: skip
    write_atomically(HERE / "README.md", PAGE.format(share=SHARE, least=LEAST, tables=tables).encode())
    return 0


def read(folder: Path) -> Records:
    """The epochs of all records. Errors: ValueError on two of one seed."""
    found: Records = {}
    seeds = set[tuple[str, str, int]]()
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        name, code, seed = (record["run"][key] for key in ("experiment", "configuration", "seed"))
        if (name, code, seed) in seeds:
            raise ValueError(f"{path}: expected one record of each seed, got a second one of {name} {code} seed {seed}")
        seeds.add((name, code, seed))
        for row in record["epochs"]:
            found.setdefault((name, code), {}).setdefault(row["epoch"], []).append(row)
    return found


def table(experiment: str, configuration: str, epochs: dict[int, list[Row]]) -> Table:
    """Each quantity of each epoch: our seeds, and the authors' figure among them."""
    logged = {row["epoch"]: row for row in published_rows(experiment, configuration)}
    rows: list[list[Cell]] = []
    for epoch in sorted(epochs.keys() & logged.keys()):
        theirs = logged[epoch]
        mean, largest = theirs["gradient_norm"]
        figures = {"loss": theirs["loss"], "norm_mean": mean, "norm_max": largest}
        figures |= {split: theirs[split] for split in ("valid", "test")}
        for quantity, words in QUANTITIES.items():
            ours = [row[quantity] for row in epochs[epoch]]
            rows.append([epoch, words, len(ours), *among(ours, figures[quantity])])
    columns = ("epoch", "", "seeds", "ours, mean", "lowest", "highest", "theirs", "off, %", "expected", "")
    return Table(columns, rows)


def among(ours: list[float], theirs: float) -> list[Cell]:
    """Mean, lowest, highest, theirs, their distance from our mean in per cent, the interval, and whether it has it."""
    mean = fmean(ours)
    figures: list[Cell] = [Number(value, ".6g") for value in (mean, min(ours), max(ours), theirs)]
    figures.append(Number(100.0 * (theirs - mean) / abs(mean), "+.2f"))
    if len(ours) < LEAST:
        return [*figures, None, None]
    width = float(t.ppf(0.5 + SHARE / 2.0, len(ours) - 1)) * stdev(ours) * math.sqrt(1.0 + 1.0 / len(ours))
    return [
        *figures,
        f"{mean - width:.5g} to {mean + width:.5g}",
        "inside" if abs(theirs - mean) <= width else "outside",
    ]


if __name__ == "__main__":
    sys.exit(main())
