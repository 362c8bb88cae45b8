"""Mistakes in what a draw is shared over, and in the masks of Variational Binary Dropout."""

from collections.abc import Callable

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Case, Compute, Config, Given, Mistake
from refimpl.checks.conformance.reading import cast_like, dropout_masks, dropout_rate, group_noise, lrt_noise
from refimpl.checks.conformance.wrapping import Plant, with_config

NoiseMap = Callable[[Config, Given, str], Array]


def by_noise(names: Callable[[Config, Given], list[str]], change: NoiseMap) -> Plant:
    """Other noise, which has no gradient."""

    def plant(compute: Compute) -> Compute:
        def wrapped(config: Config, given: Given) -> Answers:
            return compute(config, given | {name: change(config, given, name) for name in names(config, given)})

        return wrapped

    return plant


def _first_step(config: Config, given: Given, name: str) -> Array:
    return np.repeat(given[name][:1], len(given[name]), axis=0)


def _first_gate(config: Config, given: Given, name: str) -> Array:
    return np.repeat(given[name][..., :1, :], given[name].shape[-2], axis=-2)


def _first_object(axis: int) -> NoiseMap:
    def change(config: Config, given: Given, name: str) -> Array:
        return np.repeat(given[name].take([0], axis=axis), given[name].shape[axis], axis=axis)

    return change


def _redrawn(config: Config, given: Given, name: str) -> Array:
    return given[f"{name}_each_step"]


def _unscaled(config: Config, given: Given, name: str) -> Array:
    """The mask times 1 - rate, so that the division by it leaves zeros and ones."""
    return cast_like(given[name] * (1.0 - dropout_rate(config, name)), given[name])


def _inverted(config: Config, given: Given, name: str) -> Array:
    return 1.0 - given[name]


def _over_time(config: Config, given: Given) -> list[str]:
    return [name for name in lrt_noise(config, given) if len(given[name]) > 1]


def _once(config: Config, given: Given) -> list[str]:
    return [name for name in lrt_noise(config, given) if f"{name}_each_step" in given]


def _by_gate(config: Config, given: Given) -> list[str]:
    return [name for name in lrt_noise(config, given) if given[name].ndim == 4 and given[name].shape[2] == 4]


def _masks(config: Config, given: Given) -> list[str]:
    return dropout_masks(given)


def _masks_by_gate(config: Config, given: Given) -> list[str]:
    return [name for name in dropout_masks(given) if given[name].ndim > 2 and given[name].shape[-2] == 4]


def _groups(config: Config, given: Given) -> list[str]:
    return group_noise(given)


def _signs(config: Config, given: Given) -> list[str]:
    return [name for name in given if name.startswith("noise.signs")]


def _any(names: Callable[[Config, Given], list[str]]) -> Callable[[Case], bool]:
    return lambda case: bool(names(case.config, case.given))


SHARING_MISTAKES = (
    Mistake(
        "weights-redrawn",
        "noise-sharing",
        "weight noise drawn at every step, not once for the sequence",
        lambda case: case.op == "sparse_lstm",
        with_config(weight_noise="each_step"),
    ),
    Mistake(
        "masks-redrawn",
        "noise-sharing",
        "dropout masks drawn at every step, not once for the sequence",
        lambda case: case.op == "vbd_lstm",
        with_config(masks="each_step"),
    ),
    Mistake(
        "masks-shared-by-gates",
        "noise-sharing",
        "one dropout mask for all gates",
        _any(_masks_by_gate),
        by_noise(_masks_by_gate, _first_gate),
    ),
    Mistake(
        "masks-shared-by-objects",
        "noise-sharing",
        "one dropout mask for all objects",
        _any(_masks),
        by_noise(lambda c, g: [n for n in _masks(c, g) if "each_step" not in n], _first_object(0)),
    ),
    Mistake(
        "z-shared-by-objects",
        "noise-sharing",
        "one draw of z for all objects",
        _any(_groups),
        by_noise(_groups, _first_object(0)),
    ),
    Mistake(
        "lrt-shared-over-time",
        "noise-sharing",
        "LRT noise shared over time",
        _any(_over_time),
        by_noise(_over_time, _first_step),
    ),
    Mistake(
        "lrt-redrawn",
        "noise-sharing",
        "LRT noise drawn at every step, not once for the sequence",
        _any(_once),
        by_noise(_once, _redrawn),
    ),
    Mistake(
        "lrt-shared-by-objects",
        "noise-sharing",
        "LRT noise shared by the objects of the batch",
        _any(lrt_noise),
        by_noise(lrt_noise, _first_object(1)),
    ),
    Mistake(
        "lrt-shared-by-gates",
        "noise-sharing",
        "LRT noise shared by the gates",
        _any(_by_gate),
        by_noise(_by_gate, _first_gate),
    ),
    Mistake(
        "flipout-no-signs",
        "noise-sharing",
        "flipout without its signs: one draw of the weights for all",
        _any(_signs),
        by_noise(_signs, lambda config, given, name: np.ones_like(given[name])),
    ),
    Mistake(
        "flipout-one-object",
        "noise-sharing",
        "flipout's signs shared by the objects of the batch",
        _any(_signs),
        by_noise(_signs, _first_object(1)),
    ),
    Mistake(
        "dropout-unscaled",
        "dropout",
        "dropout masks are not scaled by 1 / (1 - rate)",
        _any(_masks),
        by_noise(_masks, _unscaled),
    ),
    Mistake(
        "dropout-inverted", "dropout", "dropout keeps what it should drop", _any(_masks), by_noise(_masks, _inverted)
    ),
)
