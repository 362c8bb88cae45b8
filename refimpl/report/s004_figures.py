"""Figures 1 and 2 of S004 in their layout, from rows of metrics: quality and sparsity by epoch, by start.

The runs are those of the character model: labels as the paper has them, such as "VBD for $W^h$" or
"SparseVD (no dropout)".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refimpl.arrays import check_choice
from refimpl.report.drawing import COLOURS, column, draw_curve, epoch_axis, new_figure, style_axes, value_axis
from refimpl.report.figures import after_initialisation
from refimpl.report.records import metric_of
from refimpl.training.metrics import Row

RUNS = ("nodropout", "vbdforwh", "sparsevdrandom", "sparsevdnodropout", "sparsevdvbdforwh")  # of S004 Table 2
LINES = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1, 1, 1, 1, 1)))
MATRICES = {"output.W": "$W^y$", "lstm.W_x": "$W^x$", "lstm.W_h": "$W^h$"}  # in the order of Figure 2
COUNTS = {"propagated": 0, "raw": 1}  # where a row of metrics has them


def figure_1(random: Mapping[str, Sequence[Row]], pretrained: Mapping[str, Sequence[Row]]) -> Figure:
    """S004 Figure 1: prediction quality on the test set (bits per character) by epoch.

    Left: runs from random values. Right: runs from a pre-trained model; a star is this model, epoch 0 of the run that
    starts from it, weights past the threshold left out as at every epoch. Lower is better. Each panel has its own
    axis, for the right one covers a small part of the left.
    Errors: ValueError if there is no run, or their metrics differ.
    """
    runs = {**random, **pretrained}
    metric = metric_of([row for rows in runs.values() for row in rows])
    figure = new_figure(4.2)
    left, right = figure.subplots(1, 2)
    looks = _looks(list(runs))
    for axes, group, title in ((left, random, "From random values"), (right, pretrained, "From pre-trained models")):
        for label, rows in group.items():
            trained = [row for row in rows if row["epoch"] > 0]
            shown = trained if group is random else rows
            draw_curve(axes, column(shown, "epoch"), metric.scale * column(shown, "test"), **looks[label], label=label)
        style_axes(axes, title, metric.label)
        _epochs(axes, group)
    for label, rows in pretrained.items():
        start = [row for row in rows if row["epoch"] == 0]
        value = metric.scale * column(start, "test")
        colour = looks[label]["color"]
        right.plot(column(start, "epoch"), value, "*", color=colour, markersize=15, markeredgecolor="black", zorder=4)
    for axes, inside in (
        (left, [after_initialisation(rows, ("test",)) for rows in random.values()]),
        (right, [column(rows, "test") for rows in pretrained.values()]),
    ):
        value_axis(axes, metric.scale * np.concatenate([np.empty(0), *inside]), log=metric.log_axis)
    _legend(figure, (left, right))
    return figure


def figure_2(runs: Mapping[str, Sequence[Row]], count: str = "raw") -> Figure:
    """S004 Figure 2: sparsity of W_y, W_x and W_h (per cent of the weights that are zero) by epoch, a line a start.

    count: raw, by log alpha alone, as S004 says; or propagated, also what can have no effect.
    Errors: ValueError if there is no run, count is unknown, or a run does not count one of the matrices.
    """
    check_choice("count", count, tuple(COUNTS))
    metric_of([row for rows in runs.values() for row in rows])
    figure = new_figure(3.6)
    panels = figure.subplots(1, 3, sharey=True)
    looks = _looks(list(runs))
    for axes, (name, title) in zip(panels, MATRICES.items(), strict=True):
        for label, rows in runs.items():
            values = np.array([_sparsity(row, name, COUNTS[count], label) for row in rows])
            draw_curve(axes, column(rows, "epoch"), values, **looks[label], label=label)
        style_axes(axes, title, "sparsity (%)" if axes is panels[0] else "")
        _epochs(axes, runs)
    panels[0].set_ylim(-2.0, 102.0)
    _legend(figure, panels[:1])
    return figure


def _sparsity(row: Row, name: str, which: int, label: str) -> float:
    count = (row.get("kept") or {}).get(name)
    if count is None:
        raise ValueError(f"runs: {label}, epoch {row['epoch']}: expected a count of {name}, got {list(row['kept'])}")
    return 100.0 * (1.0 - float(count[which]) / float(count[-1]))


def _looks(labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour and a line style for each run, so that the colour alone does not have to tell them apart.

    The runs of S004 have the same look in both figures, however the label writes W^h.
    """
    plain = {label: re.sub(r"[^a-z]", "", label.lower()) for label in labels}
    places = list(dict.fromkeys([*RUNS, *plain.values()]))
    return {
        label: {"color": COLOURS[k % len(COLOURS)], "linestyle": LINES[k % len(LINES)]}
        for label, k in ((label, places.index(plain[label])) for label in labels)
    }


def _epochs(axes: Axes, runs: Mapping[str, Sequence[Row]]) -> None:
    if runs:
        epoch_axis(axes, np.concatenate([column(rows, "epoch") for rows in runs.values()]))


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    handles, labels = [], []
    for axes in panels:
        found = axes.get_legend_handles_labels()
        handles += found[0]
        labels += found[1]
    if len(panels) > 1 and any(line.get_marker() == "*" for line in panels[-1].get_lines()):
        handles += panels[-1].plot([], [], "*", color="white", markeredgecolor="black", markersize=12)
        labels.append("pre-trained model, pruned")
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9)
