"""``refimpl gradcheck``."""

import argparse
import json
import math
from typing import Any

from refimpl.checks.registry import run_gradcheck


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl gradcheck``."""
    parser.add_argument("layers", nargs="*", metavar="LAYER", help="names of cases, or how they begin; all by default")
    parser.add_argument("--json", action="store_true", help="one JSON list, for programs")


def call(parsed: argparse.Namespace) -> int:
    """Print a row a leaf."""
    results = run_gradcheck(parsed.layers or None)
    if parsed.json:
        print(json.dumps([_finite(result._asdict()) for result in results], indent=1))
    else:
        width = max(len(f"{result.layer} {result.leaf}") for result in results)
        for result in results:
            name = f"{result.layer} {result.leaf}".ljust(width)
            print(f"{name}  {result.error:8.1e}  {'ok' if result.passed else f'FAILS {result.note}'}")
        failed = sum(not result.passed for result in results)
        print(f"{len(results)} leaves, {failed} above their tolerance")
    return 0 if all(result.passed for result in results) else 1


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON has no infinity and no NaN: null in their place."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
