"""``refimpl vectors``."""

import argparse
import json
import math
from pathlib import Path

from refimpl.checks.vectors import check_vectors, export_vectors, read_vectors
from refimpl.cli.arguments import path


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl vectors``."""
    parser.add_argument("action", choices=("list", "check", "export"))
    parser.add_argument("ids", nargs="*", metavar="ID", help="of vectors, such as lstm-001; all by default")
    parser.add_argument("--out", type=path, default=Path("vectors"), metavar="DIR", help="folder of export (vectors)")
    parser.add_argument("--json", action="store_true", help="one JSON list, for programs")


def call(parsed: argparse.Namespace) -> int:
    """Print the vectors, what recomputing them gives, or the files written."""
    ids = parsed.ids or None
    if parsed.action == "list":
        vectors = read_vectors(ids)
        if parsed.json:
            keys = ("id", "op", "result", "flags", "catches", "tol", "comment")
            print(json.dumps([{key: vector.record[key] for key in keys} for vector in vectors], indent=1))
        for vector in () if parsed.json else vectors:
            print(f"{vector.case.id:24} {vector.result:8} {vector.case.comment}")
        return 0
    if parsed.action == "export":
        files = export_vectors(parsed.out, ids)
        named = json.dumps([str(file) for file in files], indent=1)
        print(named if parsed.json else f"{len(files)} files in {parsed.out}")
        return 0
    results = check_vectors(ids)
    if parsed.json:
        rows = [r._asdict() | {"error": r.error if math.isfinite(r.error) else None} for r in results]
        print(json.dumps(rows, indent=1))
    for r in () if parsed.json else results:
        state = "ok" if r.passed else "FAILS"
        print(f"{r.id:24} {r.result:8} {r.dtype}  {r.error:8.1e} of {r.tol:.1e}  {state:5} {r.worst}")
    if not parsed.json:
        print(f"{len(results)} checks, {sum(not r.passed for r in results)} fail")
    return 0 if all(result.passed for result in results) else 1
