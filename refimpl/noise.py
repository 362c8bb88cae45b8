"""Random numbers by name: the only file that draws them.

A draw is fixed by (seed, stream, step): seed and step are integers, the stream is a name such as "lstm.W_x". There is
no state, so a draw can be repeated, read in part (``normal_rows``) and made on any device with the same bits.

Raw words are Philox4x64-10 (Salmon et al. 2011) with key = (seed, stream), exactly those of
``numpy.random.Philox(key=..., counter=[0, step, 0, 0])``; NumPy raises its counter before each block, so that words
4b .. 4b+3 belong to the counter (b + 1, step, 0, 0).
Normals are Box-Muller on those words: a pair takes one word in float32 (low 32 bits the radius, high 32 the angle),
two in float64 (53 bits of each).
Words, uniforms, masks and permutations are equal bit for bit on every device; normals up to rounding of log, cos, sin.
"""

import hashlib
import math
from itertools import pairwise
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import Array, Shape, check_ids, check_shapes

PHILOX_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)  # Salmon et al. 2011, table 2 (Philox4x64)
PHILOX_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
PHILOX_ROUNDS = 10
MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
CHUNK = 1 << 15  # pairs of normals made at once on the host: the temporaries stay in cache
JUMP_COST = 4000  # words drawn in the time that the host needs to go to another place
RUN = 1 << 18  # words of rows that are read at once, besides those between them


class Draw(NamedTuple):
    """What fixes a draw."""

    seed: int  # 0 <= seed < 2^64
    stream: str  # a name; hashed to 64 bits
    step: int = 0  # 0 <= step < 2^64


def stream_id(stream: str) -> int:
    """The 64 bits that stand for a stream's name (BLAKE2b, little endian)."""
    return int.from_bytes(hashlib.blake2b(stream.encode(), digest_size=8).digest(), "little")


def key_and_step(draw: Draw) -> tuple[tuple[int, int], int]:
    """Key and second counter word of a draw. Errors: ValueError unless seed and step are 64-bit integers."""
    for name, value in (("seed", draw.seed), ("step", draw.step)):
        if not isinstance(value, int | np.integer) or not 0 <= value <= MASK64:
            raise ValueError(f"{name}: expected an integer from 0 to 2^64 - 1, got {value!r}")
    return (int(draw.seed), stream_id(draw.stream)), int(draw.step)


def _bit_generator(draw: Draw) -> np.random.Philox:
    key, step = key_and_step(draw)
    counter = np.array([0, step, 0, 0], dtype=np.uint64)
    return np.random.Philox(key=np.array(key, dtype=np.uint64), counter=counter)


def words(draw: Draw, count: int, start: int = 0, xp: ModuleType = np) -> Array:
    """Words start .. start + count - 1 of the draw, uint64 (count,)."""
    first, skip = divmod(start, 4)
    if xp is np:
        return _bit_generator(draw).advance(first).random_raw(skip + count)[skip:]
    key, step = key_and_step(draw)
    blocks = xp.arange(first, first + (skip + count + 3) // 4, dtype=xp.uint64)
    return philox_blocks(blocks, step, key, xp).reshape(-1)[skip : skip + count]


def philox_blocks(blocks: Array, step: int, key: tuple[int, int], xp: ModuleType = np) -> Array:
    """The four words of each given block, (N,) uint64 -> (N, 4) uint64, by array operations on any device.

    NumPy raises the counter by one before each block, and so do we.
    """
    c0, c1 = blocks + xp.uint64(1), xp.full(blocks.shape, step, dtype=xp.uint64)
    c2, c3 = xp.zeros_like(c0), xp.zeros_like(c0)
    k0, k1 = key
    for _ in range(PHILOX_ROUNDS):
        high0, low0 = _multiply(c0, PHILOX_MULTIPLIERS[0], xp)
        high1, low1 = _multiply(c2, PHILOX_MULTIPLIERS[1], xp)
        c0, c1, c2, c3 = high1 ^ c1 ^ xp.uint64(k0), low1, high0 ^ c3 ^ xp.uint64(k1), low0
        k0, k1 = (k0 + PHILOX_WEYL[0]) & MASK64, (k1 + PHILOX_WEYL[1]) & MASK64
    return xp.stack([c0, c1, c2, c3], axis=1)


def _multiply(a: Array, constant: int, xp: ModuleType) -> tuple[Array, Array]:
    """High and low 64 bits of a * constant, from 32-bit halves."""
    u = xp.uint64
    b0, b1 = u(constant & MASK32), u(constant >> 32)
    a0, a1 = a & u(MASK32), a >> u(32)
    middle = a1 * b0 + (a0 * b0 >> u(32))
    carry = (middle & u(MASK32)) + a0 * b1
    return a1 * b1 + (middle >> u(32)) + (carry >> u(32)), a * u(constant)


def uniform(draw: Draw, shape: Shape, dtype: str = "float64", xp: ModuleType = np) -> Array:
    """Uniforms on [0, 1): multiples of 2^-53 (float64, one word each) or 2^-24 (float32, half a word each)."""
    count = math.prod(shape)
    if _is_single(dtype):
        halves = words(draw, (count + 1) // 2, 0, xp).view(xp.uint32)[:count]
        return ((halves >> xp.uint32(8)).astype(dtype) * 2.0**-24).reshape(shape)
    return ((words(draw, count, 0, xp) >> xp.uint64(11)).astype(dtype) * 2.0**-53).reshape(shape)


def _is_single(dtype: str) -> bool:
    if np.dtype(dtype).name not in ("float32", "float64"):
        raise TypeError(f"dtype: expected float32 or float64, got {dtype!r}")
    return np.dtype(dtype).name == "float32"


def normal(draw: Draw, shape: Shape, dtype: str = "float64", xp: ModuleType = np) -> Array:
    """Standard normals of the given shape."""
    count = math.prod(shape)
    pairs = (count + 1) // 2
    words_per_pair = 1 if _is_single(dtype) else 2
    out = xp.empty((pairs, 2), dtype=dtype)
    if xp is np:
        fill_normals(draw, out)
    else:
        _box_muller(words(draw, words_per_pair * pairs, 0, xp), out, xp)
    return out.reshape(-1)[:count].reshape(shape)


def fill_normals(draw: Draw, out: np.ndarray[Any, Any], first: int = 0) -> None:
    """Fill out (P, 2), on the host, with the pairs first .. first + P - 1 of the draw, as ``normal`` has them."""
    words_per_pair = 1 if _is_single(out.dtype.name) else 2
    block, skip = divmod(first * words_per_pair, 4)
    bits = _bit_generator(draw).advance(block)
    bits.random_raw(skip)
    for start in range(0, len(out), CHUNK):
        part = out[start : start + CHUNK]
        _box_muller(bits.random_raw(words_per_pair * len(part)), part, np)


def normal_rows(draw: Draw, rows: Array, shape: Shape, dtype: str = "float64", xp: ModuleType = np) -> Array:
    """Rows of the draw ``normal(draw, shape, dtype)``, without drawing the others: (N,) integers -> (N, *shape[1:]).

    Errors: ValueError if rows are not (N,); on the host TypeError or IndexError if not integers from 0 to shape[0] - 1.
    """
    check_shapes({"rows": (rows, "N")})
    width, words_per_pair = math.prod(shape[1:]), 1 if _is_single(dtype) else 2
    if xp is np:
        check_ids("rows", rows, shape[0])
    drawn_rows, inverse = rows.astype(xp.int64), None
    if xp is np:  # a device draws a row as often as it occurs: to ask how many differ would make the host wait
        drawn_rows, inverse = np.unique(drawn_rows, return_inverse=True)
    pairs = (width + 1) // 2  # of one row; where the width is odd, every second row starts inside a pair
    first_word = drawn_rows * width // 2 * words_per_pair
    raw = _row_words(draw, first_word, pairs * words_per_pair, xp)
    out = xp.empty((len(drawn_rows) * pairs, 2), dtype=dtype)
    chunk = CHUNK if xp is np else max(len(out), 1)
    for first in range(0, len(out), chunk):
        part = raw[first * words_per_pair : (first + chunk) * words_per_pair]
        _box_muller(part, out[first : first + chunk], xp)
    drawn = out.reshape(len(drawn_rows), 2 * pairs)
    if width % 2:
        drawn = xp.where((drawn_rows % 2 == 1)[:, None], drawn[:, 1:], drawn[:, :-1])
    if inverse is not None:
        drawn = drawn[inverse.reshape(-1)]
    return drawn.reshape(len(rows), *shape[1:])


def _row_words(draw: Draw, first: Array, count: int, xp: ModuleType) -> Array:
    """For each first word, that word and those after it, count in all; one after the other, (N * count,).

    On the host the first words ascend.
    """
    if xp is np:
        return _host_row_words(draw, first, count).reshape(-1)
    key, step = key_and_step(draw)
    blocks = (first // 4)[:, None] + xp.arange((count + 6) // 4)  # enough for any place in the first block
    by_row = philox_blocks(blocks.reshape(-1).astype(xp.uint64), step, key, xp).reshape(len(first), 4 * blocks.shape[1])
    return xp.take_along_axis(by_row, (first % 4)[:, None] + xp.arange(count), axis=1).reshape(-1)


def _host_row_words(draw: Draw, first: Array, count: int) -> Array:
    """The words of each row, (N, count): neighbouring rows are read in one run, with what lies between them."""
    raw = np.empty((len(first), count), dtype=np.uint64)
    bits, block = _bit_generator(draw), 0
    edges = np.flatnonzero(np.diff(first, prepend=-JUMP_COST - count - 1) > count + JUMP_COST).tolist()
    for i, stop in pairwise([*edges, len(first)]):
        while i < stop:
            end = min(i + max(RUN // count, 1), stop)
            start, skip = divmod(int(first[i]), 4)
            read = int(first[end - 1]) + count - 4 * start
            run_words = bits.advance(start - block).random_raw(read)
            block = start + (read + 3) // 4
            if end - i == 1:
                raw[i] = run_words[skip:]
            else:
                raw[i:end] = np.lib.stride_tricks.sliding_window_view(run_words, count)[first[i:end] - 4 * start]
            i = end
    return raw


def _box_muller(raw: Array, out: Array, xp: ModuleType) -> None:
    """Fill out (P, 2) with pairs r cos(t), r sin(t), r = sqrt(-2 log u), u in (0, 1]  [Box and Muller 1958].

    In place where it can be: two temporaries of P values, and contiguous ones for log, cos and sin.
    """
    if out.dtype == xp.float32:
        halves = raw.view(xp.uint32).reshape(-1, 2)
        u, v = halves[:, 0].astype(out.dtype), halves[:, 1].astype(out.dtype)
        u *= 2.0**-32
        u += 2.0**-33
        v *= 2.0 * math.pi * 2.0**-32
    else:
        pairs = (raw >> xp.uint64(11)).reshape(-1, 2)
        u, v = pairs[:, 0].astype(out.dtype), pairs[:, 1].astype(out.dtype)
        u += 1.0
        u *= 2.0**-53
        v *= 2.0 * math.pi * 2.0**-53
    xp.log(u, out=u)
    u *= -2.0
    xp.sqrt(u, out=u)
    xp.multiply(u, xp.cos(v), out=out[:, 0])
    xp.sin(v, out=v)
    xp.multiply(u, v, out=out[:, 1])


def bernoulli(draw: Draw, shape: Shape, probability: float, dtype: str = "float64", xp: ModuleType = np) -> Array:
    """Zeros and ones, each one with the given probability."""
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"probability: expected a number from 0 to 1, got {probability!r}")
    return (uniform(draw, shape, "float32", xp) < probability).astype(dtype)


def permutation(draw: Draw, count: int) -> np.ndarray[Any, Any]:
    """A random order of 0 .. count - 1 (host): the order that sorts count words."""
    return np.argsort(words(draw, count), kind="stable")


def integer(draw: Draw, stop: int) -> int:
    """A random integer in [0, stop) (host); its bias, stop / 2^64, is below 1e-9 for any stop below 1e10."""
    if stop < 1:
        raise ValueError(f"stop: expected at least 1, got {stop}")
    return int(words(draw, 1)[0]) % stop
