"""Batches: character windows, word segments and whole texts, cut exactly as the 2018 code cuts them.

Everything is a pure function of the ids, an order and an offset; the functions named ``epoch_*`` draw these two.
Arrays are time first. Functions check their arguments when they are called and yield the batches one by one.
"""

from collections.abc import Iterator
from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_ids, check_shapes
from refimpl.noise import Draw, integer, permutation


class Batch(NamedTuple):
    """Inputs x (T, B), integers; targets y (T, B) of a language model, (B,) of texts; mask (T, B), 1 on real tokens."""

    x: Array
    y: Array
    mask: Array | None = None


def character_window_count(characters: int, length: int = 100) -> int:
    """Windows in an epoch: one fewer than fit, given up for the random offset. Equations: BATCHES.E1."""
    _check_at_least("length", length, 2)
    _check_at_least(f"characters (for windows of {length})", characters, 2 * length)
    return characters // length - 1  # [BATCHES.E1]


def character_offset_stop(characters: int, length: int = 100) -> int:
    """Offsets are drawn from [0, stop), stop = what the windows leave over. Equations: BATCHES.E2.

    (Offset stop itself would fit too; the 2018 code never draws it.)
    """
    return characters - length * character_window_count(characters, length)  # [BATCHES.E2]


def character_windows(
    ids: Array, length: int = 100, offset: int = 0, order: Array | None = None, batch: int = 64
) -> Iterator[Batch]:
    """Windows, each on its own: window w is ids[offset + w length :][:length]; a batch takes the next of the order.

    The input is a window without its last character, the target without its first, so the first one is never predicted.
    The last batch may be short. order None is the natural order; with offset 0 that is the evaluation of the 2018 code.
    Shapes: ids (n,), order (windows,) -> x, y (length - 1, B).
    Errors: ValueError or TypeError on a wrong argument, IndexError on a window that does not exist.
    """
    xp = array_module(ids)
    check_shapes({"ids": (ids, "n")})
    windows, stop = character_window_count(len(ids), length), character_offset_stop(len(ids), length)
    if not 0 <= offset < stop:
        raise ValueError(f"offset: expected an integer from 0 to {stop - 1}, got {offset!r}")
    starts = offset + length * xp.asarray(_checked_order(order, windows, ids))
    steps = xp.arange(length - 1)[:, None]
    return (Batch(ids[steps + some], ids[steps + 1 + some]) for some in _groups(starts, batch))


def character_terms(characters: int, length: int = 100) -> int:
    """N, the number of likelihood terms: predicted characters of an epoch. Equations: BATCHES.E3."""
    return character_window_count(characters, length) * (length - 1)  # [BATCHES.E3]


def word_segments(ids: Array, streams: int = 32, length: int = 35) -> Iterator[Batch]:
    """Contiguous streams side by side, cut into segments; the state is carried from each segment to the next.

    Stream s is ids[s rows :][:rows] with rows = n // streams; what is left over is dropped, and the first token of a
    stream is never predicted. The last segment may be short. (Where the 2018 code ends in a segment without steps, this
    ends before it.)
    Shapes: ids (n,) -> x, y (T, streams), T <= length.
    Errors: ValueError if there are not two tokens for each stream.
    """
    xp = array_module(ids)
    check_shapes({"ids": (ids, "n")})
    _check_at_least("streams", streams, 1)
    _check_at_least("length", length, 1)
    _check_at_least(f"ids (for {streams} streams)", len(ids), 2 * streams)
    rows = len(ids) // streams
    table = xp.ascontiguousarray(ids[: streams * rows].reshape(streams, rows).T)
    stops = ((first, min(first + length, rows - 1)) for first in range(0, rows - 1, length))
    return (Batch(table[first:stop], table[first + 1 : stop + 1]) for first, stop in stops)


def word_terms(tokens: int, streams: int = 32) -> int:
    """N, the number of likelihood terms: predicted tokens, all but the first of each stream. Equations: BATCHES.E4."""
    _check_at_least("streams", streams, 1)
    _check_at_least(f"tokens (for {streams} streams)", tokens, 2 * streams)
    return streams * (tokens // streams) - streams  # [BATCHES.E4]


def text_batches(texts: Batch, order: Array | None = None, batch: int = 128) -> Iterator[Batch]:
    """Batches of whole texts; texts holds all of them. N, the number of likelihood terms, is their count.

    The last batch may be short. order None is the natural order.
    Shapes: texts.x (T, N), texts.y (N,), texts.mask (T, N) or None, order (n,) -> x, mask (T, B), y (B,).
    Errors: ValueError on a wrong shape, IndexError on a text that does not exist.
    """
    arguments = {"texts.x": (texts.x, "T N"), "texts.y": (texts.y, "N"), "texts.mask": (texts.mask, "T N")}
    count = check_shapes(arguments)["N"]
    xp = array_module(texts.x, texts.y, texts.mask)
    chosen = xp.asarray(_checked_order(order, count, texts.x))
    return (
        Batch(texts.x[:, some], texts.y[some], None if texts.mask is None else texts.mask[:, some])
        for some in _groups(chosen, batch)
    )


def epoch_order(draw: Draw, count: int) -> Array:
    """A random order of 0 .. count - 1 (host); draw.step is the epoch."""
    return permutation(draw._replace(stream=f"{draw.stream}.order"), count)


def epoch_offset(draw: Draw, characters: int, length: int = 100) -> int:
    """A random offset of the character windows; draw.step is the epoch. Independent of epoch_order of the same draw."""
    return integer(draw._replace(stream=f"{draw.stream}.offset"), character_offset_stop(characters, length))


def _checked_order(order: Array | None, count: int, ids: Array) -> Array:
    if order is None:
        return array_module(ids).arange(count)
    check_shapes({"order": (order, "n")})
    check_ids("order", order, count)
    return order


def _groups(chosen: Array, batch: int) -> Iterator[Array]:
    _check_at_least("batch", batch, 1)
    return (chosen[first : first + batch] for first in range(0, len(chosen), batch))


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
