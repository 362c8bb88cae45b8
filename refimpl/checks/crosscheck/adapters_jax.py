"""JAX: gradients of a user's outputs by jax.vjp."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.data_loss import DataLoss, total_of, with_data
from refimpl.checks.crosscheck.subject import (
    Answered,
    Subject,
    call,
    check_outputs,
    decorated,
    in_dtype,
    parts_of,
    to_numpy,
    unread,
)

Function = Callable[..., Any]


def jax_subject(*ops: Any, dtype: str = "float64") -> Function:
    """Decorator of ``f(params, inputs, noise, config) -> {name of an output: array}``, written in JAX.

    f gets JAX arrays by the names of the case; gradients of sum(cotangent * output) are taken here, so f returns
    outputs only. ops: which operations f computes; none: tried on all. float64 is switched on while f runs.
    Errors: BadSubjectError on an unknown op or dtype.
    """

    def make(function: Function, named: tuple[str, ...]) -> Subject:
        return Subject(function.__name__, lambda case, known: run_jax(function, dtype, case, known), named)

    return decorated(make, ops, dtype)


@contextmanager
def float64_allowed(dtype: str) -> Iterator[Any]:
    """jax, with float64 switched on if that is the dtype."""
    jax = import_module("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", dtype == "float64")
    try:
        yield jax
    finally:
        jax.config.update("jax_enable_x64", before)


def run_jax(function: Function, dtype: str, case: Case, known: Sequence[str]) -> Answered:
    """Outputs of the function, and the gradients of its loss."""
    with float64_allowed(dtype) as jax:
        arrays = {name: jax.numpy.asarray(array) for name, array in in_dtype(case.given, dtype).items()}
        leaves = {name: array for name, array in arrays.items() if f"grad.{name}" in known}
        seen: dict[str, Any] = {}

        def loss_of(values: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            parts, data_loss = parts_of(arrays | values, case.config), DataLoss(arrays)
            outputs = check_outputs(call(function, parts, data_loss), known)
            total = total_of(outputs, data_loss, case, known)
            seen.update(unread=unread(parts), total=total._replace(value=None), no_loss=total.value is None)
            return jax.numpy.asarray(0.0 if total.value is None else total.value), with_data(outputs, data_loss, known)

        differentiated = jax.grad(loss_of, has_aux=True)
        try:
            grads, outputs = jax.jit(differentiated)(leaves)  # one compilation in place of one an operation
        except jax.errors.ConcretizationTypeError:  # it branches on values
            grads, outputs = differentiated(leaves)
        answers = {name: to_numpy(value) for name, value in outputs.items()}
        if not seen["no_loss"]:
            answers = {f"grad.{name}": to_numpy(grad) for name, grad in grads.items()} | answers
    total = seen["total"]
    return Answered(answers, total.weighted, total.kl, seen["unread"], total.notes)
