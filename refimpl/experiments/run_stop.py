"""How a run is stopped before its end, so that it can be continued; and that a folder has one run at a time."""

import contextlib
import errno
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

STOPPING = "stopping after these steps, which are stored; Ctrl-C once more ends at once"
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class StopRequest:
    """Called: whether to stop. interrupted: whether because of a signal; deadline: seconds as of ``time.time``."""

    def __init__(self, minutes: float | None, tell: Callable[[str], None]) -> None:
        if minutes is not None and not 0.0 < minutes < math.inf:
            raise ValueError(f"minutes: expected a number above 0, got {minutes!r}")
        self.deadline = math.inf if minutes is None else time.time() + 60.0 * minutes
        self.interrupted = False
        self.tell = tell

    def __call__(self) -> bool:
        return self.interrupted or time.time() >= self.deadline

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """The first one is noted; the second one is a KeyboardInterrupt."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        with contextlib.suppress(RuntimeError):  # the signal came while the same stream was being written
            self.tell(STOPPING)


@contextmanager
def stoppable(minutes: float | None, tell: Callable[[str], None]) -> Iterator[StopRequest]:
    """A request to stop that comes true after so many minutes (None: never), or (in the main thread) by a signal.

    Ctrl-C, and what a system sends before it ends a job (SIGTERM) or when a terminal is closed (SIGHUP, unless it was
    ignored before, as by nohup). Errors: ValueError if minutes is not above 0.
    """
    request = StopRequest(minutes, tell)
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    taken = [n for n, handler in before.items() if n == signal.SIGINT or handler == signal.SIG_DFL]
    try:
        for number in taken:
            signal.signal(number, request.on_signal)
        yield request
    finally:
        for number in taken:
            signal.signal(number, before[number])


@contextmanager
def naming_out(folder: Path) -> Iterator[None]:
    """Errors: OSError that says what cannot be used and what to do, in place of the system's."""
    try:
        yield
    except OSError as error:
        raise OSError(f"out: cannot use the folder {folder} ({error.strerror}); name another --out") from error


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder: two processes that train in one would write over each other's checkpoints.

    The system lets go of it when the process ends, however it ends. Where a file system cannot hold, nothing is held.
    Errors: ValueError if another process (or thread) holds it; OSError if it cannot be opened.
    """
    if fcntl is None:
        yield
        return
    with naming_out(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                raise ValueError(
                    f"{folder}: another process trains a run there; wait until it ends, or name another --out"
                ) from error
        yield
    finally:
        os.close(handle)
