"""Drawings of the chapters: what is drawn is computed in the chapter; here are axes, colours and words."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from refimpl.arrays import Array
from refimpl.report.drawing import BLACK, BLUE, COLOURS, GREY, new_figure, style_axes

SHOWN = 1500  # of the draws, in a panel


def pairs_of_steps(samples: Mapping[str, Array], mean: Array, var: Array) -> Figure:
    """Preactivations (2, draws) at two steps under each scheme, a panel each."""
    figure = new_figure(3.4)
    radius = 3.6 * np.sqrt(var)
    for i, (name, y) in enumerate(samples.items()):
        axes = figure.add_subplot(1, len(samples), i + 1)
        axes.plot(*y[:, :SHOWN], ".", markersize=1.6, color=BLUE, alpha=0.5, rasterized=True)
        style_axes(axes, name, "$y_{t'}$" if i == 0 else "", "$y_t$")
        axes.set_xlim(mean[0] - radius[0], mean[0] + radius[0])
        axes.set_ylim(mean[1] - radius[1], mean[1] + radius[1])
    return figure


def approximations(log_alpha: Array, values: Mapping[str, Array], threshold: float) -> Figure:
    """KL divergences against log alpha, and their differences from the first one; some cover only its beginning."""
    figure = new_figure(4.2)
    left, right = figure.subplots(1, 2)
    exact = next(iter(values.values()))
    colours = dict(zip(values, (BLACK, *(colour for colour in COLOURS if colour != BLACK)), strict=False))
    for name, kl in values.items():
        x = log_alpha[: len(kl)]
        left.plot(x, kl, color=colours[name], linewidth=2.4 if kl is exact else 1.3, label=name)
        if kl is not exact:
            right.plot(x, kl - exact[: len(kl)], color=colours[name], linewidth=1.3)
    style_axes(left, "KL divergence of a weight, nats", "", r"$\log\,\alpha$")
    style_axes(right, "approximation minus exact", "", r"$\log\,\alpha$")
    right.set_ylim(-0.03, 0.03)
    for axes in (left, right):
        axes.axvline(threshold, color=GREY, linewidth=0.8, linestyle="--")
    left.annotate("pruned", (threshold + 0.2, 0.7), color=GREY)
    left.legend(frameon=False)
    return figure


def difference_from_ard(log_alpha: Array, gap: Array, slopes: Mapping[str, Array], limit: float) -> Figure:
    """The exact KL divergence minus ARD's, with its limit, and the slopes of both."""
    figure = new_figure(3.6)
    left, right = figure.subplots(1, 2)
    left.plot(log_alpha, gap, color=BLUE)
    left.axhline(limit, color=GREY, linewidth=0.8, linestyle="--")
    left.annotate("$C_0$", (log_alpha[-1] - 1.0, limit - 0.04), color=GREY)
    for (name, slope), colour in zip(slopes.items(), COLOURS, strict=False):
        right.plot(log_alpha, slope, color=colour, label=name)
    style_axes(left, "log-uniform minus ARD, nats", "", r"$\log\,\alpha$")
    style_axes(right, r"slope in $\log\,\alpha$", "", r"$\log\,\alpha$")
    right.legend(frameon=False)
    return figure
