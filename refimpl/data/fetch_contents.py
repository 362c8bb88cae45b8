"""From a download to the files of a corpus as the catalogue has them."""

import json
import lzma
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from refimpl.data import corpora
from refimpl.data.addresses import Download
from refimpl.data.fetch_archive import CHUNK, BadDownloadError, members
from refimpl.data.fetch_http import MIB, Progress

# Sums are those of the contents, so this changes time and size alone: IMDb takes 8 s in place of 80, and a third more
# space, than with the default.
XZ_PRESET = 1
REVIEW = re.compile(r"(?:.*/)?(train|test)/(pos|neg)/(([0-9]+)_([0-9]+))\.txt")
Found = Iterator[tuple[str, Iterator[bytes]]]  # paths in an archive, and contents


class Wanted(NamedTuple):
    """One file to be made."""

    corpus: str
    file: str  # path in the corpus's folder
    target: Path
    expected: str  # SHA-256, of the contents for an .xz file

    @property
    def packed(self) -> bool:
        return self.file.endswith(".xz")

    @property
    def part(self) -> Path:
        return self.target.with_name(f"{self.target.name}.part")


def place(download: Download, got: Path, wanted: list[Wanted], progress: Progress) -> None:
    """Make the files wanted of what was downloaded. All are written beside their places and checked, then renamed.

    Errors: BadDownloadError with the sums if one of them is not the published file, or is not there: none is placed.
    """
    found: dict[str, str] = {}  # file -> why what was found is not it
    ready: dict[str, Wanted] = {}
    try:
        for file, chunks in _contents(download, got, wanted, progress):
            if file.file in ready:  # another member of that name; the right one has been seen
                continue
            _write(file, chunks)
            status, _, sum_found = corpora.status(file.part, file.expected, file.packed)
            if status == "ok":
                ready[file.file] = file
            else:
                found[file.file] = f"expected SHA-256 {file.expected}, found {sum_found}"
        faults = [f"{w.file}: {found.get(w.file, 'not in it')}" for w in wanted if w.file not in ready]
        if faults:
            raise BadDownloadError("not the published files: " + "; ".join(faults))
        for file in wanted:
            file.part.replace(file.target)
    finally:
        for file in wanted:
            file.part.unlink(missing_ok=True)


def _contents(
    download: Download, got: Path, wanted: list[Wanted], progress: Progress
) -> Iterator[tuple[Wanted, Iterable[bytes]]]:
    """(file wanted, chunks of what may be its contents); a file may come twice, or not at all."""
    if not download.unpacked_mib:
        with got.open("rb") as stream:
            yield wanted[0], iter(lambda: stream.read(CHUNK), b"")
        return
    size = got.stat().st_size
    found = members(got, download.unpacked_mib * MIB, lambda done: progress(f"unpacking {download.file}", done, size))
    if download.reviews:
        yield from _reviews(found, wanted)
        return
    ends = {f"/{download.inside}{w.file.removesuffix('.xz')}": w for w in wanted}
    for path, chunks in found:
        for end, file in ends.items():
            if f"/{path}".endswith(end):
                yield file, chunks


def _reviews(found: Found, wanted: list[Wanted]) -> Iterator[tuple[Wanted, Iterable[bytes]]]:
    """The labelled reviews as JSON lines: the positive ones first, then the negative ones, each by their number."""
    lines: dict[str, dict[tuple[bool, int, str], bytes]] = {w.file: {} for w in wanted}
    for path, chunks in found:
        if match := REVIEW.fullmatch(path):
            split, label, name, number, rating = match.groups()
            of_split = lines.get(f"{split}.jsonl.xz")
            if of_split is not None:
                text = b"".join(chunks)
                of_split[label == "neg", int(number), name] = _line(f"{split}/{label}/{name}", int(rating), label, text)
    for file in wanted:
        if of_file := lines[file.file]:
            yield file, [of_file[key] for key in sorted(of_file)]


def _line(name: str, rating: int, label: str, text: bytes) -> bytes:
    try:
        review = {"id": name, "rating": rating, "label": int(label == "pos"), "text": text.decode("utf-8")}
    except UnicodeDecodeError as error:
        raise BadDownloadError(f"{name}.txt is not UTF-8 text ({error})") from error
    return (json.dumps(review, ensure_ascii=False) + "\n").encode("utf-8")


def _write(file: Wanted, chunks: Iterable[bytes]) -> None:
    file.target.parent.mkdir(parents=True, exist_ok=True)
    with file.part.open("wb") as stored:
        if file.packed:
            with lzma.open(stored, "wb", preset=XZ_PRESET) as packing:
                packing.writelines(chunks)
        else:
            stored.writelines(chunks)
        stored.flush()
        os.fsync(stored.fileno())
