"""From a name, a configuration and a preset to a plan: recipe, problem, options, and what the run's record says."""

import json
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from refimpl.arrays import check_choice
from refimpl.data.labelled import TextCorpus
from refimpl.experiments.catalogue import EXPERIMENTS, Experiment, build_recipe, user_experiment
from refimpl.experiments.deviations import deviations
from refimpl.experiments.presets import Preset
from refimpl.experiments.problems import read_problem
from refimpl.experiments.starts import NO_STARTS, Starts, check_starts
from refimpl.experiments.workshop2017 import CONFIGURATIONS, sentiment_l2
from refimpl.models.parameters import matrices
from refimpl.noise import Draw, key_and_step
from refimpl.training.engines import check_engine, make_engine
from refimpl.training.problem import describe, n_terms
from refimpl.training.setup import Options, Setup, check_dtype, check_options
from refimpl.tree import as_plain


class Asked(NamedTuple):
    """What is asked for, as far as it is known without its data."""

    experiment: Experiment
    configuration: str
    size: Preset
    options: Options


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
    Errors: as ``check_asked``, before data are read; FileNotFoundError without the data.
    """
    choices: dict[str, Any] = {"configuration": configuration, "preset": preset, "overrides": overrides, "model": model}
    choices |= {"prior": prior, "dtype": dtype, "engine": engine, "threads": threads, "starts": starts}
    experiment, configuration, size, options = check_asked(name, seed=seed, **choices)
    problem = read_problem(experiment, size, seed, data_dir, name)
    corpus = problem.corpus
    classes = len(corpus.labels) if isinstance(corpus, TextCorpus) else 0
    recipe = build_recipe(experiment, configuration, size, len(corpus.vocabulary.symbols), classes, prior)
    made = make_engine(engine, recipe, problem.batch, threads=threads, xp=xp)
    setup = Setup(recipe, problem, options, seed, dtype, xp, made)
    record = _record(experiment, configuration, preset, setup, start, starts)
    paper = experiment.presets.get("paper")
    asked: dict[str, Any] = {"configuration": configuration, "start": start, "prior": prior, "dtype": dtype}
    record["deviations"] = deviations(name, size._replace(options=options), paper, starts, **asked)
    return Plan(experiment, configuration, preset, setup, record, starts)


def check_asked(
    name: str,
    *,
    configuration: str | None = None,
    preset: str = "small",
    seed: int = 0,
    overrides: dict[str, Any] | None = None,
    prior: str | None = None,
    model: str | None = None,
    dtype: str = "float32",
    engine: str = "fast",
    threads: int | None = None,
    starts: Starts = NO_STARTS,
) -> Asked:
    """Arguments of ``make_plan``, as far as they can be told right from wrong without the data.

    Errors: ValueError on an unknown experiment, preset, configuration or option, or a starting value of something that
    the model has not; FileNotFoundError without the file of word vectors.
    """
    experiment = find_experiment(name, model)
    check_choice("preset", preset, tuple(experiment.presets))
    size = experiment.presets[preset]
    configuration = experiment.default if configuration is None else configuration
    options = check_options(asked_options(experiment, size, configuration, overrides))
    recipe = build_recipe(experiment, configuration, size, 2, 2, prior)  # whatever the sizes that the data will give
    check_starts(starts, recipe)
    if prior is not None and all(m.weight.estimator == "deterministic" for m in matrices(recipe).values()):
        raise ValueError(f"prior: expected a configuration with random weights, got {prior!r} with {configuration}")
    check_dtype(dtype)
    check_engine(engine, threads)
    key_and_step(Draw(seed, "data.order"))
    return Asked(experiment, configuration, size, options)


def asked_options(
    experiment: Experiment, size: Preset, configuration: str, overrides: dict[str, Any] | None
) -> Options:
    """The preset's options, with what is asked for in their place, and what belongs to the configuration."""
    options = size.options._replace(**(overrides or {}))
    if options.l2 is None and experiment.model == "ratings" and configuration in CONFIGURATIONS:
        return options._replace(l2=sentiment_l2(configuration))
    return options


def find_experiment(name: str, model: str | None) -> Experiment:
    """The experiment of that name, or that of a user's file.

    Errors: ValueError that lists what there is.
    """
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    path = Path(name)
    if path.is_file():
        by_name = "texts" if path.suffix.lower() in (".csv", ".jsonl") else "characters"
        return user_experiment(path.name, by_name if model is None else model)
    raise ValueError(
        f"experiment: expected one of {', '.join(EXPERIMENTS)}, or the path of a text, CSV or JSONL file; got {name!r}"
    )


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
