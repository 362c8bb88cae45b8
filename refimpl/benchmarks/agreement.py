"""Nothing is timed before all agree: the loss of a training step, and the gradient that Adam saw, on the same noise."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refimpl.benchmarks.contenders import REFERENCE
from refimpl.benchmarks.processes import Worker, WorkerError, interpreter

LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3  # relative; float32


class Agreement(NamedTuple):
    """Relative differences from the reference engine: of the loss, and of each gradient in the 2-norm."""

    loss: float
    gradients: dict[str, float]

    @property
    def holds(self) -> bool:
        """Whether both are within their tolerance; NaN is not."""
        return self.loss <= LOSS_TOLERANCE and all(error <= GRADIENT_TOLERANCE for error in self.gradients.values())

    @property
    def worst(self) -> tuple[str, float]:
        """The gradient that differs most."""
        return max(self.gradients.items(), key=lambda item: item[1] if item[1] == item[1] else np.inf)


def check_agreement(
    names: list[str], python: str | None, folder: Path, threads: int
) -> tuple[dict[str, Agreement], dict[str, str]]:
    """Each contender does one step in a process of its own; (agreements, what went wrong with those that ended).

    Errors: WorkerError if it is the reference that ended.
    """
    if not names:
        return {}, {}
    losses: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name in [REFERENCE, *(name for name in names if name != REFERENCE)]:
        try:
            with Worker(name, interpreter(name, python), folder, threads) as worker:
                losses[name] = worker.ask("check")["loss"]
        except WorkerError as error:
            if name == REFERENCE:
                raise
            failed[name] = str(error)
    return {name: compare(name, losses, folder) for name in losses if name in names}, failed


def compare(name: str, losses: dict[str, float], folder: Path) -> Agreement:
    """A contender's loss and gradients against the reference's.

    Errors: ValueError if the names or shapes of the gradients differ.
    """
    base = losses[REFERENCE]
    with np.load(folder / f"{name}.npz") as ours, np.load(folder / f"{REFERENCE}.npz") as theirs:
        if set(ours.files) != set(theirs.files):
            raise ValueError(f"{name}: gradients expected for {sorted(theirs.files)}, got {sorted(ours.files)}")
        gradients = {key: relative_difference(f"{name}: {key}", ours[key], theirs[key]) for key in theirs.files}
    return Agreement(abs(losses[name] - base) / abs(base), gradients)


def relative_difference(what: str, a: Any, b: Any) -> float:
    """|a - b| / |b| in the 2-norm; 0 where both are zero. Errors: ValueError on another shape."""
    if a.shape != b.shape:
        raise ValueError(f"{what}: expected shape {b.shape}, got {a.shape}")
    difference, size = (float(np.linalg.norm(v.astype("float64"))) for v in (a - b, b))
    return 0.0 if difference == 0.0 else difference / size if size else float("inf")
