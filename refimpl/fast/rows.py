"""Rows of a table by token ids, and the sum of what comes back to them."""

import numpy as np
from scipy import sparse

from refimpl.arrays import Array


def take_rows(table: Array, ids: Array, out: Array) -> None:
    """out[n] = table[ids[n]]. The caller has checked the ids: "clip" only spares NumPy a copy of out."""
    np.take(table, ids, axis=0, out=out, mode="clip")


def sum_rows(ids: Array, values: Array, count: int) -> Array:
    """A new (count, K): row v is the sum of values[n] over all n with ids[n] == v, for values (N, K), in their order.

    The product with a sparse one-hot matrix: SciPy adds row after row without a copy of the values.
    """
    order = np.argsort(ids, kind="stable")
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(ids, minlength=count), out=starts[1:])
    one_hot = sparse.csr_array((np.ones(len(ids), dtype=values.dtype), order, starts), shape=(count, len(ids)))
    summed: Array = one_hot @ values
    return summed
