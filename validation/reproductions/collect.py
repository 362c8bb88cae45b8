"""Turn run folders into records, and write the table of all records.

    python -m validation.reproductions.collect [RUN_FOLDER ...]

A run folder is what ``refimpl reproduce --out`` writes. ``--as NAME`` after a folder gives its record that name. The
table checks what the preset ``small`` is meant to show.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refimpl.report.drawing import save_png
from refimpl.report.figures import learning_curve, sparsity_curve
from refimpl.training.metrics import best_row
from validation.reproductions import records, results
from validation.reproductions.records import HERE, Record, from_folder, read_all

CHANCE = {"accuracy": 0.5}
PICTURED = ("paper", "small", "smoke", "warmup")  # runs of mini are many, and shown together


def main(arguments: list[str]) -> int:
    """Write the records; 1 if a run of the preset small does not show what it should, 2 on a folder that is no run."""
    try:
        for folder, name in named(arguments).items():
            store(from_folder(Path(folder)), name)
    except (OSError, ValueError) as error:
        print(f"python -m validation.reproductions.collect: {error}", file=sys.stderr)
        return 2
    found = read_all()
    (HERE / "README.md").write_text(page(found))
    results.main()
    return int(not all(all(of_run.values()) for of_run in small_checks(found).values()))


def named(arguments: Sequence[str]) -> dict[str, str | None]:
    """The name asked for of each folder; None: the record's own.

    Errors: ValueError on --as without a folder before it or a name after it.
    """
    found: dict[str, str | None] = {}
    folder = None
    words = iter(arguments)
    for word in words:
        if word != "--as":
            found[word], folder = None, word
            continue
        name = next(words, None)
        if folder is None or name is None:
            raise ValueError("--as: expected RUN_FOLDER --as NAME")
        found[folder], folder = name, None
    return found


def small_checks(found: Sequence[Record]) -> dict[str, dict[str, bool]]:
    """What each run of the preset small shows."""
    return {r.name: checks(r.run, r.rows) for r in found if r.run["preset"] == "small"}


def page(found: Sequence[Record]) -> str:
    """The table of all records, and what the preset small shows."""
    table = "\n".join([HEADER, *map(table_row, found)])
    lines = [
        f"* {name}: " + "; ".join(f"{what}: {'yes' if ok else 'NO'}" for what, ok in of_run.items())
        for name, of_run in small_checks(found).items()
    ]
    return PAGE.format(table=table, checks="\n".join(lines))


def store(record: Record, name: str | None) -> None:
    """A record, and its learning and sparsity curves."""
    records.write(record, name)
    if record.run["preset"] in PICTURED:
        out = HERE / record.run["preset"] / (name or record.name)
        save_png(learning_curve(record.rows), out.with_name(f"{out.name}-learning.png"))
        save_png(sparsity_curve(record.rows), out.with_name(f"{out.name}-sparsity.png"))


COLUMNS = (
    *("run", "weights a term", "epochs", "best epoch", "valid / test at the best", "valid / test at the last"),
    *("compression (raw)", "words", "neurons", "gates", "minutes", "peak MiB"),
)
HEADER = f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}"

PAGE = """\
# Runs

Records of `refimpl reproduce`: configuration, environment, fingerprint of the data, and the metrics of every epoch as
JSON and CSV; learning and sparsity curves as they are. Written by
`python -m validation.reproductions.collect RUN_FOLDER ...`. The command of a row is
`refimpl reproduce EXPERIMENT --config CODE --preset PRESET --data DIR`, with `--seed` and `--start` as the name says.
What the records say of the papers' tables stands in [RESULTS.md](../RESULTS.md).

Quality is bits per character, perplexity, accuracy (%) or RMSE, of pruned means; compression after propagation (in
brackets: by log alpha alone); "best" is the best validation epoch, which is what the papers' "Original" rows report.
Minutes are of training alone, on two shared cores that had other work: an upper bound. Peak memory is that of the
process, data and evaluation included. The preset
`warmup` is IMDb with 5,000 texts and learning rate 0.002: with the KL brought in from epoch 6 to 20, and the same with
`--kl-weight 1 --epochs 20`, where the net is emptied before it has learned (S004 section 4 on random starts).

The imdb rows of preset `small` were trained for 30 epochs, as their JSON says, and cut after epoch 25, the length of
the preset now; a rerun of LLLCCL gave the first two epochs bit for bit.

{table}

What the preset `small` is meant to show, and whether it does:

{checks}
"""


def table_row(record: Record) -> str:
    """One run as a row of the table."""
    rows = record.rows
    best, last = best_row(rows, rows[0]["metric"]), rows[-1]
    peaks = [row["peak_mib"] for row in rows if row.get("peak_mib")]
    cells = [
        f"[{record.name}]({record.run['preset']}/{record.name}.json) ({record.run['preset']})",
        f"{record.run['weights_per_term']:.3g}",
        str(last["epoch"]),
        "-" if best is None else str(best["epoch"]),
        "-" if best is None else scores(best),
        scores(last),
        f"{compression(last['compression'])} ({compression(last['compression_raw'])})",
        *("/".join(f"{n:,}" for n in last[what]) for what in ("vocabulary", "neurons", "gates")),
        f"{sum(row['seconds'] for row in rows) / 60:.1f}",
        f"{max(peaks):,.0f}" if peaks else "-",
    ]
    return "| " + " | ".join(cells) + " |"


def scores(row: dict[str, Any]) -> str:
    """Validation and test metric."""
    scale, digits = (100.0, 1) if row["metric"] == "accuracy" else (1.0, 4 if row["metric"] == "rmse" else 3)
    return " / ".join("-" if row[s] is None else f"{scale * row[s]:.{digits}f}" for s in ("valid", "test"))


def compression(value: float) -> str:
    """A ratio; a model of which nothing is left has none."""
    return "all pruned" if value > 1e9 else f"{value:.4g}"


def checks(record: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, bool]:
    """What a run of the preset small should show."""
    trained = rows[1:]
    quarter = max(len(trained) // 4, 1)
    mean = [math.fsum(row["nll"] for row in part) / quarter for part in (trained[:quarter], trained[-quarter:])]
    best = best_row(rows, rows[0]["metric"])
    assert best is not None  # every run of this preset is evaluated
    found = {"training NLL of the last quarter below the first": mean[1] < mean[0]}
    if record["experiment"] == "char-ptb":
        found["best valid 10 % fewer bits than epoch 1"] = best["valid"] <= 0.9 * trained[0]["valid"]
    if record["experiment"] == "imdb":
        floor = max(trained[0]["valid"], CHANCE["accuracy"])
        found["best valid 5 points above epoch 1 and chance"] = best["valid"] >= floor + 0.05
    if "L" in record["configuration"]:
        pruned = [sum(total - raw for _, raw, total in row["kept"].values()) for row in (rows[0], rows[1], rows[-1])]
        found["more pruned than before training and after epoch 1"] = pruned[2] > max(pruned[:2])
        if record["experiment"] == "char-ptb":
            gain = rows[-1]["compression"] / rows[0]["compression"]
            found["1.5 times as compressed as before training"] = gain >= 1.5
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
