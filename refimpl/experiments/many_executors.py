"""Executors by name: processes of this machine, threads, a Dask cluster, MPI, or anybody's own."""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from refimpl.experiments.run_stop import SIGNALS
from refimpl.training.engines import available_processors

T = TypeVar("T")
EXECUTORS = "processes, threads, dask, dask:ADDRESS, mpi, or MODULE:CALLABLE that gives an Executor"
THEIRS = (Exception, SystemExit)  # what somebody's own code may raise; sys.exit() would end all without a word
LOCAL = ("processes", "threads", "dask")  # they share the processors of this machine


class ProcessPerRun(Executor):
    """Each call in a process of its own, so many at once.

    One that dies takes no other with it and can be named, and its peak of memory is its own.
    """

    def __init__(self, workers: int) -> None:
        self.threads = ThreadPoolExecutor(workers, thread_name_prefix="run")

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """A thread waits for the process."""
        return self.threads.submit(_in_a_process, fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor."""
        self.threads.shutdown(wait, cancel_futures=cancel_futures)


def _in_a_process(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    context = multiprocessing.get_context("spawn")  # threads and BLAS do not survive a fork
    with ProcessPoolExecutor(1, mp_context=context, initializer=_leave_signals_to_the_parent) as pool:
        result: T = pool.submit(_in_the_worker, fn, *args, **kwargs).result()
        return result


def _in_the_worker(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    result = fn(*args, **kwargs)
    if orphaned():  # a pool's worker would wait for its next call for ever
        os._exit(1)
    return result


def orphaned() -> bool:
    """Whether the process that started this one, and would tell it to stop, has ended."""
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()


def _leave_signals_to_the_parent() -> None:
    """A terminal or a batch system sends them to all; the parent tells the runs to stop."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _leave_ctrl_c_to_the_parent() -> None:
    """Dask ends its workers by the other signals."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def leave_ctrl_c_of_a_worker() -> None:
    """In a process of anybody's pool: a terminal sends Ctrl-C to all, and the parent tells the runs to stop."""
    if multiprocessing.parent_process() is not None and threading.current_thread() is threading.main_thread():
        _leave_ctrl_c_to_the_parent()


def share(executor: str, workers: int | None, jobs: int) -> tuple[int, int | None]:
    """How many runs at once, and the threads of each: its share of this machine.

    Where it is not this machine that computes: all that the executor takes, and None.
    Errors: ValueError if workers is below 1.
    """
    if workers is not None and workers < 1:
        remedy = "leave --workers out for as many as there are processors"
        raise ValueError(f"workers: expected at least 1, got {workers}; {remedy}")
    if executor not in LOCAL:
        return workers or jobs, None
    processors = available_processors()
    count = min(workers or processors, jobs)
    return count, max(1, processors // count)


@contextmanager
def open_executor(name: str, workers: int, tell: Callable[[str], None]) -> Iterator[Executor]:
    """The executor of that name, closed at the end; after an error or Ctrl-C nothing is waited for.

    tell: told if it cannot be closed; what it has made is not lost by that.
    Errors: ValueError on an unknown name, or with the package that is missing.
    """
    kind, _, rest = name.partition(":")
    if name == "dask" or (kind == "dask" and rest):
        with _dask(rest, workers) as executor:
            yield executor
        return
    executor = _make(name, kind, rest, workers)
    try:
        yield executor
    except BaseException:
        with contextlib.suppress(*THEIRS):  # the error itself is what is told
            executor.shutdown(wait=False, cancel_futures=True)
        if isinstance(executor, ProcessPerRun):
            for process in multiprocessing.active_children():
                process.kill()  # it leaves other signals to this process
        raise
    try:
        executor.shutdown()
    except THEIRS as error:
        tell(f"executor: {name} cannot be shut down: {type(error).__name__}: {error}")


def _make(name: str, kind: str, rest: str, workers: int) -> Executor:
    if name == "processes":
        return ProcessPerRun(workers)
    if name == "threads":
        return ThreadPoolExecutor(workers)
    if name == "mpi":
        made = _imported("mpi4py.futures", "mpi4py").MPIPoolExecutor(workers)
    elif kind and rest:
        made = _own(kind, rest)
    else:
        raise ValueError(f"executor: expected {EXECUTORS}; got {name!r}")
    if not isinstance(made, Executor):
        raise ValueError(f"executor: {name} gives a {type(made).__name__}, not a concurrent.futures.Executor")
    return made


def _own(module: str, name: str) -> Any:
    """What MODULE:CALLABLE gives."""
    function = getattr(_imported(module, module), name, None)
    if not callable(function):
        raise ValueError(f"executor: module {module} has no function {name!r} that gives an Executor")
    try:
        return function()
    except THEIRS as error:
        raise ValueError(f"executor: {module}:{name} fails: {type(error).__name__}: {error}") from error


@contextmanager
def _dask(address: str, workers: int) -> Iterator[Executor]:
    """A cluster by its address, or one of this machine with a process a worker."""
    distributed = _imported("distributed", "distributed")
    cluster: Any = address or distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
    client = distributed.Client(cluster)
    if not address:
        client.run(_leave_ctrl_c_to_the_parent)
    try:
        yield client.get_executor(retries=0)
    finally:
        client.close()
        if not address:
            cluster.close()


def _imported(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise ValueError(
            f"executor: {module} cannot be imported ({error}); install {package}, "
            "or put the folder that holds it into PYTHONPATH"
        ) from error
    except THEIRS as error:
        raise ValueError(f"executor: {module} cannot be imported: {type(error).__name__}: {error}") from error
