"""The command ``refimpl crosscheck``: what it prints, and its exit code."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance import OPS, Case, answers, cases
from refimpl.checks.crosscheck.checking import crosscheck
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.report import as_json, format_report
from refimpl.checks.crosscheck.subject import ALTERNATIVES, PREFIXES, BadSubjectError


def crosscheck_command(
    subject: str | None,
    names: Sequence[str] = (),
    *,
    show: str | None = None,
    to_json: bool = False,
    tell: Callable[[str], Any] = print,
) -> int:
    """Exit code: 0 the subject agrees, 1 it differs. Without a subject: the operations, or one of them in full.

    Errors: ValueError on bad input.
    """
    if subject is None:
        tell(format_operations() if show is None else format_case(show))
        return 0
    report = crosscheck(load_subject(subject), names)
    tell(json.dumps(as_json(report), indent=1) if to_json else format_report(report))
    return 0 if report.agrees else 1


def format_operations() -> str:
    """All operations, a line each."""
    width = max(map(len, OPS))
    lines = [f"{name.ljust(width)}  {op.about}" for name, op in OPS.items()]
    return "\n".join([*lines, "", "refimpl crosscheck --show NAME says what one of them is given, and returns."])


def format_case(name: str) -> str:
    """What a case (of an operation: its first) is given, what can be returned, and the beginning of a subject.

    Errors: BadSubjectError on an unknown name.
    """
    found = [case for case in cases() if name in (case.op, case.id)]
    if not found:
        raise BadSubjectError(f"show: unknown {name!r}; there are {', '.join(OPS)}, and their cases")
    case, others = found[0], [c.id for c in cases() if c.op == found[0].op]
    expected = answers(case)
    lines = [f"{case.op}: {OPS[case.op].about}", f"{case.id} (of {', '.join(others)}): {case.comment}", ""]
    for argument, prefix in PREFIXES.items():
        lines += _lines(argument, {n.removeprefix(prefix): a for n, a in case.given.items() if n.startswith(prefix)})
    lines += [f"config  {json.dumps(case.config)}"] if case.config else []
    for prefix, word in (("out.", "returns"), ("mid.", "may also return")):
        lines += _lines(word, {n.replace("out.", "", 1): a for n, a in expected.items() if n.startswith(prefix)})
    return "\n".join([*lines, "", *_beginning(case, list(expected))])


def _lines(word: str, arrays: dict[str, Array]) -> list[str]:
    """Names and shapes; draws that only a mistake reads are left out."""
    plain = {n: a for n, a in arrays.items() if not n.endswith(ALTERNATIVES)}
    if not plain:
        return []
    said = [f"{n} {a.shape}{'' if a.dtype.kind == 'f' else f' {a.dtype}'}" for n, a in plain.items()]
    return [f"{word}  {',  '.join(said)}"]


def _beginning(case: Case, known: Sequence[str]) -> list[str]:
    """The first lines of a subject in PyTorch."""
    outputs = [n.removeprefix("out.") for n in known if n.startswith("out.") and n != "out.data"]
    has_kl = "out.data" in known
    lines = [
        "from refimpl.checks.crosscheck import torch_subject",
        "",
        f'@torch_subject("{case.op}")  # or jax_subject',
        f"def check(params, inputs, noise, config{', data_loss' if has_kl else ''}):",
        "    ...",
        f"    return {{{', '.join(f'{json.dumps(n)}: {n.replace(chr(46), chr(95))}' for n in outputs)}}}",
    ]
    if has_kl:
        outs = ", ".join(f'"{n}": {n}' for n in outputs if n not in ("kl", "loss"))
        lines.insert(5, f'    loss = data_loss({{{outs}}}) + config["kl_weight"] * kl / config["n_terms"]')
    return lines
