"""The members of a downloaded .tar.gz, as streams. Nothing is extracted: no path of an archive becomes a path here.

An archive with a member that a harmless one does not have (a path outside of it, a link, a device) is refused, whether
that member is wanted or not. (The filter "data" of ``tarfile`` serves extraction: it strips an absolute path and lets
links inside the archive pass.)
"""

import contextlib
import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO, Self

CHUNK = 1 << 20
MEMBER_LIMIT = 64 << 20  # bytes; the largest file of a corpus has 34 MiB
PLAIN_TYPES = (*tarfile.REGULAR_TYPES, tarfile.DIRTYPE)
EXTENDED_LIMIT = 1 << 16  # bytes of a header that describes the next member, which ``tarfile`` reads as a whole


class BadDownloadError(ValueError):
    """What was downloaded is not what was expected."""


def members(archive: Path, limit: int, progress: Callable[[int], None]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """(path, contents in chunks) of every regular file, in the order of the archive; read each before the next.

    limit: bytes of the whole archive, unpacked. progress: called with the bytes read of the archive.
    Errors: BadDownloadError for what is not a .tar.gz, is damaged, cut short, too large, or refused.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_told_apart(archive))
        stored = stack.enter_context(archive.open("rb"))
        unpacked = stack.enter_context(gzip.GzipFile(fileobj=stored))
        source: Any = _Limited(unpacked, limit)
        tar: Any = stack.enter_context(tarfile.open(fileobj=source, mode="r|", tarinfo=_Member))
        while member := tar.next():
            tar.members.clear()  # 100,000 of them would stay in memory
            progress(stored.tell())
            _refuse(member)
            if member.isfile():
                contents = tar.extractfile(member)
                assert contents is not None
                yield str(PurePosixPath(member.name)), _read(archive, contents)


class _Member(tarfile.TarInfo):
    """A member; of those that describe the next one, no longer one than a harmless archive has."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        member = super().frombuf(buf, encoding, errors)
        if member.type not in PLAIN_TYPES and member.size > EXTENDED_LIMIT:
            found = f"a header (type {member.type!r}) of {member.size} bytes, expected at most {EXTENDED_LIMIT}"
            raise BadDownloadError(f"the archive is refused: {found}")
        return member


def _refuse(member: tarfile.TarInfo) -> None:
    """Errors: BadDownloadError for a member that a harmless archive does not have."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or PureWindowsPath(member.name).drive:
        what = "a path that leads outside of it"
    elif member.issym() or member.islnk():
        what = f"a link (to {member.linkname!r})"
    elif not (member.isfile() or member.isdir()) or member.issparse():
        what = f"something other than a file or folder (type {member.type!r})"
    elif member.isfile() and member.size > MEMBER_LIMIT:
        what = f"{member.size} bytes, expected at most {MEMBER_LIMIT}"
    else:
        return
    raise BadDownloadError(f"the archive is refused: its member {member.name!r}: {what}")


def _read(archive: Path, contents: Any) -> Iterator[bytes]:
    with _told_apart(archive):
        while chunk := contents.read(CHUNK):
            yield chunk


@contextlib.contextmanager
def _told_apart(archive: Path) -> Iterator[None]:
    """Whatever goes wrong in reading becomes a BadDownloadError that says how the file begins."""
    try:
        yield
    except BadDownloadError:
        raise
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, RecursionError) as error:
        # the last two: of tarfile, by headers that are no numbers, or that are thousands in a row
        with archive.open("rb") as stream:
            start = stream.read(40)
        raise BadDownloadError(f"not a whole .tar.gz ({error}); it begins with {start!r}") from error


class _Limited:
    """Reads from a stream, and no more than so many bytes."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, limit: int) -> None:
        self.stream = stream
        self.limit = limit
        self.left = limit

    def read(self, size: int) -> bytes:
        data = self.stream.read(min(size, self.left + 1))
        self.left -= len(data)
        if self.left < 0:
            raise BadDownloadError(f"the archive is refused: it holds more than {self.limit} bytes")
        return data
