"""``refimpl crosscheck``."""

import argparse

from refimpl.checks.crosscheck.command import crosscheck_command


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl crosscheck``."""
    add = parser.add_argument
    add("subject", nargs="?", metavar="SUBJECT", help="file.py:NAME, module:NAME, FILE.onnx, or a folder of answers")
    add("--case", action="append", default=[], metavar="NAME", help="a case or an operation; may be given again")
    add("--show", metavar="NAME", help="what a case or operation is given and returns; without SUBJECT: all operations")
    add("--json", action="store_true", help="one JSON object, for programs")


def call(parsed: argparse.Namespace) -> int:
    """Print what differs and why, or the operations."""
    return crosscheck_command(parsed.subject, parsed.case, show=parsed.show, to_json=parsed.json)
