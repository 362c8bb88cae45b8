"""What the papers claim, asked of the records of one preset: which claims hold at that scale.

A claim compares rows of the papers' tables. Each row's figure is the mean over its seeds at the epoch that the table
reports; the spread is from the lowest to the highest seed. A claim holds if the means are as claimed; where single
seeds say otherwise, that is said. Runs that are not finished, or not as the preset says, are not judged, nor is a claim
that would hold by a net of which nothing is left.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.paper_tables import TABLES, Row
from refimpl.training.problem import METRICS
from validation.reproductions.records import Record
from validation.reproductions.rows import Spread, is_empty, missing, spread

# "Without a significant quality drop" (S004): the largest drop from the original that a table prints is AG News, 90.6
# to 88.8 %.
DROP = 0.02


class Verdict(NamedTuple):
    """Whether a claim holds; None: it cannot be judged, figures says why."""

    claim: str
    holds: bool | None
    figures: str


def row_of(table: str, label: str) -> Row:
    """The row of a table by its label."""
    return next(row for row in TABLES[table].rows if row.label == label)


def quality(epoch: dict[str, Any]) -> float | None:
    """The metric on the test part."""
    return epoch["test"]


def kept_share(epoch: dict[str, Any]) -> float:
    """Share of the LSTM's and the output layer's weights that are kept by log alpha alone, as S004 counts."""
    kept = [epoch["kept"][name] for name in epoch["kept"] if name != "embedding.W"]
    return sum(count[1] for count in kept) / sum(count[2] for count in kept)


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
        return Verdict(claim, None, "; ".join(missing(row, records) for row, s in ((left, a), (right, b)) if s is None))

    def claimed(x: float, y: float) -> bool:
        return x > factor * y if order == "above" else x < factor * y

    holds = claimed(a.mean, b.mean)
    agreed = {claimed(x, y) for x in (a.low, a.high) for y in (b.low, b.high)} == {holds}
    words = f"{left.label}: {text(a)}; {right.label}: {text(b)}" + ("" if agreed else "; not by every pair of seeds")
    empty = [row.label for row in (left, right) if is_empty(row, records)]
    if holds and empty:
        return Verdict(claim, None, f"{words}; not judged: nothing is left of {' and '.join(empty)}")
    return Verdict(claim, holds, words)


def text(found: Spread) -> str:
    """Mean and range."""
    mean, low, high = (number(x) for x in found[:3])
    return f"{mean} (one seed)" if found.seeds == 1 else f"{mean} ({low} to {high}, {found.seeds} seeds)"


def number(value: float) -> str:
    """Four digits, and none lost of a whole number."""
    return "all pruned" if value > 1e9 else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def verdicts(records: Sequence[Record]) -> list[Verdict]:
    """Every claim, on the records of one preset."""
    found = []
    for task, table, original, sparse in QUALITY:
        a, b = row_of(table, sparse), row_of(table, original)
        higher = METRICS[EXPERIMENTS[a.experiment].metric] == "higher"
        claim = f"{task}: SparseVD loses at most {DROP:.0%} of the quality of the original"
        factor = 1.0 - DROP if higher else 1.0 + DROP
        found.append(compare(claim, a, b, records, quality, "above" if higher else "below", factor))
    vocabulary = row_of("emnlp2018-classification", "IMDb, SparseVD-Voc")
    words = spread(vocabulary, records, lambda e: e["vocabulary"][0])
    claim = "IMDb: vocabulary variables keep a few hundred words (100 to 999)"
    if words is None:
        found.append(Verdict(claim, None, missing(vocabulary, records)))
    else:
        few = [100 <= count < 1000 for count in words[:3]]  # mean, lowest, highest
        found.append(Verdict(claim, few[0], text(words) + ("" if len(set(few)) == 1 else "; not by every seed")))
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
