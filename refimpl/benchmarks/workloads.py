"""The workloads: recipes of the 2018 code at their paper size, and the same at a size for tests.

The classifier differs from its recipe in one thing: gates are sigmoids, since no framework's LSTM kernel has the 2018
code's hard sigmoid. Texts have full length, so that the frameworks need no mask; refimpl gets the mask that its batches
always have. Tokens are Zipf, p(rank) ~ 1 / rank. Its forget bias is 1, as the recipe says: how fast gradients die over
200 steps, down to denormal numbers, depends on it.
"""

import numpy as np

from refimpl.arrays import Array, check_choice
from refimpl.benchmarks.traits import Traits, Workload
from refimpl.data.labelled import TextCorpus, Texts
from refimpl.data.text import LanguageCorpus, sorted_vocabulary
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.parameters import Params, initialise
from refimpl.models.recipe import Recipe
from refimpl.models.sample import Noise, draw_noise
from refimpl.noise import Draw, normal, uniform
from refimpl.training.batches import Batch
from refimpl.training.problem import Problem, n_terms
from refimpl.training.setup import Options, Setup

PTB_CHARACTERS, PTB_WORDS = 5_017_483, 929_589  # the training parts; N follows from them
IMDB_TEXTS = 21_250
SIZES = ("paper", "tiny")
WORKLOADS = {
    "paper": (
        Workload("char", "character", "LCCL", 50, 1000, 100, 64, PTB_CHARACTERS),
        Workload("word", "word", "LCCL", 10_000, 256, 35, 32, PTB_WORDS),
        Workload("imdb", "text", "LCLCCL", 20_003, 128, 200, 128, IMDB_TEXTS, embedding=300),
        Workload("small", "character", "LCCL", 50, 128, 50, 32, PTB_CHARACTERS),
    ),
    "tiny": (
        Workload("char", "character", "LCCL", 11, 12, 6, 4, 600),
        Workload("word", "word", "LCCL", 37, 9, 5, 3, 400),
        Workload("imdb", "text", "LCLCCL", 67, 10, 7, 5, 100, embedding=8),
        Workload("small", "character", "LCCL", 11, 7, 5, 3, 600),
    ),
}
NAMES = tuple(workload.name for workload in WORKLOADS["paper"])
GROWTH = "growth"
GROWTH_AXES = {  # around V 50, H 256, T 50, B 32
    "paper": {
        "steps": (25, 50, 100, 200, 400),
        "batch": (1, 4, 16, 32, 64, 256),
        "hidden": (32, 64, 128, 256, 512, 1024),
    },
    "tiny": {"steps": (4, 5, 8), "batch": (1, 3), "hidden": (7, 9)},
}
GROWTH_CENTRE = {
    "paper": Workload(GROWTH, "character", "LCCL", 50, 256, 50, 32, PTB_CHARACTERS),
    "tiny": Workload(GROWTH, "character", "LCCL", 11, 7, 5, 3, 600),
}
OPTIONS = Options(epochs=1, learning_rate=0.002, clip_norm=1.0)


def find_workloads(name: str, size: str) -> tuple[Workload, ...]:
    """One workload; or the growth series: its centre, then all points that differ from it in one size.

    Errors: ValueError on an unknown name or size.
    """
    check_choice("workload", name, (*NAMES, GROWTH))
    check_choice("size", size, SIZES)
    if name != GROWTH:
        return tuple(workload for workload in WORKLOADS[size] if workload.name == name)
    centre = GROWTH_CENTRE[size]
    axes = GROWTH_AXES[size].items()
    points = (Workload(**(centre._asdict() | {axis: value})) for axis, values in axes for value in values)
    return tuple(dict.fromkeys((centre, *points)))


def describe(workload: Workload) -> str:
    """Configuration and sizes in one line."""
    w = workload
    sizes = {"V": w.vocabulary, "E": w.embedding, "H": w.hidden, "T": w.steps, "B": w.batch}
    return f"{w.letters}, " + ", ".join(f"{name} {size}" for name, size in sizes.items() if size)


def recipe_of(workload: Workload) -> Recipe:
    """The model of a workload."""
    w = workload
    if w.model == "character":
        return character_model(w.letters, vocabulary=w.vocabulary, size=w.hidden)
    if w.model == "word":
        return word_model(w.letters, vocabulary=w.vocabulary, sizes=(w.hidden,))
    recipe = text_classifier(w.letters, vocabulary=w.vocabulary, embedding=w.embedding, size=w.hidden, classes=1)
    return recipe._replace(layers=(recipe.layers[0]._replace(gates="sigmoid"),))


def setup_of(workload: Workload, seed: int) -> Setup:
    """How it is trained. Only the length of the corpus is used: a batch is given to each step."""
    return Setup(recipe_of(workload), _problem(workload), OPTIONS, seed)


def _problem(workload: Workload) -> Problem:
    """A corpus of the right size, without memory for its tokens."""
    w = workload
    symbols = sorted_vocabulary(chr(33 + i) for i in range(w.vocabulary))
    nothing = np.broadcast_to(np.int32(0), (w.corpus, w.steps))
    if w.model == "text":
        texts = Texts(nothing, np.broadcast_to(True, nothing.shape), nothing[:, 0])
        return Problem("texts", TextCorpus(texts, texts, texts, symbols, ("0", "1")), "accuracy", w.batch)
    corpus = LanguageCorpus(nothing[:, 0], nothing[:, 0], nothing[:, 0], symbols)
    if w.model == "word":
        return Problem("words", corpus, "perplexity", w.batch, w.steps)
    return Problem("characters", corpus, "bits_per_char", w.batch, w.steps + 1)  # a window of T + 1 gives T steps


def traits_of(workload: Workload, seed: int) -> Traits:
    """What the frameworks have to know, read from the recipe, the problem, the options and the batch."""
    setup = setup_of(workload, seed)
    recipe, options = setup.recipe, setup.options
    if recipe.log_alpha_clip is None or options.clip_norm is None:
        raise ValueError("log_alpha_clip, clip_norm: expected numbers, the frameworks' steps have no other form")
    return Traits(
        embedding=recipe.embedding is not None,
        head=recipe.output.weight.estimator,
        used_rows=2 * np.unique(make_batch(workload, seed).x).size <= workload.vocabulary,
        language_model=recipe.task == "language_model",
        stateful=setup.problem.stateful,
        var_floor=recipe.var_floor,
        log_alpha_clip=recipe.log_alpha_clip,
        probability_clip=recipe.probability_clip,
        n_terms=n_terms(setup.problem),
        learning_rate=options.learning_rate,
        clip_norm=options.clip_norm,
    )


def make_params(workload: Workload, seed: int) -> Params:
    """Starting values of training, but for log sigma and biases: spread by 0.3, so that nothing is constant."""
    params = initialise(recipe_of(workload), seed)
    for name, value in params.items():
        if not name.endswith(".mu"):
            value += 0.3 * normal(Draw(seed, f"benchmark.{name}"), value.shape, "float32")
    return params


def make_batch(workload: Workload, seed: int) -> Batch:
    """Zipf tokens; the next token is the target, or a label for each text."""
    w = workload
    if w.model == "text":
        labels = (uniform(Draw(seed, "benchmark.labels"), (w.batch,)) < 0.5).astype(np.int32)
        x = zipf_tokens(Draw(seed, "benchmark.ids"), (w.steps, w.batch), w.vocabulary)
        return Batch(x, labels, np.ones(x.shape, dtype=bool))
    ids = zipf_tokens(Draw(seed, "benchmark.ids"), (w.steps + 1, w.batch), w.vocabulary)
    return Batch(np.ascontiguousarray(ids[:-1]), np.ascontiguousarray(ids[1:]))


def zipf_tokens(draw: Draw, shape: tuple[int, int], vocabulary: int) -> Array:
    """Ids of rank 0 .. V - 1 with p(rank) ~ 1 / (rank + 1), int32."""
    weights = np.cumsum(1.0 / np.arange(1, vocabulary + 1))
    ids = np.searchsorted(weights, uniform(draw, shape) * weights[-1], side="right")
    return np.minimum(ids, vocabulary - 1).astype(np.int32)


def first_noise(workload: Workload, seed: int) -> Noise:
    """The noise that refimpl's first training step draws."""
    return draw_noise(recipe_of(workload), workload.steps, workload.batch, seed=seed, step=0)
