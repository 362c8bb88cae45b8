"""Audit, family conformance: golden vectors recomputed, and wrong subjects whose mistake has to be named."""

from collections import Counter
from typing import NamedTuple

from refimpl.checks.conformance import MISTAKES, OPS, Answers, Mistake, answers, cases, difference
from refimpl.checks.crosscheck.compare import compare, first_diverging
from refimpl.checks.crosscheck.diagnose import diagnose
from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult
from refimpl.checks.vectors import Vector, read_vectors

FAMILY = "conformance"
UNKNOWN = "a fault that is not in the list"


class Diagnosis(NamedTuple):
    """What the cross-check said of a subject with one mistake."""

    case: str
    mistake: str  # its words
    kind: str
    first: str  # the first tensor that differs
    causes: tuple[str, ...]  # names of mistakes, joined where two are needed
    right: bool


def conformance_checks() -> tuple[list[CheckResult], list[Diagnosis]]:
    """A check for each operation's vectors, one for the invalid vectors, and one for the diagnoses."""
    vectors = read_vectors()
    found = diagnoses()
    return [*_vectors(vectors), _invalid(vectors), _diagnoses(found)], found


def _vectors(vectors: list[Vector]) -> list[CheckResult]:
    valid = [v for v in vectors if v.result == "valid"]
    caught = Counter(name for v in valid for name in v.catches)
    return [_operation(op, [v for v in valid if v.case.op == op], caught) for op in OPS]


def _operation(op: str, vectors: list[Vector], times: Counter[str]) -> CheckResult:
    """The bug planted is, of those that these vectors catch, the one that fewest vectors catch."""

    def measure(mistakes: tuple[Mistake, ...]) -> float:
        return max(_worst(v, answers(v.case, mistakes)) for v in vectors if all(m.applies(v.case) for m in mistakes))

    caught = {name for v in vectors for name in v.catches}
    planted = min((m for m in MISTAKES if m.name in caught), key=lambda m: times[m.name], default=None)
    about = About(
        FAMILY,
        op,
        f"{len(vectors)} golden vectors, all intermediate values, outputs and gradients; the figure is the largest "
        "error in tolerances, which are computed from roundings and condition",
        f"{len(caught)} named mistakes",
    )
    if planted is None:
        return run_check(about, measure, (), 1.0)
    return run_check(about, measure, (), 1.0, planted=planted.words, wrong=(planted,))


def _worst(vector: Vector, found: Answers) -> float:
    """Largest error in tolerances."""
    return max(difference(found[name], expected) for name, expected in vector.expected.items()) / vector.tol["float64"]


def _invalid(vectors: list[Vector]) -> CheckResult:
    invalid = [v for v in vectors if v.result == "invalid"]

    def measure(accepted: float) -> float:
        return float(sum(_worst(v, answers(v.case)) <= accepted for v in invalid))

    about = About(
        FAMILY,
        "invalid vectors",
        f"{len(invalid)} vectors with the answers of a named mistake; the figure counts those that are not rejected",
        "a harness that compares nothing",
    )
    return run_check(about, measure, 1.0, 0.0, planted="a tolerance that accepts everything", wrong=float("inf"))


def diagnoses() -> list[Diagnosis]:
    """Every mistake, planted in the first case that it applies to and changes, and what is said of it."""
    found = map(_diagnosis, MISTAKES)
    return [diagnosis for diagnosis in found if diagnosis is not None]


def _diagnosis(mistake: Mistake) -> Diagnosis | None:
    for case in cases():
        if mistake.applies(case):
            wrong = answers(case, [mistake])
            first = first_diverging(compare(answers(case), wrong))
            if first is not None:
                causes = diagnose(case, wrong, pairs=False)
                names = tuple(" + ".join(m.name for m in cause) for cause in causes)
                return Diagnosis(case.id, mistake.words, mistake.kind, first.name, names, (mistake,) in causes)
    return None


def _diagnoses(found: list[Diagnosis]) -> CheckResult:
    def measure(diagnoses: list[Diagnosis]) -> float:
        named = {diagnosis.mistake for diagnosis in diagnoses if diagnosis.right}
        return float(sum(mistake.words not in named for mistake in MISTAKES))

    about = About(
        FAMILY,
        "diagnoses",
        f"{len(found)} subjects, each with one mistake; the figure counts the known mistakes that are not named",
        "a cross-check that sees a difference and not its cause",
    )
    return run_check(about, measure, found, 0.0, planted=UNKNOWN, wrong=[*found[1:], _undiagnosed()])


def _undiagnosed() -> Diagnosis:
    """What is said of a fault that nobody foresaw."""
    case = next(case for case in cases() if case.op == "sparse_lstm")
    fault = {name: 1.001 * array if name == "out.kl" else array for name, array in answers(case).items()}
    causes = diagnose(case, fault, pairs=False)
    return Diagnosis(case.id, UNKNOWN, "", "out.kl", tuple(m.name for cause in causes for m in cause), bool(causes))
