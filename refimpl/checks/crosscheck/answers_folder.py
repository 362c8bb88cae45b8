"""A folder of answers, from any language: ID.safetensors for each case that was computed, names as in the vectors."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.numpy import load_file

from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.subject import Answered, BadSubjectError, Subject, check_outputs


def folder_subject(folder: Path) -> Subject:
    """The answers in ``folder``. Gradients in it are those of sum(cotangent * output) over all outputs of the case.

    Errors: BadSubjectError if there is no file of answers.
    """
    ids = frozenset(path.stem for path in folder.glob("*.safetensors"))
    if not ids:
        raise BadSubjectError(f"{folder}: expected files ID.safetensors, such as lstm-001.safetensors, found none")

    def run(case: Case, known: Sequence[str]) -> Answered:
        return Answered(check_outputs(load_file(folder / f"{case.id}.safetensors"), known))

    return Subject(str(folder), run, takes=lambda case: case.id in ids, repeatable=False)
