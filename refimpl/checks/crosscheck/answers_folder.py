"""A folder of answers, from any language: ID.safetensors for each case that was computed, names as in the vectors."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.numpy import load_file

from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.subject import Answered, BadSubjectError, Subject, check_outputs


def folder_subject(folder: Path) -> Subject:
    """The answers in ``folder``; what the case is given may lie beside them. Gradients are those of its loss: the
    sum of <cotangent, output> over all outputs of the case, or out.loss where that has no cotangent.

    Errors: BadSubjectError if there is no file of answers.
    """
    ids = frozenset(path.stem for path in folder.glob("*.safetensors"))
    if not ids:
        raise BadSubjectError(f"{folder}: expected files ID.safetensors, such as lstm-001.safetensors, found none")

    def run(case: Case, known: Sequence[str]) -> Answered:
        arrays = load_file(folder / f"{case.id}.safetensors")
        return Answered(check_outputs({n: a for n, a in arrays.items() if n not in case.given}, known))

    return Subject(str(folder), run, takes=lambda case: case.id in ids, repeatable=False)
