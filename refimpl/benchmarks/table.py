"""A record as text: what was run on what, then a table for each workload and number of threads."""

import math
from collections.abc import Sequence
from typing import Any

from refimpl.benchmarks.agreement import Agreement
from refimpl.benchmarks.growth import Series, growth_series
from refimpl.benchmarks.summary import BASES
from refimpl.benchmarks.traits import Workload
from refimpl.benchmarks.workloads import GROWTH, describe


def format_record(record: dict[str, Any]) -> str:
    """All of it."""
    rows = [format_row(row) for row in record["rows"] if row["workload"]["name"] != GROWTH]
    return "\n\n".join([header(record), *rows, *(format_series(series) for series in growth_series(record))])


def header(record: dict[str, Any]) -> str:
    """Machine, versions, BLAS kernel, and who is absent."""
    machine = record["machine"]
    versions: dict[str, str] = {"refimpl": record["refimpl"]}
    blas: list[str] = []
    for contender in (c for row in record["rows"] for c in row["contenders"].values()):
        found = contender["environment"]
        versions |= {name: found["versions"][name] for name in ("numpy", "torch", "jax") if name in found["versions"]}
        for pool in found.get("blas", []):
            if pool["user_api"] == "blas":
                blas.append(f"{pool['internal_api']} {pool['version']} ({pool['architecture']})")
    lines = [
        f"{record['date']}; {machine['processor']}, {machine['processors']} processors, memory {machine['memory']}",
        ", ".join(f"{name} {version}" for name, version in versions.items())
        + f"; BLAS of NumPy and SciPy: {', '.join(dict.fromkeys(blas)) or 'unknown'}",
        *(f"absent: {name}, {reason}" for name, reason in record["absent"].items()),
    ]
    return "\n".join(lines)


def format_row(row: dict[str, Any]) -> str:
    """One workload on so many threads."""
    contenders = row["contenders"]
    rounds = max((len(c["blocks"]) for c in contenders.values()), default=0)
    workload = Workload(**row["workload"])
    lines = [f"{workload.name}: {describe(workload)}; threads {row['threads']}; medians of {rounds} rounds"]
    bases = [base for base in BASES if base in contenders]
    memory = [base for base in bases if any(base in c["memory_ratio"] for c in contenders.values())]
    titles = ["", "s/step", *(f"/ {base} [min, max]" for base in bases), "peak MB", *(f"/ {base}" for base in memory)]
    cells = [titles]
    for name, c in contenders.items():
        cells.append(
            [
                name,
                seconds(c["median"]["wall"]),
                *(_ratio(c["ratio"].get(base)) for base in bases),
                "–" if c["peak_mb"] is None or name == "gemm" else f"{c['peak_mb']:.0f}",
                *(f"{c['memory_ratio'][b]:.2f}" if b in c["memory_ratio"] and name != "gemm" else "–" for b in memory),
            ]
        )
    lines += aligned(cells)
    lines += [
        f"NOT QUIET: others worked during {c['not_quiet']} of {rounds} blocks of {name}"
        for name, c in contenders.items()
        if c["not_quiet"]
    ]
    if any(block["others"] is None for c in contenders.values() for block in c["blocks"]):
        lines.append("this system does not say what others use: whether it was quiet is not known")
    lines += [agreement_line(name, found) for name, found in row["agreement"].items() if name != "reference"]
    lines += [f"FAILED: {message}" for message in row["failed"].values()]
    return "\n".join(lines)


def format_series(series: Series) -> str:
    """How time grows with one size; the power p of time ~ size^p is that from the point before."""
    others = [base for base in BASES if any(base in row["contenders"] for _, row in series.points)]
    cells = [[series.symbol, "refimpl s/step", "power", *(f"/ {base}" for base in others), ""]]
    before: tuple[int, float] | None = None
    for value, row in series.points:
        ours = row["contenders"].get("refimpl")
        if ours is None:
            cells.append([str(value), *["–"] * (2 + len(others)), " ".join(row["failed"].values()) or "no refimpl"])
            continue
        taken = ours["median"]["wall"]
        power = "" if before is None else f"{math.log(taken / before[1]) / math.log(value / before[0]):.2f}"
        noisy = any(c["not_quiet"] for c in row["contenders"].values())
        ratios = [_ratio(ours["ratio"].get(base)) for base in others]
        cells.append([str(value), seconds(taken), power, *ratios, "NOT QUIET" if noisy else ""])
        before = value, taken
    return "\n".join([f"{series.title}; threads {series.threads}", *aligned(cells)])


def agreement_line(name: str, found: dict[str, Any]) -> str:
    """How far a contender's first step is from the reference engine's."""
    agreement = Agreement(found["loss"], found["gradients"])
    leaf, error = agreement.worst
    word = "agrees" if agreement.holds else "DISAGREES, not timed"
    return f"{name} {word}: loss {agreement.loss:.0e}, gradients {error:.0e} ({leaf}), relative"


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Rows of text in columns, the first to the left and the others to the right."""
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    lines = []
    for first, *others in cells:
        padded = [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        lines.append("  ".join([first.ljust(widths[0]), *padded]).rstrip())
    return lines


def seconds(value: float) -> str:
    """Three digits."""
    return f"{value:.3f}" if value >= 1.0 else f"{value:.4f}" if value >= 0.1 else f"{value:.3g}"


def _ratio(found: dict[str, float] | None) -> str:
    return "–" if found is None else f"{found['median']:.2f} [{found['least']:.2f}, {found['most']:.2f}]"
