"""The authors' epoch-by-epoch logs (S000, S003), in the form of our own rows of metrics.

``published/README.md`` says where they come from and what the columns are. A file that disagrees with itself is
refused: compression, sums and sparsities are computed again from the counts of every row.
"""

import csv
import math
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, NamedTuple, TypeAlias

from refimpl.arrays import check_choice

Row: TypeAlias = dict[str, Any]  # as refimpl.training.metrics.Row, and "loss" and "gradient_norm"


class Log(NamedTuple):
    """One file of ``published/``."""

    file: str
    experiment: str  # as the authors name it
    metric: str
    configurations: tuple[str, ...]
    epochs: range  # of every configuration


LM_CODES, TEXT_CODES = ("DCCD", "LCCL", "LCIL", "LCRL", "LLRL"), ("LCLCCL", "LLLCCL", "LLLCLL", "LLLLLL")
LOGS = {
    "imdb": Log("imdb.csv", "IMDB", "accuracy", TEXT_CODES, range(20, 801, 20)),
    "agnews": Log("agnews.csv", "AGNews", "accuracy", TEXT_CODES, range(5, 151, 5)),
    "char-ptb": Log("char_ptb.csv", "Char_PTB", "bits_per_char", LM_CODES, range(1, 251)),
    "word-ptb": Log("word_ptb.csv", "Word_PTB", "perplexity", LM_CODES, range(1, 151)),
}
MATRICES = {"emb_w": "embedding.W", "lstm_wx": "lstm.W_x", "lstm_wh": "lstm.W_h", "dense_w": "output.W"}
STRUCTURES = {"vocab": "vocabulary", "hidden": "neurons", "gates": "gates"}
PERCENT_DIGITS = 5.001e-5  # half a unit of the four decimals that are printed
RATIO_DIGITS = 1e-10  # the shortest compression has 12 digits


def published_configurations(experiment: str) -> tuple[str, ...]:
    """The configurations of which the authors published a log; none for an experiment that they have not."""
    return LOGS[experiment].configurations if experiment in LOGS else ()


def published_rows(experiment: str, configuration: str) -> list[Row]:
    """The epochs that the authors logged, in the form of our rows of metrics.

    Keys and units are those of ``metrics_row``: valid and test (accuracy a fraction), compression, kept for each matrix
    [after propagation, None, all], vocabulary, neurons and gates [kept, all], seconds of training. What the logs do not
    have is None: nll, kl, the counts and compressions by log alpha alone and at the fixpoint. Two keys more: loss, the
    mean over the epoch of NLL + KL / N in nats, with their KL that ends at -0.67 a weight; and gradient_norm, mean and
    largest over the steps of the epoch, before clipping.
    Errors: ValueError on an unknown experiment or configuration, or on a file that is damaged (file and line named).
    """
    check_choice("experiment", experiment, tuple(LOGS))
    log = LOGS[experiment]
    check_choice("configuration", configuration, log.configurations)
    text = files("refimpl.experiments").joinpath("published", log.file).read_text("utf-8")
    return parse_log(text, log)[configuration]


def parse_log(text: str, log: Log) -> dict[str, list[Row]]:
    """The rows of each configuration of a file.

    Errors: ValueError that names the line, or the configuration whose epochs are not the log's.
    """
    reader = csv.DictReader(text.splitlines(), strict=True)
    expected = tuple(columns("emb_w" in "".join(reader.fieldnames or ())))
    if tuple(reader.fieldnames or ()) != expected:
        raise ValueError(f"{log.file}: expected the columns {', '.join(expected)}; got {reader.fieldnames}")
    found: dict[str, list[Row]] = {code: [] for code in log.configurations}
    for line in reader:
        try:
            check_choice("config", line["config"], log.configurations)
            found[line["config"]].append(_row(line, log))
        except (TypeError, ValueError) as error:  # TypeError: a cell too few
            raise ValueError(f"{log.file}, line {reader.line_num}: {error}; restore the file") from error
    for code, rows in found.items():
        if [row["epoch"] for row in rows] != list(log.epochs):
            raise ValueError(f"{log.file}: expected epochs {log.epochs} of {code}, got {[r['epoch'] for r in rows]}")
    return found


def columns(embedding: bool) -> Iterator[str]:
    """The columns of a file in their order."""
    yield from ("experiment", "config", "epoch", "metric", "loss_mean_plus_kl", "train_first_batch_metric")
    yield from ("valid_metric", "test_metric", "compression", "w_left", "w_total")
    for name in MATRICES if embedding else list(MATRICES)[1:]:
        yield from (f"{name}_left", f"{name}_total", f"{name}_sparsity_pct")
    for name in ("vocab", "lstm_inputs", "hidden", "gates"):
        yield from (f"{name}_left", f"{name}_total")
    yield from ("grad_norm_max", "grad_norm_mean", "train_seconds", "test_seconds")


def _row(line: dict[str, str], log: Log) -> Row:
    if (line["experiment"], line["metric"]) != (log.experiment, log.metric):
        raise ValueError(f"expected {log.experiment} and {log.metric}, got {line['experiment']} and {line['metric']}")
    kept = {ours: _count(line, theirs) for theirs, ours in MATRICES.items() if f"{theirs}_left" in line}
    _check_derived(line, kept)
    return {
        "epoch": int(line["epoch"]),
        "nll": None,
        "kl": None,
        "loss": _number(line, "loss_mean_plus_kl"),
        "gradient_norm": [_number(line, "grad_norm_mean"), _number(line, "grad_norm_max")],
        "valid": _number(line, "valid_metric", log.metric),
        "test": _number(line, "test_metric", log.metric),
        "metric": log.metric,
        "compression": _number(line, "compression"),
        "compression_raw": None,
        "compression_fixpoint": None,
        "kept": {name: [left, None, total] for name, (left, total) in kept.items()},
        **{ours: list(_count(line, theirs)) for theirs, ours in STRUCTURES.items()},
        "seconds": _number(line, "train_seconds"),
    }


def _number(line: dict[str, str], name: str, metric: str = "") -> float:
    """A finite number; a metric also within what it can be, so that a fraction is no percentage."""
    value = float(line[name])
    most = 1.0 if metric == "accuracy" else math.inf
    if not math.isfinite(value) or (metric and not 0.0 < value <= most):
        raise ValueError(f"{name}: expected a finite number{f' that is an {metric}' if metric else ''}, got {value}")
    return value


def _count(line: dict[str, str], name: str) -> tuple[int, int]:
    left, total = int(line[f"{name}_left"]), int(line[f"{name}_total"])
    if not 0 <= left <= total:
        raise ValueError(f"{name}: expected 0 <= left <= total, got {left} of {total}")
    return left, total


def _check_derived(line: dict[str, str], kept: dict[str, tuple[int, int]]) -> None:
    """What follows from the counts: sums, compression, sparsities. Errors: ValueError that names the column."""
    left, total = (sum(count[i] for count in kept.values()) for i in range(2))
    agrees = {
        "w_left": int(line["w_left"]) == left,
        "w_total": int(line["w_total"]) == total,
        "compression": math.isclose(float(line["compression"]), total / left, rel_tol=RATIO_DIGITS),
    }
    for theirs, ours in MATRICES.items():
        if ours in kept:
            name, share = f"{theirs}_sparsity_pct", 100.0 * (1.0 - kept[ours][0] / kept[ours][1])
            agrees[name] = math.isclose(float(line[name]), share, rel_tol=0.0, abs_tol=PERCENT_DIGITS)
    wrong = [name for name, agreed in agrees.items() if not agreed]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: expected what the counts give, got {[line[name] for name in wrong]}")
