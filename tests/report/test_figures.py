"""Figures: what is drawn is what was recorded; one row, nothing kept and gaps neither fail nor warn."""

import io
import math

import numpy as np
import pytest
from PIL import Image

from refimpl.report.comparison_figure import comparison
from refimpl.report.drawing import new_figure, png_bytes, round_ticks, save_png, tick_text, to_data_uri
from refimpl.report.figures import learning_curve, sparsity_curve


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(png_bytes(figure))).convert("L"), dtype=float)


def lines(axes):
    """The curves of a panel by label, as (x, y)."""
    return {line.get_label(): tuple(np.asarray(line.get_data(), dtype=float)) for line in axes.get_lines()}


def test_learning_curve_shows_the_recorded_values(rows):
    nll_axes, kl_axes, metric_axes = learning_curve(rows).axes
    epochs, nll = next(iter(lines(nll_axes).values()))
    np.testing.assert_array_equal(epochs, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(nll, [math.nan] + [row["nll"] for row in rows[1:]])
    np.testing.assert_array_equal(lines(kl_axes)["KL / N"][1], [row["kl"] / 1000 for row in rows])
    np.testing.assert_array_equal(lines(metric_axes)["valid"][1], [row["valid"] for row in rows])
    np.testing.assert_array_equal(lines(metric_axes)["test"][1], [row["test"] for row in rows])
    assert metric_axes.get_ylabel() == "bits per character"
    assert nll_axes.get_ylabel() == "nats per term"


def test_learning_curve_marks_the_best_validation_epoch(make):
    make_row, _ = make
    rows = [make_row(epoch, 1.0, "accuracy", valid=v, test=v) for epoch, v in enumerate([0.9, 0.6, 0.8, 0.7])]
    panel = lines(learning_curve(rows).axes[2])
    assert "best valid, 80.00 at epoch 2" in panel  # the highest accuracy of the trained epochs
    np.testing.assert_allclose(panel["valid"][1], [90.0, 60.0, 80.0, 70.0])


def test_warm_up_shows_the_weighted_kl(make):
    make_row, _ = make
    rows = [make_row(epoch, 1.0, kl_weight=epoch / 4) for epoch in range(5)]
    panel = lines(learning_curve(rows).axes[1])
    expected = [epoch / 4 * row["kl"] / 1000 for epoch, row in enumerate(rows)]
    np.testing.assert_allclose(panel["weight · KL / N, as trained"][1], expected)


def test_initialisation_does_not_set_the_limits_and_is_stated(make):
    make_row, _ = make
    rows = [make_row(0, 1.0, "perplexity", valid=10012.0, test=10000.0)]
    rows += [make_row(epoch, 1.0, "perplexity", valid=130.0 - epoch, test=125.0) for epoch in range(1, 5)]
    axes = learning_curve(rows).axes[2]
    assert axes.get_ylim()[1] < 300.0
    assert any("10,012.00" in label for label in lines(axes))


def test_sparsity_curve_shows_shares_and_compression(rows):
    shares, groups, compression = sparsity_curve(rows).axes
    expected = [100 * row["kept"]["lstm.W_h"][0] / 100 for row in rows]
    np.testing.assert_allclose(lines(shares)["lstm.W_h"][1], expected)
    raw = [line.get_ydata() for line in shares.get_lines() if line.get_linestyle() == ":"]
    np.testing.assert_allclose(raw[1], [100 * row["kept"]["lstm.W_h"][1] / 100 for row in rows])
    np.testing.assert_allclose(lines(groups)["gates"][1], [100 * row["gates"][0] / 20 for row in rows])
    np.testing.assert_allclose(lines(compression)["propagated"][1], [row["compression"] for row in rows])
    np.testing.assert_allclose(lines(compression)["raw"][1], [row["compression_raw"] for row in rows])
    assert [axes.get_yscale() for axes in (shares, groups, compression)] == ["log"] * 3


def test_nothing_kept_is_marked_and_does_not_stretch_the_axis(rows, make):
    _, nothing_kept = make
    shares, _, compression = sparsity_curve([*rows, nothing_kept(5)]).axes
    assert "nothing kept" in lines(shares)
    assert "all weights pruned" in lines(compression)
    assert compression.get_ylim()[1] < 1e3  # not 2e10
    assert math.isnan(lines(compression)["propagated"][1][5])


@pytest.mark.parametrize(("metric", "count"), [("perplexity", 1), ("accuracy", 2)])
def test_few_rows_are_drawn(make, metric, count):
    make_row, nothing_kept = make
    full = [make_row(epoch, 1.0, metric) for epoch in range(count)]
    empty = [nothing_kept(epoch, metric=metric) for epoch in range(count)]
    for rows in (full, empty):
        for figure in (learning_curve(rows), sparsity_curve(rows), comparison({"a": [rows]})):
            assert pixels(figure).std() > 5.0


def test_missing_values_are_gaps(make):
    make_row, _ = make
    rows = [make_row(epoch, 0.5, test=None, valid=None if epoch == 2 else 1.5, kl=math.inf) for epoch in range(4)]
    rows[3] = rows[3] | {"vocabulary": None, "kept": {}, "compression": None}
    panel = lines(learning_curve(rows).axes[2])
    np.testing.assert_array_equal(panel["valid"][1], [1.5, 1.5, math.nan, 1.5])
    for figure in (learning_curve(rows), sparsity_curve(rows), comparison({"a": [rows], "b": [rows]})):
        assert pixels(figure).std() > 5.0


@pytest.mark.parametrize("length", [4, 24, 60])
def test_the_legend_of_a_comparison_stays_within_the_figure(rows, length):
    figure = comparison({f"{k} {'x' * length}": [rows] for k in range(5)})
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0.0
    assert box.x1 <= figure.bbox.x1


def test_comparison_joins_the_epochs_that_were_evaluated(make):
    """Of two seeds, evaluated in every second epoch and the last: a curve, a band, and the test by compression."""
    make_row, _ = make

    def seed(k):
        rows = [make_row(epoch, 1.0 / (1 + epoch), valid=2.0 + k - 0.1 * epoch) for epoch in range(6)]
        return [row if row["epoch"] in (0, 2, 4, 5) else row | {"valid": None, "test": None} for row in rows]

    seeds = [seed(0), seed(1)]
    valid, test, compression, trade = comparison({"LCCL": seeds}, {"LCCL": 2}).axes
    np.testing.assert_array_equal(valid.get_lines()[0].get_xdata(), [0, 2, 4, 5])
    np.testing.assert_allclose(valid.get_lines()[0].get_ydata(), [2.5, 2.3, 2.1, 2.0])
    assert np.isfinite(valid.collections[0].get_paths()[0].vertices).all()
    assert np.isfinite(test.get_lines()[0].get_ydata()).all()
    np.testing.assert_array_equal(compression.get_lines()[0].get_xdata(), range(6))
    kept = [seeds[0][epoch]["compression"] for epoch in (2, 4, 5)]
    np.testing.assert_allclose(trade.get_lines()[0].get_xdata(), kept)
    np.testing.assert_allclose(trade.get_lines()[0].get_ydata(), [seeds[0][epoch]["test"] for epoch in (2, 4, 5)])


def test_comparison_overlays_the_runs(rows, make):
    make_row, _ = make
    other = [make_row(epoch, 1.0, valid=2.0, test=2.5) for epoch in range(3)]
    valid, test, compression, trade = comparison({"LCCL": [rows], "DCCD": [other]}).axes
    np.testing.assert_array_equal(lines(valid)["LCCL"][1], [row["valid"] for row in rows])
    np.testing.assert_array_equal(lines(valid)["DCCD"][1], [2.0] * 3)
    np.testing.assert_array_equal(test.get_lines()[1].get_ydata(), [2.5] * 3)
    np.testing.assert_allclose(compression.get_lines()[0].get_ydata(), [row["compression"] for row in rows])
    assert trade.get_xscale() == "log"


def test_a_run_that_explodes_does_not_flatten_the_others(rows, make):
    make_row, _ = make
    wild = [make_row(epoch, 1.0, valid=2.0 + 30.0 * epoch, test=2.0) for epoch in range(5)]
    wild[1] = wild[1] | {"valid": 2.0}
    valid = comparison({"calm": [rows], "wild": [wild]}).axes[0]
    assert valid.get_ylim()[1] < 4.0
    assert valid.get_title(loc="left") == "Validation; leaves the panel: wild"


def test_different_metrics_are_refused(rows, make):
    make_row, _ = make
    with pytest.raises(ValueError, match="rows: expected one metric"):
        comparison({"a": [rows], "b": [[make_row(0, 1.0, "accuracy")]]})
    with pytest.raises(ValueError, match="no rows"):
        learning_curve([])


def test_png_is_whole_and_replaces_an_older_one(tmp_path):
    path = tmp_path / "deep" / "curve.png"
    path.parent.mkdir()
    path.write_bytes(b"old")
    figure = new_figure(1.0)
    figure.text(0.1, 0.1, "written")
    save_png(figure, path)
    with Image.open(path) as image:
        assert image.size[0] == 9 * 40
        assert image.convert("L").getextrema()[0] < 60
    assert [file.name for file in path.parent.iterdir()] == ["curve.png"]
    assert to_data_uri(figure).startswith("data:image/png;base64,iVBORw0KGgo")
    assert png_bytes(figure) == path.read_bytes()


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (3.0, 40.0, [2, 5, 10, 20, 50]),
        (1.0, 1.0, [0.5, 1, 2]),
        (0.02, 0.02, [0.01, 0.02, 0.05]),
        (100.0, 400.0, [100, 200, 500]),
    ],
)
def test_round_ticks_enclose_the_values(low, high, ticks):
    assert round_ticks(low, high) == ticks


def test_tick_text():
    told = {0.0002: "0.0002", 0.5: "0.5", 2.0: "2", 20000.0: "20,000", 5e6: "5e6", 1e-7: "1e-7"}
    assert {tick: tick_text(tick) for tick in told} == told


def test_epochs_without_evaluation_are_no_gaps(make):
    make_row, _ = make
    rows = [make_row(k, 1.0, **({} if k % 4 == 0 else {"valid": None, "test": None})) for k in range(10)]
    panel = lines(learning_curve(rows, 4).axes[2])
    np.testing.assert_array_equal(panel["valid"][0], [0, 4, 8, 9])  # the last one is always evaluated
    np.testing.assert_array_equal(panel["test"][1], [rows[0]["test"], rows[4]["test"], rows[8]["test"], math.nan])


def test_a_point_between_gaps_is_seen(make):
    make_row, _ = make
    rows = [make_row(k, 1.0, valid=2.0 if k == 50 or k > 60 else None) for k in range(200)]
    line = learning_curve(rows).axes[2].get_lines()[0]
    assert line.get_marker() == "o"
    rows[50]["valid"] = None
    assert learning_curve(rows).axes[2].get_lines()[0].get_marker() == "None"
