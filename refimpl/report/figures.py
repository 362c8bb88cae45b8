"""Curves of a run by epoch: learning and sparsity."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refimpl.arrays import Array
from refimpl.report.drawing import (
    BLACK,
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    VERMILLION,
    column,
    draw_curve,
    epoch_axis,
    log_axis,
    new_figure,
    style_axes,
    value_axis,
)
from refimpl.report.records import Metric, best_row, kept_weights, metric_of, number
from refimpl.report.spread import Spread, spread
from refimpl.training.metrics import Row


def learning_curve(rows: Sequence[Row], evaluate_every: int = 1) -> Figure:
    """Train NLL and KL/N (nats per term), and the validation and test metric, by epoch.

    evaluate_every: epochs between evaluations; the curves of the metric join these.
    Errors: ValueError if there are no rows or they differ in their metric.
    """
    rows = list(rows)
    metric = metric_of(rows)
    epochs = column(rows, "epoch")
    figure = new_figure(4.8)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.0, 1.25))
    nll_axes, kl_axes = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    metric_axes = figure.add_subplot(grid[:, 1])

    nll = column(rows, "nll")
    draw_curve(nll_axes, epochs, nll, color=BLACK)
    style_axes(nll_axes, "Train NLL, noise on", "nats per term", "")
    value_axis(nll_axes, nll, log=False)

    kl = column(rows, "kl") / column(rows, "n_terms")
    weighted = kl * np.array([number(row.get("kl_weight", 1.0)) for row in rows])
    draw_curve(kl_axes, epochs, kl, color=BLACK, label="KL / N")
    if not np.array_equal(kl, weighted, equal_nan=True):
        draw_curve(kl_axes, epochs, weighted, color=VERMILLION, linestyle="--", label="weight · KL / N, as trained")
        kl_axes.legend(fontsize=9, frameon=False)
    style_axes(kl_axes, "KL / N", "nats per term")
    value_axis(kl_axes, np.concatenate([kl, weighted]), log=False)

    scored = [row for row in rows if row["epoch"] % evaluate_every == 0 or row is rows[-1]]
    _draw_metric(metric_axes, scored, metric, {"valid": "valid", "test": "test"})
    for axes in (nll_axes, kl_axes, metric_axes):
        epoch_axis(axes, epochs)
    return figure


def _draw_metric(axes: Axes, rows: list[Row], metric: Metric, keys: Mapping[str, str]) -> None:
    epochs = column(rows, "epoch")
    lines = {"valid": (BLUE, "-"), "test": (VERMILLION, "--")}
    for key, label in keys.items():
        color, style = lines[key]
        draw_curve(axes, epochs, metric.scale * column(rows, key), color=color, linestyle=style, label=label)
    best = best_row(rows)
    if best is not None:
        value = metric.scale * number(best["valid"])
        words = f"best valid, {value:,.{metric.decimals}f} at epoch {best['epoch']}"
        axes.plot([best["epoch"]], [value], "o", color="none", markeredgecolor=BLACK, markersize=9, label=words)
    style_axes(axes, "Validation and test, pruned means", metric.label)
    value_axis(axes, metric.scale * after_initialisation(rows, tuple(keys)), log=metric.log_axis)
    low, high = axes.get_ylim()
    for value in (metric.scale * number(row.get("valid")) for row in rows if row["epoch"] == 0):
        if not math.isnan(value) and not low <= value <= high:
            axes.plot([], [], " ", label=f"(valid at initialisation: {value:,.{metric.decimals}f}, outside)")
    axes.legend(fontsize=9, frameon=False)


def after_initialisation(rows: Sequence[Row], keys: Sequence[str]) -> Array:
    """The values that fix the limits; epoch 0 would flatten the rest, so it counts only beside fewer than two more."""
    trained = [row for row in rows if row["epoch"] > 0]
    return np.concatenate([column(trained if len(trained) > 1 else rows, key) for key in keys])


def sparsity_curve(rows: Sequence[Row]) -> Figure:
    """Share of weights kept in each matrix, words, neurons and gates kept, and compression, by epoch.

    Nothing kept has no place on a logarithmic axis: triangles at the edge stand for it.
    Errors: ValueError if there are no rows.
    """
    rows = list(rows)
    metric_of(rows)
    epochs = column(rows, "epoch")
    figure = new_figure(6.4)
    grid = figure.add_gridspec(2, 2)
    share_axes = figure.add_subplot(grid[0, :])
    group_axes, compression_axes = figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])

    names = list(dict.fromkeys(name for row in rows for name in row.get("kept") or {}))
    shares: list[tuple[Array, dict[str, object]]] = []
    for i, name in enumerate(names):
        counts = [(row.get("kept") or {}).get(name) for row in rows]
        look = {"color": COLOURS[i % len(COLOURS)]}
        shares.append((_share(counts, 1), look | {"linestyle": ":", "linewidth": 1.1, "markersize": 2.5}))
        shares.append((_share(counts, 0), look | {"label": name}))
    _draw_shares(share_axes, epochs, shares)
    style_axes(share_axes, "Weights kept (solid: propagated, dotted: raw)", "% of the matrix, log", "")

    groups = [("vocabulary", GREEN, "-"), ("neurons", BLUE, "--"), ("gates", VERMILLION, "-.")]
    held = [
        (_share([row.get(key) for row in rows], 0), {"color": c, "linestyle": s, "label": key}) for key, c, s in groups
    ]
    _draw_shares(group_axes, epochs, [(values, look) for values, look in held if np.isfinite(values).any()])
    style_axes(group_axes, "Structures kept", "%, log")

    draw_compression(compression_axes, [rows], "compression", 0, {"color": BLACK, "label": "propagated"})
    draw_compression(compression_axes, [rows], "compression_raw", 1, {"color": GREY, "linestyle": ":", "label": "raw"})
    fit_compression(compression_axes, [rows], ("compression", "compression_raw"))
    style_axes(compression_axes, "Compression, all / kept", "times, log")
    for axes in (share_axes, group_axes, compression_axes):
        epoch_axis(axes, epochs)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=9, frameon=False)
    if names:
        share_axes.legend(fontsize=9, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))  # beside the panel
    return figure


def _share(counts: Sequence[Sequence[int] | None], which: int) -> Array:
    """Percent of the total (the last of each count); NaN where nothing is counted."""
    return np.array([100.0 * c[which] / c[-1] if c and c[-1] else math.nan for c in counts], dtype=np.float64)


def _draw_shares(axes: Axes, epochs: Array, shares: Sequence[tuple[Array, Mapping[str, object]]]) -> None:
    everything = np.concatenate([values for values, _ in shares]) if shares else np.empty(0)
    positive = everything[everything > 0]
    nothing_kept = bool((everything == 0).any())
    if positive.size == 0 and not nothing_kept:
        value_axis(axes, positive, log=True)
        return
    low = float(positive.min()) if positive.size else 10.0
    floor, _ = log_axis(axes, low / 2.0 if nothing_kept else low, float(positive.max()) if positive.size else 100.0)
    for values, look in shares:
        draw_curve(axes, epochs, np.where(values > 0, values, math.nan), **look)
        if (values == 0).any():
            axes.plot(
                epochs[values == 0], np.full(int((values == 0).sum()), floor), "v", color=look["color"], clip_on=False
            )
    if nothing_kept:
        axes.plot([], [], "v", color=GREY, label="nothing kept")


def draw_compression(
    axes: Axes, seeds: Sequence[Sequence[Row]], key: str, which: int, look: Mapping[str, object]
) -> Spread:
    """The compression of a run, or of several seeds; where all weights are pruned, triangles at the upper edge."""
    shown = spread(seeds, lambda row: math.nan if all_pruned([row], which)[0] else number(row.get(key)))
    draw_spread(axes, shown, len(seeds), look)
    gone = spread(seeds, lambda row: float(all_pruned([row], which)[0])).high > 0
    if gone.any():
        top = axes.get_xaxis_transform()  # x in epochs, y as a part of the axis
        where = shown.epochs[gone]
        axes.plot(where, np.full(where.size, 0.97), "^", color=look["color"], transform=top, clip_on=False)
    return shown


def draw_spread(axes: Axes, shown: Spread, seeds: int, look: Mapping[str, object]) -> None:
    """The mean as a curve; of several seeds, what lies between the least and the greatest as a band."""
    if seeds > 1:
        axes.fill_between(shown.epochs, shown.low, shown.high, color=look["color"], alpha=0.18, linewidth=0.0)
    draw_curve(axes, shown.epochs, shown.mean, **look)


def fit_compression(axes: Axes, runs: Sequence[Sequence[Row]], keys: Sequence[str]) -> None:
    """Limits that hold the compressions of runs; the legend tells what a triangle is, if there is one."""
    gone = [all_pruned(rows, which) for rows in runs for which in range(len(keys))]
    values = np.concatenate([np.where(g, math.nan, column(r, k)) for (r, k), g in
                             zip([(r, k) for r in runs for k in keys], gone, strict=True)])  # fmt: skip
    value_axis(axes, values, log=True)
    if any(g.any() for g in gone):
        axes.plot([], [], "^", color=GREY, label="all weights pruned")


def all_pruned(rows: Sequence[Row], which: int) -> Array:
    """Epochs (bool, (N,)) at which weights are counted and none is kept; which: 0 propagated, 1 raw."""
    counts = [kept_weights(row) for row in rows]
    return np.array([count[2] > 0 and count[which] == 0 for count in counts], dtype=bool)
