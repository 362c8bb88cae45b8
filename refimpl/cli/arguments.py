"""What several commands parse in the same way."""

import argparse
from pathlib import Path


def path(text: str) -> Path:
    """A path; no text is none, though ``Path`` takes it for the folder where one is. Errors: as argparse wants them."""
    if not text:
        raise argparse.ArgumentTypeError("expected a path ('.' for this folder), got ''")
    return Path(text)
