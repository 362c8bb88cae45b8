"""``refimpl audit``."""

import argparse
from pathlib import Path

from refimpl.cli.arguments import path
from refimpl.report.audit import audit


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl audit``."""
    parser.add_argument("--out", type=path, default=Path("build/audit"), help="folder of the report (build/audit)")
    parser.add_argument("--crosscheck", type=path, metavar="JSON", help="show this record of make crosscheck, too")
    parser.add_argument("--quick", action="store_true", help="leave out the runs on planted sources")


def call(parsed: argparse.Namespace) -> int:
    """Exit code 0 if everything holds."""
    return 0 if audit(parsed.out, quick=parsed.quick, tell=print, crosscheck=parsed.crosscheck) else 1
