"""What is learned from: a corpus, how it is cut into batches, and the metric by which a model is judged."""

import math
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array, check_choice, check_ids
from refimpl.data.labelled import TextCorpus, Texts, describe_texts
from refimpl.data.text import LanguageCorpus, describe_language
from refimpl.models.recipe import Recipe
from refimpl.noise import Draw
from refimpl.training.batches import (
    Batch,
    character_terms,
    character_window_count,
    character_windows,
    epoch_offset,
    epoch_order,
    text_batches,
    word_segments,
    word_terms,
)

METRICS = {"bits_per_char": "lower", "perplexity": "lower", "rmse": "lower", "accuracy": "higher"}
METRICS_OF_TASK = {
    "language_model": ("bits_per_char", "perplexity"),
    "classifier": ("accuracy",),
    "regressor": ("rmse",),
}
SPLITS = ("train", "valid", "test")


class Problem(NamedTuple):
    """A corpus with its batching.

    kind: "characters" (windows without state), "words" (streams with carried state) or "texts".
    length: of a window or segment, steps; batch: windows, streams or texts at once.
    """

    kind: str
    corpus: LanguageCorpus | TextCorpus
    metric: str
    batch: int
    length: int = 0

    @property
    def stateful(self) -> bool:
        return self.kind == "words"


def check_problem(problem: Problem) -> Problem:
    """The problem itself, if its parts go together. Errors: ValueError that names the field."""
    check_choice("kind", problem.kind, ("characters", "words", "texts"))
    check_choice("metric", problem.metric, tuple(METRICS))
    if isinstance(problem.corpus, TextCorpus) != (problem.kind == "texts"):
        raise ValueError(f"corpus: {type(problem.corpus).__name__} does not go with kind {problem.kind!r}")
    shortest = {"characters": 2, "words": 1, "texts": 0}[problem.kind]
    for name, value, least in (("batch", problem.batch, 1), ("length", problem.length, shortest)):
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected an integer of at least {least} for {problem.kind}, got {value!r}")
    return problem


def is_better(metric: str, value: float, best: float | None) -> bool:
    """Whether value is better than the best so far (None: there is none)."""
    if best is None or math.isnan(best):
        return not math.isnan(value)
    return value > best if METRICS[metric] == "higher" else value < best


def n_terms(problem: Problem) -> int:
    """N, the number of likelihood terms of the training part."""
    if isinstance(problem.corpus, TextCorpus):
        return len(problem.corpus.train.targets)
    if problem.kind == "characters":
        return character_terms(len(problem.corpus.train), problem.length)
    return word_terms(len(problem.corpus.train), problem.batch)


def steps_per_epoch(problem: Problem) -> int:
    """The number of batches of an epoch."""
    if isinstance(problem.corpus, TextCorpus):
        return -(-len(problem.corpus.train.targets) // problem.batch)
    if problem.kind == "characters":
        return -(-character_window_count(len(problem.corpus.train), problem.length) // problem.batch)
    return -(-(len(problem.corpus.train) // problem.batch - 1) // problem.length)


def epoch_batches(
    problem: Problem, *, seed: int, epoch: int, dtype: str = "float32", xp: ModuleType = np
) -> Iterator[Batch]:
    """The training batches of an epoch: order and offset from stream "batches", step = epoch."""
    draw = Draw(seed, "batches", epoch)
    if isinstance(problem.corpus, TextCorpus):
        order = epoch_order(draw, len(problem.corpus.train.targets))
        batches = text_batches(_texts(problem.corpus.train, dtype), order, problem.batch)
    elif problem.kind == "characters":
        ids = problem.corpus.train
        order = epoch_order(draw, character_window_count(len(ids), problem.length))
        offset = epoch_offset(draw, len(ids), problem.length)
        batches = character_windows(ids, problem.length, offset, order, problem.batch)
    else:
        batches = word_segments(problem.corpus.train, problem.batch, problem.length)
    return (_on_device(batch, problem, xp) for batch in batches)


def evaluation_batches(problem: Problem, split: str, *, dtype: str = "float32", xp: ModuleType = np) -> Iterator[Batch]:
    """The batches of a split in natural order, offset 0."""
    check_choice("split", split, SPLITS)
    part = getattr(problem.corpus, split)
    if isinstance(part, Texts):
        batches = text_batches(_texts(part, dtype), None, max(problem.batch, 256))
    elif problem.kind == "characters":
        batches = character_windows(part, problem.length, 0, None, max(problem.batch, 256))
    else:
        batches = word_segments(part, problem.batch, problem.length)
    return (_on_device(batch, problem, xp) for batch in batches)


def has_split(problem: Problem, split: str) -> bool:
    """Whether a split has anything to score: Cornell's recipe has no validation part."""
    part = getattr(problem.corpus, split)
    return len(part.targets if isinstance(part, Texts) else part) > 0


def target_scale(problem: Problem) -> float:
    """What a standardised error is multiplied with to be in the units of the ratings."""
    return problem.corpus.target_std if isinstance(problem.corpus, TextCorpus) else 1.0


def describe(problem: Problem) -> dict[str, int | str]:
    """Sizes and fingerprint of the data, for a run's record."""
    if isinstance(problem.corpus, TextCorpus):
        return describe_texts(problem.corpus)
    return describe_language(problem.corpus)


def check_problem_fits(problem: Problem, recipe: Recipe) -> None:
    """Errors: ValueError if the model's vocabulary, task or outputs, or the metric, do not go with the corpus."""
    corpus = problem.corpus
    symbols = len(corpus.vocabulary.symbols)
    if recipe.vocabulary != symbols:
        raise ValueError(f"vocabulary: the corpus has {symbols} symbols, the model {recipe.vocabulary}")
    task, outputs = "language_model", [symbols]
    if isinstance(corpus, TextCorpus):
        task = "classifier" if corpus.labels else "regressor"
        classes = len(corpus.labels)
        outputs = [1] if classes == 0 else [1, 2] if classes == 2 else [classes]
    if recipe.task != task:
        raise ValueError(f"task: the corpus is for a {task}, the model is a {recipe.task}")
    if recipe.outputs not in outputs:
        raise ValueError(f"outputs: expected {' or '.join(map(str, outputs))} for this corpus, got {recipe.outputs}")
    check_choice(f"metric of a {task}", problem.metric, METRICS_OF_TASK[task])


def _texts(texts: Texts, dtype: str) -> Batch:
    """Time first; ratings in the dtype of the model."""
    targets = texts.targets if texts.targets.dtype.kind in "iu" else texts.targets.astype(dtype)
    return Batch(texts.ids.T, targets, texts.mask.T)


def _on_device(batch: Batch, problem: Problem, xp: ModuleType) -> Batch:
    """The batch where the model computes; ids are checked here, for a device is not read to check them.

    Errors: IndexError if a token or a class is not one of the corpus (on the host the layers say so).
    """
    if xp is np:
        return batch
    corpus = problem.corpus
    symbols = len(corpus.vocabulary.symbols)
    check_ids("batch.x", batch.x, symbols)
    if batch.y.dtype.kind in "iu":
        check_ids("batch.y", batch.y, len(corpus.labels) if isinstance(corpus, TextCorpus) else symbols)
    moved: list[Array | None] = [None if array is None else xp.asarray(array) for array in batch]
    return Batch(*moved)
