"""What one check of the audit found."""

from typing import NamedTuple


class CheckResult(NamedTuple):
    """A figure against its bound, and whether the same check catches a planted bug."""

    family: str  # gradients, values, KL, noise, masks, optimiser, counting, learning
    name: str
    what: str  # what is compared with what, in a sentence
    catches: str  # the mistakes it would have caught
    figure: float
    bound: float
    passed: bool
    planted: str | None = None  # the bug that was planted live; None: none in this check
    planted_figure: float | None = None
    planted_caught: bool | None = None
    seconds: float = 0.0
