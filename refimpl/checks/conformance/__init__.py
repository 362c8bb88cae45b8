"""What golden vectors and the cross-check share: cases with explicit noise, their answers, and mistakes to plant."""

from refimpl.checks.conformance.answering import OPS, answers, cases
from refimpl.checks.conformance.case import Answers, Case, Compute, Config, Given, Mistake, Op, difference
from refimpl.checks.conformance.mistakes import MISTAKES

__all__ = [
    "MISTAKES",
    "OPS",
    "Answers",
    "Case",
    "Compute",
    "Config",
    "Given",
    "Mistake",
    "Op",
    "answers",
    "cases",
    "difference",
]
