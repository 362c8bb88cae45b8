"""What is known of a subject after the comparison: of each case, and of all."""

from typing import NamedTuple

from refimpl.checks.conformance import Answers, Case
from refimpl.checks.crosscheck.compare import AGREES, DIFFERS, Verdict, first_diverging
from refimpl.checks.crosscheck.diagnose import Cause
from refimpl.checks.crosscheck.subject import OPTION

ASIDE, FAILED, NOT_REPEATABLE = "set aside", "failed", "not repeatable"


class CaseReport(NamedTuple):
    """One case: agrees, differs, not repeatable, failed (it raises), or set aside."""

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
