"""A subject against the reference on cases: run it twice, compare, and look for the cause."""

from collections.abc import Sequence

from refimpl.checks.conformance import OPS, Case, answers, cases
from refimpl.checks.crosscheck.aside import set_aside
from refimpl.checks.crosscheck.compare import AGREES, DIFFERS, compare
from refimpl.checks.crosscheck.data_loss import as_posed
from refimpl.checks.crosscheck.diagnose import Cause, diagnose, explains
from refimpl.checks.crosscheck.results import ASIDE, FAILED, NOT_REPEATABLE, CaseReport, Report
from refimpl.checks.crosscheck.running import not_repeatable, run_subject
from refimpl.checks.crosscheck.subject import BadSubjectError, NotApplicableError, Subject


def crosscheck(subject: Subject, names: Sequence[str] = ()) -> Report:
    """Compare a subject with the reference.

    names: ids of cases, or operations; by default all cases of the operations that the subject declares, else all.
    Where they are not named, a case is set aside if the subject says that it is not implemented, asks for what the
    case does not have, or does not look at all of its arrays while another case of the operation was compared in full.
    Errors: BadSubjectError if a name is unknown, or no case could be compared.
    """
    reports = [compare_case(subject, case, strict=bool(names)) for case in choose(subject, names)]
    reports = reports if names else set_aside(reports, declared=bool(subject.ops))
    explained: list[CaseReport] = []
    known: dict[str, tuple[Cause, ...]] = {}  # by operation: what explained its first case that differs
    for one in reports:
        one = with_causes(one, known.get(one.case.op))
        if one.verdict == DIFFERS:
            known.setdefault(one.case.op, one.causes)
        explained.append(one)
    report = Report(subject.name, tuple(explained), common_causes(explained))
    if not report.compared:
        raise BadSubjectError(f"{subject.name} could be compared on no case\n{_why_none(subject, reports)}")
    return report


def choose(subject: Subject, names: Sequence[str]) -> list[Case]:
    """The cases that were asked for, or that the subject declares. Errors: BadSubjectError on an unknown name."""
    unknown = [n for n in names if n not in OPS and n not in {case.id for case in cases()}]
    if unknown:
        raise BadSubjectError(f"case: unknown {unknown}; there are the operations {', '.join(OPS)}, and their cases")
    chosen = [c for c in cases() if c.id in names or c.op in (names or subject.ops or OPS)]
    taken = [c for c in chosen if subject.takes is None or subject.takes(c)]
    if not taken:
        raise BadSubjectError(f"{subject.name} takes none of the cases {', '.join(c.id for c in chosen)}")
    return taken


def compare_case(subject: Subject, case: Case, *, strict: bool = False) -> CaseReport:
    """One case, run and compared; its cause is not looked for.

    Errors: BadSubjectError if the subject cannot be run on it and strict is true.
    """
    wanted = tuple(answers(case))
    try:
        answered = run_subject(subject, case, wanted)
        moving = not_repeatable(subject, case, wanted, answered)
        if not answered.answers:
            raise BadSubjectError("it returns nothing")
    except (BadSubjectError, NotImplementedError) as error:
        if strict:
            raise BadSubjectError(f"{case.id}: {error}") from error
        aside = isinstance(error, (NotApplicableError, NotImplementedError))
        return CaseReport(case, ASIDE if aside else FAILED, notes=(str(error) or "not implemented",))
    posed = as_posed(case, answered.weighted, answered.kl)
    tensors = compare(answers(posed), answered.answers)
    report = CaseReport(case, AGREES, tensors, (), answered.unread, answered.notes, posed, answered.answers)
    if moving:
        return report._replace(verdict=NOT_REPEATABLE, notes=(moving, *report.notes))
    return report if report.first is None else report._replace(verdict=DIFFERS)


def with_causes(report: CaseReport, known: tuple[Cause, ...] | None = None) -> CaseReport:
    """The report with what explains it, if it differs; tensors of another shape are left out of the search.

    known: what explained another case of the operation. It is tried first, and pairs are then not searched again.
    """
    if report.verdict != DIFFERS or report.posed is None or report.found is None:
        return report
    misshapen = {v.name for v in report.tensors if v.verdict == DIFFERS and v.error is None}
    found = {name: array for name, array in report.found.items() if name not in misshapen}
    if all(v.verdict != DIFFERS for v in report.tensors if v.name in found):
        return report
    causes = tuple(cause for cause in known or () if explains(report.posed, cause, found))
    return report._replace(causes=causes or diagnose(report.posed, found, pairs=known is None))


def check_case(subject: Subject, case: Case) -> CaseReport:
    """One case, compared and explained."""
    return with_causes(compare_case(subject, case))


def common_causes(reports: Sequence[CaseReport]) -> tuple[Cause, ...]:
    """The explanations that hold in every case that differs."""
    differing = [r for r in reports if r.verdict == DIFFERS]
    if not differing:
        return ()
    return tuple(c for c in differing[0].causes if all(names(c) in map(names, r.causes) for r in differing))


def names(cause: Cause) -> tuple[str, ...]:
    """The names of the mistakes."""
    return tuple(mistake.name for mistake in cause)


def _why_none(subject: Subject, reports: Sequence[CaseReport]) -> str:
    """Of each operation the first case, and what it failed by; of an undeclared subject a few."""
    firsts = list({r.case.op: r for r in reversed(reports)}.values())[::-1]
    lines = [f"  {r.case.id}: {'; '.join(r.notes)}" for r in firsts]
    if subject.ops:
        return "\n".join(lines)
    said = f"say which operation it computes: {subject.hint}; refimpl crosscheck lists the operations"
    return "\n".join([said, *lines[-5:]])
