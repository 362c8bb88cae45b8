"""A folder of answers, from any language: ID.safetensors for each case that was computed, names as in the vectors."""

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file

from refimpl.arrays import Array
from refimpl.checks.conformance import Case, cases
from refimpl.checks.crosscheck.subject import Answered, BadSubjectError, Subject, check_outputs


def folder_subject(folder: Path) -> Subject:
    """The answers in ``folder``; what the case is given may lie beside them. Gradients are those of its loss: the
    sum of <cotangent, output> over all outputs of the case, or out.loss where that has no cotangent.

    Errors: BadSubjectError if there is no file of answers, one of them cannot be read, or is of no case.
    """
    stored = {path.stem: _load(path) for path in sorted(folder.glob("*.safetensors"))}
    if not stored:
        raise BadSubjectError(f"{folder}: expected files ID.safetensors, such as lstm-001.safetensors, found none")
    ops = {case.id: case.op for case in cases()}
    unknown = [name for name in stored if name not in ops]
    if unknown:
        raise BadSubjectError(f"{folder}: {', '.join(unknown)}: there is no case of that id")

    def run(case: Case, known: Sequence[str]) -> Answered:
        given = {n: a for n, a in stored[case.id].items() if n not in case.given}
        return Answered(check_outputs(given, known, ("grad.",)))

    declared = tuple(dict.fromkeys(ops[name] for name in stored))
    return Subject(str(folder), run, declared, takes=lambda case: case.id in stored, repeatable=False)


def _load(path: Path) -> dict[str, Array]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:  # KeyError: a dtype NumPy has not
        raise BadSubjectError(f"{path}: no file of arrays (safetensors): {error}") from error
