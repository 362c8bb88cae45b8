"""The figure of a run over the authors': each panel has the quantity that it names, ours blue, theirs black."""

import numpy as np
import pytest

from refimpl.report.drawing import BLACK, BLUE, png_bytes
from refimpl.report.published_alignment import authors_rows
from refimpl.report.published_figure import deviations_text, published_figure

PANELS = {
    "Validation": "valid", "Test": "test", "Compression, all / kept": "compression",
    "embedding.W, weights kept": "embedding.W", "lstm.W_x, weights kept": "lstm.W_x",
    "lstm.W_h, weights kept": "lstm.W_h", "output.W, weights kept": "output.W",
    "Vocabulary": "vocabulary", "Neurons": "neurons", "Gates": "gates",
}  # fmt: skip


def panels(figure):
    return {PANELS[axes.get_title(loc="left")]: axes for axes in figure.axes}


def stored(row, name):
    """Straight from the row, in the unit of the axis."""
    if name in ("valid", "test"):
        return (100.0 if row["metric"] == "accuracy" else 1.0) * row[name]
    if name == "compression":
        return row[name]
    return (row["kept"][name] if "." in name else row[name])[0]


def curves(axes, colour):
    return [line for line in axes.get_lines() if line.get_color() == colour and line.get_xdata().size]


@pytest.mark.parametrize(("experiment", "code", "epochs"), [("imdb", "LLLCCL", 60), ("word-ptb", "LCIL", 12)])
def test_each_panel_has_both_curves(paper_run, experiment, code, epochs):
    def less(row):
        for key in ("valid", "test", "compression"):
            row[key] *= 0.97

    run = paper_run(experiment, code, epochs, less)
    theirs = authors_rows(run)
    figure = published_figure([run], theirs)
    found = panels(figure)
    assert len(found) == len(figure.axes) == (10 if experiment == "imdb" else 9)
    for name, axes in found.items():
        (black,), (blue,) = curves(axes, BLACK), curves(axes, BLUE)
        np.testing.assert_array_equal(black.get_xdata(), [row["epoch"] for row in theirs])
        np.testing.assert_allclose(black.get_ydata(), [stored(row, name) for row in theirs])
        np.testing.assert_array_equal(blue.get_xdata(), range(1, epochs + 1))
        np.testing.assert_allclose(blue.get_ydata(), [stored(row, name) for row in run.rows[1:]])
    png_bytes(figure)  # warnings are errors: nothing collapses


def test_seeds_are_thin_lines_and_their_mean(paper_run):
    runs = [
        paper_run("word-ptb", "LCCL", 6, lambda row, k=k: row.update(valid=row["valid"] + k), seed=k) for k in (0, 4)
    ]
    figure = published_figure(runs, authors_rows(runs[0]))
    first, second, mean = curves(panels(figure)["valid"], BLUE)
    np.testing.assert_allclose(second.get_ydata() - first.get_ydata(), 4.0)
    np.testing.assert_allclose(mean.get_ydata(), 0.5 * (first.get_ydata() + second.get_ydata()))
    assert max(first.get_linewidth(), second.get_linewidth()) < mean.get_linewidth()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["refimpl, mean of 2 seeds", "each seed", "the authors' run", "what is asked for"]


def test_quality_that_is_not_evaluated_leaves_no_gap(paper_run):
    def skip(row):
        if row["epoch"] % 20:
            row["valid"] = row["test"] = None

    run = paper_run(change=skip, training={"epochs": 60, "evaluate_every": 20})
    (blue,) = curves(panels(published_figure([run], authors_rows(run)))["valid"], BLUE)
    np.testing.assert_array_equal(blue.get_xdata(), [20, 40, 60])
    assert np.isfinite(blue.get_ydata()).all()


def test_epochs_are_logarithmic_where_one_side_would_be_squeezed(paper_run):
    for epochs, scale in ((15, "log"), (140, "linear")):
        run = paper_run("word-ptb", "LCCL", epochs)
        figure = published_figure([run], authors_rows(run))
        assert {axes.get_xscale() for axes in figure.axes} == {scale}
        low, high = figure.axes[0].get_xlim()
        assert low <= 1
        assert high >= 150


def test_bounds_are_bands_of_theirs(paper_run):
    run = paper_run("word-ptb", "LCCL", 6)
    theirs = authors_rows(run)
    band = panels(published_figure([run], theirs))["compression"].collections[0].get_paths()[0].vertices
    at_ten = sorted(set(band[np.isclose(band[:, 0], 10), 1]))
    np.testing.assert_allclose(at_ten, [0.9 * theirs[9]["compression"], 1.1 * theirs[9]["compression"]])
    run = paper_run()
    (bar,) = panels(published_figure([run], authors_rows(run)))["vocabulary"].collections[0].get_segments()
    np.testing.assert_allclose(bar, [[60, 0.5 * 919], [60, 2.0 * 919]])


def test_nothing_kept_is_a_triangle(paper_run):
    def empty(row):
        row["kept"]["output.W"] = [0, 0, 128]

    run = paper_run(change=empty)
    figure = published_figure([run], authors_rows(run))
    marks = [line for line in panels(figure)["output.W"].get_lines() if line.get_marker() == "v"]
    np.testing.assert_array_equal(marks[0].get_xdata(), range(1, 61))
    png_bytes(figure)


def test_a_run_that_has_not_begun_is_drawn(paper_run):
    run = paper_run(epochs=0)
    figure = published_figure([run], authors_rows(run))
    png_bytes(figure)
    assert all(not curves(axes, BLUE) for axes in figure.axes)


def test_deviations_stand_below(paper_run):
    run = paper_run(deviations=["the embedding starts from uniform values " + "and so on " * 30, "ids"])
    figure = published_figure([run], authors_rows(run))
    assert figure.get_supxlabel() == deviations_text(run)
    lines = deviations_text(run).splitlines()
    assert lines[0] == "Deviations from the authors' run:"
    assert lines[-1] == "- ids"
    assert max(map(len, lines)) <= 150
    assert deviations_text(paper_run()) == "Deviations from the authors' run: none known."
    del run.config["deviations"]
    assert deviations_text(run) == "Deviations from the authors' run: not recorded."
