"""A run drawn over the authors' log: a panel a quantity, ours in blue, theirs in black, bounds as grey bands."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.ticker import StrMethodFormatter

from refimpl.arrays import Array
from refimpl.report.drawing import (
    BLACK,
    BLUE,
    GREY,
    draw_curve,
    epoch_axis,
    log_axis,
    new_figure,
    style_axes,
    value_axis,
)
from refimpl.report.published_alignment import BOUNDS, SCORES, Bound, quantities, scored, shown_scale, value
from refimpl.report.records import Metric, RunRecord, metric_of
from refimpl.report.spread import spread
from refimpl.training.metrics import Row

PANEL_HEIGHT, LINE_HEIGHT = 1.9, 0.14  # inches
FAR_APART, WIDE = 3, 5  # ratios of last epochs, and of values, that take a logarithmic axis
BAND = "#d9d9d9"
TITLES = {"valid": "Validation", "test": "Test", "compression": "Compression, all / kept"}


def published_figure(runs: Sequence[RunRecord], theirs: Sequence[Row]) -> Figure:
    """Quality, compression, kept weights of each matrix, vocabulary, neurons and gates, by epoch, ours over theirs.

    Each seed is a thin line, their mean (at the epochs that all have) a thick one. All epochs after the first are
    drawn, also those that one side alone has; the initialisation (epoch 0) is not, for the logs have none. What the
    runs deviate in stands below the panels.
    Errors: ValueError if there are no runs or their metrics differ.
    """
    metric = metric_of([row for run in runs for row in run.rows])
    names = quantities(theirs[0])
    deviations = deviations_text(runs[0])
    lines = -(-len(names) // 2)
    figure = new_figure(0.9 + PANEL_HEIGHT * lines + LINE_HEIGHT * deviations.count("\n"))
    bounds = {
        name: bound for bound in BOUNDS.get(str(runs[0].config.get("experiment")), ()) for name in bound.quantities
    }
    panels: dict[str, Axes] = {}
    for name, place in zip(names, _places(figure, len(names)), strict=True):
        panels[name] = figure.add_subplot(place, sharex=panels.get("valid"))
        _panel(panels[name], name, [_drawn_rows(run, name) for run in runs], theirs, metric, bounds.get(name))
    _epochs(panels["valid"], [row["epoch"] for run in runs for row in run.rows if row["epoch"] > 0], theirs)
    for axes in panels.values():
        last = axes in list(panels.values())[-2:]
        across = len(names) % 2 == 1 and axes is panels["compression"]  # its ticks stand elsewhere than those below
        axes.tick_params(labelbottom=last or across)
        axes.set_xlabel("" if not last else "epoch" if axes.get_xscale() == "linear" else "epoch, log")
    figure.align_ylabels()
    _legend(figure, runs, bool(bounds))
    figure.supxlabel(deviations, fontsize=8, x=0.01, ha="left", color=GREY)
    return figure


def _places(figure: Figure, count: int) -> list[SubplotSpec]:
    """Places in two columns; of an odd number the third, compression, is two columns wide."""
    grid = figure.add_gridspec(-(-count // 2), 2)
    cells = [grid[k // 2, k % 2] for k in range(2 * (-(-count // 2)))]
    return [*cells[:2], grid[1, :], *cells[4:]] if count % 2 else cells


def _drawn_rows(run: RunRecord, name: str) -> list[Row]:
    """The epochs after the initialisation; of quality, those at which it was evaluated."""
    return [row for row in run.rows if row["epoch"] > 0 and (name not in SCORES or scored(run.config, row))]


def deviations_text(run: RunRecord, width: int = 150) -> str:
    """What the run deviates in from the authors', as lines of text."""
    told = run.config.get("deviations")
    if told is None:
        return "Deviations from the authors' run: not recorded."
    if not told:
        return "Deviations from the authors' run: none known."
    lines = [textwrap.fill(f"- {one}", width, subsequent_indent="  ") for one in told]
    return "\n".join(["Deviations from the authors' run:", *lines])


def _panel(
    axes: Axes, name: str, seeds: Sequence[Sequence[Row]], theirs: Sequence[Row], metric: Metric, bound: Bound | None
) -> None:
    scale = shown_scale(theirs[0], name)
    epochs = np.array([row["epoch"] for row in theirs], dtype=np.float64)
    published = scale * np.array([value(row, name) for row in theirs])
    ours = [scale * value(row, name) for rows in seeds for row in rows]
    log = metric.log_axis if name in SCORES else _wide([*published, *ours])
    everything = [published]
    if bound is not None:
        at = np.isin(epochs, bound.epochs) if bound.epochs is not None else np.full(epochs.shape, True)
        everything += _band(axes, epochs[at], published[at], bound)
    # above ours, which would hide it where the two agree
    draw_curve(axes, epochs, published, color=BLACK, linestyle="--", linewidth=1.3, marker=None, zorder=3)
    for rows in seeds if len(seeds) > 1 else ():
        everything.append(_ours(axes, [rows], name, scale, log, {"linewidth": 0.7, "alpha": 0.6, "marker": None}))
    everything.append(_ours(axes, seeds, name, scale, log, {"linewidth": 1.8, "markersize": 3.5}))
    value_axis(axes, np.concatenate(everything), log=log)
    if not log and name not in SCORES:
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    words = metric.label if name in SCORES else "times" if name == "compression" else "kept"
    title = TITLES.get(name, f"{name}, weights kept" if "." in name else name.capitalize())
    style_axes(axes, title, f"{words}, log" if log else words)


def _wide(values: Sequence[float]) -> bool:
    """Whether a logarithmic axis is needed to see the small ones."""
    there = [x for x in values if x > 0.0]
    return bool(there) and max(there) > WIDE * min(there)


def _ours(
    axes: Axes, seeds: Sequence[Sequence[Row]], name: str, scale: float, log: bool, look: dict[str, object]
) -> Array:
    if not all(seeds):
        return np.empty(0)
    shown = spread(seeds, lambda row: scale * value(row, name))
    drawn = np.where(shown.mean > 0.0, shown.mean, math.nan) if log else shown.mean
    draw_curve(axes, shown.epochs, drawn, color=BLUE, **look)
    gone = shown.epochs[shown.mean == 0.0]
    if log and gone.size:  # nothing kept has no place on a logarithmic axis: triangles at its lower edge
        axes.plot(gone, np.full(gone.size, 0.03), "v", color=BLUE, transform=axes.get_xaxis_transform(), clip_on=False)
    return drawn


def _band(axes: Axes, epochs: Array, published: Array, bound: Bound) -> list[Array]:
    """Grey from the lower to the upper bound; a bar where the bound is asked for at one epoch."""
    low, high = bound.low * published, bound.high * published
    if epochs.size == 1:
        axes.vlines(epochs, low, high, color=BAND, linewidth=8.0)
    else:
        axes.fill_between(epochs, low, high, color=BAND, linewidth=0.0)
    return [low, high]


def _epochs(axes: Axes, ours: Sequence[int], theirs: Sequence[Row]) -> None:
    """The common axis of epochs; logarithmic where one side ends so early that it would be squeezed into a corner."""
    every = [*ours, *(row["epoch"] for row in theirs)]
    lasts = [max(ours, default=1), theirs[-1]["epoch"]]
    if max(lasts) >= FAR_APART * min(lasts):
        log_axis(axes, min(every), max(every), which="x", most=9)
    else:
        epoch_axis(axes, np.array(every, dtype=np.float64))


def _legend(figure: Figure, runs: Sequence[RunRecord], bounds: bool) -> None:
    several = len(runs) > 1
    axes = figure.axes[0]
    handles: list[Artist] = [*axes.plot([], [], color=BLUE, linewidth=1.8)]
    labels = [f"refimpl, mean of {len(runs)} seeds" if several else f"refimpl, seed {runs[0].config.get('seed')}"]
    if several:
        handles += axes.plot([], [], color=BLUE, linewidth=0.7, alpha=0.6)
        labels.append("each seed")
    handles += axes.plot([], [], color=BLACK, linestyle="--", linewidth=1.3)
    labels.append("the authors' run")
    if bounds:
        handles.append(axes.fill_between([], [], color=BAND))
        labels.append("what is asked for")
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=9)
