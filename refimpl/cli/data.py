"""``refimpl data``."""

import argparse
import json
from pathlib import Path

from refimpl.data.corpora import FAILED, data_folder, list_corpora, verify


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl data``."""
    parser.add_argument("action", choices=("list", "verify"))
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder of the corpora (or the variable REFIMPL_DATA)")
    parser.add_argument("--json", action="store_true")


def call(parsed: argparse.Namespace) -> int:
    """Print the corpora, or what verification finds."""
    if parsed.action == "list":
        corpora = list_corpora()
        if parsed.json:
            print(json.dumps([corpus._asdict() for corpus in corpora], indent=1))
        for corpus in () if parsed.json else corpora:
            print(f"{corpus.name:10} {corpus.folder}/  {corpus.citation}\n{'':10} licence: {corpus.licence}")
        return 0
    rows = verify(data_folder(parsed.data))
    if parsed.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    for row in () if parsed.json else rows:
        print(f"{row.status:9} {row.corpus:10} {row.file}" + (f"  {row.found}" if row.status in FAILED else ""))
    return 1 if any(row.status in FAILED for row in rows) else 0
