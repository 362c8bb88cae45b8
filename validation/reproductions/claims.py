"""What the papers claim, asked of the records of one preset: which claims hold at that scale.

A claim compares rows of the papers' tables. Each row's figure is the mean over its seeds at the epoch that the table
reports; the spread is from the lowest to the highest seed. A claim holds if the means are as claimed; where the two
ranges overlap, that is said.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from refimpl.experiments.paper_tables import TABLES, Row
from refimpl.training.metrics import best_row
from refimpl.training.problem import METRICS
from validation.reproductions.records import Record

# "Without a significant quality drop" (S004): the largest drop that a table prints is AG News, 90.6 to 88.8 %.
DROP = 0.02


class Spread(NamedTuple):
    """A figure over the seeds of a row."""

    mean: float
    low: float
    high: float
    seeds: int


class Verdict(NamedTuple):
    """Whether a claim holds; None: a row that it needs was not run."""

    claim: str
    holds: bool | None
    figures: str


def records_of(row: Row, records: Sequence[Record]) -> list[Record]:
    """The records of a row of a table, one a seed."""
    start = f"{row.experiment}-{row.start[0]}" if row.start else "random"
    return [
        record
        for record in records
        if (record.run["experiment"], record.run["configuration"]) == (row.experiment, row.configuration)
        and (record.run["start"] == start or (row.start and record.run["start"].startswith(start)))
    ]


def reported(row: Row, record: Record) -> dict[str, Any] | None:
    """The epoch that the table reports of a run: the last one, or the best of validation."""
    return record.rows[-1] if row.which == "last" else best_row(record.rows, record.rows[0]["metric"])


def spread(row: Row, records: Sequence[Record], value: Callable[[dict[str, Any]], float | None]) -> Spread | None:
    """A figure of a row over its seeds; None if there is none."""
    epochs = [reported(row, record) for record in records_of(row, records)]
    found = [number for epoch in epochs if epoch is not None and (number := value(epoch)) is not None]
    return Spread(sum(found) / len(found), min(found), max(found), len(found)) if found else None


def row_of(table: str, label: str) -> Row:
    """The row of a table by its label."""
    return next(row for row in TABLES[table].rows if row.label == label)


def quality(epoch: dict[str, Any]) -> float | None:
    """The metric on the test part."""
    return epoch["test"]


def kept_share(epoch: dict[str, Any]) -> float:
    """Share of the LSTM's and the output layer's weights that are kept."""
    kept = [epoch["kept"][name] for name in epoch["kept"] if name != "embedding.W"]
    return sum(count[0] for count in kept) / sum(count[2] for count in kept)


def compare(
    claim: str,
    left: Row,
    right: Row,
    records: Sequence[Record],
    value: Callable[..., float | None],
    order: str,
    factor: float = 1.0,
) -> Verdict:
    """Whether left's mean is "above" or "below" right's times a factor."""
    a, b = (spread(row, records, value) for row in (left, right))
    if a is None or b is None:
        return Verdict(claim, None, "not run")
    holds = a.mean > factor * b.mean if order == "above" else a.mean < factor * b.mean
    overlap = a.low <= b.high and b.low <= a.high
    words = f"{left.label}: {text(a)}; {right.label}: {text(b)}" + ("; the ranges overlap" if overlap else "")
    return Verdict(claim, holds, words)


def text(found: Spread) -> str:
    """Mean and range."""
    if found.seeds == 1:
        return f"{found.mean:.4g} (one seed)"
    return f"{found.mean:.4g} ({found.low:.4g} to {found.high:.4g}, {found.seeds} seeds)"


def verdicts(records: Sequence[Record]) -> list[Verdict]:
    """Every claim, on the records of one preset."""
    found = []
    for task, table, original, sparse in QUALITY:
        a, b = row_of(table, sparse), row_of(table, original)
        metric = next((r.rows[0]["metric"] for r in records_of(b, records)), "accuracy")
        higher = METRICS[metric] == "higher"
        claim = f"{task}: SparseVD loses at most {DROP:.0%} of the quality of the original"
        factor = 1.0 - DROP if higher else 1.0 + DROP
        found.append(compare(claim, a, b, records, quality, "above" if higher else "below", factor))
    words = spread(row_of("emnlp2018-classification", "IMDb, SparseVD-Voc"), records, lambda e: e["vocabulary"][0])
    claim = "IMDb: vocabulary variables keep a few hundred words (100 to 999)"
    found.append(
        Verdict(claim, None if words is None else 100 <= words.mean < 1000, "" if words is None else text(words))
    )
    for start in ("no dropout", "VBD for W_h"):
        pair = [row_of("workshop2017-characters", f"SparseVD ({name})") for name in (start, "random")]
        found.append(
            compare(f"Characters: a start from {start} gives better quality", *pair, records, quality, "below")
        )
        found.append(
            compare(f"Characters: a start from {start} keeps more weights", *pair, records, kept_share, "above")
        )
    imdb = row_of("emnlp2018-classification", "IMDb, SparseVD")
    for task in ("Char PTB", "Word PTB"):
        model = row_of("emnlp2018-generation", f"{task}, SparseVD")
        claim = f"{task}: the language model is compressed less than the IMDb classifier"
        found.append(compare(claim, model, imdb, records, lambda e: e["compression"], "below"))
    for task in ("IMDb", "Char PTB", "Word PTB"):
        pair = [row_of("structured", f"{task}, {groups}") for groups in ("W+G+N", "W")]
        claim = f"{task}: variables of gates and neurons (W+G+N) leave fewer gates than W"
        found.append(compare(claim, *pair, records, lambda e: e["gates"][0], "below"))
    return found


QUALITY = (
    ("IMDb", "emnlp2018-classification", "IMDb, Original", "IMDb, SparseVD"),
    ("Char PTB", "emnlp2018-generation", "Char PTB, Original", "Char PTB, SparseVD"),
    ("Word PTB", "emnlp2018-generation", "Word PTB, Original", "Word PTB, SparseVD"),
    ("Sentiment regression", "workshop2017-sentiment", "No dropout", "SparseVD (random)"),
)
