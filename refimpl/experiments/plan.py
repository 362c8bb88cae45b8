"""From a name, a configuration and a preset to a plan: recipe, problem, options, and what the run's record says."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import check_choice
from refimpl.data.agnews import read_agnews
from refimpl.data.cornell import read_cornell
from refimpl.data.imdb import read_imdb
from refimpl.data.labelled import TextCorpus, take
from refimpl.data.planted import planted_lm, planted_sentiment
from refimpl.data.ptb import read_ptb_characters, read_ptb_words
from refimpl.data.text import LanguageCorpus, keep_frequent
from refimpl.data.user import read_user_table, read_user_text
from refimpl.experiments.catalogue import EXPERIMENTS, Experiment, build_recipe, user_experiment
from refimpl.experiments.deviations import deviations
from refimpl.experiments.presets import Preset
from refimpl.experiments.starts import NO_STARTS, Starts, check_starts
from refimpl.experiments.workshop2017 import CONFIGURATIONS, sentiment_l2
from refimpl.models.parameters import matrices
from refimpl.noise import Draw
from refimpl.training.engines import make_engine
from refimpl.training.problem import Problem, describe, n_terms
from refimpl.training.setup import Setup
from refimpl.tree import as_plain

CORNELL_VALID = 0.1  # of the training pieces; S004 chooses by cross-validation


class Plan(NamedTuple):
    """A run that can be started."""

    experiment: Experiment
    configuration: str
    preset: str
    setup: Setup
    record: dict[str, Any]  # run.json, without the environment
    starts: Starts = NO_STARTS

    @property
    def identity(self) -> str:
        """What a checkpoint must share to be resumed: everything but the number of epochs and what follows from it."""
        told = ("weights_per_term", "paper", "deviations")
        fixed = {key: value for key, value in self.record.items() if key not in told}
        fixed["training"] = {key: value for key, value in fixed["training"].items() if key != "epochs"}
        return json.dumps(fixed, sort_keys=True)


def make_plan(
    name: str,
    *,
    configuration: str | None = None,
    preset: str = "small",
    seed: int = 0,
    data_dir: str | Path | None = None,
    overrides: dict[str, Any] | None = None,
    prior: str | None = None,
    model: str | None = None,
    start: str | None = None,
    dtype: str = "float32",
    xp: ModuleType = np,
    engine: str = "fast",
    threads: int | None = None,
    starts: Starts = NO_STARTS,
) -> Plan:
    """The plan of an experiment by its name, or of a user's own file by its path (then model says what it holds).

    overrides: fields of ``Options`` in place of the preset's. start: what the run is started from, for the record.
    starts: starting values in place of the recipe's. engine, threads: as ``make_engine`` takes them.
    Errors: ValueError on an unknown experiment, preset, configuration or option, or a starting value of something that
    the model has not; FileNotFoundError without the data.
    """
    experiment = find_experiment(name, model)
    check_choice("preset", preset, tuple(experiment.presets))
    size = experiment.presets[preset]
    configuration = configuration or experiment.default
    options = size.options._replace(**(overrides or {}))
    if options.l2 is None and experiment.model == "ratings" and configuration in CONFIGURATIONS:
        options = options._replace(l2=sentiment_l2(configuration))
    build_recipe(experiment, configuration, size, 2, 2, prior)  # an impossible letter is refused before data are read
    corpus = _read(experiment, size, seed, data_dir, name)
    problem = _problem(experiment, size, corpus)
    classes = len(corpus.labels) if isinstance(corpus, TextCorpus) else 0
    recipe = build_recipe(experiment, configuration, size, len(corpus.vocabulary.symbols), classes, prior)
    check_starts(starts, recipe)
    if prior is not None and all(m.weight.estimator == "deterministic" for m in matrices(recipe).values()):
        raise ValueError(f"prior: expected a configuration with random weights, got {prior!r} with {configuration}")
    made = make_engine(engine, recipe, problem.batch, threads=threads, xp=xp)
    setup = Setup(recipe, problem, options, seed, dtype, xp, made)
    record = _record(experiment, configuration, preset, setup, start, starts)
    paper = experiment.presets.get("paper")
    asked: dict[str, Any] = {"configuration": configuration, "start": start, "prior": prior, "dtype": dtype}
    record["deviations"] = deviations(experiment.name, size._replace(options=options), paper, starts, **asked)
    return Plan(experiment, configuration, preset, setup, record, starts)


def find_experiment(name: str, model: str | None) -> Experiment:
    """The experiment of that name, or that of a user's file.

    Errors: ValueError that lists what there is.
    """
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    path = Path(name)
    if path.is_file():
        return user_experiment(path.name, model or ("texts" if path.suffix in (".csv", ".jsonl") else "characters"))
    raise ValueError(
        f"experiment: expected one of {', '.join(EXPERIMENTS)}, or the path of a text, CSV or JSONL file; got {name!r}"
    )


def _read(
    experiment: Experiment, size: Preset, seed: int, data_dir: str | Path | None, name: str
) -> LanguageCorpus | TextCorpus:
    order = Draw(seed, "data.order")
    texts: dict[str, Any] = {"num_words": size.num_words, "maxlen": size.length}
    parts: dict[str, Any] = {"train_size": size.train, "valid_size": size.valid, "test_size": size.test}
    match experiment.name:
        case "planted-lm":
            return planted_lm(seed, **parts).corpus
        case "planted-sentiment":
            return planted_sentiment(seed, **parts).corpus
        case "char-ptb" | "char-ptb-2017":
            return _cut(read_ptb_characters(data_dir), size)
        case "word-ptb":
            words = read_ptb_words(data_dir)
            return _cut(keep_frequent(words, size.num_words) if size.num_words else words, size)
        case "imdb":
            return read_imdb(data_dir, order, train_texts=size.train, test_texts=size.test, **texts)
        case "agnews":
            return read_agnews(data_dir, order, train_texts=size.train, **texts)
        case "cornell":
            return _cut_texts(read_cornell(data_dir, order, valid_fraction=CORNELL_VALID, **texts), size)
    if experiment.model in ("characters", "words"):
        return read_user_text(name, unit=experiment.model)
    task = "regressor" if experiment.model == "ratings" else "classifier"
    return read_user_table(name, order, task=task, **texts)


def _cut(corpus: LanguageCorpus, size: Preset) -> LanguageCorpus:
    """The first symbols of each part; the vocabulary stays that of the whole training text."""
    return corpus._replace(
        train=corpus.train[: size.train], valid=corpus.valid[: size.valid], test=corpus.test[: size.test]
    )


def _cut_texts(corpus: TextCorpus, size: Preset) -> TextCorpus:
    """The first texts of each part."""
    return corpus._replace(
        train=take(corpus.train, slice(size.train)),
        valid=take(corpus.valid, slice(size.valid)),
        test=take(corpus.test, slice(size.test)),
    )


def _problem(experiment: Experiment, size: Preset, corpus: LanguageCorpus | TextCorpus) -> Problem:
    kinds = {"characters": "characters", "words": "words", "planted": "words", "texts": "texts", "ratings": "texts"}
    return Problem(kinds[experiment.model], corpus, experiment.metric, size.batch, size.length)


def _record(
    experiment: Experiment, configuration: str, preset: str, setup: Setup, start: str | None, starts: Starts
) -> dict[str, Any]:
    weights = sum(int(np.prod(matrix.shape)) for matrix in matrices(setup.recipe).values())
    terms = n_terms(setup.problem)
    return {
        "experiment": experiment.name,
        "configuration": configuration,
        "preset": preset,
        "seed": setup.seed,
        "dtype": setup.dtype,
        "engine": setup.engine.name,
        "start": start or "random",
        "output_log_sigma": starts.output_log_sigma,
        "word_vectors": None if starts.word_vectors is None else Path(starts.word_vectors).name,
        "recipe": as_plain(setup.recipe),
        "training": as_plain(setup.options) | {"batch": setup.problem.batch, "length": setup.problem.length},
        "data": describe(setup.problem),
        "n_terms": terms,
        "weights": weights,
        "weights_per_term": weights / terms,
        "paper": {"source": experiment.source, "name": experiment.configurations.get(configuration, "")},
    }
