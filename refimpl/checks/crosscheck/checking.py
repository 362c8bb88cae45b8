"""A subject against the reference on cases: run it twice, compare, and look for the cause."""

from collections.abc import Sequence
from typing import NamedTuple

from refimpl.checks.conformance import OPS, Answers, Case, answers, cases
from refimpl.checks.crosscheck.compare import AGREES, DIFFERS, Verdict, compare, first_diverging
from refimpl.checks.crosscheck.data_loss import as_posed
from refimpl.checks.crosscheck.diagnose import Cause, diagnose, explains
from refimpl.checks.crosscheck.running import not_repeatable, run_subject
from refimpl.checks.crosscheck.subject import OPTION, BadSubjectError, Subject

ASIDE, NOT_REPEATABLE = "set aside", "not repeatable"


class CaseReport(NamedTuple):
    """One case: agrees, differs, not repeatable, or set aside."""

    case: Case
    verdict: str
    tensors: tuple[Verdict, ...] = ()
    causes: tuple[Cause, ...] = ()
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    posed: Case | None = None  # the case as the subject differentiated it
    found: Answers | None = None  # what it answered

    def ignored(self, base: Case) -> tuple[str, ...]:
        """What the subject did not look at: arrays, and options that have another value in the base case."""
        options, old = self.case.config, base.config
        return tuple(
            n
            for n in self.unread
            if not n.startswith(OPTION) or options[n.removeprefix(OPTION)] != old.get(n.removeprefix(OPTION))
        )

    @property
    def first(self) -> Verdict | None:
        return first_diverging(self.tensors)

    @property
    def worst_error(self) -> float | None:
        """The largest error of all tensors that could be measured."""
        return max((v.error for v in self.tensors if v.error is not None), default=None)

    @property
    def backward_only(self) -> bool:
        """Whether outputs were compared and agree, and a gradient does not."""
        outputs = [v.verdict for v in self.tensors if not v.name.startswith("grad.")]
        return AGREES in outputs and DIFFERS not in outputs and self.first is not None


class Report(NamedTuple):
    """All cases of a subject. causes: the explanations that hold in every case that differs."""

    subject: str
    cases: tuple[CaseReport, ...]
    causes: tuple[Cause, ...]

    @property
    def compared(self) -> tuple[CaseReport, ...]:
        return tuple(c for c in self.cases if c.verdict != ASIDE)

    @property
    def agrees(self) -> bool:
        return all(c.verdict == AGREES for c in self.compared)


def crosscheck(subject: Subject, names: Sequence[str] = ()) -> Report:
    """Compare a subject with the reference.

    names: ids of cases, or operations; by default all cases of the operations that the subject declares, else all.
    Where they are not named, a case is set aside if the subject cannot be run on it, or does not look at all of its
    arrays, while another case of the operation was compared in full.
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
        return CaseReport(case, ASIDE, notes=(str(error) or "not implemented",))
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


def set_aside(reports: Sequence[CaseReport], *, declared: bool) -> list[CaseReport]:
    """A case that differs does not count if the subject ignores what distinguishes it from the first case of the
    operation whose arrays it looks at in full: an array, or an option that has another value there. Of operations that
    it does not declare, only those count of which there is such a case, if there are any."""
    bases: dict[str, CaseReport] = {}
    for r in reports:
        if r.verdict != ASIDE and not r.ignored(r.case):
            bases.setdefault(r.case.op, r)
    result = []
    for r in reports:
        base = bases.get(r.case.op) or (r if declared or not bases else None)
        ignored = () if base is r or r.verdict != DIFFERS else r.ignored(r.case if base is None else base.case)
        said = (f"it does not look at {', '.join(ignored)}",)
        result.append(r._replace(verdict=ASIDE, notes=said) if ignored else r)
    return result


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
    hint = 'say which operation it computes: @torch_subject("lstm") or @jax_subject("lstm") above the function'
    return "\n".join([*lines[-5:], f"  {hint}; refimpl crosscheck lists the operations"])
