"""Pictures of parameters: what is pruned is white, a survivor in a large matrix is seen, histograms add up."""

import io

import numpy as np
import pytest
from PIL import Image

from refimpl.report.drawing import BLUE, png_bytes
from refimpl.report.parameter_figures import log_alpha_histogram, weight_matrix

D, H = 7, 5


def normal(*shape):
    return np.random.Generator(np.random.Philox(3)).standard_normal(shape)


def images(figure):
    """The image of each panel, without strips and colour bar."""
    panels = [axes for axes in figure.axes if axes.images and axes.get_title()]
    return [np.ma.filled(axes.images[0].get_array(), np.nan) for axes in panels]


def test_matrix_shows_means_and_leaves_pruned_weights_out():
    values, mask = normal(D, H), normal(D, H) > 0.0
    (shown,) = images(weight_matrix(values, mask))
    np.testing.assert_array_equal(shown, np.where(mask, values, np.nan))


def test_gates_stand_side_by_side_in_their_order():
    values, mask = normal(D, 4, H), np.ones((D, 4, H), bool)
    mask[:, 2, 1] = False
    figure = weight_matrix(values, mask, "lstm.W_x")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == ["i: 35 of 35 kept", "f: 35 of 35 kept", "g: 28 of 35 kept", "o: 35 of 35 kept"]
    for k, shown in enumerate(images(figure)):
        np.testing.assert_array_equal(shown, np.where(mask[:, k], values[:, k], np.nan))


def test_dead_rows_and_columns_are_counted_and_marked():
    mask = np.ones((D, H), bool)
    mask[[1, 4]] = False
    mask[:, 3] = False
    _, below, left, _ = weight_matrix(normal(D, H), mask).axes
    assert left.get_ylabel() == "rows: 2 of 7 dead"
    assert below.get_xlabel() == "columns: 1 of 5 dead"
    np.testing.assert_array_equal(np.asarray(left.images[0].get_array())[:, 0], [0, 1, 0, 0, 1, 0, 0])
    np.testing.assert_array_equal(np.asarray(below.images[0].get_array())[0], [0, 0, 0, 1, 0])


def test_a_survivor_in_a_large_matrix_is_seen():
    values, mask = np.full((3001, 1500), 0.5), np.zeros((3001, 1500), bool)
    mask[3000, 1499] = True
    values[3000, 1499] = -2.0
    (shown,) = images(weight_matrix(values, mask))
    assert shown.shape[0] < 700
    assert shown.shape[1] < 1100
    assert np.isfinite(shown).sum() == 1
    assert shown[-1, -1] == -2.0


def test_block_shows_the_largest_kept_weight():
    values, mask = np.zeros((1200, 3)), np.ones((1200, 3), bool)
    values[0, 0], values[1, 0] = -3.0, 2.0
    mask[0, 0] = False
    (shown,) = images(weight_matrix(values, mask))
    assert shown.shape[0] == 600
    assert shown[0, 0] == 2.0


@pytest.mark.parametrize(("shape", "kept"), [((1, 1), True), ((1, 4, 1), False), ((D, H), False)])
def test_extremes_are_drawn(shape, kept):
    figure = weight_matrix(np.zeros(shape), np.full(shape, kept))
    png = Image.open(io.BytesIO(png_bytes(figure))).convert("L")
    assert np.asarray(png, dtype=float).std() > 5.0


def test_wrong_mask_is_refused():
    with pytest.raises(ValueError, match="mask: expected shape"):
        weight_matrix(np.zeros((3, 4)), np.ones((4, 3), bool))
    with pytest.raises(ValueError, match="values: expected shape"):
        weight_matrix(np.zeros((3, 5, 2)), np.ones((3, 5, 2), bool))


def test_inputs_are_not_modified():
    values, mask = normal(D, H), np.ones((D, H), bool)
    values.flags.writeable = mask.flags.writeable = False
    log_alpha = normal(D, H)
    log_alpha.flags.writeable = False
    weight_matrix(values, mask)
    log_alpha_histogram({"W": log_alpha})


def test_histogram_counts_everything_and_splits_at_the_threshold():
    log_alpha = np.concatenate([normal(500) - 2.0, normal(300) + 8.0, [np.inf, 1e6, -1e6, 3.0]])
    axes = log_alpha_histogram({"lstm.W_x": log_alpha}, threshold=3.0).axes[0]
    assert axes.get_title(loc="left") == f"lstm.W_x\n{(log_alpha < 3.0).sum()} of 804 kept"
    shares = np.array([bar.get_height() for bar in axes.patches])
    kept = np.array([bar.get_x() < 3.0 - 1e-9 for bar in axes.patches])
    assert shares.sum() == pytest.approx(100.0)
    assert shares[kept].sum() == pytest.approx(100.0 * (log_alpha < 3.0).sum() / 804)  # 3.0 itself is pruned
    blue = [matplotlib_hex(bar.get_facecolor()) == BLUE for bar in axes.patches]
    assert blue == kept.tolist()


def matplotlib_hex(colour):
    return "#" + "".join(f"{round(255 * c):02X}" for c in colour[:3])


def test_histograms_share_one_axis_and_tell_of_nan():
    arrays = {"a": normal(50), "b": np.array([np.nan, np.inf, 1.0]), "c": np.full(4, np.inf), "d": normal(2, 4, 3)}
    figure = log_alpha_histogram(arrays)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left").split("\n")[0] for axes in shown] == list(arrays)
    assert len({axes.get_xlim() for axes in shown}) == 1
    assert shown[1].texts[0].get_text() == "NaN: 1\n+inf: 1"
    png_bytes(figure)


def test_histogram_of_nothing_is_refused():
    with pytest.raises(ValueError, match="log_alphas: expected at least one array"):
        log_alpha_histogram({})
