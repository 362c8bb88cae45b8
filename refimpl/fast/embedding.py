"""Look-up of rows in lent memory: the twin of ``layers/embedding``, for one W of all objects."""

from refimpl.arrays import Array, check_dtypes, check_ids, check_shapes
from refimpl.fast.rows import sum_rows, take_rows
from refimpl.fast.workspace import Workspace
from refimpl.layers import embedding as reference
from refimpl.layers.embedding import EmbeddingCache


def embedding_forward(ids: Array, W: Array, *, workspace: Workspace) -> tuple[Array, EmbeddingCache]:
    """As ``layers.embedding.embedding_forward``; e (T, B, E) is lent. Equations: EMBEDDING.F1."""
    if W.ndim != 2:
        return reference.embedding_forward(ids, W)
    sizes = check_shapes({"ids": (ids, "T B"), "W": (W, "V E")})
    check_dtypes(W=W)
    check_ids("ids", ids, sizes["V"])
    e = workspace.empty((*ids.shape, sizes["E"]), W.dtype)
    take_rows(W, ids, e)  # [EMBEDDING.F1]
    return e, EmbeddingCache(ids, W)


def embedding_backward(de: Array, cache: EmbeddingCache) -> Array:
    """As ``layers.embedding.embedding_backward``. Equations: EMBEDDING.B1."""
    ids, W = cache
    if W.ndim != 2:
        return reference.embedding_backward(de, cache)
    check_shapes({"ids": (ids, "T B"), "W": (W, "V E"), "de": (de, "T B E")})
    check_dtypes(W=W, de=de)
    return sum_rows(ids.reshape(-1), de.reshape(ids.size, -1), len(W))  # [EMBEDDING.B1]
