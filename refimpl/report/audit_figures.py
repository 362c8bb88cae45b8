"""The figures of the audit: gradient errors, KL divergences, covariances over time."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from refimpl.checks.gradcheck import TOLERANCE, LeafResult
from refimpl.checks.kl_subjects import kl_value
from refimpl.checks.moments import CovarianceBar, covariance_bars
from refimpl.checks.result import CheckResult
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD
from refimpl.report.drawing import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILLION,
    log_axis,
    new_figure,
    style_axes,
)

LEAST = 1e-18  # an error of exactly 0 is drawn here
CURVES = {"log_uniform": ("exact", BLACK, "-"), "molchanov2017": ("Molchanov 2017", BLUE, "--"),
          "rnn2018": ("2018 code", VERMILLION, "-."), "ard": ("ARD", GREEN, ":")}  # fmt: skip


def gradient_errors(leaves: Sequence[LeafResult], results: Sequence[CheckResult]) -> Figure:
    """The error of every leaf on a logarithmic axis, a line for each kind of layer; crosses are the planted bugs."""
    groups = list(dict.fromkeys(leaf.layer.partition("/")[0] for leaf in leaves))
    row = {group: len(groups) - 1 - i for i, group in enumerate(groups)}
    figure = new_figure(1.2 + 0.21 * len(groups))
    axes = figure.add_subplot()
    planted = [(r.planted_figure, row[r.name.partition("/")[0]]) for r in results if r.planted_figure is not None]
    errors = np.array([max(leaf.error, LEAST) if np.isfinite(leaf.error) else 10.0 for leaf in leaves])
    shift = np.array(
        [((7 * i) % 11 - 5) / 20.0 for i in range(len(leaves))]
    )  # so that equal errors do not hide each other
    rows = np.array([row[leaf.layer.partition("/")[0]] for leaf in leaves])
    axes.plot(errors, rows + shift, "o", markersize=3.5, color=BLUE, alpha=0.6, markeredgewidth=0.0, label="a gradient")
    if planted:
        figures, places = zip(*planted, strict=True)
        axes.plot(
            np.clip(figures, LEAST, 10.0), places, "x", markersize=7, color=VERMILLION, label="with a planted bug"
        )
    axes.axvline(TOLERANCE, color=BLACK, linestyle="--", linewidth=1.2, label=f"bound, {TOLERANCE:g}")
    axes.set_yticks(range(len(groups)), list(reversed(groups)), fontsize=9)
    axes.set_ylim(-0.8, len(groups) - 0.2)
    style_axes(axes, f"{len(leaves)} gradients against the complex step", "", "max |hand - step| / max |step|, log")
    log_axis(axes, LEAST, 10.0, which="x")
    axes.legend(loc="upper center", fontsize=9, frameon=True, framealpha=1.0)
    return figure


def kl_curves() -> Figure:
    """The KL by log alpha, exact and approximations, and their errors."""
    a = np.linspace(-8.0, 8.0, 801)
    mu, log_sigma = np.exp(-0.5 * a), np.zeros_like(a)
    values = {name: kl_value(name)(mu, log_sigma) for name in CURVES}
    below_one = a <= 0.0
    kingma = kl_value("kingma2015")(mu[below_one], log_sigma[below_one])
    figure = new_figure(3.8)
    left, right = figure.subplots(1, 2)
    for name, (label, color, style) in CURVES.items():
        left.plot(a, values[name], color=color, linestyle=style, linewidth=1.6, label=label)
        if name not in ("log_uniform", "ard"):
            right.plot(a, 1e3 * (values[name] - values["log_uniform"]), color=color, linestyle=style, label=label)
    left.plot(a[below_one], kingma, color=PURPLE, linewidth=1.2, label="Kingma 2015 (alpha ≤ 1)")
    right.plot(
        a[below_one], 1e3 * (kingma - values["log_uniform"][below_one]), color=PURPLE, label="Kingma 2015 (alpha ≤ 1)"
    )
    style_axes(left, "KL of a weight", "nats", "log alpha")
    style_axes(right, "approximation less exact", "10⁻³ nats", "log alpha")
    right.axhline(0.0, color=BLACK, linewidth=1.0)
    for axes in (left, right):
        axes.axvline(LOG_ALPHA_THRESHOLD, color=GREY, linestyle="--", linewidth=1.0)
        axes.legend(fontsize=9, frameon=False)
    return figure


def covariances(bars: Sequence[CovarianceBar] | None = None) -> Figure:
    """Covariance of two steps of an object: sample with five standard errors, and the closed form."""
    bars = covariance_bars() if bars is None else bars
    figure = new_figure(3.0)
    axes = figure.add_subplot()
    for i, bar in enumerate(bars):
        axes.bar(
            i, bar.sample, width=0.5, color=(BLUE, GREEN, ORANGE)[i % 3], yerr=5.0 * bar.error, ecolor=BLACK, capsize=5
        )
        axes.plot(
            [i - 0.36, i + 0.36], [bar.exact] * 2, color=VERMILLION, linewidth=2.0, label=None if i else "closed form"
        )
        axes.text(i + 0.4, bar.exact, f"{bar.exact:.4f}", va="bottom", fontsize=9, color=VERMILLION)
    axes.set_xticks(range(len(bars)), [bar.scheme for bar in bars])
    axes.set_xlim(-0.6, len(bars) - 0.2)
    axes.axhline(0.0, color=BLACK, linewidth=0.8)
    style_axes(axes, "Covariance of two steps; bars: 20,000 draws, ± 5 standard errors", "cov(y₁, y₂)", "")
    axes.legend(fontsize=9, frameon=False)
    return figure


def with_truth(figure: Figure, value: float, label: str) -> Figure:
    """A learning curve with the best value that any model can have, inside its axis."""
    axes = figure.axes[2]
    low, high = axes.get_ylim()
    margin = 0.03 * (high - low)
    axes.set_ylim(min(low, value - margin), max(high, value + margin))
    axes.axhline(value, color=GREEN, linewidth=1.4, linestyle=":", label=label)
    axes.legend(fontsize=9, frameon=False)
    return figure
