"""``python -m validation.gpu``: everything that only a GPU can tell, as one record. See README.md beside this file."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from validation.gpu.child import NO_DEVICE
from validation.gpu.device import ROOT
from validation.gpu.findings import FAILED, read_rows
from validation.gpu.parts import NAMES, PARTS, Part
from validation.gpu.record import write

RECORDS, DRY_RECORDS = ROOT / "validation" / "benchmarks", ROOT / "build" / "gpu"
MINUTES = 10.0  # for which the limits of the parts are meant; they grow and shrink with --minutes
LEAST_SECONDS = 5.0  # a part that would have less is not begun


def main(arguments: Sequence[str]) -> int:
    """1 if a part failed, else 0; the record is written after each part."""
    parsed = parse(arguments)
    now = datetime.now()
    path = free_path(parsed.out or (DRY_RECORDS if parsed.dry else RECORDS), now)
    record: dict[str, Any] = {
        "date": now.isoformat(timespec="minutes"),
        "device": "stand-in" if parsed.dry else "CUDA",
        "minutes": parsed.minutes,
        "parts": {},
    }
    ends = time.monotonic() + 60.0 * parsed.minutes
    with TemporaryDirectory() as folder:
        for part in PARTS:
            if part.name not in parsed.parts:
                continue
            print(f"{part.name}: {part.title}", flush=True)
            limit = min(part.seconds * parsed.minutes / MINUTES, ends - time.monotonic())
            found = run(part, Path(folder), limit, parsed.data, parsed.dry)
            if found["outcome"] == NO_DEVICE:
                print("gpu: no device to try anything on; `make gpu-dry` needs none", file=sys.stderr)
                return 1
            record["parts"][part.name] = found
            write(record, path)
    failed = [name for name, part in record["parts"].items() if part["outcome"] != "ok"]
    print(f"record: {path}\n{'failed: ' + ', '.join(failed) if failed else 'every part is ok'}")
    return 1 if failed else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m validation.gpu", description=__doc__)
    parser.add_argument("--dry", action="store_true", help="on the stand-in for CuPy, at tiny sizes")
    parser.add_argument("--parts", nargs="+", choices=NAMES, default=NAMES, metavar="PART", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the record")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all parts together (10)")
    named = os.environ.get("REFIMPL_DATA")
    parser.add_argument("--data", type=Path, metavar="DIR", default=Path(named) if named else None, help="corpora")
    return parser.parse_args(arguments)


def free_path(folder: Path, now: datetime) -> Path:
    """DATE-gpu.json, with the time of day where there is one of that day."""
    path = folder / f"{now:%Y-%m-%d}-gpu.json"
    return folder / f"{now:%Y-%m-%dT%H%M%S}-gpu.json" if path.exists() else path


def run(part: Part, folder: Path, seconds: float, data: Path | None, dry: bool) -> dict[str, Any]:
    """One part in a process of its own: its outcome in a word, its seconds, its rows."""
    if seconds < LEAST_SECONDS:
        return {"title": part.title, "outcome": "no time left", "seconds": 0.0, "limit_seconds": 0.0, "rows": []}
    rows = folder / f"{part.name}.jsonl"
    command = [sys.executable, "-m", "validation.gpu.child", part.name, str(rows), "--seconds", str(seconds)]
    command += (["--data", str(data.resolve())] if data else []) + (["--dry"] if dry else [])
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        code: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        code = None
    finally:
        with suppress(ProcessLookupError):  # what it started too, such as the workers of pytest
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    found = read_rows(rows)
    outcome: Any = "failed" if any(row["status"] == FAILED for row in found) or not found else "ok"
    if code is None:
        outcome = "ended by the time limit"
    elif code == NO_DEVICE:
        outcome = NO_DEVICE
    elif code:
        outcome = f"ended with code {code}"
    took, limit = round(time.monotonic() - began, 1), round(seconds, 1)
    return {"title": part.title, "outcome": outcome, "seconds": took, "limit_seconds": limit, "rows": found}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
