"""The command ``refimpl``: a file a command, which says what it parses, calls and prints. No logic of its own."""

import argparse
import sys
from collections.abc import Sequence

from refimpl import __version__
from refimpl.cli import audit, bench, crosscheck, data, gradcheck, reproduce, vectors

USAGE_ERROR = 2  # bad input; 1 is a check that falls short
EXPECTED_ERRORS = (ValueError, TypeError, OSError, RuntimeError, FloatingPointError, IndexError)
COMMANDS = {
    "audit": (audit, "prove every derivative, KL, statistic and planted source; HTML report"),
    "gradcheck": (gradcheck, "hand-written gradients against the complex step, a row a leaf"),
    "reproduce": (reproduce, "train an experiment of the papers, or your own file"),
    "crosscheck": (crosscheck, "your own implementation against this one: what differs, and why"),
    "vectors": (vectors, "golden vectors: list, check refimpl against them, export for other languages"),
    "data": (data, "which corpora there are; download them; verify what lies in a folder"),
    "bench": (bench, "time training steps against PyTorch, JAX and bare products"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 a check falls short, 2 bad input (the message names the argument and the remedy)."""
    parsed = make_parser().parse_args(arguments)
    try:
        return int(parsed.call(parsed))
    except EXPECTED_ERRORS as error:
        print(f"refimpl {parsed.command}: {error}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        further = "; what was stored is whole, continue with --resume" if parsed.command == "reproduce" else ""
        print(f"refimpl {parsed.command}: stopped{further}", file=sys.stderr)
        return 130


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; what it parses has ``command`` and ``call``, the function that takes it."""
    parser = argparse.ArgumentParser(
        prog="refimpl", description="Reference implementation of Bayesian sparsification for recurrent networks."
    )
    parser.add_argument("--version", action="version", version=f"refimpl {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (module, about) in COMMANDS.items():
        command = commands.add_parser(name, help=about)
        module.configure(command)
        command.set_defaults(call=module.call)
    return parser
