"""What the tests of each framework share."""

from refimpl.checks.conformance import answers, cases
from refimpl.checks.crosscheck.checking import compare_case
from refimpl.checks.crosscheck.compare import AGREES, MISSING
from refimpl.checks.crosscheck.subject import Subject

BY_ID = {case.id: case for case in cases()}


def subjects_on(case_id: str, subjects: dict[str, Subject]) -> dict[str, Subject]:
    """The subjects that compute this case."""
    case = BY_ID[case_id]
    return {n: s for n, s in subjects.items() if case.op in s.ops and (s.takes is None or s.takes(case))}


def compared(subject: Subject, case_id: str) -> tuple[set[str], float]:
    """The answers that a subject gave, all of which agree, and the largest error."""
    report = compare_case(subject, BY_ID[case_id], strict=True)
    assert report.verdict == AGREES, (case_id, report.first, report.notes)
    assert not report.unread or all(name.startswith("config.") for name in report.unread)
    given = {v.name for v in report.tensors if v.verdict != MISSING}
    assert all(v.tolerance == 1e-12 for v in report.tensors if v.name in given)
    return given, report.worst_error or 0.0


def gradients(case_id: str) -> set[str]:
    """The gradients of a case."""
    return {name for name in answers(BY_ID[case_id]) if name.startswith("grad.")}
