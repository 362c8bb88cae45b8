"""Cache-sized blocks: how much of an array is worked on at once, so that a chain of passes stays in cache."""

import numpy as np

from refimpl.arrays import Array

BLOCK = 1 << 15  # numbers; with one thread: below, the calls cost more than the cache saves
SHARED_BLOCK = 1 << 17  # with several: a longer pass makes up for handing over the interpreter's lock


def block_length(threads: int) -> int:
    """Numbers of one array in a block."""
    return BLOCK if threads == 1 else SHARED_BLOCK


def rows_at_once(rows: Array, threads: int) -> int:
    """Rows of (N, K) in a block."""
    return max(1, block_length(threads) // int(rows.shape[1]))


def column_sums(rows: Array) -> Array:
    """The sum over N of (N, K): a product with ones is the fastest way."""
    return np.ones(len(rows), dtype=rows.dtype) @ rows
