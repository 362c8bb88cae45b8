"""Which cases count: those that a subject was not made for are set aside, and what they would have checked is named."""

import json
from collections.abc import Sequence

from refimpl.checks.conformance import Case
from refimpl.checks.crosscheck.compare import AGREES, DIFFERS
from refimpl.checks.crosscheck.results import ASIDE, FAILED, CaseReport, Report
from refimpl.checks.crosscheck.subject import ALTERNATIVES, OPTION, PREFIXES


def set_aside(reports: Sequence[CaseReport], *, declared: bool) -> list[CaseReport]:
    """A case that differs does not count if the subject ignores what distinguishes it from the first case of the
    operation whose arrays it looks at in full: an array, or an option that has another value there. Of operations that
    it does not declare, only those count of which there is such a case, if there are any.

    A case in which it raises counts if another case ran, of an operation that it does not declare only if that agrees:
    a function that is tried on everything raises where it does not belong.
    """
    ran = any(r.verdict not in (ASIDE, FAILED) for r in reports)
    bases: dict[str, CaseReport] = {}
    for r in reports:
        if r.verdict not in (ASIDE, FAILED) and not r.ignored(r.case):
            bases.setdefault(r.case.op, r)
    result = []
    for r in reports:
        base = bases.get(r.case.op) or (r if declared or not bases else None)
        if r.verdict == FAILED:
            counts = ran and (declared or (base is not None and base.verdict == AGREES))
            result.append(r if counts else r._replace(verdict=ASIDE))
            continue
        ignored = () if base is r or r.verdict != DIFFERS else r.ignored(r.case if base is None else base.case)
        said = (f"not applicable: {', '.join(ignored)}",)
        result.append(r._replace(verdict=ASIDE, notes=said) if ignored else r)
    return result


def not_checked(report: Report) -> list[str]:
    """What the cases that were set aside have and no case that was compared has, of the operations compared: arrays,
    and options of another value; a case that has nothing of its own is named itself."""
    had: dict[str, set[str]] = {}
    for r in report.compared:
        had.setdefault(r.case.op, set()).update(_traits(r.case))
    names: dict[str, None] = {}
    for r in report.cases:
        if r.verdict == ASIDE and r.case.op in had:
            new = [said for trait, said in _traits(r.case).items() if trait not in had[r.case.op]]
            names.update(dict.fromkeys(new or [r.case.id]))
    return list(names)


def _traits(case: Case) -> dict[str, str]:
    """Arrays and options with their values, and what they are called in a sentence."""
    traits: dict[str, str] = {}
    for prefix in PREFIXES.values():
        arrays = [n for n in case.given if n.startswith(prefix) and not n.endswith(ALTERNATIVES)]
        traits |= {n: n.removeprefix(prefix) for n in arrays}
    for name, value in case.config.items():
        words = f"{name} {value}" if isinstance(value, (str, bool)) else name
        traits[f"{OPTION}{name}={json.dumps(value)}"] = words
    return traits
