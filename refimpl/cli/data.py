"""``refimpl data``."""

import argparse
import json
import sys
from typing import TextIO

from refimpl.cli.arguments import path
from refimpl.data.corpora import CATALOGUE, FAILED, data_folder, list_corpora, verify
from refimpl.data.fetch import ABSENT, fetch
from refimpl.data.fetch_http import MIB

STOPPED = 130  # exit code after Ctrl-C


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of ``refimpl data``."""
    actions = parser.add_subparsers(dest="action", required=True)
    every = argparse.ArgumentParser(add_help=False)
    every.add_argument("--json", action="store_true", help="one JSON list, for programs")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--data", type=path, metavar="DIR", help="folder of the corpora (or the variable REFIMPL_DATA)")
    actions.add_parser("list", parents=[every, folder], help="which corpora there are, their licences and addresses")
    actions.add_parser("verify", parents=[every, folder], help="check every file by its SHA-256; writes nothing")
    get = actions.add_parser("fetch", parents=[every, folder], help="download what is missing, and check it")
    get.add_argument("corpora", nargs="*", metavar="CORPUS", help=f"{', '.join(CATALOGUE)}; all that can be downloaded")
    get.add_argument(
        "--from", dest="sources", action="append", default=[], metavar="ADDRESS",
        help='in place of the canonical address: a mirror or a folder (ending in "/"), or the file; may be repeated',
    )  # fmt: skip
    get.add_argument("--replace", action="store_true", help="write over files that are there and wrong")
    get.add_argument("--timeout", type=float, default=30.0, metavar="S", help="seconds without an answer (30)")


def call(parsed: argparse.Namespace) -> int:
    """Print the corpora, what verification finds, or what was fetched."""
    return {"list": _list, "verify": _verify, "fetch": _fetch}[parsed.action](parsed)


def _list(parsed: argparse.Namespace) -> int:
    corpora = list_corpora()
    if parsed.json:
        rows = [c._asdict() | {"downloads": [d._asdict() for d in c.downloads]} for c in corpora]
        print(json.dumps(rows, indent=1))
    for corpus in () if parsed.json else corpora:
        print(f"{corpus.name:10} {corpus.folder}/  {corpus.citation}\n{'':10} licence: {corpus.licence}")
        if parsed.data:
            there = sum((parsed.data / corpus.folder / file).is_file() for file in corpus.files)
            print(f"{'':10} files: {there} of {len(corpus.files)} are in {parsed.data / corpus.folder}")
        for download in corpus.downloads:
            print(f"{'':10} address: {' or '.join(download.addresses)}")
        if not corpus.downloads:
            print(f"{'':10} yours to bring: {', '.join(corpus.files)} ({corpus.origin})")
    return 0


def _verify(parsed: argparse.Namespace) -> int:
    rows = verify(data_folder(parsed.data))
    if parsed.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    for row in () if parsed.json else rows:
        print(f"{row.status:9} {row.corpus:10} {row.file}" + (f"  {row.found}" if row.status in FAILED else ""))
    return 1 if any(row.status in FAILED for row in rows) else 0


def _fetch(parsed: argparse.Namespace) -> int:
    line = _Line(sys.stderr)
    try:
        rows = fetch(
            parsed.data, parsed.corpora, sources=parsed.sources, replace=parsed.replace, timeout=parsed.timeout,
            tell=line.tell, progress=line.progress,
        )  # fmt: skip
    except KeyboardInterrupt:
        line.tell("refimpl data: stopped; what arrived is kept, the same command goes on from there")
        return STOPPED
    line.end()
    if parsed.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    for row in () if parsed.json else rows:
        print(f"{row.status:9} {row.corpus:10} {row.file}")
    for detail in dict.fromkeys(row.detail for row in rows if row.detail):
        print(f"refimpl data: {detail}", file=sys.stderr)
    return 1 if any(row.status in ABSENT for row in rows) else 0


class _Line:
    """How far a download is, on a line that replaces itself, on a terminal only; and lines that stay."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.open = False

    def progress(self, name: str, done: int, total: int | None) -> None:
        if self.stream.isatty():
            share = f"{100 * done / total:5.1f} %  " if total else ""
            of = f" of {total / MIB:.1f}" if total else ""
            self.stream.write(f"\r\033[K  {name}  {share}{done / MIB:.1f}{of} MiB")
            self.stream.flush()
            self.open = True

    def end(self) -> None:
        if self.open:
            self.stream.write("\n")
            self.open = False

    def tell(self, text: str) -> None:
        self.end()
        print(text, file=self.stream, flush=True)
