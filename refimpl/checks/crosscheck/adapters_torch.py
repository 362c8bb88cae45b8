"""PyTorch: gradients of a user's outputs by autograd."""

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
    changed,
    check_outputs,
    decorated,
    in_dtype,
    parts_of,
    to_numpy,
    unread,
)

Function = Callable[..., Any]


def torch_subject(*ops: Any, dtype: str = "float64") -> Function:
    """Decorator of ``f(params, inputs, noise, config) -> {name of an output: tensor}``, written in PyTorch.

    f gets tensors by the names of the case; gradients of sum(cotangent * output) are taken here, so f returns outputs
    only. ops: which operations f computes; none: tried on all. While f runs, new tensors have the given dtype.
    Errors: BadSubjectError on an unknown op or dtype.
    """

    def make(function: Function, named: tuple[str, ...]) -> Subject:
        return Subject(
            function.__name__, lambda case, known: run_torch(function, dtype, case, known), named, seed=torch_seed
        )

    return decorated(make, ops, dtype)


def torch_seed(seed: int) -> None:
    """Sets PyTorch's generators."""
    import_module("torch").manual_seed(seed)


@contextmanager
def default_dtype(dtype: str) -> Iterator[Any]:
    """torch, with new tensors in that dtype."""
    torch = import_module("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield torch
    finally:
        torch.set_default_dtype(before)


def run_torch(function: Function, dtype: str, case: Case, known: Sequence[str]) -> Answered:
    """Outputs of the function, and the gradients of sum(cotangent * output)."""
    given = in_dtype(case.given, dtype)
    with default_dtype(dtype) as torch:
        tensors = {name: torch.from_numpy(array) for name, array in given.items()}
        leaves = {n: t.requires_grad_() for n, t in tensors.items() if f"grad.{n}" in known}
        parts, data_loss = parts_of(tensors, case.config), DataLoss(tensors)
        outputs = check_outputs(call(function, parts, data_loss), known)
        total = total_of(outputs, data_loss, case, known)
        answers = {name: to_numpy(value) for name, value in with_data(outputs, data_loss, known).items()}
        notes = [*total.notes, *changed(in_dtype(case.given, dtype), given)]
        if getattr(total.value, "requires_grad", False) and leaves:
            found = torch.autograd.grad(total.value, list(leaves.values()), allow_unused=True)
            grads = dict(zip(leaves, found, strict=True))
            zeros = {n: torch.zeros_like(leaves[n]) for n, g in grads.items() if g is None}
            answers = {f"grad.{n}": to_numpy(g) for n, g in (grads | zeros).items()} | answers
            notes += [f"no path from its loss to {', '.join(zeros)}"] if zeros else []
        elif leaves and total.value is not None:
            notes.append("no gradients: its loss does not depend on the parameters by autograd")
    return Answered(answers, total.weighted, total.kl, unread(parts), tuple(notes))
