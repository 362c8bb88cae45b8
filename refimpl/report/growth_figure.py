"""How the time of a training step grows with T, B and H: refimpl, PyTorch and the matrix products alone."""

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from refimpl.benchmarks.growth import Series, growth_series
from refimpl.report.drawing import BLACK, COLOURS, GREY, empty_panel, log_axis, new_figure, save_png, style_axes
from refimpl.training.checkpoint import write_atomically

AXIS_LABELS = {"steps": "time steps T", "batch": "objects B", "hidden": "hidden units H"}
LINE_STYLES = ("-", "--", ":")  # by number of threads
COLOUR_OF = {"refimpl": COLOURS[0], "torch": COLOURS[1], "gemm": GREY, "reference": BLACK}


def growth_figure(record: dict[str, Any]) -> Figure:
    """A panel a size, a curve a contender and number of threads: seconds a step, both axes logarithmic.

    Errors: ValueError if the record has no growth series.
    """
    series = growth_series(record)
    if not series:
        raise ValueError("record: expected growth series, got none; measure them with `refimpl bench growth`")
    axes_of = list(dict.fromkeys(one.axis for one in series))
    counts = list(dict.fromkeys(one.threads for one in series))
    figure = new_figure(3.9)
    panels: list[Axes] = list(np.ravel(figure.subplots(1, len(axes_of), sharey=True)))
    for panel, axis in zip(panels, axes_of, strict=True):
        here = [one for one in series if one.axis == axis]
        for one in here:
            _draw(panel, one, LINE_STYLES[counts.index(one.threads) % len(LINE_STYLES)], len(counts) > 1)
        centre = here[0].centre
        others = {"T": centre.steps, "B": centre.batch, "H": centre.hidden}
        fixed = ", ".join(f"{symbol} {size}" for symbol, size in others.items() if symbol != here[0].symbol)
        style_axes(panel, fixed, "seconds a step, log" if panel is panels[0] else "", AXIS_LABELS[axis])
        values = [value for one in here for value, _ in one.points]
        log_axis(panel, min(values), max(values), which="x")
    times = [time for one in series for curve in curves(one).values() for time in curve[1]]
    for panel in panels:
        if times:
            log_axis(panel, min(times), max(times))
        else:
            empty_panel(panel, "no times")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 6) or 1, frameon=False)
    return figure


def curves(series: Series) -> dict[str, tuple[list[int], list[float]]]:
    """Sizes and median seconds of each contender that was timed."""
    found: dict[str, tuple[list[int], list[float]]] = {}
    for value, row in series.points:
        for name, contender in row["contenders"].items():
            sizes, times = found.setdefault(name, ([], []))
            if math.isfinite(contender["median"]["wall"]):
                sizes.append(value)
                times.append(contender["median"]["wall"])
    return found


def _draw(panel: Axes, series: Series, style: str, say_threads: bool) -> None:
    for index, (name, (sizes, times)) in enumerate(curves(series).items()):
        label = f"{name}, threads {series.threads}" if say_threads else name
        colour = COLOUR_OF.get(name, COLOURS[(index + 2) % len(COLOURS)])
        panel.plot(sizes, times, style, color=colour, marker="o", markersize=4.0, linewidth=1.6, label=label)


def save_growth_figure(record: dict[str, Any], path: Path) -> tuple[Path, Path]:
    """Write the figure beside the record, as PNG and as SVG; where they are. Equal records give equal files."""
    figure = growth_figure(record)
    png, svg = path.with_suffix(".png"), path.with_suffix(".svg")
    save_png(figure, png)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "refimpl"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    write_atomically(svg, buffer.getvalue())
    return png, svg
