"""What confirms a vector: for each case the routes to its values and to its gradients, and how far they are apart."""

from typing import Any

from refimpl.checks.conformance import Answers, Case, difference
from validation.vectors import by_digits, by_scalars, complex_step, step_by_scalars


def confirm(case: Case, right: Answers) -> list[dict[str, Any]]:
    """Route and error of every output, and of every gradient. Errors: ValueError if an output is left out."""
    route, found = second_values(case)
    outputs = {name for name in right if name.startswith("out.")}
    if missing := outputs - found.keys():
        raise ValueError(f"{case.id}: the second route says nothing of {sorted(missing)}")
    error = max(difference(found[name], right[name]) for name in found)
    confirmed = [{"what": "outputs", "route": route, "error": round_up(error)}]
    if case.op not in complex_step.NOT_ANALYTIC:
        error = complex_step.error_by_complex_step(case, right)
        confirmed.append({"what": "gradients", "route": complex_step.ROUTE, "error": round_up(error)})
    return confirmed


def second_values(case: Case) -> tuple[str, Answers]:
    """The route to the outputs, and what it gives."""
    if case.op == "step":
        return step_by_scalars.ROUTE, step_by_scalars.values(case)
    if case.op in by_digits.BY_DIGITS:
        return by_digits.ROUTE, by_digits.values(case)
    route = by_scalars.SUMMED if "kl" in case.config else by_scalars.ROUTE
    return route, by_scalars.values(case)


def round_up(error: float) -> float:
    """The next power of ten, so that a last bit does not change a file."""
    power = 1e-16
    while power < error:
        power *= 10.0
    return float(f"{power:.0e}")
