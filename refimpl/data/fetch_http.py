"""A download that goes on where it was cut off.

What arrives goes to NAME.part; beside it NAME.part.json says of which address and length it is a part. A part is gone
on with by an HTTP Range request, guarded by If-Range where the server named a version, and by the whole length in
Content-Range always; a server that does not take part in this is asked for the whole file again. NAME appears when
the file is whole.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import (
    BaseHandler,
    FileHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from refimpl import __version__

CHUNK = 1 << 16  # bytes read at once; as many are lost at most when a server falls silent
MIB = 1 << 20
SHOWN_EVERY = 0.1  # seconds between two calls of progress
UNSATISFIABLE = 416  # the server's answer to a Range that its file does not have
HANDLERS: tuple[type[BaseHandler], ...] = (
    ProxyHandler, UnknownHandler, HTTPHandler, HTTPSHandler, FileHandler,
    HTTPDefaultErrorHandler, HTTPRedirectHandler, HTTPErrorProcessor,
)  # fmt: skip
Progress = Callable[[str, int, int | None], None]  # name, bytes that are there, bytes of the whole file


class UnavailableError(RuntimeError):
    """This address does not give the file; another one may."""


class _Mark(NamedTuple):
    """What a .part is a part of."""

    address: str
    version: str  # an ETag or a date, or "": the server named none
    total: int  # bytes of the whole file


def download(address: str, target: Path, *, limit: int, timeout: float, progress: Progress) -> None:
    """Bring what is at an address (http, https or file) to ``target``, going on with what target.part holds.

    limit: bytes; a longer file is refused. timeout: seconds without an answer or a byte.
    Errors: UnavailableError with the address, what was expected, what was found; OSError if the disk cannot be written.
    """
    part, note = target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")
    mark = _read_mark(note, part)
    have = part.stat().st_size if mark else 0
    if mark is None or have != mark.total:
        response, mark, have = _begin(address, mark, have, timeout)
        total = mark.total if mark else None
        with response:
            if total is not None and total > limit:
                raise UnavailableError(f"{address}: has {total} bytes, expected at most {limit}")
            if not have:
                note.unlink(missing_ok=True)  # before the part that it speaks of
            with part.open("r+b" if have else "wb") as stream:
                if mark:  # without a length nobody could tell later whether the part is whole
                    note.write_text(json.dumps(mark._asdict()), "utf-8")
                stream.seek(have)
                for reached in _receive(address, response, stream, have, total, limit):
                    progress(target.name, reached, total)
            have = reached
        if total is not None and have != total:
            raise UnavailableError(f"{address}: the connection ended {_after(have, total)}")
    part.replace(target)
    note.unlink(missing_ok=True)


def _receive(address: str, response: Any, stream: BinaryIO, have: int, total: int | None, limit: int) -> Iterator[int]:
    """Write what arrives; yields the number of bytes that are there, now and then and at the end."""
    shown = 0.0
    chunk = b"-"
    while chunk:
        try:
            chunk = response.read(CHUNK)
        except (HTTPException, OSError) as error:
            raise UnavailableError(f"{address}: {_said(error)} {_after(have, total)}") from None
        have += len(chunk)
        if have > limit:
            raise UnavailableError(f"{address}: sends more than {limit} bytes, the most expected")
        stream.write(chunk)
        if not chunk or time.monotonic() - shown > SHOWN_EVERY:
            shown = time.monotonic()
            yield have


def _said(error: Exception) -> str:
    return _plain(str(getattr(error, "reason", None) or error) or repr(error))


def _plain(text: str) -> str:
    """On one line (that of a redirect loop has several), and without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def _after(have: int, total: int | None) -> str:
    if total is None:
        return f"after {have} bytes"
    return f"after {have} of {total} bytes; they are kept, and the same command goes on from there"


def _begin(address: str, mark: _Mark | None, have: int, timeout: float) -> tuple[Any, _Mark | None, int]:
    """The answer of a server, what it is an answer of, and how many bytes of ours it goes on from."""
    if mark and have:
        wanted = {"Range": f"bytes={have}-"}
        if mark.version and mark.address == address:
            wanted["If-Range"] = mark.version
        response = _open(address, timeout, wanted)
        if response is not None and response.status == 206:
            if _starts(response) == (have, mark.total):
                return response, mark, have
            response.close()  # a part of something else
        elif response is not None:
            return response, _mark_of(response, address), 0
    response = _open(address, timeout, {})
    if response is None or response.status == 206:
        raise UnavailableError(f"{address}: answers with a part where the whole file was asked for")
    return response, _mark_of(response, address), 0


def _open(address: str, timeout: float, headers: dict[str, str]) -> Any:
    """The answer; None: the server does not have this range."""
    own = {"User-Agent": f"refimpl/{__version__}", "Accept-Encoding": "identity"}
    try:
        return _make_opener().open(Request(address, headers=own | headers), timeout=timeout)
    except HTTPError as error:
        with error:
            if error.code == UNSATISFIABLE and headers:
                return None
            via = f" (redirected to {error.url})" if error.url != address else ""
            raise UnavailableError(f"{address}: {_plain(f'HTTP {error.code} {error.reason}{via}')}") from None
    except (URLError, HTTPException, OSError, ValueError) as error:  # ValueError: a redirect to what is no address
        raise UnavailableError(f"{address}: no answer ({_said(error)})") from None


def _read_mark(note: Path, part: Path) -> _Mark | None:
    """What the part belongs to; None: there is none to go on with."""
    try:
        mark = _Mark(**json.loads(note.read_text("utf-8")))
        return mark if part.is_file() and part.stat().st_size <= mark.total else None
    except (OSError, ValueError, TypeError):
        return None


def _mark_of(response: Any, address: str) -> _Mark | None:
    length = response.headers.get("Content-Length", "")
    etag = response.headers.get("ETag", "")
    version = etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")
    return _Mark(address, version, int(length)) if re.fullmatch("[0-9]{1,18}", length) else None


def _starts(response: Any) -> tuple[int, int] | None:
    """First byte and whole length by Content-Range."""
    found = re.fullmatch(r"bytes ([0-9]{1,18})-[0-9]+/([0-9]{1,18})", response.headers.get("Content-Range", "").strip())
    return (int(found[1]), int(found[2])) if found else None


def _make_opener() -> OpenerDirector:
    """http, https and files; not ftp and data, which urllib would follow a redirect to."""
    opener = OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    return opener
