"""Part: the unit suite on CuPy, and the tests that need a GPU."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from validation.gpu.device import ROOT, Context
from validation.gpu.findings import ABSENT, FAILED, OK, Findings, Row, read_rows

MOST_WORKERS = 8
MARGIN = 10.0  # seconds before the part's own end, so that its rows are written
FAILURES = 60  # that are named
DRY = ("tests/layers/test_scale.py", "tests/layers/test_affine.py")


def suite(context: Context, findings: Findings) -> None:
    """Two runs of pytest, each with the time that is left."""
    ends = time.monotonic() + context.seconds - MARGIN
    if context.dry:
        findings.probe("unit suite", lambda: tests(("--device", "strict", *DRY), context.folder / "unit", ends))
        findings.add("tests marked gpu", ABSENT)
        return
    marked = ("-m", "gpu")
    findings.probe("tests marked gpu", lambda: tests(marked, context.folder / "marked", ends))
    findings.probe("unit suite", lambda: tests(("--device", "cupy"), context.folder / "unit", ends))


def tests(arguments: tuple[str, ...], path: Path, ends: float) -> Row:
    """Counts of outcomes, and the failures by name; a run that was ended says so, and fails."""
    outcomes = path.with_suffix(".jsonl")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "validation.gpu.outcomes"]
    command += ["--outcomes", str(outcomes), *workers(arguments), *arguments]
    began = time.monotonic()
    with path.with_suffix(".log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
        try:
            code: int | None = process.wait(max(ends - began, 1.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # pytest then ends its workers, and says what it had
            code = None
            try:
                process.wait(MARGIN / 2)
            except subprocess.TimeoutExpired:
                process.kill()
    rows = read_rows(outcomes)
    failures = [f"{row['test']}: {' '.join(row['why'])}"[:300] for row in rows if row["outcome"] == "failed"]
    said = path.with_suffix(".log").read_text("utf-8", errors="replace").strip().splitlines()
    return {
        "status": OK if code == 0 and not failures else FAILED,
        "exit_code": "ended by the time limit" if code is None else code,
        "seconds": round(time.monotonic() - began, 1),
        **Counter(row["outcome"] for row in rows),
        "failures": failures[:FAILURES],
        "last_line": said[-1] if said else "",
    }


def workers(arguments: tuple[str, ...]) -> list[str]:
    """Several processes for the suite on a GPU, if pytest-xdist is there: most of its time is compilation."""
    if "cupy" not in arguments or importlib.util.find_spec("xdist") is None:
        return []
    return ["-n", str(min(MOST_WORKERS, os.cpu_count() or 1))]
