"""What a cross-check says: text for people, rows for programs."""

import math
from collections.abc import Sequence
from typing import Any

from refimpl.checks.crosscheck.aside import not_checked
from refimpl.checks.crosscheck.compare import AGREES, DIFFERS, MISSING, SINGLE, Verdict
from refimpl.checks.crosscheck.diagnose import Cause
from refimpl.checks.crosscheck.results import ASIDE, FAILED, NOT_REPEATABLE, CaseReport, Report

SHOWN = 12  # names in a list of what was not checked


def format_report(report: Report) -> str:
    """A line a case; the tensors of the first case that differs, or of the first; the diagnosis."""
    ran = [r for r in report.compared if r.verdict != FAILED]
    shown = next((r for r in ran if r.verdict != AGREES), ran[0])
    width = max(len(r.case.id) for r in report.cases)
    lines = [f"{report.subject} against refimpl", ""]
    for r in report.cases:
        lines.append(f"{r.case.id.ljust(width)}  {r.verdict.ljust(9)}  {_said_of_case(r)}".rstrip())
    lines += ["", f"{shown.case.id}: {shown.case.comment}", *_table(shown.tensors), ""]
    lines += [f"note: {note}" for note in shown.notes]
    lines += [f"note: it does not look at {', '.join(n)}" for n in [shown.ignored(shown.case)] if n]
    return "\n".join([*lines, *_conclusion(report, shown)])


def _said_of_case(r: CaseReport) -> str:
    if r.verdict in (ASIDE, FAILED):
        return "; ".join(r.notes)
    if r.verdict == NOT_REPEATABLE:
        return r.notes[0]
    many = sum(v.verdict != MISSING for v in r.tensors)
    if r.verdict == AGREES:
        beside = f", {len(r.tensors) - many} not returned" if many < len(r.tensors) else ""
        return f"{many} tensors compared{beside}, largest error {_number(r.worst_error)}"
    differ = sum(v.verdict == DIFFERS for v in r.tensors)
    return f"{differ} of {many} tensors, the first is {r.first.name if r.first else ''}"


def _table(tensors: Sequence[Verdict]) -> list[str]:
    given = [v for v in tensors if v.verdict != MISSING]
    width = max(len("tensor"), *(len(v.name) for v in given))
    lines = [f"{'tensor'.ljust(width)}  verdict    error  bound"]
    for v in given:
        line = f"{v.name.ljust(width)}  {v.verdict}  {_number(v.error):>7}  {_number(v.tolerance)}"
        lines.append(f"{line}  {_entry(v)}".rstrip())
    missing = [v.name for v in tensors if v.verdict == MISSING]
    return [*lines, *([f"not returned: {', '.join(missing)}"] if missing else [])]


def _entry(v: Verdict) -> str:
    """Where the error is largest, of a tensor that differs, and what else can be said of it."""
    if v.verdict != DIFFERS:
        return ""
    if v.worst is None or v.found is None or v.expected is None:
        return v.note
    place = f"[{', '.join(map(str, v.worst))}] " if v.worst else ""
    said = f"{place}is {v.found:.6g}, expected {v.expected:.6g}"
    return f"{said}; {v.note}" if v.note else said


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0e}" if value else "0"


def _conclusion(report: Report, shown: CaseReport) -> list[str]:
    aside = sum(r.verdict == ASIDE for r in report.cases)
    count = f"{len(report.compared)} cases" if len(report.compared) > 1 else "1 case"
    beside = f", {aside} set aside" if aside else ""
    if report.agrees:
        return [f"AGREES in {count}{beside}: {_counted(report)}.", *_unchecked(report)]
    failed = [f"FAILED: it raises in {r.case.id}: {r.notes[0]}" for r in report.compared if r.verdict == FAILED]
    if failed:
        failed.append("What is not implemented is set aside where it raises NotImplementedError.")
    if shown.verdict == AGREES:
        rest = len(report.compared) - sum(r.verdict == FAILED for r in report.compared)
        return [f"{rest} of {count} agree{beside}.", *failed]
    return _difference(report, shown, count, beside) + failed


def _counted(report: Report) -> str:
    """How much was compared, over all cases."""
    given = [v.name for r in report.compared for v in r.tensors if v.verdict != MISSING]
    missing = [v.name for r in report.compared for v in r.tensors if v.verdict == MISSING]
    gradients = sum(name.startswith("grad.") for name in given)
    lacking = sum(name.startswith("grad.") for name in missing)
    beside = f" ({lacking} not returned)" if lacking else ""
    return f"{_many(len(given) - gradients, 'output')}, {_many(gradients, 'gradient')}{beside}"


def _many(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


def _unchecked(report: Report) -> list[str]:
    names = not_checked(report)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"Not checked: {', '.join(names[:SHOWN])}{more}."] if names else []


def _difference(report: Report, shown: CaseReport, count: str, beside: str) -> list[str]:
    """Where it differs first, and why."""
    if shown.verdict == NOT_REPEATABLE:
        return ["DIFFERS: no cause can be looked for before two runs give the same."]
    lines = [f"DIFFERS in {sum(r.verdict == DIFFERS for r in report.compared)} of {count}{beside}."]
    if shown.first is not None:
        lines.append(f"First to diverge in {shown.case.id}: {shown.first.name}.")
    nonfinite = next((v.name for v in shown.tensors if v.verdict == DIFFERS and v.error == math.inf), None)
    if nonfinite is not None:
        lines.append(f"NaN or infinity in {nonfinite}, the first.")
    if not report.causes and _single(report):
        return [*lines, 'Cause: float32 inside; declare it with dtype="float32", or compute in float64.']
    if shown.backward_only:
        lines.append("The forward pass agrees, the backward pass does not.")
    if report.causes:
        return lines + _causes(report.causes, shown)
    if all(v.error is None for v in shown.tensors if v.verdict == DIFFERS):
        return [*lines, f"Cause: the shape of {', '.join(v.name for v in shown.tensors if v.verdict == DIFFERS)}."]
    explained = {r.case.id: r.causes for r in report.compared if r.verdict == DIFFERS}
    if not any(explained.values()):
        return [*lines, f"Cause: unknown. {_what_agrees(shown)}"]
    lines.append("No one cause explains all cases:")
    for name, causes in explained.items():
        lines.append(f"  {name}: " + (" or ".join(words(c) for c in causes[:4]) or "unknown"))
    return lines


def _single(report: Report) -> bool:
    """Whether all that differs agrees within rounding of float32."""
    differing = [v for r in report.compared if r.verdict == DIFFERS for v in r.tensors if v.verdict == DIFFERS]
    return bool(differing) and all(v.note == SINGLE for v in differing)


def words(cause: Cause) -> str:
    """The mistakes of a cause."""
    return ", and ".join(mistake.words for mistake in cause)


def _causes(causes: Sequence[Cause], shown: CaseReport) -> list[str]:
    given = [v.name for v in shown.tensors if v.verdict != MISSING]
    gradients = sum(name.startswith("grad.") for name in given)
    same = f"these numbers: {len(given) - gradients} outputs, {gradients} gradients, within their bounds."
    if len(causes) > 1:
        listed = [f"  {words(cause)}" for cause in causes]
        return ["Causes that explain it equally well:", *listed, f"Planted in refimpl, each gives {same}"]
    return [
        f"Cause: {words(causes[0])}.",
        f"Planted in refimpl, {'it gives' if len(causes[0]) == 1 else 'they give'} {same}",
    ]


def _what_agrees(r: CaseReport) -> str:
    right = [v.name for v in r.tensors if v.verdict == AGREES]
    return f"These agree: {', '.join(right)}." if right else "No tensor agrees."


def as_json(report: Report) -> dict[str, Any]:
    """Everything, for programs; null in place of infinity."""
    return {
        "subject": report.subject,
        "agrees": report.agrees,
        "causes": [_cause_json(cause) for cause in report.causes],
        "cases": [_case_json(r) for r in report.cases],
    }


def _case_json(r: CaseReport) -> dict[str, Any]:
    return {
        "id": r.case.id,
        "op": r.case.op,
        "comment": r.case.comment,
        "verdict": r.verdict,
        "first": r.first.name if r.first else None,
        "worst_error": _finite(r.worst_error),
        "backward_only": r.backward_only,
        "causes": [_cause_json(cause) for cause in r.causes],
        "notes": list(r.notes),
        "tensors": [{k: _finite(value) for k, value in v._asdict().items()} for v in r.tensors],
    }


def _cause_json(cause: Cause) -> list[dict[str, str]]:
    return [{"name": m.name, "kind": m.kind, "words": m.words} for m in cause]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
