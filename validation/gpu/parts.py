"""The parts in their order, with the time that each may take."""

import importlib
from collections.abc import Callable
from typing import NamedTuple

from validation.gpu.device import Context
from validation.gpu.findings import Findings


class Part(NamedTuple):
    """The module has a function of the part's name."""

    name: str
    title: str
    seconds: float  # after which it is ended; together below ten minutes


PARTS = (
    Part("environment", "What it ran on", 30),
    Part("truths", "Truth table: what the stand-in claims of CuPy", 60),
    Part("numerics", "Rounding and determinism", 30),
    Part("suite", "The test suite on CuPy", 190),
    Part("agreement", "Reference and fast engine on the device, and NumPy", 60),
    Part("recurrence", "Ordinary and persistent recurrence", 40),
    Part("overhead", "What the host spends", 40),
    Part("steps", "Training steps, and PyTorch with cuDNN", 80),
    Part("epoch", "An epoch of the character model at paper size", 60),
)
NAMES = tuple(part.name for part in PARTS)


def function_of(name: str) -> Callable[[Context, Findings], None]:
    """What the part runs."""
    function: Callable[[Context, Findings], None] = getattr(importlib.import_module(f"validation.gpu.{name}"), name)
    return function
