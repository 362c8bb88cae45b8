"""``python -m validation.frameworks``: every subject of the installed frameworks on every case, as a table in JSON."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from refimpl.checks.crosscheck.checking import crosscheck
from refimpl.checks.crosscheck.loading import load_subject
from refimpl.checks.crosscheck.report import words
from validation.frameworks.subjects import PACKAGES, subjects_of

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "validation" / "frameworks" / "examples"


def main(arguments: Sequence[str]) -> int:
    """1 if a subject differs from refimpl, else 0."""
    parser = argparse.ArgumentParser(prog="python -m validation.frameworks", description=__doc__)
    parser.add_argument("frameworks", nargs="*", metavar="FRAMEWORK", help=f"among {', '.join(PACKAGES)}")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "crosscheck.json")
    parsed = parser.parse_args(arguments)
    chosen = parsed.frameworks or [f for f, packages in PACKAGES.items() if all(map(find_spec, packages))]
    rows = [row for framework in chosen for row in rows_of(framework)]
    diagnoses = diagnoses_of_examples() if "torch" in chosen else []
    packages = sorted({package for framework in chosen for package in PACKAGES[framework]})
    record = {"versions": {p: version(p) for p in packages}, "rows": rows, "examples": diagnoses}
    parsed.out.parent.mkdir(parents=True, exist_ok=True)
    parsed.out.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    wrong = [row for row in rows if row["verdict"] not in ("agrees", "set aside")]
    print(f"{len(rows)} rows, {len(wrong)} differ; {parsed.out}")
    return 1 if wrong or not rows else 0


def rows_of(framework: str) -> Iterator[dict[str, Any]]:
    """A row a subject and case: how many tensors were compared, the worst error, which bound."""
    for name, subject in subjects_of(framework).items():
        for report in crosscheck(subject).cases:
            measured = [v for v in report.tensors if v.error is not None]
            worst = max(measured, key=lambda v: v.error or 0.0, default=None)
            yield {
                "framework": framework,
                "subject": name,
                "op": report.case.op,
                "case": report.case.id,
                "verdict": report.verdict,
                "tensors": len(measured),
                "gradients": sum(v.name.startswith("grad.") for v in measured),
                "worst_error": None if worst is None else worst.error,
                "worst_tensor": None if worst is None else worst.name,
                "tolerance": None if worst is None else worst.tolerance,
                "note": "; ".join(report.notes),
            }
        print(f"{framework} {name}", file=sys.stderr)


def diagnoses_of_examples() -> list[dict[str, Any]]:
    """What is said of each of examples/."""
    found = []
    for path in sorted(EXAMPLES.glob("*.py")):
        report = crosscheck(load_subject(str(path)))
        causes = [[m.name for m in cause] for cause in report.causes]
        said = " or ".join(words(cause) for cause in report.causes)
        found.append({"example": path.name, "agrees": report.agrees, "causes": causes, "words": said})
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
