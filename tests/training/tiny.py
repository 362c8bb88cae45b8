"""Runs that take milliseconds, one of each kind of problem, for the tests of this folder."""

import math

import numpy as np

from refimpl.data.labelled import TextCorpus, Texts
from refimpl.data.planted_sentiment import planted_sentiment
from refimpl.data.text import LanguageCorpus, Vocabulary
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.parameters import initialise
from refimpl.noise import Draw, normal, words
from refimpl.training.problem import Problem
from refimpl.training.setup import Options, Setup

KINDS = ("characters", "words", "texts")
SYMBOLS = 5


def drawn_ids(stream, *shape, stop=SYMBOLS):
    return (words(Draw(3, stream), math.prod(shape)) % stop).astype("int32").reshape(shape)


def vocabulary(count=SYMBOLS):
    symbols = tuple("abcdefghijklmnopqrstuvwxyz"[:count])
    return Vocabulary(symbols, {symbol: i for i, symbol in enumerate(symbols)})


def language(train=97, valid=43, test=39):
    """Each symbol is the sum of a random one and the symbol before, so that there is something to remember."""
    sizes = {"train": train, "valid": valid, "test": test}
    parts = {
        name: np.cumsum(drawn_ids(name, size, stop=2), dtype="int32") % SYMBOLS if size else np.zeros(0, "int32")
        for name, size in sizes.items()
    }
    return LanguageCorpus(**parts, vocabulary=vocabulary())


def ratings(train=11, valid=4, test=5, length=6):
    """Texts with numbers; target_std is not 1, so that the units of a metric can be told."""

    def texts(name, count):
        lengths = 2 + drawn_ids(f"{name}.lengths", count, 1, stop=length - 1)
        mask = np.arange(length) >= length - lengths
        ids = np.where(mask, 1 + drawn_ids(f"{name}.ids", count, length, stop=SYMBOLS - 1), 0).astype("int32")
        return Texts(ids, mask, normal(Draw(3, name), (count,)))

    parts = [texts(name, size) for name, size in (("train", train), ("valid", valid), ("test", test))]
    return TextCorpus(*parts, vocabulary(), (), target_mean=2.0, target_std=3.0)


def sentiment(train=11, valid=6, test=7):
    return planted_sentiment(1, train_size=train, valid_size=valid, test_size=test, words=9, planted=4).corpus


def problem(kind, **sizes):
    if kind == "characters":
        return Problem(kind, language(**sizes), "bits_per_char", batch=4, length=6)
    if kind == "words":
        return Problem(kind, language(**sizes), "perplexity", batch=3, length=4)
    return Problem(kind, sentiment(**sizes), "accuracy", batch=4)


def recipe(kind):
    if kind == "characters":
        return character_model("LLLL", vocabulary=SYMBOLS, size=3)
    if kind == "words":
        return word_model("LCRL", vocabulary=SYMBOLS, sizes=(3, 2))
    return text_classifier("LLLCCL", vocabulary=10, embedding=2, size=3, classes=1)


def setup(kind, *, seed=4, dtype="float32", **options):
    """Training that changes something within a few steps: some 4 to 8 steps an epoch."""
    chosen = {"epochs": 3, "learning_rate": 0.02} | options
    return Setup(recipe(kind), problem(kind), Options(**chosen), seed, dtype)


def random_params(recipe, seed=7, dtype="float64"):
    """No parameter is at its starting value; log alpha lies on both sides of the threshold of pruning."""
    params = initialise(recipe, seed, dtype)
    for name, value in params.items():
        spread = 1.5 if name.endswith(".log_sigma") else 0.5
        centre = -0.5 if name.endswith(".log_sigma") else float(".z" in name)
        params[name] = (centre + spread * normal(Draw(seed, f"test.{name}"), value.shape)).astype(dtype)
    return params
