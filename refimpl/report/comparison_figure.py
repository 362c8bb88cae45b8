"""Several configurations of one experiment in one figure."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from refimpl.arrays import Array
from refimpl.report.drawing import COLOURS, column, epoch_axis, log_axis, new_figure, style_axes, value_axis
from refimpl.report.figures import after_initialisation, draw_compression, draw_spread, fit_compression
from refimpl.report.records import Metric, metric_of, number
from refimpl.report.spread import Spread, spread
from refimpl.training.metrics import Row

LEGEND_WIDTH, LEGEND_LINE = 110, 8  # in characters: the figure, and what stands before each label


def comparison(
    groups: Mapping[str, Sequence[Sequence[Row]]], evaluate_every: Mapping[str, int] | None = None
) -> Figure:
    """Several configurations of one experiment: validation and test metric and compression, by epoch and by each other.

    groups: for each configuration the rows of each seed; curves are means, bands lie between least and greatest.
    evaluate_every: epochs between evaluations, where these are not 1; the curves of the metric join them.
    Errors: ValueError if there are no runs or their metrics differ.
    """
    runs = [rows for seeds in groups.values() for rows in seeds]
    metric = metric_of([row for rows in runs for row in rows])
    figure = new_figure(6.6)
    (valid_axes, test_axes), (compression_axes, trade_axes) = figure.subplots(2, 2)
    reached = []
    for i, (label, seeds) in enumerate(groups.items()):
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": ("-", "--", ":")[i // len(COLOURS) % 3]}
        scored = _scored(seeds, (evaluate_every or {}).get(label, 1))
        draw_spread(valid_axes, _quality(scored, "valid", metric), len(seeds), look | {"label": label})
        test = _quality(scored, "test", metric)
        draw_spread(test_axes, test, len(seeds), look)
        compression = draw_compression(compression_axes, seeds, "compression", 0, look)
        trained = test.epochs > 0 if test.epochs.max() > 0 else np.isfinite(test.epochs)
        there = compression.mean[np.isin(compression.epochs, test.epochs[trained])]
        quality = test.mean[trained]
        reached.append(there)
        trade_axes.plot(there, quality, **look, linewidth=0.9, alpha=0.75)
        trade_axes.plot(there[-1:], quality[-1:], "o", color=look["color"], markersize=7)
    limits, beyond = _common_limits(groups, metric)
    for axes, title in [
        (valid_axes, f"Validation; leaves the panel: {', '.join(beyond)}" if beyond else "Validation"),
        (test_axes, "Test"),
        (trade_axes, "Test by compression; dot: last epoch"),
    ]:
        value_axis(axes, limits, log=metric.log_axis)
        style_axes(axes, title, metric.label)
    trade_axes.set_xlabel("compression, times, log")
    fit_compression(compression_axes, runs, ("compression",))
    if compression_axes.get_legend_handles_labels()[0]:
        compression_axes.legend(fontsize=9, frameon=False)
    style_axes(compression_axes, "Compression, all / kept, propagated", "times, log")
    finite = np.concatenate(reached)[np.isfinite(np.concatenate(reached))]
    if finite.size:
        log_axis(trade_axes, float(finite.min()), float(finite.max()), which="x")
    every_epoch = np.concatenate([column(rows, "epoch") for rows in runs])
    for axes in (valid_axes, test_axes, compression_axes):
        epoch_axis(axes, every_epoch)
    handles, labels = valid_axes.get_legend_handles_labels()
    columns = max(1, min(len(groups), LEGEND_WIDTH // (max(map(len, labels)) + LEGEND_LINE)))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False)
    return figure


def _scored(seeds: Sequence[Sequence[Row]], every: int) -> list[list[Row]]:
    return [[row for row in rows if row["epoch"] % every == 0 or row is rows[-1]] for rows in seeds]


def _quality(seeds: Sequence[Sequence[Row]], split: str, metric: Metric) -> Spread:
    return spread(seeds, lambda row: metric.scale * number(row.get(split)))


def _common_limits(groups: Mapping[str, Sequence[Sequence[Row]]], metric: Metric) -> tuple[Array, list[str]]:
    """Values that fix the limits of quality, and the configurations that go beyond them.

    A run that diverges or overfits without bound would flatten all others. Where values worse than every run's first
    trained epoch more than double the range, the limits end at the worst of these first epochs.
    """
    worse = -1.0 if metric.higher_is_better else 1.0
    show = np.log if metric.log_axis else np.asarray
    shown = {
        label: metric.scale
        * np.concatenate([after_initialisation(rows, (split,)) for split in ("valid", "test") for rows in seeds])
        for label, seeds in groups.items()
    }
    shown = {label: values[np.isfinite(values)] for label, values in shown.items()}
    firsts = [values[[0, len(values) // 2]] for values in shown.values() if values.size]  # of valid and of test
    everything = np.concatenate(list(shown.values()))
    if not firsts or (metric.log_axis and everything.min() <= 0.0):
        return everything, []
    bound = worse * float(np.max(worse * np.concatenate(firsts)))
    inside = everything[worse * everything <= worse * bound]
    if np.ptp(show(everything)) <= 2.0 * np.ptp(show(inside)):
        return everything, []
    return inside, [label for label, values in shown.items() if (worse * values > worse * bound).any()]
