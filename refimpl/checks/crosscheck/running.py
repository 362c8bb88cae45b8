"""Running a subject: errors that say where they come from, and whether a second run gives the same."""

import traceback
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import Case, cases
from refimpl.checks.crosscheck.compare import same
from refimpl.checks.crosscheck.subject import (
    PREFIXES,
    AbsentError,
    Answered,
    BadSubjectError,
    NotApplicableError,
    Subject,
)

SEEDS = (0, 1)  # of the framework's generator in the first and in the second run
FOREIGN = ("site-packages", "dist-packages", "<frozen ", str(Path(__file__).parents[1]))


def run_subject(subject: Subject, case: Case, known: Sequence[str], seed: int = SEEDS[0]) -> Answered:
    """The subject's answers.

    Errors: BadSubjectError that says what it raised and where, NotApplicableError if it failed by a name or an
    option that is not of all cases; NotImplementedError as it is.
    """
    if subject.seed is not None:
        subject.seed(seed)
    try:
        return subject.run(case, known)
    except (BadSubjectError, NotImplementedError):
        raise
    except KeyError as error:
        raise (NotApplicableError if _is_of_other_cases(error, case) else BadSubjectError)(where(error)) from error
    except Exception as error:
        raise BadSubjectError(where(error)) from error


def _is_of_other_cases(error: KeyError, case: Case) -> bool:
    """Whether the key is a name that others of the operation have and this case has not, or the value of one of its
    options, which the subject's own table lacks."""
    key = error.name if isinstance(error, AbsentError) else error.args[0] if error.args else None
    others = {name for other in cases() if other.op == case.op for name in _names(other)}
    return key in others - _names(case) or (isinstance(key, str) and key in case.config.values())


def _names(case: Case) -> set[str]:
    """What a subject can ask for: arrays, cotangents and options."""
    prefixes = (*PREFIXES.values(), "cotangent.")
    return {n.removeprefix(p) for n in case.given for p in prefixes if n.startswith(p)} | set(case.config)


def where(error: Exception) -> str:
    """The error, and the last line that is the user's own and not of a framework."""
    if isinstance(error, BadSubjectError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not any(part in f.filename for part in FOREIGN)]
    said = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    if isinstance(error, ModuleNotFoundError):
        said += "; install it beside refimpl (torch, jax, onnx and onnxruntime are its extra crosscheck)"
    kind = "KeyError" if isinstance(error, AbsentError) else type(error).__name__
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{kind}: {said}{place}"


def not_repeatable(subject: Subject, case: Case, known: Sequence[str], first: Answered) -> str:
    """ "" if a second run on the same input, with other random numbers, gives the same; else what differs, and why."""
    if not subject.repeatable:
        return ""
    moving = _differing(first, run_subject(subject, case, known, SEEDS[1]))
    if not moving:
        return ""
    said = f"two runs on the same input and noise differ in {', '.join(moving)}: "
    if subject.seed is not None and not _differing(first, run_subject(subject, case, known)):
        return said + "it draws noise of its own from the framework's generator; use the noise that is given"
    return said + "it draws noise of its own, or keeps something from one call to the next"


def _differing(first: Answered, second: Answered) -> list[str]:
    """The answers that two runs do not share."""
    others = second.answers
    return [n for n, array in first.answers.items() if n not in others or not _repeated(n, array, others[n])]


def _repeated(name: str, array: Array, again: Array) -> bool:
    """Whether a second run gave the same: NaN in the same places is the same."""
    if array.dtype.kind in "fc" and np.array_equal(array, again, equal_nan=True):
        return True
    return same({name: array}, {name: again})
