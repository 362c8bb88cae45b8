"""What all figures share: size, colours, axes and ticks, and how a figure becomes a PNG.

Figures are matplotlib objects made without pyplot, so nothing here is global. Curves are drawn as they are: a value
that is missing or not finite leaves a gap, and nothing is smoothed.
"""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from refimpl.arrays import Array
from refimpl.report.records import number
from refimpl.training.checkpoint import write_atomically
from refimpl.training.metrics import Row

# Okabe and Ito 2008, "Color universal design": told apart by all kinds of colour vision. Yellow is too light for lines.
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK = (
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#000000",
)  # fmt: skip
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, BLACK)
GREY = "#595959"
WIDTH = 9.0  # inches; at 100 dpi, where fonts are chosen, 900 px
DPI = 160  # of the file, for screens with more dots
MARKED = 30  # a curve of at most this many points shows them


def new_figure(height: float) -> Figure:
    """An empty figure, 9 inches wide."""
    figure = Figure(figsize=(WIDTH, height), dpi=100, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png_bytes(figure: Figure, dpi: int | None = None) -> bytes:
    """The figure as PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi or DPI, metadata={"Software": None})
    return buffer.getvalue()


def save_png(figure: Figure, path: Path | str) -> None:
    """Write the figure to path as PNG; what stood there before is replaced only by a whole file."""
    write_atomically(Path(path), png_bytes(figure))


def to_data_uri(figure: Figure) -> str:
    """The figure as a data URI for an HTML page."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(figure)).decode("ascii")


def column(rows: Sequence[Row], key: str) -> Array:
    """One value of every row as float64 (N,), NaN where it is missing or not finite."""
    return np.array([number(row.get(key)) for row in rows], dtype=np.float64)


def draw_curve(axes: Axes, epochs: Array, values: Array, **line: Any) -> None:
    """One curve against epochs, with marked points if they are few, or if one stands alone between gaps."""
    there = np.concatenate([[False], np.isfinite(values), [False]])
    marked = np.count_nonzero(there) <= MARKED or bool((there[1:-1] & ~there[:-2] & ~there[2:]).any())
    axes.plot(epochs, values, **{"linewidth": 1.6, "marker": "o" if marked else None, "markersize": 4.0, **line})


def style_axes(axes: Axes, title: str, y_label: str, x_label: str = "epoch") -> None:
    """Labels, a light grid, and no box at the top and the right."""
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(True, color="#e4e4e4", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def epoch_axis(axes: Axes, epochs: Array) -> None:
    """Limits and whole-number ticks of an axis of epochs."""
    low, high = float(np.min(epochs)), float(np.max(epochs))
    pad = 0.02 * (high - low) if high > low else 1.0
    axes.set_xlim(low - pad, high + pad)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def value_axis(axes: Axes, values: Array, *, log: bool) -> None:
    """Limits of the y axis that hold all finite values; says so where there are none."""
    finite = values[np.isfinite(values) & ((values > 0) if log else True)]
    if finite.size == 0:
        empty_panel(axes, "no values")
    elif log:
        log_axis(axes, float(finite.min()), float(finite.max()))
    else:
        low, high = float(finite.min()), float(finite.max())
        pad = 0.05 * (high - low) if high - low > 1e-9 * abs(high) else max(0.05 * abs(high), 0.05)
        axes.set_ylim(low - pad, high + pad)


def empty_panel(axes: Axes, words: str) -> None:
    """Say in words what a panel has not got."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=GREY)


def log_axis(axes: Axes, low: float, high: float, *, which: str = "y", most: int | None = None) -> tuple[float, float]:
    """A logarithmic axis from one round number (1, 2, 5 times a power of ten) to another, with labelled ticks.

    Of more than ``most`` ticks (9 on y, 6 on x), powers of ten are shown. The limits lie a little outside, so that a
    curve on the outermost tick is seen whole. Returns the outermost ticks.
    """
    ticks = round_ticks(low, high)
    axis = axes.yaxis if which == "y" else axes.xaxis
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    margin = (ticks[-1] / ticks[0]) ** 0.025
    (axes.set_ylim if which == "y" else axes.set_xlim)(ticks[0] / margin, ticks[-1] * margin)
    shown, most = ticks, most or (9 if which == "y" else 6)
    if len(ticks) > most:
        decades = [t for t in ticks if math.isclose(math.log10(t), round(math.log10(t)), abs_tol=1e-9)]
        shown = decades[:: -(-len(decades) // most)]
    axis.set_major_locator(FixedLocator(shown))
    axis.set_major_formatter(FixedFormatter([tick_text(t) for t in shown]))
    axis.set_minor_locator(NullLocator())
    return ticks[0], ticks[-1]


def round_ticks(low: float, high: float) -> list[float]:
    """The numbers 1, 2, 5 times a power of ten from the last one <= low to the first one >= high (at least two)."""
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1
    numbers = [float(f"{m}e{k}") for k in range(first, last + 1) for m in (1, 2, 5)]
    start = max(i for i, n in enumerate(numbers) if n <= low * (1.0 + 1e-9))
    end = min(i for i, n in enumerate(numbers) if n >= high * (1.0 - 1e-9))
    if start == end:
        start, end = start - 1, end + 1
    return numbers[start : end + 1]


def tick_text(value: float) -> str:
    """A round number as people write it: 0.001, 5, 20,000, 1e9."""
    if 1e-4 <= value < 1e6:
        return f"{value:,.0f}" if value >= 1 else f"{value:.4f}".rstrip("0")
    mantissa, exponent = f"{value:.0e}".split("e")
    return f"{mantissa}e{int(exponent)}"
