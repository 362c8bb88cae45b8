"""The process of one part: ``python -m validation.gpu.child NAME ROWS``. A device that is lost is lost for it alone."""

import argparse
import sys
from pathlib import Path

from validation.gpu.device import make_context
from validation.gpu.findings import FAILED, Findings
from validation.gpu.parts import NAMES, function_of

NO_DEVICE = 3  # exit code


def main(arguments: list[str]) -> int:
    """0, whatever was found; NO_DEVICE if there is nothing to try it on."""
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("rows", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--dry", action="store_true")
    parsed = parser.parse_args(arguments)
    try:
        context = make_context(dry=parsed.dry, folder=parsed.rows.parent, data=parsed.data, seconds=parsed.seconds)
    except RuntimeError as error:
        print(f"  {error}", flush=True)
        return NO_DEVICE
    findings = Findings(parsed.rows)
    try:
        function_of(parsed.name)(context, findings)
    except Exception as error:
        findings.add(f"the part {parsed.name}", FAILED, error=f"{type(error).__name__}: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
