"""Audit, family frameworks: the record that ``make crosscheck`` wrote, as checks and tables."""

import json
import math
from pathlib import Path
from typing import Any

from refimpl.checks.result import CheckResult
from refimpl.report.evidence import Evidence, Table

FAMILY = "frameworks"
AGREES, ASIDE = "agrees", "set aside"
Row = dict[str, Any]


def read_crosscheck(path: Path) -> dict[str, Any]:
    """The record. Errors: OSError, ValueError if it is not one."""
    try:
        record = json.loads(path.read_text("utf-8"))
        versions, rows, examples = (record[key] for key in ("versions", "rows", "examples"))
        _ = [(row["framework"], row["op"], row["verdict"], row["tensors"], row["gradients"]) for row in rows]
        _ = [(row["worst_error"], row["tolerance"]) for row in rows], [(e["example"], e["words"]) for e in examples]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"crosscheck: expected the JSON file that `make crosscheck` writes, got {path}") from error
    return {"versions": versions, "rows": rows, "examples": examples}


def framework_checks(record: dict[str, Any]) -> list[CheckResult]:
    """A check for each framework: its largest error in tolerances."""
    names = dict.fromkeys(row["framework"] for row in record["rows"])
    return [_check(name, [row for row in record["rows"] if row["framework"] == name], record) for name in names]


def _check(name: str, rows: list[Row], record: dict[str, Any]) -> CheckResult:
    compared = [row for row in rows if row["verdict"] != ASIDE]
    agree = bool(compared) and all(row["verdict"] == AGREES for row in compared)
    worst = max((_in_tolerances(row) for row in compared), default=math.inf) if agree else math.inf
    packages = {"torch": ("torch",), "jax": ("jax",), "onnx": ("onnx", "onnxruntime")}.get(name, (name,))
    versions = ", ".join(f"{p} {record['versions'][p]}" for p in packages if p in record["versions"])
    what = (
        f"{versions}: {len(compared)} cases, {sum(row['tensors'] for row in compared)} tensors, of which "
        f"{sum(row['gradients'] for row in compared)} gradients; the figure is the largest error in tolerances "
        "(1e-12 in float64, 2e-5 in float32)"
    )
    catches = "an equation that refimpl misreads, in forward and backward alike"
    return CheckResult(FAMILY, name, what, catches, worst, 1.0, worst <= 1.0)


def _in_tolerances(row: Row) -> float:
    if row["worst_error"] is None or not row["tolerance"]:
        return math.inf
    return float(row["worst_error"]) / float(row["tolerance"])


def of_frameworks(record: dict[str, Any]) -> list[Evidence]:
    """Largest errors by operation and framework, and what was said of the examples."""
    rows = [row for row in record["rows"] if row["verdict"] != ASIDE]
    names = list(dict.fromkeys(row["framework"] for row in rows))
    ops = list(dict.fromkeys(row["op"] for row in rows))
    columns = ("operation", *(f"#{name}" for name in names))
    table = Table(columns, [(op, *(_cell(rows, op, name) for name in names)) for op in ops])
    shown = [
        Evidence(
            "largest error by operation",
            table,
            "Implementations that share no line with refimpl, written from the papers' equations in other frameworks, "
            "with gradients by their automatic differentiation (ONNX: outputs only), agree with it.",
            ("LSTM.F3", "LSTM.B9", "LRT.F3", "ELBO.F1"),
        )
    ]
    if record["examples"]:
        said = [(e["example"], e["words"] or "agrees: outputs and every gradient") for e in record["examples"]]
        shown.append(
            Evidence(
                "modules of validation/frameworks/examples",
                Table(("module", "what the cross-check says"), said),
                "PyTorch modules as one would write them, one right and the others wrong, each diagnosed.",
                ("LSTM.F6", "LRT.F2", "ELBO.F1"),
            )
        )
    return shown


def _cell(rows: list[Row], op: str, framework: str) -> str:
    errors = [row["worst_error"] for row in rows if (row["op"], row["framework"]) == (op, framework)]
    if not errors:
        return "–"
    return "differs" if None in errors else f"{max(errors):.1e}"
