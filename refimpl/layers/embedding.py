"""Look-up of rows by token ids, and a factor on each occurrence of a token.

The factor is one number for each token type and text: every occurrence of a word in a text meets the same one. So act
a vocabulary group variable (S000 "x_t -> x_t o z", x_t one-hot) and binary dropout (VBD) on word types, by its mask.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_ids, check_shapes, scatter_add


class EmbeddingCache(NamedTuple):
    ids: Array  # (T, B)
    W: Array  # (V, E) or (B, V, E); only its shape and dtype are read


def embedding_forward(ids: Array, W: Array) -> tuple[Array, EmbeddingCache]:
    """e[t, b] = W[ids[t, b]], the product of a one-hot row with W.

    Shapes: ids (T, B) integers; W (V, E), or (B, V, E): one for each object -> e (T, B, E).
    Dtype: W's floating dtype.
    Equations: EMBEDDING.F1.
    Errors: IndexError if an id is not in [0, V): nothing is wrapped; ValueError on a wrong shape, TypeError on a dtype.
    """
    xp = array_module(ids, W)
    check_dtypes(W=W)
    if W.ndim not in (2, 3):
        raise ValueError(f"W: expected shape (V, E), or (B, V, E) for one W an object, got {tuple(W.shape)}")
    sizes = check_shapes({"ids": (ids, "T B"), "W": (W, "V E" if W.ndim == 2 else "B V E")})
    check_ids("ids", ids, sizes["V"])
    e = W[ids] if W.ndim == 2 else W[xp.arange(sizes["B"]), ids]  # [EMBEDDING.F1]
    return e, EmbeddingCache(ids, W)


def embedding_backward(de: Array, cache: EmbeddingCache) -> Array:
    """dW, of W's shape, given de (T, B, E): each row sums the cotangents of its occurrences.

    Equations: EMBEDDING.B1. Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    ids, W = cache
    sizes = check_shapes({"ids": (ids, "T B"), "W": (W, "V E" if W.ndim == 2 else "B V E"), "de": (de, "T B E")})
    check_dtypes(W=W, de=de)
    cells, count = (ids, sizes["V"]) if W.ndim == 2 else (_cells(ids, sizes["V"]), sizes["B"] * sizes["V"])
    dW = scatter_add(cells.reshape(-1), de.reshape(ids.size, sizes["E"]), count)  # [EMBEDDING.B1]
    return dW.reshape(W.shape)


def _cells(ids: Array, count: int) -> Array:
    """The place of (b, ids[t, b]) in a flat table of B * count cells; 64 bits, for ids may be stored in fewer."""
    xp = array_module(ids)
    return ids.astype("int64") + count * xp.arange(ids.shape[1], dtype="int64")


class RowFactorCache(NamedTuple):
    e: Array  # (T, B, E)
    ids: Array  # (T, B)
    factor: Array  # (B, V)


class RowFactorGrads(NamedTuple):
    e: Array
    factor: Array


def row_factor_forward(e: Array, ids: Array, factor: Array) -> tuple[Array, RowFactorCache]:
    """y[t, b] = e[t, b] * factor[b, ids[t, b]]: the same word in the same text has the same factor.

    Shapes: e (T, B, E); ids (T, B) integers; factor (B, V) -> y (T, B, E). A factor that all texts share is given as
    xp.broadcast_to(z, (B, V)), which copies nothing; its gradient is then the sum of this one's over B.
    Dtype: one floating dtype.
    Equations: ROWFACTOR.F1 (S000 "x_t -> x_t o z").
    Errors: IndexError if an id is not in [0, V), ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    array_module(e, ids, factor)
    check_dtypes(e=e, factor=factor)
    sizes = check_shapes({"e": (e, "T B E"), "ids": (ids, "T B"), "factor": (factor, "B V")})
    check_ids("ids", ids, sizes["V"])
    return e * _taken(factor, ids), RowFactorCache(e, ids, factor)  # [ROWFACTOR.F1]


def _taken(factor: Array, ids: Array) -> Array:
    """factor[b, ids[t, b]] as (T, B, 1)."""
    return factor[array_module(ids).arange(ids.shape[1]), ids][:, :, None]


def row_factor_backward(dy: Array, cache: RowFactorCache) -> RowFactorGrads:
    """Gradients given dy (T, B, E). Equations: ROWFACTOR.B1-B2. Errors: as forward, for dy."""
    e, ids, factor = cache
    check_shapes({"e": (e, "T B E"), "dy": (dy, "T B E")})
    check_dtypes(e=e, dy=dy)
    batch, count = factor.shape
    doccurrence = (dy * e).sum(axis=-1)  # (T, B)
    dfactor = scatter_add(_cells(ids, count).reshape(-1), doccurrence.reshape(-1), batch * count)  # [ROWFACTOR.B2]
    return RowFactorGrads(e=dy * _taken(factor, ids), factor=dfactor.reshape(batch, count))  # [ROWFACTOR.B1]
