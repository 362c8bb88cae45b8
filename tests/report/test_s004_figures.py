"""Figures 1 and 2 of S004: which run is in which panel, stars at epoch 0, sparsity of the right matrix and count."""

import math

import numpy as np
import pytest

from refimpl.report.drawing import png_bytes
from refimpl.report.s004_figures import figure_1, figure_2

LABELS = ("No dropout", "VBD for $W^h$", "SparseVD (random)", "SparseVD (no dropout)", "SparseVD (VBD for $W^h$)")


def made(k, epochs=5):
    """Rows whose numbers tell the run (k), the epoch and the matrix."""
    rows = []
    for epoch in range(epochs + 1):
        kept = {
            name: [1000 - 100 * m - 10 * k - epoch - 5, 1000 - 100 * m - 10 * k - epoch, 1000]
            for m, name in enumerate(("lstm.W_x", "lstm.W_h", "output.W"))
        }
        score = 1.5 + 0.1 * k - 0.01 * epoch
        rows.append({"epoch": epoch, "metric": "bits_per_char", "valid": 9.0, "test": score, "kept": kept})
    return rows


RUNS = {label: made(k) for k, label in enumerate(LABELS)}


def both():
    return {label: RUNS[label] for label in LABELS[:3]}, {label: RUNS[label] for label in LABELS[3:]}


def lines(axes):
    return {line.get_label(): line for line in axes.get_lines() if line.get_label() in LABELS}


def test_figure_1_has_random_starts_left_and_pretrained_right():
    figure = figure_1(*both())
    left, right = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["From random values", "From pre-trained models"]
    assert [list(lines(axes)) for axes in (left, right)] == [list(LABELS[:3]), list(LABELS[3:])]
    for k, label in enumerate(LABELS):
        line = lines(left if k < 3 else right)[label]
        first = 1 if k < 3 else 0
        np.testing.assert_array_equal(line.get_xdata(), range(first, 6))
        np.testing.assert_allclose(line.get_ydata(), [row["test"] for row in RUNS[label][first:]])
    assert left.get_ylabel() == "bits per character"
    png_bytes(figure)


def test_stars_are_the_models_that_are_started_from():
    left, right = figure_1(*both()).axes
    stars = [line for line in right.get_lines() if line.get_marker() == "*" and len(line.get_xdata())]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in stars] == [
        (0, RUNS[label][0]["test"]) for label in LABELS[3:]
    ]
    assert [line.get_color() for line in stars] == [lines(right)[label].get_color() for label in LABELS[3:]]
    assert not [line for line in left.get_lines() if line.get_marker() == "*"]


def test_figure_2_has_a_panel_a_matrix():
    figure = figure_2({label: RUNS[label] for label in LABELS[2:]})
    titles = {"$W^y$": "output.W", "$W^x$": "lstm.W_x", "$W^h$": "lstm.W_h"}
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(titles)
    for axes in figure.axes:
        name = titles[axes.get_title(loc="left")]
        for label in LABELS[2:]:
            expected = [100.0 * (1 - row["kept"][name][1] / 1000) for row in RUNS[label]]
            np.testing.assert_allclose(lines(axes)[label].get_ydata(), expected, rtol=1e-12)
    png_bytes(figure)
    propagated = figure_2({LABELS[2]: RUNS[LABELS[2]]}, "propagated").axes[1]
    expected = [100.0 * (1 - row["kept"]["lstm.W_x"][0] / 1000) for row in RUNS[LABELS[2]]]
    np.testing.assert_allclose(lines(propagated)[LABELS[2]].get_ydata(), expected, rtol=1e-12)


def test_a_run_looks_the_same_in_both_figures():
    first, second = figure_1(*both()), figure_2({"SparseVD (VBD for W_h)": RUNS[LABELS[4]]})
    line = second.axes[0].get_lines()[0]
    same = lines(first.axes[1])[LABELS[4]]
    assert (line.get_color(), line.get_linestyle()) == (same.get_color(), same.get_linestyle())
    colours = {line.get_color() for axes in first.axes for line in lines(axes).values()}
    assert len(colours) == 5


def test_one_side_alone_and_gaps_are_drawn():
    random, pretrained = both()
    rows = [row | {"test": None if row["epoch"] in (0, 3) else row["test"]} for row in RUNS[LABELS[4]]]
    for figure in (figure_1(random, {}), figure_1({}, pretrained), figure_1({}, {LABELS[4]: rows})):
        png_bytes(figure)
    line = lines(figure.axes[1])[LABELS[4]]
    assert [math.isnan(value) for value in line.get_ydata()] == [True, False, False, True, False, False]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="expected one metric in all rows, got no rows"):
        figure_1({}, {})
    with pytest.raises(ValueError, match="count: expected one of 'propagated', 'raw'"):
        figure_2({"a": made(0)}, "fixpoint")
    with pytest.raises(ValueError, match=r"runs: a, epoch 0: expected a count of output\.W, got \['lstm\.W_x'\]"):
        figure_2({"a": [made(0)[0] | {"kept": {"lstm.W_x": [1, 1, 2]}}]})
