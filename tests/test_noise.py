"""noise.py: known answers of the words, rows of a draw, laws of the numbers, and that there is no state.

Statistics: fixed seed, z = (estimate - exact value) / standard error, |z| <= 5 (chance: 6e-7).
"""

import math

import mpmath
import numpy as np
import pytest

from refimpl import noise
from refimpl.arrays import device_module, to_host
from refimpl.noise import Draw, bernoulli, integer, normal, normal_rows, permutation, philox_blocks, stream_id, uniform
from refimpl.noise import words as draw_words

DRAW = Draw(seed=7, stream="lstm.W_x", step=3)
Z_BOUND = 5.0
DTYPES = ("float32", "float64")


class Device:
    """NumPy under another name: takes the path that a device takes."""

    def __getattr__(self, name: str):
        return getattr(np, name)


DEVICE = Device()

# Random123 1.09, kat_vectors, lines "philox4x64 10": counter, key, words (Salmon et al. 2011).
KNOWN_ANSWERS = [
    (
        (0, 0, 0, 0),
        (0, 0),
        (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B),
    ),
    (
        (2**64 - 1,) * 4,
        (2**64 - 1,) * 2,
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
    ),
]


def uint64(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def reference_words(draw: Draw, count: int) -> np.ndarray:
    """The documented stream, from NumPy alone."""
    counter, key = uint64(0, draw.step, 0, 0), uint64(draw.seed, stream_id(draw.stream))
    return np.random.Philox(key=key, counter=counter).random_raw(count)


# Words


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_numpy_s_generator_is_the_published_one(counter, key, answer):
    before = (sum(c << 64 * i for i, c in enumerate(counter)) - 1) % 2**256  # NumPy raises the counter before a block
    words = np.random.Philox(key=uint64(*key), counter=uint64(*(before >> 64 * i & 2**64 - 1 for i in range(4))))
    assert tuple(words.random_raw(4).tolist()) == answer


def test_array_operations_give_the_published_words():
    counter, key, answer = KNOWN_ANSWERS[0]
    blocks = uint64(2**64 - 1)  # wraps to 0
    assert tuple(philox_blocks(blocks, counter[1], key)[0].tolist()) == answer


@pytest.mark.parametrize("draw", [DRAW, Draw(0, ""), Draw(2**64 - 1, "output.b", 2**64 - 1), Draw(1, "σ", 2**40)])
def test_words_are_numpy_s(draw):
    np.testing.assert_array_equal(draw_words(draw, 1003), reference_words(draw, 1003))


def test_words_of_this_version_for_ever():
    """The stream that records and stored vectors rest on: a change here is a breaking change."""
    assert stream_id("lstm.W_x") == 0x3F1683B702A7082B
    assert draw_words(DRAW, 6).tolist() == [
        0xB8D95ED8FFEE3464,
        0x5541CFA85A43FF86,
        0xED8AB0ACFE537D5A,
        0xDB74D1B0F36EF5E4,
        0x5082A5CFD5587F96,
        0x8D1914EB735B0DC0,
    ]


@pytest.mark.parametrize("draw", [DRAW, Draw(2**64 - 1, "output.b", 2**64 - 1)])
def test_array_operations_give_the_words_of_the_c_code(draw):
    blocks = np.arange(300, dtype=np.uint64)
    by_block = philox_blocks(blocks, draw.step, (draw.seed, stream_id(draw.stream)))
    np.testing.assert_array_equal(by_block.reshape(-1), draw_words(draw, 1200))
    far = uint64(2**62 - 1, 2**40, 2**32 - 1)  # carries between the halves
    by_block = philox_blocks(far, draw.step, (draw.seed, stream_id(draw.stream)))
    for block, four in zip(far.tolist(), by_block, strict=True):
        np.testing.assert_array_equal(four, draw_words(draw, 4, 4 * block))


@pytest.mark.parametrize("xp", [np, DEVICE], ids=["host", "device"])
def test_words_from_any_start(xp):
    whole = draw_words(DRAW, 60)
    for start in range(10):
        for count in (0, 1, 4, 7, 50):
            part = draw_words(DRAW, count, start, xp)
            assert part.dtype == np.uint64
            np.testing.assert_array_equal(part, whole[start : start + count])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (Draw(-1, "a"), r"seed: expected an integer from 0 to 2\^64 - 1, got -1"),
        (Draw(2**64, "a"), "seed: "),
        (Draw(1.0, "a"), r"seed: .* got 1\.0"),
        (Draw(1, "a", -2), "step: .* got -2"),
        (Draw(1, "a", 2**64), "step: "),
    ],
)
def test_seed_and_step_are_checked(draw, message):
    for xp in (np, DEVICE):
        with pytest.raises(ValueError, match=message):
            draw_words(draw, 1, 0, xp)


# No state, and draws that differ


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_draw_has_no_state(dtype):
    shape = (5, 4, 3)
    first = normal(DRAW, shape, dtype)
    uniform(DRAW, (17,), dtype)
    permutation(DRAW._replace(step=9), 5)
    np.testing.assert_array_equal(normal(DRAW, shape, dtype), first)
    assert first.shape == shape
    assert first.dtype == dtype


def test_the_global_generator_is_neither_read_nor_moved():
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = normal(DRAW, (100,))
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(normal(DRAW, (100,)), first)


@pytest.mark.parametrize("change", [{"seed": 8}, {"stream": "lstm.W_h"}, {"step": 4}])
def test_other_seeds_streams_and_steps_are_independent(change):
    n = 100_000
    a, b = normal(DRAW, (n,)), normal(DRAW._replace(**change), (n,))
    for left, right in ((a, b), (a[1:], b[:-1]), (a[:-1], b[1:]), (a * a - 1.0, (b * b - 1.0) / 2.0)):
        correlation = (left * right).mean()  # standard error 1/sqrt(n): both have mean 0, the product variance 1
        assert abs(correlation) * math.sqrt(len(left)) <= Z_BOUND


def test_steps_next_to_each_other_share_no_words():
    words = np.concatenate([draw_words(DRAW._replace(step=step), 4000) for step in range(5)])
    assert len(np.unique(words)) == len(words)


# Normals


@pytest.mark.parametrize("dtype", DTYPES)
def test_normals_are_box_muller_of_the_documented_words(dtype):
    """Scalar oracle: 50 digits, from the words as documented; u and the angle rounded as they are stored."""
    pairs = 300
    x = normal(DRAW, (2 * pairs,), dtype).reshape(pairs, 2)
    raw = reference_words(DRAW, 2 * pairs).tolist()
    eps = float(np.finfo(dtype).eps)
    with mpmath.workdps(50):
        for n in range(pairs):
            if dtype == "float32":
                low, high = np.float32(raw[n] & 2**32 - 1), np.float32(raw[n] >> 32)
                u = mpmath.mpf(float(low * np.float32(2.0**-32) + np.float32(2.0**-33)))
                angle = mpmath.mpf(float(high * np.float32(2.0 * math.pi * 2.0**-32)))
            else:
                u = (mpmath.mpf(raw[2 * n] >> 11) + 1) / 2**53
                angle = mpmath.mpf(float(raw[2 * n + 1] >> 11) * (2.0 * math.pi * 2.0**-53))
            radius = mpmath.sqrt(-2 * mpmath.log(u))
            expected = radius * mpmath.cos(angle), radius * mpmath.sin(angle)
            # log, square root, cosine and product: at most 8 roundings of the radius
            assert all(abs(float(x[n, i]) - expected[i]) <= 8 * eps * radius for i in range(2))


def test_normals_use_all_bits_of_both_halves():
    """Lowest and highest words stay finite: u is never 0, and u = 1 gives 0, not a NaN."""
    for dtype, limit in (("float32", math.sqrt(66.0 * math.log(2.0))), ("float64", math.sqrt(106.0 * math.log(2.0)))):
        raw = uint64(0, 0, 2**64 - 1, 2**64 - 1)
        out = np.empty((4 if dtype == "float32" else 2, 2), dtype)
        noise._box_muller(raw, out, np)
        assert np.isfinite(out).all()
        assert out[0, 0] == pytest.approx(limit, rel=1e-6)  # the largest normal there is
        assert abs(out[-1]).max() == 0.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 1001])
def test_a_longer_draw_begins_with_the_shorter(dtype, count):
    np.testing.assert_array_equal(normal(DRAW, (count,), dtype), normal(DRAW, (2000,), dtype)[:count])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chunk", [1, 6, 64, 1 << 20])
def test_the_size_of_a_chunk_changes_nothing(monkeypatch, dtype, chunk):
    shape = (31, 33)
    rows = np.array([3, 30, 4])
    expected, of_rows = normal(DRAW, shape, dtype), normal_rows(DRAW, rows, shape, dtype)
    monkeypatch.setattr(noise, "CHUNK", chunk)
    np.testing.assert_array_equal(normal(DRAW, shape, dtype), expected)
    np.testing.assert_array_equal(normal_rows(DRAW, rows, shape, dtype), of_rows)


@pytest.mark.parametrize("dtype", DTYPES)
def test_device_path_gives_the_same_numbers(dtype):
    np.testing.assert_array_equal(normal(DRAW, (31, 33), dtype, DEVICE), normal(DRAW, (31, 33), dtype))
    np.testing.assert_array_equal(uniform(DRAW, (31, 33), dtype, DEVICE), uniform(DRAW, (31, 33), dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("path", ["jumps", "runs", "short runs", "device"])
@pytest.mark.parametrize("trailing", [(), (1,), (2,), (3,), (5,), (8,), (4, 3), (3, 7)])
def test_rows_are_rows_of_the_whole_draw(monkeypatch, dtype, path, trailing):
    """Each row by itself, neighbours in one run, runs of few rows, and by array operations."""
    monkeypatch.setattr(noise, "JUMP_COST", 0 if path == "jumps" else 1 << 20)
    monkeypatch.setattr(noise, "RUN", 9 if path == "short runs" else 1 << 20)
    shape = (23, *trailing)
    rows = np.array([22, 0, 7, 7, 1, 13, 0], dtype=np.int32)
    drawn = normal_rows(DRAW, rows, shape, dtype, DEVICE if path == "device" else np)
    assert drawn.dtype == dtype
    np.testing.assert_array_equal(drawn, normal(DRAW, shape, dtype)[rows])
    assert normal_rows(DRAW, rows[:0], shape, dtype, DEVICE if path == "device" else np).shape == (0, *trailing)


def test_rows_far_into_a_large_draw_do_not_draw_it():
    """Row 2^33 of 3 numbers each: its first number is the second one of a pair, its words begin inside a block."""
    row = 2**33 + 1
    drawn = normal_rows(DRAW, np.array([row]), (2**34, 3))
    pair = 3 * row // 2
    out = np.empty((3, 2))
    noise._box_muller(draw_words(DRAW, 6, 2 * pair), out, np)
    np.testing.assert_array_equal(drawn[0], out.reshape(-1)[3 * row % 2 :][:3])


def test_rows_are_checked():
    with pytest.raises(IndexError, match=r"rows: expected ids from 0 to 4, got 5 at index \(1,\)"):
        normal_rows(DRAW, np.array([0, 5]), (5, 2))
    with pytest.raises(IndexError, match="got -1"):
        normal_rows(DRAW, np.array([-1]), (5, 2))
    with pytest.raises(TypeError, match="rows: expected an integer array, got float64"):
        normal_rows(DRAW, np.zeros(2), (5, 2))
    with pytest.raises(ValueError, match=r"rows: expected shape \(N\), got \(2, 1\)"):
        normal_rows(DRAW, np.zeros((2, 1), dtype=int), (5, 2))


@pytest.mark.parametrize("draw_function", [normal, uniform])
@pytest.mark.parametrize("dtype", ["int32", "float16", "complex128"])
def test_dtype_is_checked(draw_function, dtype):
    with pytest.raises(TypeError, match=f"dtype: expected float32 or float64, got '{dtype}'"):
        draw_function(DRAW, (3,), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_moments_of_normals(dtype):
    """E x^k for k = 1..8; the standard error is sqrt((E x^2k - (E x^k)^2) / n), E x^2m = (2m - 1)!!."""
    n = 400_000
    x = normal(DRAW, (n,), dtype).astype("float64")

    def moment(k: int) -> int:
        return 0 if k % 2 else math.prod(range(1, k, 2))

    z = {k: ((x**k).mean() - moment(k)) * math.sqrt(n / (moment(2 * k) - moment(k) ** 2)) for k in range(1, 9)}
    assert max(map(abs, z.values())) <= Z_BOUND, z


@pytest.mark.parametrize("dtype", DTYPES)
def test_mean_variance_skewness_kurtosis_of_normals(dtype):
    """Standard errors of n normals: 1, sqrt 2, sqrt 6 and sqrt 24, over sqrt n."""
    n = 400_000
    x = normal(DRAW._replace(step=4), (n,), dtype).astype("float64")
    mean, variance = x.mean(), x.var()
    standard = (x - mean) / np.sqrt(variance)
    z = {
        "mean": mean / math.sqrt(1 / n),
        "variance": (variance - 1.0) / math.sqrt(2 / n),
        "skewness": (standard**3).mean() / math.sqrt(6 / n),
        "kurtosis": ((standard**4).mean() - 3.0) / math.sqrt(24 / n),
    }
    assert max(map(abs, z.values())) <= Z_BOUND, z


@pytest.mark.parametrize("dtype", DTYPES)
def test_distribution_of_normals(dtype):
    """Frequencies of 40 intervals against erf, each with its binomial standard error."""
    n = 400_000
    x = normal(DRAW._replace(step=5), (n,), dtype)
    edges = np.linspace(-4.0, 4.0, 41)
    below = np.array([0.5 * (1.0 + math.erf(edge / math.sqrt(2.0))) for edge in edges])
    p = np.diff(below)
    z = (np.histogram(x, edges)[0] - n * p) / np.sqrt(n * p * (1.0 - p))
    assert np.abs(z).max() <= Z_BOUND


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lag", [1, 2, 3, 4, 8])
def test_normals_are_not_correlated_along_the_draw(dtype, lag):
    """Of x and of x^2 - 1 (the two normals of a pair share a radius): standard errors 1 and 2 over sqrt n."""
    n = 400_000
    x = normal(DRAW._replace(step=6), (n,), dtype).astype("float64")
    assert abs((x[lag:] * x[:-lag]).mean()) * math.sqrt(n - lag) <= Z_BOUND
    square = x * x - 1.0
    assert abs((square[lag:] * square[:-lag]).mean()) * math.sqrt(n - lag) / 2.0 <= Z_BOUND


# Uniforms, masks, orders


def test_uniforms_are_the_top_bits_of_the_words():
    raw = reference_words(DRAW, 50)
    np.testing.assert_array_equal(uniform(DRAW, (50,)), [(w >> 11) / 2**53 for w in raw.tolist()])
    halves = [half for w in raw.tolist() for half in (w & 2**32 - 1, w >> 32)]
    drawn = uniform(DRAW, (99,), "float32")
    assert drawn.dtype == np.float32
    np.testing.assert_array_equal(drawn, [(h >> 8) / 2**24 for h in halves[:99]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_range_and_moments_of_uniforms(dtype):
    """E u^k = 1/(k+1), variance of u^k 1/(2k+1) - 1/(k+1)^2."""
    n = 400_000
    u = uniform(DRAW, (n,), dtype).astype("float64")
    assert u.min() >= 0.0
    assert u.max() < 1.0
    for k in range(1, 5):
        variance = 1 / (2 * k + 1) - 1 / (k + 1) ** 2
        assert abs((u**k).mean() - 1 / (k + 1)) * math.sqrt(n / variance) <= Z_BOUND


@pytest.mark.parametrize("probability", [0.05, 0.5, 0.8])
def test_frequency_of_masks(probability):
    n = 400_000
    mask = bernoulli(DRAW, (n // 4, 4), probability, "float32")
    assert mask.dtype == np.float32
    assert mask.shape == (n // 4, 4)
    assert set(np.unique(mask)) == {0.0, 1.0}
    error = mask.mean(dtype="float64") - probability
    assert abs(error) <= Z_BOUND * math.sqrt(probability * (1 - probability) / n)


def test_masks_of_certain_events_and_wrong_probabilities():
    assert not bernoulli(DRAW, (1000,), 0.0).any()
    assert bernoulli(DRAW, (1000,), 1.0).all()
    for probability in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="probability: expected a number from 0 to 1"):
            bernoulli(DRAW, (3,), probability)


def test_masks_are_the_uniforms_below_the_probability():
    u = uniform(DRAW, (100,), "float32")
    threshold = float(u[3])  # a tie: u < threshold is false
    np.testing.assert_array_equal(bernoulli(DRAW, (100,), threshold), u < threshold)
    assert bernoulli(DRAW, (100,), threshold)[3] == 0.0


def test_masks_do_not_depend_on_the_dtype_asked_for():
    np.testing.assert_array_equal(bernoulli(DRAW, (999,), 0.3, "float32"), bernoulli(DRAW, (999,), 0.3, "float64"))


def test_a_permutation_is_one_and_differs_by_step():
    orders = np.array([permutation(DRAW._replace(step=step), 500) for step in range(4)])
    assert (np.sort(orders, axis=1) == np.arange(500)).all()
    for a in range(4):
        for b in range(a):
            # equal places of two random orders: Poisson with mean 1; 12 or more once in 10^9
            assert (orders[a] == orders[b]).sum() < 12
    assert permutation(DRAW, 0).tolist() == []


def test_every_order_is_equally_likely():
    draws = 12_000
    orders, counts = np.unique(
        [permutation(Draw(seed, "order"), 3) for seed in range(draws)], axis=0, return_counts=True
    )
    assert len(orders) == 6
    assert np.abs(counts - draws / 6).max() <= Z_BOUND * math.sqrt(draws * (1 / 6) * (5 / 6))


def test_integers_are_equally_likely():
    draws, stop = 10_000, 5
    counts = np.bincount([integer(Draw(1, "offset", step), stop) for step in range(draws)], minlength=stop)
    assert len(counts) == stop
    assert np.abs(counts - draws / stop).max() <= Z_BOUND * math.sqrt(draws * (1 / stop) * (1 - 1 / stop))
    assert integer(DRAW, 1) == 0
    with pytest.raises(ValueError, match="stop: expected at least 1, got 0"):
        integer(DRAW, 0)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_device_draws_the_same(dtype):
    xp = device_module("cuda")
    np.testing.assert_array_equal(to_host(draw_words(DRAW, 1003, 5, xp)), draw_words(DRAW, 1003, 5))
    np.testing.assert_array_equal(to_host(uniform(DRAW, (99, 7), dtype, xp)), uniform(DRAW, (99, 7), dtype))
    np.testing.assert_array_equal(
        to_host(bernoulli(DRAW, (99, 7), 0.3, dtype, xp)), bernoulli(DRAW, (99, 7), 0.3, dtype)
    )
    host, device = normal(DRAW, (501, 7), dtype), normal(DRAW, (501, 7), dtype, xp)
    # 2 ulp of the radius, which is at most 9
    np.testing.assert_allclose(to_host(device), host, rtol=0, atol=2 * 9 * float(np.finfo(dtype).eps))
    rows = xp.asarray([500, 3, 3, 0])
    np.testing.assert_array_equal(to_host(normal_rows(DRAW, rows, (501, 7), dtype, xp)), to_host(device[rows]))
