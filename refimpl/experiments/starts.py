"""What a run starts from: random values, an earlier run (S004), or starting values in place of the recipe's."""

import math
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array, Shape
from refimpl.data.labelled import TextCorpus
from refimpl.data.text import LanguageCorpus
from refimpl.data.word_vectors import WordVectors, vectors_of_file, vectors_of_texts
from refimpl.models.parameters import Params, initialise, matrices
from refimpl.models.recipe import Recipe
from refimpl.training.setup import Setup


class Starts(NamedTuple):
    """Starting values that can be asked for; None: the recipe's."""

    word_vectors: str | None = None  # means of the embedding: TEXTS, or the path of a file of vectors
    output_log_sigma: float | None = None  # of the output layer; log sigma squared = -3 is -1.5


NO_STARTS = Starts()
TEXTS = "texts"  # word vectors made of the training texts


def check_starts(starts: Starts, recipe: Recipe) -> Starts:
    """The starting values themselves, if the model has what they are for.

    Errors: ValueError that names the value; FileNotFoundError if there is no file of word vectors.
    """
    vectors, log_sigma = starts
    if log_sigma is not None and (recipe.output.weight.estimator == "deterministic" or not math.isfinite(log_sigma)):
        raise ValueError(
            f"output_log_sigma: expected a finite number, and an output layer with a posterior; got {log_sigma!r}"
        )
    if vectors is not None and recipe.embedding is None:
        raise ValueError(f"word_vectors: expected a model with an embedding (imdb, agnews, cornell); got {vectors!r}")
    if vectors not in (None, TEXTS) and not Path(str(vectors)).is_file():
        raise FileNotFoundError(f"word_vectors: expected {TEXTS!r} or the path of a file of vectors; got {vectors!r}")
    return starts


def starting_parameters(setup: Setup, starts: Starts = NO_STARTS, earlier: Params | None = None) -> Params:
    """Parameters before training: random ones, or those of an earlier run, with the starting values asked for.

    Errors: as ``start_from``, ``vectors_of_texts`` and ``vectors_of_file``.
    """
    if earlier is None:
        params = initialise(setup.recipe, setup.seed, setup.dtype, setup.xp)
    else:
        params = start_from(earlier, setup.recipe, setup.seed, setup.dtype, setup.xp)
    if starts.output_log_sigma is not None:
        params["output.W.log_sigma"][...] = starts.output_log_sigma
    if starts.word_vectors is not None:
        name = "embedding.W.mu" if "embedding.W.mu" in params else "embedding.W"
        vectors, found = _word_vectors(starts.word_vectors, setup.problem.corpus, params[name].shape)
        params[name][setup.xp.asarray(found)] = setup.xp.asarray(vectors[found].astype(setup.dtype))
    return params


def _word_vectors(source: str, corpus: LanguageCorpus | TextCorpus, shape: Shape) -> WordVectors:
    assert isinstance(corpus, TextCorpus)  # only texts have an embedding
    if source == TEXTS:
        return vectors_of_texts(corpus.train, *shape)
    return vectors_of_file(Path(source), corpus.vocabulary.ids, *shape)


def start_from(earlier: Params, recipe: Recipe, seed: int, dtype: str = "float32", xp: ModuleType = np) -> Params:
    """Starting values from an earlier run (S004 section 4): its weights become the means, log sigma starts anew.

    What the earlier model has under the same name is taken over; a deterministic X is taken for X.mu and back; what it
    has not (z, log sigma) starts as without it.
    Errors: ValueError if the two models share no matrix, or one of another shape.
    """
    params = initialise(recipe, seed, dtype, xp)
    taken = 0
    for name, value in params.items():
        other = next((key for key in _other_names(name) if key in earlier), None)
        if other is None:
            continue
        if earlier[other].shape != value.shape:
            raise ValueError(f"start: {name} has shape {value.shape}, the earlier run's {other} {earlier[other].shape}")
        params[name] = _own_copy(earlier[other], dtype, xp)
        taken += name.removesuffix(".mu") in matrices(recipe)
    if taken == 0:
        raise ValueError("start: the earlier run's model has no matrix of this one")
    return params


def _other_names(name: str) -> tuple[str, ...]:
    if name.endswith(".mu"):
        return (name, name.removesuffix(".mu"))
    return (name, f"{name}.mu")


def _own_copy(value: Array, dtype: str, xp: ModuleType) -> Array:
    return xp.asarray(value).astype(dtype)
