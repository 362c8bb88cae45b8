"""What the cases of the gradient check are made of: random arrays by name, padding masks, proof of what was visited."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.gradcheck import Backward, Forward
from refimpl.noise import Draw, bernoulli, normal
from refimpl.tree import Tree


class Problem(NamedTuple):
    """The arguments of ``gradcheck``."""

    forward: Forward
    backward: Backward
    inputs: dict[str, Tree]
    zero_leaves: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


class GradcheckCase(NamedTuple):
    """One set of arguments under which functions are checked; the name is GROUP or GROUP/WHAT."""

    name: str
    functions: tuple[str, ...]  # the public forward functions that it covers
    build: Callable[[int], Problem]  # from a seed


def normals(seed: int, name: str, *shape: int, scale: float = 1.0, mean: float = 0.0) -> Array:
    """Normals of the given shape, mean and standard deviation; the name is their stream."""
    return mean + scale * normal(Draw(seed, f"gradcheck.{name}"), shape)


def signs(seed: int, name: str, *shape: int) -> Array:
    """Fair signs +1 and -1 of the given shape; the name is their stream."""
    return 2.0 * bernoulli(Draw(seed, f"gradcheck.{name}"), shape, 0.5) - 1.0


def padding_mask(side: str, lengths: tuple[int, ...], steps: int) -> Array:
    """(T, B) bool: True on the first ("right" padding) or the last ("left" padding) lengths[b] steps."""
    t = np.arange(steps)[:, None] if side == "right" else np.arange(steps)[::-1, None]
    return t < np.array(lengths)


def check_visited(what: str, **pieces: Array) -> None:
    """Errors: ValueError unless every piece (a boolean array: where the case is in that piece) is visited somewhere."""
    missed = [piece for piece, where in pieces.items() if not np.any(where)]
    if missed:
        raise ValueError(f"{what}: the case does not visit {', '.join(missed)}; take another seed or a wider input")
