"""Drawings of chapters 06, 09 and 10: what is drawn is computed in the chapter; here are axes, colours and words."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from refimpl.arrays import Array
from refimpl.report.drawing import BLACK, BLUE, COLOURS, GREY, new_figure, style_axes


def two_spikes(m: Array, limit: Array, values: Mapping[str, Array]) -> Figure:
    """KL divergences of the two-spike posterior above their value at m = 0, and the parabola that they tend to."""
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    axes.plot(m, limit, color=BLACK, linewidth=1.0, linestyle="--", label="limit for narrow spikes")
    for (name, kl), colour in zip(values.items(), COLOURS, strict=False):
        axes.plot(m, kl, color=colour, label=name)
    style_axes(axes, "KL divergence above that at m = 0, nats", "", "$m$")
    axes.legend(frameon=False)
    return figure


def alive_at_start(side: Array, fractions: Mapping[str, Array], matrices: Mapping[str, tuple[float, float]]) -> Figure:
    """Fractions below the threshold against the side of a matrix; matrices: (side, fraction) by name."""
    figure = new_figure(3.6)
    axes = figure.add_subplot()
    for (name, fraction), colour in zip(fractions.items(), COLOURS, strict=False):
        axes.plot(side, fraction, color=colour, label=name)
    for name, point in matrices.items():
        axes.plot(*point, "o", color=BLUE, markersize=5.0)
        axes.annotate(name, point, xytext=(-6, -4), textcoords="offset points", color=GREY, ha="right", va="top")
    axes.set_xscale("log")
    axes.set_ylim(0.0, 1.02)
    style_axes(axes, "weights that are alive before training, fraction", "", "longer side of the matrix")
    axes.legend(frameon=False, loc="lower left")
    return figure


def first_steps(g: Array, steps: Mapping[str, Array]) -> Figure:
    """Size of Adam's first step, in learning rates, against the gradient."""
    figure = new_figure(3.2)
    axes = figure.add_subplot()
    for (name, step), colour in zip(steps.items(), COLOURS, strict=False):
        axes.plot(g, step, color=colour, label=name)
    axes.set_xscale("log")
    style_axes(axes, "first step of Adam, in learning rates", "", "$|g|$")
    axes.legend(frameon=False)
    return figure
