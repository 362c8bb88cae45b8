"""Make an engine by its name: the one place where it is chosen."""

import os
from functools import partial
from types import ModuleType

import numpy as np
from threadpoolctl import ThreadpoolController, threadpool_info

from refimpl.arrays import check_choice
from refimpl.fast.lstm_recurrence import LARGEST_SHARED, SHARE
from refimpl.fast.workspace import Workspace
from refimpl.models.recipe import Recipe
from refimpl.training.device_engine import device_engine
from refimpl.training.engine import REFERENCE, Engine
from refimpl.training.host_engine import host_engine

ENGINES = ("fast", "reference")


def make_engine(name: str, recipe: Recipe, batch: int, *, threads: int | None = None, xp: ModuleType = np) -> Engine:
    """The engine of that name for a model and its number of objects a step.

    threads: processors to use; None for as many as this process may use and BLAS was told to (OPENBLAS_NUM_THREADS and
    the like, all if nothing was said).
    xp: numpy, or the module of a CUDA device.
    Whether a step of the recurrence is shared out by objects, or left whole for the threads of BLAS, is decided by its
    size.
    Errors: as ``check_engine``.
    """
    check_engine(name, threads)
    count = default_threads() if threads is None else threads
    if name == "reference":
        blas = ThreadpoolController().select(user_api="blas")  # found once, not at every step
        return REFERENCE._replace(threads=count, step=partial(blas.limit, limits=count))
    if xp is not np:
        return device_engine(count)
    size = max(layer.size for layer in recipe.layers)
    shared = batch * size >= 2 * SHARE and size <= LARGEST_SHARED
    return host_engine(Workspace(count, products="threads" if shared else "blas"))


def check_engine(name: str, threads: int | None) -> None:
    """Errors: ValueError on an unknown name or a number of threads below 1."""
    check_choice("engine", name, ENGINES)
    if threads is not None and threads < 1:
        raise ValueError(f"threads: expected at least 1, or None for all that may be used, got {threads!r}")


def default_threads() -> int:
    """The least of the processors that this process may use and the threads that BLAS has been given."""
    blas = [int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"]
    return min([available_processors(), *blas])


def available_processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load() -> float | None:
    """How many processes wanted a processor, mean of the last minute; None where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None
