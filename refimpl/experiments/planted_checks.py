"""Three checks end to end on sources of known truth: is what can be learned learned, and nothing else?

planted-lm          bits a symbol within 2 % of the exact entropy rate; the same model with its state reset at every
step is not planted-sentiment   accuracy within 3 standard errors of the Bayes accuracy; the vocabulary that is left is
the planted one random labels       the same texts, configuration and steps with coin flips for labels: nothing is
kept, nothing is learned (S002)
"""

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from refimpl.compression.counting import count
from refimpl.data.labelled import TextCorpus
from refimpl.data.planted import planted_lm, planted_sentiment, random_labels
from refimpl.experiments.plan import make_plan
from refimpl.models.parameters import Params
from refimpl.noise import Draw
from refimpl.training.evaluate import evaluate
from refimpl.training.loop import Run, train
from refimpl.training.metrics import Row
from refimpl.training.setup import Setup


class PlantedLanguageResult(NamedTuple):
    rate_bits: float  # exact entropy rate, bits a symbol
    unigram_bits: float
    bigram_bits: float
    fourgram_bits: float
    test_bits: float
    reset_bits: float  # of the same model, h and c reset at every step
    symbols: int  # fresh test symbols
    rows: list[Row]


class PlantedSentimentResult(NamedTuple):
    seed: int
    bayes_accuracy: float
    accuracy: float
    standard_error: float
    planted: int  # words that decide the label
    left: int  # words that are left
    found: int  # planted words among those left
    texts: int
    rows: list[Row]
    params: Params  # of the last epoch


class RandomLabelsResult(NamedTuple):
    accuracy: float
    standard_error: float
    kept: float  # share of weights left
    texts: int
    rows: list[Row]


def _train(setup: Setup) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        return train(setup, Path(folder))


def run_planted_lm(seed: int = 0, preset: str = "small") -> PlantedLanguageResult:
    """Train on the planted language and compare with its exact entropy rate."""
    setup = make_plan("planted-lm", preset=preset, seed=seed).setup
    run = _train(setup)
    sizes = [len(part) for part in setup.problem.corpus[:3]]
    truth = planted_lm(seed, train_size=sizes[0], valid_size=sizes[1], test_size=sizes[2])
    scores = [evaluate(run.params, setup.recipe, setup.problem, "test", reset_states=reset) for reset in (False, True)]
    bits = [nats / math.log(2.0) for nats in (truth.rate, truth.unigram, truth.bigram, truth.fourgram)]
    return PlantedLanguageResult(bits[0], bits[1], bits[2], bits[3], scores[0], scores[1], sizes[2], run.rows)


def run_planted_sentiment(seed: int = 0, preset: str = "small") -> PlantedSentimentResult:
    """Train with vocabulary z on the planted texts and compare with the Bayes accuracy and the planted words."""
    setup = make_plan("planted-sentiment", preset=preset, seed=seed).setup
    corpus = setup.problem.corpus
    sizes = [len(part.targets) for part in corpus[:3]]
    truth = planted_sentiment(seed, train_size=sizes[0], valid_size=sizes[1], test_size=sizes[2])
    run = _train(setup)
    accuracy = evaluate(run.params, setup.recipe, setup.problem, "test")
    left = count(run.params, setup.recipe, "fixpoint").masks["vocabulary"]
    planted = truth.weights != 0
    return PlantedSentimentResult(
        seed,
        truth.bayes_accuracy,
        accuracy,
        math.sqrt(truth.bayes_accuracy * (1.0 - truth.bayes_accuracy) / sizes[2]),
        int(planted.sum()),
        int(left.sum()),
        int((left & planted).sum()),
        sizes[2],
        run.rows,
        run.params,
    )


def run_random_labels(seed: int = 0, preset: str = "small") -> RandomLabelsResult:
    """The control of S002: the same texts, configuration and steps, labels by coin flips."""
    setup = make_plan("planted-sentiment", preset=preset, seed=seed).setup
    assert isinstance(setup.problem.corpus, TextCorpus)
    corpus = random_labels(setup.problem.corpus, Draw(seed, "random_labels"))
    setup = setup._replace(problem=setup.problem._replace(corpus=corpus))
    run = _train(setup)
    accuracy = evaluate(run.params, setup.recipe, setup.problem, "test")
    matrices = count(run.params, setup.recipe, "propagated").matrices.values()
    kept, total = np.sum(list(matrices), axis=0)
    texts = len(corpus.test.targets)
    return RandomLabelsResult(accuracy, math.sqrt(0.25 / texts), float(kept / total), texts, run.rows)
