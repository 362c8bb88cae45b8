"""A run beside the authors' log of the same experiment and configuration: epochs aligned, and bounds, in numbers."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from refimpl.experiments.published_logs import LOGS, published_configurations, published_rows
from refimpl.report.records import RunRecord, metric_of, number
from refimpl.report.spread import common_epochs, spread
from refimpl.training.metrics import Row

SCORES, STRUCTURES = ("valid", "test"), ("vocabulary", "neurons", "gates")
ROUNDING = 1e-9  # of the way to a bound: a ratio computed in floats may stand just beyond the one that it is


class Aligned(NamedTuple):
    """One quantity at one epoch that both sides have; NaN where a side has no value."""

    epoch: int
    quantity: str
    ours: float  # mean over the seeds
    low: float  # least and greatest of the seeds
    high: float
    theirs: float

    @property
    def difference(self) -> float:
        """Ours minus theirs, in the unit of the quantity."""
        return self.ours - self.theirs

    @property
    def percent(self) -> float:
        """The difference in per cent of theirs."""
        return 100.0 * self.difference / self.theirs if self.theirs else math.nan


class Bound(NamedTuple):
    """How near ours is asked to be: low * theirs <= ours <= high * theirs, low below 1 and high above."""

    words: str
    quantities: tuple[str, ...]
    low: float
    high: float
    epochs: tuple[int, ...] | None = None  # None: every common epoch


class Verdict(NamedTuple):
    """Whether a bound holds for every seed at each of its epochs; None if a seed has yet to reach one."""

    bound: Bound
    holds: bool | None
    detail: str


LANGUAGE = (
    Bound("quality (valid and test) within 2 %", SCORES, 0.98, 1.02),
    Bound("compression within 10 %", ("compression",), 0.9, 1.1),
)
BOUNDS = {
    "word-ptb": LANGUAGE,
    "char-ptb": LANGUAGE,
    "imdb": (
        Bound("vocabulary within a factor 2 at epoch 60", ("vocabulary",), 0.5, 2.0, (60,)),
        Bound("neurons within a factor 2 at epoch 60", ("neurons",), 0.5, 2.0, (60,)),
        Bound("compression within a factor 2 at epoch 60", ("compression",), 0.5, 2.0, (60,)),
    ),
}
PRETRAINED = ("imdb", "agnews")  # where the authors' runs started from word vectors: the record says what ours did


def authors_rows(run: RunRecord) -> list[Row]:
    """The rows of the authors' log that a run is compared with. Errors: as ``published_rows``."""
    return published_rows(str(run.config.get("experiment")), str(run.config.get("configuration")))


def not_comparable(run: RunRecord) -> str | None:
    """Why a run cannot be laid over the authors' log; None if it can."""
    experiment, configuration, preset, start = (
        str(run.config.get(key)) for key in ("experiment", "configuration", "preset", "start")
    )
    if configuration not in published_configurations(experiment):
        return f"the authors published no log of {experiment} {configuration}"
    if preset != "paper":
        return f"the preset {preset} is not the authors' network, text and schedule; only the preset paper is"
    if start != "random" and experiment not in PRETRAINED:
        return f"it starts from {start}, the authors' run from random values"
    theirs = authors_rows(run)[0]
    if run.rows[0]["metric"] != LOGS[experiment].metric:
        return f"its metric is {run.rows[0]['metric']}, the authors' {LOGS[experiment].metric}"
    sizes = [{name: count[-1] for name, count in (row.get("kept") or {}).items()} for row in (run.rows[0], theirs)]
    if sizes[0] != sizes[1]:
        return f"its matrices have {sizes[0]} weights, the authors' {sizes[1]}"
    return None


def quantities(theirs: Row) -> tuple[str, ...]:
    """What is compared, in the order of the tables."""
    return (*SCORES, "compression", *theirs["kept"], *STRUCTURES)


def value(row: Row, quantity: str) -> float:
    """A quantity of a row, weights after propagation; NaN where there is none (as the compression of nothing kept)."""
    kept = {name: float(count[0]) for name, count in (row.get("kept") or {}).items()}
    if quantity == "compression" and kept and not any(kept.values()):
        return math.nan
    if quantity in (*SCORES, "compression"):
        return number(row.get(quantity))
    count = row.get(quantity)
    return float(count[0]) if count else kept.get(quantity, math.nan)


def shown_scale(row: Row, quantity: str) -> float:
    """What a stored value is multiplied with where people read it: accuracies are shown in per cent."""
    return metric_of([row]).scale if quantity in SCORES else 1.0


def align(runs: Sequence[Sequence[Row]], theirs: Sequence[Row]) -> list[Aligned]:
    """Every quantity at every epoch that all seeds and the authors have; epoch by epoch, in stored units."""
    shared = common_epochs([*runs, theirs])
    by_epoch = {row["epoch"]: row for row in theirs}
    found = []
    for quantity in quantities(theirs[0]):
        ours = spread(
            [[row for row in rows if row["epoch"] in shared] for rows in runs], partial(value, quantity=quantity)
        )
        for k, epoch in enumerate(shared):
            mean, low, high = (float(values[k]) for values in (ours.mean, ours.low, ours.high))
            found.append(Aligned(epoch, quantity, mean, low, high, value(by_epoch[epoch], quantity)))
    return sorted(found, key=lambda one: one.epoch)


def verdicts(runs: Sequence[RunRecord], theirs: Sequence[Row]) -> list[Verdict]:
    """Each bound of the experiment, for every seed at each of its epochs. Errors: IndexError if there are no runs."""
    bounds = BOUNDS.get(str(runs[0].config.get("experiment")), ())
    return [_verdict(bound, runs, theirs) for bound in bounds]


def _verdict(bound: Bound, runs: Sequence[RunRecord], theirs: Sequence[Row]) -> Verdict:
    ratios: list[tuple[float, str]] = []
    missing: list[str] = []  # seeds that have not reached any of its epochs
    for run in runs:
        before, by_epoch = len(ratios), {row["epoch"]: row for row in run.rows}
        for one in align([run.rows], theirs):
            wanted = one.quantity in bound.quantities and (bound.epochs is None or one.epoch in bound.epochs)
            if not wanted or (one.quantity in SCORES and not scored(run.config, by_epoch[one.epoch])):
                continue
            ratio = one.ours / one.theirs if one.theirs else math.nan
            ratios.append((ratio, f"{one.quantity} at epoch {one.epoch}, seed {run.config.get('seed')}"))
        if len(ratios) == before:
            missing.append(f"seed {run.config.get('seed')}")
    if not ratios:
        return Verdict(bound, None, "not reached yet")
    worst, where = max(ratios, key=lambda pair: _way(pair[0], bound))
    told = "no value" if math.isnan(worst) else f"{100.0 * (worst - 1.0):+z.2f} %"
    detail = f"farthest: {told}, {where}; {len(ratios)} compared"
    inside = _way(worst, bound) <= 1.0 + ROUNDING
    if inside and missing:
        return Verdict(bound, None, f"{detail}; not reached yet by {', '.join(missing)}")
    return Verdict(bound, inside, detail)


def _way(ratio: float, bound: Bound) -> float:
    """How far a ratio is on the way from 1 to the bound on its side, by logarithms: beyond 1 it is outside."""
    if math.isnan(ratio) or ratio <= 0.0:
        return math.inf
    return math.log(ratio) / math.log(bound.high if ratio >= 1.0 else bound.low)


def scored(config: dict[str, Any], row: Row) -> bool:
    """Whether a run evaluated in that row; there, a missing value is one that was not finite.

    config: what run.json says. A run that was prolonged is also evaluated where it says nothing of.
    """
    training, epoch = config.get("training") or {}, row["epoch"]
    due = epoch % int(training.get("evaluate_every", 1)) == 0 or epoch == training.get("epochs")
    return due or any(row.get(score) is not None for score in SCORES)
