"""Audit, family noise: the words, the normals, and what every draw is shared over (S004 eq. 14; section 2.3; S003)."""

import math

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.binary_dropout import dropout_multiplier
from refimpl.checks import moments
from refimpl.checks.moments import T
from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult
from refimpl.checks.sharing_checks import sharing_checks
from refimpl.layers.gate_input import gate_input_forward
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight
from refimpl.models.sample import draw_noise, noise_shapes, sample_forward
from refimpl.noise import Draw, bernoulli, normal, philox_blocks, stream_id, uniform, words

FAMILY = "noise"
Z_BOUND = 5.0  # chance 6e-7 for one z-score
DRAW = Draw(7, "audit.words", 3)
# Random123 1.09, kat_vectors, "philox4x64 10", counter 0 and key 0 (Salmon et al. 2011).
KNOWN_ANSWER = (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)
RATE, MANY = 0.3, 20_000


def noise_checks() -> list[CheckResult]:
    """Words, normals, RT, LRT and flipout, gradients' variances, group variables, VBD masks, the table of shapes."""
    return [_words(), *_normals(), _streams(), *sharing_checks(), *_group_variables(), *_masks(), _table()]


def _words() -> CheckResult:
    def measure(first: int) -> float:
        blocks = np.arange(first, first + 500, dtype=np.uint64)
        by_arrays = philox_blocks(blocks, DRAW.step, (DRAW.seed, stream_id(DRAW.stream))).reshape(-1)
        known = philox_blocks(np.array([2**64 - 1], dtype=np.uint64), 0, (0, 0))[0]  # this counter wraps to 0
        return float(np.sum(by_arrays != words(DRAW, 2000)) + np.sum(known != np.array(KNOWN_ANSWER, dtype=np.uint64)))

    about = About(
        FAMILY,
        "words",
        "2,000 words of numpy.random.Philox against our array code, and the published known answer; the figure "
        "counts the words that differ",
        "a stream that differs between devices or from other people's",
    )
    return run_check(about, measure, 0, 0.0, planted="a counter that is ahead by one", wrong=1)


def _normals() -> list[CheckResult]:
    what = "first four moments and neighbours' correlation of 200,001 draws; the figure is the largest |z|"
    catches = "a wrong Box-Muller, pairs that are correlated, a lost tail"
    size = (200_001,)
    rows = [
        ("float64", math.sqrt(12.0) * (uniform(DRAW, size) - 0.5), "uniforms of variance 1"),
        ("float32", np.repeat(normal(DRAW, (100_001,), "float32"), 2)[:-1], "each normal used twice"),
    ]
    return [
        run_check(
            About(FAMILY, f"normals, {dtype}", what, catches),
            moments.z_of_normals,
            normal(DRAW, size, dtype),
            Z_BOUND,
            planted=planted,
            wrong=wrong,
        )
        for dtype, wrong, planted in rows
    ]


def _streams() -> CheckResult:
    def measure(draws: list[Draw]) -> float:
        samples = [normal(draw, (MANY,)) for draw in draws]
        pairs = [(a, b) for i, a in enumerate(samples) for b in samples[:i]]
        return float(max(abs(np.mean(a * b)) for a, b in pairs)) * math.sqrt(MANY)

    draws = [DRAW, DRAW._replace(step=4), DRAW._replace(seed=8), DRAW._replace(stream="audit.word")]
    about = About(
        FAMILY,
        "streams",
        "correlation of draws that differ in step, seed or name; the figure is the largest |z|",
        "the same noise at each training step, or in two matrices",
    )
    return run_check(about, measure, draws, Z_BOUND, planted="the step is ignored", wrong=[DRAW, DRAW])


def _model(z_x: str | None = "log_uniform", rate: float = 0.0) -> Recipe:
    """A language model over one symbol, so that the input's contribution is its multiplier."""
    layer = Recurrent("lstm", 1, Weight(), Weight(), z_x=z_x, dropout_x=rate)
    return Recipe("language_model", 1, 1, (layer,), Output(Weight()))


def _group_variables() -> list[CheckResult]:
    """z of 40,000 objects as the model draws it: mean 0.8, sigma 0.5, the same at all steps, own to each object."""
    recipe = _model()
    drawn = draw_noise(recipe, T, 2 * MANY, seed=5, step=0, dtype="float64")
    params = {"lstm.z_x.mu": np.array([0.8]), "lstm.z_x.log_sigma": np.array([math.log(0.5)])}
    z: Array = sample_forward(params, drawn, recipe)[0]["lstm.z_x"]

    def over_objects(z: Array) -> float:
        deviation = z[:, 0] - 0.8
        scores = [deviation.mean() / (0.5 / math.sqrt(2 * MANY))]
        scores.append((np.mean(deviation**2) - 0.25) / (0.25 / math.sqrt(MANY)))
        scores.append(np.mean(deviation[::2] * deviation[1::2]) / (0.25 / math.sqrt(MANY)))
        return float(np.max(np.abs(scores)))

    about = About(
        FAMILY,
        "z is own to each object",
        "mean, variance and covariance of neighbours' z, as the model draws them; the figure is the largest |z-score|",
        "one z for the mini-batch",
    )
    pairs = run_check(
        about, over_objects, z, Z_BOUND, planted="two objects share a z", wrong=np.repeat(z[::2], 2, axis=0)
    )

    def over_time(multipliers: list[Array]) -> float:
        parts = [gate_input_forward(np.ones((1, len(m), 1)), np.ones((1, 4, 1)), m)[0] for m in multipliers]
        return float(np.max(np.ptp(np.concatenate(parts), axis=0)))

    steps = [z[:100, None, :]] * 3
    redrawn = [z[100 * t : 100 * (t + 1), None, :] for t in range(3)]
    about = About(
        FAMILY,
        "z is shared over time",
        "one z for all steps of an object: the spread over time of its factor is 0",
        "a group variable redrawn at each step",
    )
    return [pairs, run_check(about, over_time, steps, 0.0, planted="z redrawn at each step", wrong=redrawn)]


def _masks() -> list[CheckResult]:
    """VBD: zeros with frequency p, scaled by 1 / (1 - p); masks of two gates and of two objects are independent."""
    kept = draw_noise(_model(None, RATE), T, MANY, seed=6, step=0, dtype="float64")["lstm.dropout_x"]

    def frequency(kept: Array) -> float:
        error = math.sqrt(RATE * (1.0 - RATE) / kept.size)
        multiplier = dropout_multiplier(kept, RATE)
        return float(max(abs(kept.mean() - 0.7) / error, abs(multiplier.mean() - 1.0) * 0.7 / error))

    def ties(kept: Array) -> float:
        deviation = kept[:, :, 0] - (1.0 - RATE)
        products = [deviation[:, 0] * deviation[:, k] for k in (1, 2, 3)] + [deviation[::2, 0] * deviation[1::2, 0]]
        return float(max(abs(p.mean()) / (RATE * (1.0 - RATE) / math.sqrt(p.size)) for p in products))

    about = About(
        FAMILY,
        "VBD masks, frequency",
        "20,000 masks of four gates, p = 0.3: share kept and mean of the multiplier; the figure is the largest |z|",
        "p taken for the rate of keeping, a forgotten 1 / (1 - p)",
    )
    other = bernoulli(DRAW, kept.shape, RATE)
    first = run_check(about, frequency, kept, Z_BOUND, planted="p is the rate of keeping", wrong=other)
    about = About(
        FAMILY,
        "VBD masks, own to gates and objects",
        "covariances of masks of two gates and of two objects against 0; the figure is the largest |z|",
        "one mask for all gates where S004 has four; one for the mini-batch",
    )
    shared = np.broadcast_to(kept[:, :1], kept.shape)
    return [first, run_check(about, ties, kept, Z_BOUND, planted="one mask for all gates", wrong=shared)]


def _table() -> CheckResult:
    """What each estimator's draw is shared over, as shapes: T = 6, B = 2."""
    expected = {"rt": (5, 4, 3), "rt_object": (2, 5, 4, 3), "lrt": (6, 2, 4, 3), "lrt_shared": (1, 2, 4, 3)}

    def measure(names: dict[str, str]) -> float:
        wrong = 0
        for name, shape in expected.items():
            layer = Recurrent("lstm", 3, Weight(names[name]), Weight("rt"), z_h="ard", dropout_h=0.2)
            recipe = Recipe("language_model", 7, 7, (layer,), Output(Weight("lrt_shared")), Embedding(5, Weight("rt")))
            found = noise_shapes(recipe, 6, 2)
            table = {"embedding.W": (7, 5), "lstm.W_x": shape, "lstm.W_h": (3, 4, 3), "output.W": (1, 2, 7),
                     "lstm.z_h": (2, 3), "lstm.dropout_h": (2, 4, 3)}  # fmt: skip
            wrong += sum(found.get(key) != value for key, value in table.items()) + len(found.keys() - table.keys())
        return float(wrong)

    right = {name: name for name in expected}
    about = About(
        FAMILY,
        "what a model's draws are shared over",
        "shape of every draw of a model, for each estimator, against the table of the design; the figure counts the "
        "differences",
        "an estimator wired to another one's noise",
    )
    return run_check(
        about,
        measure,
        right,
        0.0,
        planted="lrt and lrt_shared exchanged",
        wrong=right | {"lrt": "lrt_shared", "lrt_shared": "lrt"},
    )
