"""What is checked: a function from a case to answers, whatever it is written in.

``params``, ``inputs`` and ``noise`` are handed to it as dicts by the names of the case without their first part:
"param.W_x.mu" is ``params["W_x.mu"]``. Where a case's loss has a KL term, a fifth argument stands for the rest of it:
``data_loss(outputs)`` is the sum of <cotangent, output>, in the place of a negative log-likelihood.
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import OPS, Answers, Case
from refimpl.checks.crosscheck.data_loss import DataLoss

ATTRIBUTE = "crosscheck_subject"  # where a decorator leaves the Subject on the function it decorates
ANSWER_PARTS = ("mid.", "out.", "grad.")
DTYPES = ("float64", "float32")
PREFIXES = {"params": "param.", "inputs": "input.", "noise": "noise."}
OPTION = "config."
ALTERNATIVES = ("_each_step", "_each_gate")  # draws that only a mistake reads


class BadSubjectError(ValueError):
    """The subject cannot be compared: not found, raised, or gave names that the case does not have."""


class NotApplicableError(BadSubjectError):
    """The subject is not made for this case: it asks for what others of the operation have, or has other sizes."""


class AbsentError(KeyError):
    """A name was asked for that the case does not have."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        super().__init__(f"{name!r}; there are {', '.join(map(repr, names)) or 'none'}")
        self.name = name


class Answered(NamedTuple):
    """What a subject gave for a case."""

    answers: Answers
    # outputs whose cotangents are in the gradients; None: those of all outputs of the case
    weighted: frozenset[str] | None = None
    kl: bool = True  # whether the KL is in them
    unread: tuple[str, ...] = ()  # arrays and options of the case that it never looked at
    notes: tuple[str, ...] = ()


class Subject(NamedTuple):
    """run takes a case and the names of all its answers. ops: those that it declares, () for none."""

    name: str
    run: Callable[[Case, Sequence[str]], Answered]
    ops: tuple[str, ...] = ()
    takes: Callable[[Case], bool] | None = None  # None: every case of its ops
    seed: Callable[[int], Any] | None = None  # sets the framework's own generator of random numbers
    hint: str = '@torch_subject("lstm") or @jax_subject("lstm") above the function'  # how ops are declared
    repeatable: bool = True  # whether a second run can differ; a folder of answers is not run


class Read(dict[str, Any]):
    """A dict that remembers which of its entries were looked at."""

    def __init__(self, entries: dict[str, Any]) -> None:
        super().__init__(entries)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise AbsentError(name, list(super().keys()))
        self.seen.add(name)
        return super().__getitem__(name)

    def __iter__(self) -> Iterator[str]:  # also makes {**d} ask for each entry
        return super().__iter__()

    def get(self, name: str, default: Any = None) -> Any:
        if name in self:
            self.seen.add(name)
        return super().get(name, default)

    def _all(self) -> dict[str, Any]:
        self.seen.update(super().keys())
        return dict(super().items())

    def items(self) -> Any:
        return self._all().items()

    def values(self) -> Any:
        return self._all().values()

    def copy(self) -> dict[str, Any]:
        return self._all()

    def __or__(self, other: Any) -> Any:
        return self._all() | other

    def pop(self, name: str, *default: Any) -> Any:
        if name not in self and not default:
            raise AbsentError(name, list(super().keys()))
        self.seen.add(name)
        return super().pop(name, *default)


def parts_of(given: dict[str, Any], config: dict[str, Any]) -> dict[str, Read]:
    """The arguments of a subject by name: params, inputs, noise, config."""
    parts = {
        argument: Read({n.removeprefix(prefix): v for n, v in given.items() if n.startswith(prefix)})
        for argument, prefix in PREFIXES.items()
    }
    return parts | {"config": Read(copy.deepcopy(config))}


def unread(parts: dict[str, Read]) -> tuple[str, ...]:
    """Parameters, inputs, noise and options that were never looked at, by their names in the case."""
    return tuple(
        PREFIXES.get(part, OPTION) + name
        for part, entries in parts.items()
        for name in dict.keys(entries)
        if name not in entries.seen and not name.endswith(ALTERNATIVES)
    )


def in_dtype(given: dict[str, Array], dtype: str) -> dict[str, Array]:
    """Copies, the floating ones in that dtype; contiguous, so that any framework takes them."""
    return {n: np.array(a, dtype=dtype if a.dtype.kind == "f" else a.dtype, order="C") for n, a in given.items()}


def check_outputs(outputs: Any, known: Sequence[str], gradients: tuple[str, ...] = ()) -> dict[str, Any]:
    """The outputs by their full names: "h" is "out.h". gradients: ("grad.",) where a subject returns its own.

    Errors: BadSubjectError if they are no dict, or a name is not of the case.
    """
    first = [n.removeprefix("out.") for n in known if n.startswith("out.")]
    if not isinstance(outputs, dict):
        raise BadSubjectError(f"expected a dict of outputs, such as {first}, got {type(outputs).__name__}")
    full = {n: n if n.startswith(ANSWER_PARTS) else f"out.{n}" for n in outputs}
    extra = [n.removeprefix("out.") for n, ours in full.items() if ours not in known]
    if extra:
        names = first + [n for part in ("mid.", *gradients) for n in known if n.startswith(part)]
        raise BadSubjectError(f"unknown names {extra}; known are {names}")
    return {full[n]: value for n, value in outputs.items()}


def to_numpy(value: Any) -> Array:
    """An answer as an array: NumPy's, a number, or a tensor of any framework that NumPy understands."""
    value = value.detach() if hasattr(value, "detach") else value
    return np.asarray(value.cpu() if hasattr(value, "cpu") else value)


def changed(before: dict[str, Array], after: dict[str, Array]) -> tuple[str, ...]:
    """Notes on arrays that a subject wrote over."""
    written = [n for n, a in before.items() if not np.array_equal(a, after[n], equal_nan=a.dtype.kind == "f")]
    return (f"it writes over what it is given: {', '.join(written)}",) if written else ()


def call(function: Callable[..., Any], parts: dict[str, Read], data_loss: DataLoss) -> Any:
    """function(params, inputs, noise, config), and data_loss where it has a fifth parameter."""
    needed = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    fifth = (data_loss,) if len(needed) > 4 or any(p.kind is p.VAR_POSITIONAL for p in needed) else ()
    return function(*parts.values(), *fifth)


def numpy_subject(function: Callable[..., Any], ops: tuple[str, ...] = (), name: str = "") -> Subject:
    """A function of NumPy arrays; it may return gradients of its own, and has the cotangents as a fifth argument."""

    def run(case: Case, known: Sequence[str]) -> Answered:
        given = in_dtype(case.given, "float64")
        parts = parts_of(given, case.config)
        outputs = check_outputs(call(function, parts, DataLoss(given)), known, ("grad.",))
        answers = {n: to_numpy(v) for n, v in outputs.items()}
        return Answered(answers, unread=unread(parts), notes=changed(in_dtype(case.given, "float64"), given))

    return Subject(name or getattr(function, "__name__", "subject"), run, ops)


def decorated(
    make: Callable[[Callable[..., Any], tuple[str, ...]], Subject], ops: tuple[Any, ...], dtype: str
) -> Callable[..., Any]:
    """The common part of the decorators: the function stays what it is, and carries its Subject.

    Errors: BadSubjectError on an op that there is not, or another dtype than DTYPES.
    """
    if dtype not in DTYPES:
        raise BadSubjectError(f"dtype: expected one of {DTYPES}, got {dtype!r}")
    if len(ops) == 1 and callable(ops[0]):  # used without parentheses
        return decorated(make, (), dtype)(ops[0])  # type: ignore[no-any-return]
    check_ops(ops)

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        setattr(function, ATTRIBUTE, make(function, ops))
        return function

    return decorate


def check_ops(ops: Sequence[str]) -> None:
    """Errors: BadSubjectError on an op that there is not."""
    unknown = [op for op in ops if op not in OPS]
    if unknown:
        raise BadSubjectError(f"op: unknown {unknown}; there are {', '.join(OPS)}")
