"""``validation/RESULTS.md``: every table of the papers that is covered so far, beside what our runs gave.

    python -m validation.reproductions.results

Written from the committed records and from nothing else. A row without a record is shown as not yet run.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.paper_tables import TABLES, Figures, PaperTable, Row, command
from refimpl.experiments.published_logs import published_configurations, published_rows
from refimpl.report.tables import Table, markdown_table
from validation.reproductions.claims import number, verdicts
from validation.reproductions.figures import CHARACTERS_2017
from validation.reproductions.records import HERE, Record, read_all
from validation.reproductions.rows import records_of, reported, spread, unfinished, variants_of, zeros

PAGE = Path(__file__).parents[1] / "RESULTS.md"
NOT_RUN = "not yet run"
INTRODUCTION = """\
# Results

Written by `python -m validation.reproductions.results` from the [records of runs](reproductions/README.md); nothing
here is typed in. *Published* is what the paper prints; where a run of ours has not reached the paper's last epoch, the
authors' log at our epoch stands below it. *Ours* is validation / test, compression, vocabulary, neurons, gates, at the
epoch that is named; zeros are counted as the source counts, in S004's tables by log alpha alone, else after
propagation; curves over the authors' are in [published](published/README.md). What a run deviates in stands in
its record (`deviations`) and is printed when it starts.
"""
MINIATURE = """\
## In miniature

The same rows, code and data at the preset `mini`: minutes a run. Sizes and texts are cut, so the figures are not the
papers'; what can be asked is whether their claims hold at this scale. Mean over the seeds (lowest to highest).
"""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(read_all()))
    return 0


def page(records: Sequence[Record]) -> str:
    """The whole page."""
    of_preset = {name: [r for r in records if r.run["preset"] == name] for name in ("paper", "mini")}
    parts = [INTRODUCTION, "## At paper size\n"]
    parts += [paper_section(table, of_preset["paper"]) for table in TABLES.values()]
    parts += [MINIATURE, claims_section(of_preset["mini"])]
    parts += [mini_section(table, of_preset["mini"]) for table in TABLES.values()]
    return "\n".join(parts)


def paper_section(table: PaperTable, records: Sequence[Record]) -> str:
    """Published, ours, command: a row of the table each."""
    rows = [
        [row.label, published(row, records), ours(row, records), f"`{command(table.id, row, 'paper')}`"]
        for row in table.rows
    ]
    return section(f"### {table.title} ({table.source})", ["row", "published", "ours", "command"], rows)


def mini_section(table: PaperTable, records: Sequence[Record]) -> str:
    """The rows of a table at the preset mini."""
    columns = ["row", "weights a term", "seeds", "test", "compression", "vocabulary", "neurons", "gates", "zeros, %"]
    rows = [mini_row(r, records) for r in table.rows]
    return section(f"### {table.title} ({table.source}), in miniature", columns, rows) + pictures(table)


def pictures(table: PaperTable) -> str:
    """The committed figures of a table, with S004's own two for its characters."""
    names = [f"{table.id}-*.png", *(["s004-figure-*.png"] if table.id == CHARACTERS_2017 else [])]
    found = [path.name for name in names for path in sorted((HERE / "mini").glob(name))]
    return "".join(f"\n![{Path(name).stem}, curves by epoch](reproductions/mini/{name})\n" for name in found)


def mini_row(row: Row, records: Sequence[Record]) -> list[str]:
    """Means and ranges over the seeds of a row."""
    found = records_of(row, records)
    if not found:
        return [row.label, unfinished(row, records) or NOT_RUN, *[""] * 7]
    figures = [
        spread(row, records, lambda epoch: scaled(epoch, "test")),
        spread(row, records, lambda epoch: epoch["compression"]),
        *(spread(row, records, lambda epoch, name=name: float(epoch[name][0])) for name in COUNTS),
    ]
    shares = [zeros(row, epoch) for record in found if (epoch := reported(row, record)) is not None]
    means = {
        name: sum(of.get(name, 0.0) for of in shares) / len(shares)
        for name in MATRICES
        if any(name in of for of in shares)
    }
    cells = ["" if f is None else cell(f.mean, f.low, f.high) for f in figures]
    return [row.label, f"{found[0].run['weights_per_term']:.3g}", str(len(found)), *cells, shares_text(means, 1)]


DIGITS = {"accuracy": ".2f", "bits_per_char": ".3f", "perplexity": ".1f", "rmse": ".4f"}
COUNTS = ("vocabulary", "neurons", "gates")
MATRICES = {"embedding.W": "embedding", "lstm.W_x": "W_x", "lstm.W_h": "W_h", "output.W": "W_y"}  # as S004 names them


def cell(mean: float, low: float, high: float) -> str:
    """Mean, and the range where there is one."""
    return number(mean) if low == high else f"{number(mean)} ({number(low)} to {number(high)})"


def scaled(epoch: dict[str, Any], split: str) -> float | None:
    """Accuracies in per cent."""
    value = epoch[split]
    return 100.0 * value if value is not None and epoch["metric"] == "accuracy" else value


def shares_text(shares: dict[str, float], digits: int) -> str:
    """Zeros in per cent, each with the name of its matrix."""
    return ", ".join(f"{MATRICES[name]} {share:.{digits}f}" for name, share in shares.items())


def published(row: Row, records: Sequence[Record]) -> str:
    """What the paper prints, and the authors' log at the epoch of our run where that is an earlier one."""
    printed = printed_figures(row)
    if row.configuration not in published_configurations(row.experiment):
        return printed
    total = EXPERIMENTS[row.experiment].presets["paper"].options.epochs
    epochs = {epoch["epoch"] for r in variants_of(row, records) if (epoch := reported(row, r)) is not None} - {total}
    logs = [log for log in published_rows(row.experiment, row.configuration) if log["epoch"] in epochs]
    return printed + "".join(f"<br>log, epoch {log['epoch']}: {figures_of(row, log)}" for log in logs)


def printed_figures(row: Row) -> str:
    """The figures of a row as the source prints them."""
    f: Figures = row.published
    metric = EXPERIMENTS[row.experiment].metric
    digits = DIGITS[metric]
    scores = [
        f"{100.0 * s:.4g} %" if metric == "accuracy" else f"{s:{digits}}" for s in (f.valid, f.test) if s is not None
    ]
    parts = [" / ".join(scores)]
    parts += [] if f.compression is None else [f"{f.compression:,g}×"]
    counts = ((symbols(row), f.vocabulary), ("neurons", f.neurons), ("gates", f.gates))
    parts += [f"{count:,} {name}" for name, count in counts if count is not None]
    parts += (
        ["zeros " + ", ".join(f"{MATRICES[name]} {share:g}" for name, share in f.sparsity) + " %"] if f.sparsity else []
    )
    return ", ".join(parts) + (f" ({row.note})" if row.note else "")


def symbols(row: Row) -> str:
    """What the vocabulary of a row holds."""
    return "characters" if EXPERIMENTS[row.experiment].model == "characters" else "words"


def ours(row: Row, records: Sequence[Record]) -> str:
    """What our runs of a row reached."""
    lines = []
    total = EXPERIMENTS[row.experiment].presets["paper"].options.epochs
    for record in variants_of(row, records):
        epoch = reported(row, record)
        which = "best, " if row.which == "best" else ""
        link = f"[{record.name}](reproductions/paper/{record.name}.json)"
        if epoch is None:
            lines.append(f"epoch {record.rows[-1]['epoch']} (of {total}): not yet evaluated; {link}")
        else:
            lines.append(f"{which}epoch {epoch['epoch']} (of {total}): {figures_of(row, epoch)}; {link}")
    return "<br>".join(lines) or NOT_RUN


def figures_of(row: Row, epoch: dict[str, Any]) -> str:
    """An epoch's figures on one line."""
    digits = DIGITS[epoch["metric"]]
    scores = " / ".join("-" if (s := scaled(epoch, n)) is None else f"{s:{digits}}" for n in ("valid", "test"))
    if all(count[0] == count[2] for count in epoch["kept"].values()):
        return scores
    words = {"vocabulary": symbols(row)}
    counts = ", ".join(f"{epoch[name][0]:,} {words.get(name, name)}" for name in COUNTS)
    compression = "all pruned" if epoch["compression"] > 1e9 else f"{number(epoch['compression'])}×"
    return f"{scores}, {compression}, {counts}, zeros {shares_text(zeros(row, epoch), 2)} %"


def claims_section(records: Sequence[Record]) -> str:
    """Which of the papers' claims hold at the preset mini."""
    words = {True: "holds", False: "does not hold", None: "not judged"}
    rows = [[verdict.claim, words[verdict.holds], verdict.figures] for verdict in verdicts(records)]
    return section("### Do the claims hold at this scale?", ["claim", "", "figures"], rows)


def section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A heading and a Markdown table."""
    return f"{title}\n\n{markdown_table(Table(columns, rows))}\n"


if __name__ == "__main__":
    sys.exit(main())
