"""Second route to the gradients: the complex step of the loss, entry by entry (``refimpl.checks.gradcheck``)."""

import warnings

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import OPS, Answers, Case, Given, difference
from refimpl.checks.gradcheck import STEP

ROUTE = "complex step of the loss, every entry"
NOT_ANALYTIC = ("adam", "clip")  # updates of real numbers, without gradients


def gradients_by_complex_step(case: Case) -> Answers:
    """Every gradient that the case has."""
    compute = OPS[case.op].compute
    given = {name: a.astype("complex128") if a.dtype.kind == "f" else a for name, a in case.given.items()}
    names = [name.removeprefix("grad.") for name in compute(case.config, case.given) if name.startswith("grad.")]

    def loss(moved: Given) -> complex:
        return complex(loss_of(case.given, compute(case.config, given | moved)))

    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        return {f"grad.{name}": _gradient(loss, name, given[name]) for name in names}


def loss_of(given: Given, found: Answers) -> Array:
    """out.loss where it has no cotangent; else the sum over outputs of <cotangent, output>."""
    cotangents = {name.removeprefix("cotangent."): a for name, a in given.items() if name.startswith("cotangent.")}
    if "out.loss" in found and "loss" not in cotangents:
        return found["out.loss"]
    return sum((cotangent * found[f"out.{name}"]).sum() for name, cotangent in cotangents.items())


def _gradient(loss, name: str, value: Array) -> Array:
    gradient = np.empty(value.shape)
    for index in np.ndindex(gradient.shape):
        moved = value.copy()
        moved[index] += STEP * 1j
        gradient[index] = loss({name: moved}).imag / STEP
    return gradient


def error_by_complex_step(case: Case, right: Answers) -> float:
    """The largest difference of a gradient."""
    found = gradients_by_complex_step(case)
    return max(difference(array, right[name]) for name, array in found.items())
