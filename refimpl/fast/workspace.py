"""Memory that is lent for one training step and taken back at the next, and the threads that share its work.

A step needs the same arrays again and again, and fresh ones cost a page fault for every 4 kB touched first. What
``empty`` lends is valid until the next ``step``: who keeps a result longer copies it.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from refimpl.arrays import Array, Shape, check_choice

SMALLEST = 1 << 12  # bytes; smaller requests get a block of this size
LEAST_PRODUCT = 1 << 21  # multiplications of a part of a product that is worth a thread
MOST_THREADS = 4  # that share passes: more of them would mostly wait for the interpreter's lock
STEPS = 8  # sizes of blocks between two powers of two: a block is at most one eighth larger than what was asked for


class Workspace:
    """Blocks of memory by size, and threads for work that splits.

    threads: how many may be used. Passes over large arrays are shared by at most MOST_THREADS of them.
    products: who shares out matrix products and the objects of a recurrence: "threads", these threads, and BLAS has one
    in each; or "blas", BLAS with as many threads of its own.
    """

    def __init__(self, threads: int = 1, *, products: str = "threads") -> None:
        check_choice("products", products, ("threads", "blas"))
        if threads < 1:
            raise ValueError(f"threads: expected at least 1, got {threads!r}")
        self.asked, self.threads = threads, min(threads, MOST_THREADS)
        self.product_threads, self._blas_threads = (self.threads, 1) if products == "threads" else (1, threads)
        self._free: dict[int, list[Array]] = {}
        self._lent: list[Array] = []
        self._pool = ThreadPoolExecutor(self.threads - 1) if threads > 1 else None
        self._blas = ThreadpoolController().select(user_api="blas")

    def empty(self, shape: Shape, dtype: np.dtype[Any] | str) -> Array:
        """An array with any content, valid until the next ``step``."""
        kind = np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        capacity = block_size(size)
        free = self._free.get(capacity)
        block = free.pop() if free else np.empty(capacity, dtype=np.uint8)
        self._lent.append(block)
        return block[:size].view(kind).reshape(shape)

    def step(self) -> AbstractContextManager[object]:
        """For the time of one step: what was lent before is taken back, and BLAS has its number of threads."""
        for block in self._lent:
            self._free.setdefault(block.size, []).append(block)
        self._lent.clear()
        limits: AbstractContextManager[object] = self._blas.limit(limits=self._blas_threads)
        return limits

    def run(self, task: Callable[[slice], None], parts: list[slice]) -> None:
        """task(part) for every part, each in a thread of its own."""
        if self._pool is None or len(parts) == 1:
            for part in parts:
                _quiet(task, part)
            return
        waiting = [self._pool.submit(_quiet, task, part) for part in parts[1:]]
        _quiet(task, parts[0])
        for other in waiting:
            other.result()

    def shares(self, count: int, least: int = 1, *, threads: int | None = None) -> list[slice]:
        """range(count) in one part for each thread (None: of all), or in fewer: a part has at least ``least``."""
        parts = max(1, min(self.threads if threads is None else threads, count // max(least, 1)))
        edges = [count * i // parts for i in range(parts + 1)]
        return [slice(a, b) for a, b in pairwise(edges)]

    def by_blocks(self, count: int, block: int, task: Callable[[slice], None]) -> None:
        """task(part) for consecutive parts of range(count), at most ``block`` long; shared out to the threads."""
        self.with_buffers(count, block, 0, "float32", lambda part, _: task(part))

    def with_buffers(
        self, count: int, block: int, buffers: int, dtype: np.dtype[Any] | str, task: Callable[[slice, Array], None]
    ) -> None:
        """task(part, work) as by_blocks does it; work (buffers, length of part) has any content."""
        shares = self.shares(count, least=block)
        works = {share.start: self.empty((buffers, block), dtype) for share in shares}

        def blocks(share: slice) -> None:
            work = works[share.start]
            for first in range(share.start, share.stop, block):
                part = slice(first, min(first + block, share.stop))
                task(part, work[:, : part.stop - part.start])

        self.run(blocks, shares)

    def matmul(self, a: Array, b: Array, out: Array) -> None:
        """out = a b for matrices, rows of out shared out to the threads that have products."""
        least = max(1, LEAST_PRODUCT // max(1, a.shape[1] * b.shape[1]))
        shares = self.shares(len(a), least, threads=self.product_threads)
        self.run(lambda part: np.matmul(a[part], b, out=out[part]), shares)


def _quiet(task: Callable[[slice], None], part: slice) -> None:
    """An exponential may overflow on its way to a gate of exactly 0; what is not finite in the end is found there."""
    with np.errstate(all="ignore"):
        task(part)


def block_size(size: int) -> int:
    """The size of the block that serves a request: few different ones, so that a step's sizes may vary a little."""
    if size <= SMALLEST:
        return SMALLEST
    unit = 1 << ((size - 1).bit_length() - 1)  # the power of two below
    step = unit // STEPS
    return -(-size // step) * step
