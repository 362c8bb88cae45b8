"""How a mistake is planted: a computation is wrapped, so that any two mistakes compose.

by_config    other options
by_given     other arrays on the way in, and gradients mapped back by the chain rule on the way out: what someone's
             code answers that misreads what it is given
by_exchange  arrays that change places by name, on both ways
by_plant     a wrong layer function or divergence inside (``engine``)
by_answers   right until the end, and wrong there
"""

from collections.abc import Callable
from typing import TypeAlias

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Compute, Config, Given

Plant: TypeAlias = Callable[[Compute], Compute]
Change: TypeAlias = Callable[[Array], Array]
Names: TypeAlias = Callable[[str], str]  # the name of the array that stands in the place of the one of this name


def by_config(change: Callable[[Config], Config]) -> Plant:
    """The computation under another configuration."""

    def plant(compute: Compute) -> Compute:
        return lambda config, given: compute(change(config), given)

    return plant


def with_config(**options: object) -> Plant:
    """The computation with these options replaced."""
    return by_config(lambda config: config | options)


def by_plant(name: str) -> Plant:
    """The computation with that plant among its layer functions or divergences."""
    return by_config(lambda config: config | {"planted": [*config.get("planted", ()), name]})


def by_given(
    select: Callable[[str, Array], bool],
    change: Callable[[str, Array], Array],
    back: Callable[[Given, str, Array], Array],
) -> Plant:
    """Every selected array changed on the way in; back maps the gradient by what was used to that by what was given."""

    def plant(compute: Compute) -> Compute:
        def wrapped(config: Config, given: Given) -> Answers:
            names = [name for name, array in given.items() if select(name, array)]
            answers = compute(config, given | {name: change(name, given[name]) for name in names})
            return answers | {
                f"grad.{name}": back(given, name, answers[f"grad.{name}"])
                for name in names
                if f"grad.{name}" in answers
            }

        return wrapped

    return plant


def by_array(select: Callable[[str, Array], bool], change: Change, back: Change) -> Plant:
    """``by_given`` where the maps look at nothing but the array."""
    return by_given(select, lambda name, array: change(array), lambda given, name, gradient: back(gradient))


def by_layout(select: Callable[[str, Array], bool], change: Change, back: Change) -> Plant:
    """``by_array`` of a map that moves entries: what is drawn in the given layout is an intermediate value in it."""
    moved = by_array(select, change, back)

    def plant(compute: Compute) -> Compute:
        def wrapped(config: Config, given: Given) -> Answers:
            answers = moved(compute)(config, given)
            mids = {n: a for n, a in answers.items() if n.startswith("mid.") and a.ndim > 1}
            return answers | {n: back(a) for n, a in mids.items() if select("param." + n.removeprefix("mid."), a)}

        return wrapped

    return plant


def by_exchange(other: Names) -> Plant:
    """Arrays change places with those of their other names, given ones as answers; ``other`` undoes itself."""

    def plant(compute: Compute) -> Compute:
        def exchanged(arrays: dict[str, Array]) -> dict[str, Array]:
            return {name: arrays[other(name)] for name in arrays}

        return lambda config, given: exchanged(compute(config, exchanged(given)))

    return plant


def by_answers(change: Callable[[Config, Given, Answers], Answers]) -> Plant:
    """The answers with some of them replaced."""

    def plant(compute: Compute) -> Compute:
        def wrapped(config: Config, given: Given) -> Answers:
            answers = compute(config, given)
            return answers | change(config, given, answers)

        return wrapped

    return plant


def together(*plants: Plant) -> Plant:
    """One mistake made of several: the first is the outermost."""

    def plant(compute: Compute) -> Compute:
        for one in reversed(plants):
            compute = one(compute)
        return compute

    return plant
