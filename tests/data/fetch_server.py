"""A local HTTP server whose answers a test writes down, and archives to serve."""

import contextlib
import http.server
import io
import re
import tarfile
import threading
from typing import NamedTuple


class Answer(NamedTuple):
    """What the server says to a request for one path."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = {}  # noqa: RUF012
    ranges: bool = True  # whether it takes part in Range requests
    length: int | None = None  # Content-Length if it is not the true one; -1: none is sent
    cut: int | None = None  # the connection is closed after so many bytes of the body


class Site(http.server.ThreadingHTTPServer):
    """A server; ``answers`` by path, ``requests`` as (path, headers) in the order in which they came."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, Answer] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"

    @property
    def ranges(self):
        """The Range header of each request, None where there was none."""
        return [headers.get("Range") for _, headers in self.requests]

    def handle_error(self, request, client_address):
        """A client that hangs up is part of the tests."""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers.items())))
        answer = self.server.answers.get(self.path, Answer(b"no such page", 404))
        status, headers, body = answer.status, dict(answer.headers), answer.body
        asked = re.fullmatch("bytes=([0-9]+)-", self.headers.get("Range", ""))
        guard = self.headers.get("If-Range")
        if (
            asked
            and answer.ranges
            and status == 200
            and guard in (None, headers.get("ETag"), headers.get("Last-Modified"))
        ):
            start = int(asked[1])
            status, body = (206, body[start:]) if start < len(body) else (416, b"")
            headers["Content-Range"] = f"bytes {start}-{len(answer.body) - 1}/{len(answer.body)}"
        self.send_response(status)
        if answer.length != -1:
            headers["Content-Length"] = str(len(body) if answer.length is None else answer.length)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: answer.cut])

    def log_message(self, format, *args):
        """Tests print nothing."""


@contextlib.contextmanager
def serving():
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def archive(files, *others):
    """A .tar.gz: contents by path, then other members (TarInfo)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as tar:
        for path, contents in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(contents)
            tar.addfile(member, io.BytesIO(contents))
        for member in others:
            tar.addfile(member)
    return stream.getvalue()
