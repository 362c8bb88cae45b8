"""Figures of parameters: a weight matrix with what is pruned left white, and histograms of log alpha."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from refimpl.arrays import Array, check_shapes, to_host
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD
from refimpl.report.drawing import BLACK, BLUE, GREY, ORANGE, VERMILLION, empty_panel, new_figure, style_axes

GATES = ("i", "f", "g", "o")
WIDTH_OF_IMAGES = 7.4  # inches, all gates together
ROWS_PER_INCH, MAX_COLUMNS = 120, 1056  # cells that still have a pixel each; a larger matrix is shown in blocks
# Zero is a grey, not white: a small weight that is kept must not look like a pruned one.
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#d8d8d8", VERMILLION]).with_extremes(bad="white")
DEAD = ListedColormap(["#e4e4e4", BLACK])
BINS = 60


def weight_matrix(values: Array, mask: Array, title: str = "") -> Figure:
    """The means of a matrix (rows, columns), or of the four gates of one (D, 4, H) side by side; pruned weights white.

    Strips at the left and below mark rows and columns with nothing kept in black. A matrix too large for the page is
    shown in blocks, and a block has the colour of the largest weight kept in it.
    Shapes: values (D, H) or (D, 4, H); mask the same, true where kept.
    Errors: ValueError on other shapes.
    """
    values, mask = to_host(values), to_host(mask).astype(bool)
    check_shapes({"values": (values, "D 4 H" if values.ndim == 3 else "D H"),
                  "mask": (mask, " ".join(map(str, values.shape)))})  # fmt: skip
    panels = {gate: values[:, k] for k, gate in enumerate(GATES)} if values.ndim == 3 else {"": values}
    masks = {gate: mask[:, k] for k, gate in enumerate(GATES)} if values.ndim == 3 else {"": mask}
    rows, columns = values.shape[0], values.shape[-1] * len(panels)
    height = min(max(WIDTH_OF_IMAGES * rows / columns, 2.2), 5.0)
    block = (-(-rows // int(ROWS_PER_INCH * height)), -(-columns // MAX_COLUMNS))
    limit, clipped = _colour_limit(values[mask])

    figure = new_figure(height + 1.2)
    grid = figure.add_gridspec(2, len(panels) + 1, width_ratios=(0.013 * len(panels), *(1.0,) * len(panels)),
                               height_ratios=(1.0, 0.03))  # fmt: skip
    dead_rows = ~mask.reshape(rows, -1).any(axis=1)
    main = []
    for k, gate in enumerate(panels):
        axes = figure.add_subplot(grid[0, k + 1])
        shown = _blocks(panels[gate], masks[gate], block)
        extent = (0.0, float(values.shape[-1]), float(rows), 0.0)
        image = axes.imshow(
            shown, cmap=SIGNED, vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest", extent=extent
        )
        axes.set_xticks([])
        axes.set_yticks([])
        kept = int(masks[gate].sum())
        name = f"{gate}: " if gate else ""
        axes.set_title(f"{name}{kept:,} of {masks[gate].size:,} kept", fontsize=10)
        if kept == 0:
            empty_panel(axes, "all pruned")
        main.append(axes)
        dead = ~masks[gate].any(axis=0)
        strip = figure.add_subplot(grid[1, k + 1])
        _strip(
            strip,
            dead[None, :],
            (0.0, float(dead.size), 1.0, 0.0),
            f"columns: {int(dead.sum()):,} of {dead.size:,} dead",
        )
    left = figure.add_subplot(grid[0, 0])
    _strip(left, _all_dead(dead_rows, block[0])[:, None], (0.0, 1.0, float(rows), 0.0), "")
    left.set_ylabel(f"rows: {int(dead_rows.sum()):,} of {rows:,} dead")
    left.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    colours = figure.colorbar(image, ax=main, extend="both" if clipped else "neither", shrink=0.9, aspect=30)
    colours.set_label("posterior mean")
    blocks = "" if block == (1, 1) else f"; a cell is the largest kept of {block[0]} × {block[1]} weights"
    figure.suptitle(f"{title}{': ' if title else ''}white is pruned{blocks}", fontsize=11, x=0.01, ha="left")
    return figure


def _colour_limit(kept: Array) -> tuple[float, bool]:
    """Symmetric limit of the colours: all that is kept, or 99.5 % of it if a few weights would grey out the others."""
    sizes = np.abs(kept[np.isfinite(kept)]).astype(np.float64)
    if sizes.size == 0 or sizes.max() == 0.0:
        return 1.0, False
    most = float(np.quantile(sizes, 0.995))
    return (most, True) if 0.0 < most < 0.6 * sizes.max() else (float(sizes.max()), False)


def _blocks(values: Array, mask: Array, block: tuple[int, int]) -> Array:
    """The kept weight of largest size in each block; NaN where none is kept (the last blocks may be smaller)."""
    padded = [(-size % step) for size, step in zip(values.shape, block, strict=True)]
    size = np.pad(
        np.where(mask & np.isfinite(values), np.abs(values), -1.0), [(0, p) for p in padded], constant_values=-1.0
    )
    signed = np.pad(values.astype(np.float64), [(0, p) for p in padded])
    tiles = (size.shape[0] // block[0], block[0], size.shape[1] // block[1], block[1])
    flat = (tiles[0], tiles[2], block[0] * block[1])
    size = size.reshape(tiles).swapaxes(1, 2).reshape(flat)
    signed = signed.reshape(tiles).swapaxes(1, 2).reshape(flat)
    where = size.argmax(axis=2)[..., None]
    return np.where(np.take_along_axis(size, where, 2) >= 0.0, np.take_along_axis(signed, where, 2), math.nan)[..., 0]


def _all_dead(dead: Array, step: int) -> Array:
    """Whether each block of rows or columns is dead throughout."""
    padded = np.pad(dead, (0, -dead.size % step), constant_values=True)
    return padded.reshape(-1, step).all(axis=1)


def _strip(axes: Axes, dead: Array, extent: tuple[float, float, float, float], label: str) -> None:
    axes.imshow(dead, cmap=DEAD, vmin=0, vmax=1, aspect="auto", interpolation="nearest", extent=extent)
    axes.set_xlabel(label, fontsize=9)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.tick_params(labelsize=8)
    if dead.shape[1] == 1:
        axes.set_xticks([])


def log_alpha_histogram(log_alphas: Mapping[str, Array], threshold: float = LOG_ALPHA_THRESHOLD) -> Figure:
    """One histogram of log alpha for each name, on one common axis, with the threshold; kept is log alpha < threshold.

    The axis holds at least 99.8 % of the finite values; what lies outside is counted in the outermost bins, +inf (a
    mean of zero) in the last one. NaN is not drawn, and its number is stated.
    Errors: ValueError if there is nothing to draw.
    """
    arrays = {name: to_host(values).astype(np.float64).ravel() for name, values in log_alphas.items()}
    if not arrays:
        raise ValueError("log_alphas: expected at least one array, got none; a deterministic model has no log alpha")
    edges = _edges(np.concatenate(list(arrays.values())), threshold)
    columns = min(len(arrays), 3)
    lines = -(-len(arrays) // columns)
    figure = new_figure(0.6 + 2.1 * lines)
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True)
    for axes, (name, values) in zip(panels.flat, arrays.items(), strict=False):
        real = values[~np.isnan(values)]
        inside = np.clip(real, edges[0], np.nextafter(edges[-1], -math.inf))
        counts, _ = np.histogram(inside, bins=edges)
        shares = 100.0 * counts / max(values.size, 1)
        colours = np.where(edges[:-1] < threshold - 1e-9, BLUE, ORANGE)
        axes.bar(edges[:-1], shares, width=np.diff(edges), align="edge", color=colours)
        axes.axvline(threshold, color=BLACK, linewidth=1.2, linestyle="--")
        kept = int((real < threshold).sum())
        style_axes(axes, f"{name}\n{kept:,} of {values.size:,} kept", "", "")
        axes.title.set_fontsize(10)
        axes.set_xlim(edges[0], edges[-1])
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
        notes = [f"NaN: {np.isnan(values).sum():,}"] if np.isnan(values).any() else []
        notes += [f"+inf: {np.isposinf(values).sum():,}"] if np.isposinf(values).any() else []
        axes.text(0.98, 0.95, "\n".join(notes), transform=axes.transAxes, ha="right", va="top", fontsize=8, color=GREY)
    for k in range(len(arrays), panels.size):
        panels.flat[k].set_visible(False)
        panels.flat[k - columns].tick_params(labelbottom=True)
    figure.supxlabel(f"log alpha (left of the line at {threshold:g}, blue: kept; right, orange: pruned)", fontsize=10)
    figure.supylabel("% of the weights in a bin", fontsize=10)
    return figure


def _edges(values: Array, threshold: float) -> Array:
    """Bins of one width, one edge exactly at the threshold."""
    finite = values[np.isfinite(values)]
    low, high = np.quantile(finite, [0.001, 0.999]) if finite.size else (threshold - 1.0, threshold + 1.0)
    low, high = min(float(low), threshold - 1.0), max(float(high), threshold + 1.0)
    width = (high - low) / BINS
    below, above = math.ceil((threshold - low) / width), math.ceil((high - threshold) / width)
    return threshold + width * np.arange(-below, above + 1)
