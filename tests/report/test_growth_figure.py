"""The figure of growth draws what was measured."""

import numpy as np
import pytest
from PIL import Image

from refimpl.benchmarks.summary import summarise
from refimpl.benchmarks.workloads import GROWTH, GROWTH_CENTRE, find_workloads
from refimpl.report.growth_figure import growth_figure, save_growth_figure


def make_record(counts=(1, 2)):
    """refimpl's seconds are T, B or H over the number of threads, PyTorch's ten times that."""
    rows = []
    for workload in find_workloads(GROWTH, "tiny"):
        size = workload.steps * workload.batch * workload.hidden
        for threads in counts:
            times = {"refimpl": size / threads, "torch": 10.0 * size / threads}
            contenders = {
                name: {"blocks": [{"wall": t, "cpu": t, "others": 0.0}], "peak_mb": 1.0} for name, t in times.items()
            }
            row = {"workload": workload._asdict(), "threads": threads, "contenders": summarise(contenders, 0.15)}
            rows.append(row)
    return {"growth_centre": GROWTH_CENTRE["tiny"]._asdict(), "rows": rows}


def test_a_panel_a_size_and_a_curve_a_contender():
    figure = growth_figure(make_record())
    assert [axes.get_xlabel() for axes in figure.axes] == ["time steps T", "objects B", "hidden units H"]
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["B 3, H 7", "T 5, H 7", "T 5, B 3"]
    steps = {line.get_label(): line for line in figure.axes[0].lines}
    assert list(steps) == [f"{name}, threads {threads}" for threads in (1, 2) for name in ("refimpl", "torch")]
    np.testing.assert_array_equal(steps["torch, threads 2"].get_xdata(), [4, 5, 8])
    np.testing.assert_array_equal(steps["torch, threads 2"].get_ydata(), 5.0 * 3 * 7 * np.array([4, 5, 8]))
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), [35.0, 105.0])
    for axes in figure.axes:
        low, high = axes.get_ylim()
        assert all(low <= y <= high for line in axes.lines for y in line.get_ydata())
        left, right = axes.get_xlim()
        assert all(left <= x <= right for line in axes.lines for x in line.get_xdata())


def test_one_number_of_threads_is_not_named():
    assert [line.get_label() for line in growth_figure(make_record((1,))).axes[0].lines] == ["refimpl", "torch"]


def test_without_growth_there_is_nothing_to_draw():
    with pytest.raises(ValueError, match="refimpl bench growth"):
        growth_figure({"growth_centre": None, "rows": []})


def test_files(tmp_path):
    png, svg = save_growth_figure(make_record(), tmp_path / "record.json")
    assert (png.name, svg.name) == ("record.png", "record.svg")
    with Image.open(png) as image:
        assert image.width > image.height
    first = svg.read_bytes()
    assert b"<svg" in first
    save_growth_figure(make_record(), tmp_path / "record.json")
    assert svg.read_bytes() == first
