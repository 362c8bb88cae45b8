"""How far two right implementations may be apart: a tolerance that is computed for each case, not chosen.

    tolerance = n kappa u

u is the unit of rounding (2^-53 or 2^-24). n bounds the roundings on the longest way from an input to an answer, each
at most u of the value at hand (``roundings``). kappa is the condition of the case: by how many times u_0 the worst
answer moves, relative to its largest entry, when every number given is changed by u_0 of itself with a random sign; the
largest of a few draws, and at least 1. So the tolerance is what n roundings do that all have the worst sign, each
passed on as a change of all inputs would be.
"""

import numpy as np

from refimpl import noise
from refimpl.arrays import Array
from refimpl.checks.conformance.answering import answers
from refimpl.checks.conformance.case import Answers, Case, difference

UNITS = {"float64": 2.0**-53, "float32": 2.0**-24}
DRAWS = 4
STEP = 2.0**-36  # u_0: far above the roundings of float64, and far below what bends a function
ELEMENTARY = 16  # roundings of an exponential, a gate and the cell's update, twice over
RECURRENT = ("lstm", "vbd_lstm", "sparse_lstm", "group_lstm", "rnn", "step")


def roundings(case: Case) -> int:
    """n: for each step, there and back, two inner products and elementary functions; then one sum over everything."""
    floats = [a for name, a in case.given.items() if a.dtype.kind == "f" and not name.endswith("_each_step")]
    longest = max((max(array.shape, default=1) for array in floats), default=1)
    widest = max(array.size for array in floats)
    if case.op in RECURRENT:
        first = case.given["input.ids"] if "input.ids" in case.given else case.given["input.x"]
        steps = 2 * len(first)
    else:
        steps = int(case.config.get("steps", 1))
    return int(steps * (2 * longest + ELEMENTARY) + widest)


def condition(case: Case, right: Answers) -> float:
    """kappa."""
    worst = 1.0
    for draw in range(DRAWS):
        moved = case._replace(given={name: _moved(name, a, draw) for name, a in case.given.items()})
        found = answers(moved)
        worst = max(worst, *(difference(found[name], right[name]) / STEP for name in right))
    return worst


def _moved(name: str, array: Array, draw: int) -> Array:
    if array.dtype.kind != "f":
        return array
    signs = noise.bernoulli(noise.Draw(0, f"conformance.sign.{name}", draw), array.shape, 0.5, "float64")
    return array * (1.0 + STEP * (2.0 * signs - 1.0))


def tolerances(case: Case, right: Answers) -> dict[str, float]:
    """Of each dtype, rounded up to two digits."""
    factor = roundings(case) * condition(case, right)
    return {dtype: _rounded_up(factor * unit) for dtype, unit in UNITS.items()}


def _rounded_up(value: float) -> float:
    digit = 10.0 ** (np.floor(np.log10(value)) - 1.0)
    return float(f"{np.ceil(value / digit) * digit:.1e}")
