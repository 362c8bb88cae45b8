"""Cases of Adam and of clipping."""

from refimpl.checks.conformance.case import Case, Given
from refimpl.checks.conformance.making import normals, on_grid

SHAPES = {"W": (5, 2), "b": (7,)}
STEPS = 3


def _adam(case: str, comment: str, epsilon: float, gradients: float) -> Case:
    given: Given = {f"param.{name}": normals(case, name, *shape) for name, shape in SHAPES.items()}
    for name, shape in SHAPES.items():
        given[f"input.gradient.{name}"] = normals(case, f"gradient.{name}", STEPS, *shape, scale=gradients)
    config = {"learning_rate": 0.0625, "beta1": 0.9, "beta2": 0.999, "epsilon": epsilon, "steps": STEPS, "form": "2018"}
    return Case(case, "adam", comment, config, given)


def _clip(case: str, comment: str, limit: float | None) -> Case:
    given = {f"input.{name}": on_grid(normals(case, name, *shape)) for name, shape in SHAPES.items()}
    return Case(case, "clip", comment, {"limit": limit}, given)


def training_cases() -> tuple[Case, ...]:
    """All of them."""
    return (
        _adam("adam-001", "three steps with an epsilon that weighs", 1e-3, 0.125),
        _adam("adam-002", "three steps with the usual epsilon", 1e-8, 1.0),
        _clip("clip-001", "norm above the limit", 1.5),
        _clip("clip-002", "norm below the limit: the multiplier is norm / (norm + 1e-7)", 100.0),
    )
