"""Which experiments there are, and what a configuration of each one is."""

from typing import NamedTuple

from refimpl.arrays import check_choice
from refimpl.experiments import workshop2017
from refimpl.experiments.presets import (
    AGNEWS,
    CHARACTERS,
    CHARACTERS_2017,
    CORNELL,
    IMDB,
    PLANTED_LM,
    PLANTED_SENTIMENT,
    USER_LANGUAGE,
    USER_TEXTS,
    WORDS,
    Preset,
)
from refimpl.models.letters import CLASSIFIER_POSITIONS, character_model, check_letters, text_classifier, word_model
from refimpl.models.recipe import Recipe


class Experiment(NamedTuple):
    """An experiment: its model family, presets and the configurations of the papers."""

    name: str
    title: str
    model: str  # characters, words, planted (symbols in streams with carried state), texts, ratings
    metric: str
    presets: dict[str, Preset]
    default: str
    configurations: dict[str, str]  # code -> what the papers call it
    source: str


ORIGINAL, SPARSEVD, VOCABULARY = "Original", "SparseVD", "SparseVD-Voc"
LM_CODES = {"DCCD": ORIGINAL, "LCCL": SPARSEVD, "LCIL": VOCABULARY, "LCRL": "W+N", "LLRL": "W+G+N"}
TEXT_CODES = {"DCDCCD": ORIGINAL, "LCLCCL": SPARSEVD, "LLLCCL": VOCABULARY, "LLLCLL": "W+N", "LLLLLL": "W+G+N"}

EXPERIMENTS = {
    experiment.name: experiment
    for experiment in (
        Experiment(
            "planted-lm",
            "Planted language: the next of 8 symbols depends on the last and the fifth last",
            "planted",
            "bits_per_char",
            PLANTED_LM,
            "LCCL",
            LM_CODES,
            "source of known entropy rate",
        ),
        Experiment(
            "planted-sentiment",
            "Planted sentiment: 70 of 200 words decide the label",
            "texts",
            "accuracy",
            PLANTED_SENTIMENT,
            "LLLCCL",
            TEXT_CODES,
            "source of known Bayes accuracy",
        ),
        Experiment(
            "char-ptb",
            "Penn Treebank, characters",
            "characters",
            "bits_per_char",
            CHARACTERS,
            "LCCL",
            LM_CODES,
            "S000, S003",
        ),
        Experiment(
            "char-ptb-2017",
            "Penn Treebank, characters, in the arrangements of the 2017 paper",
            "characters",
            "bits_per_char",
            CHARACTERS_2017,
            "sparsevd",
            workshop2017.CONFIGURATIONS,
            "S004",
        ),
        Experiment("word-ptb", "Penn Treebank, words", "words", "perplexity", WORDS, "LCCL", LM_CODES, "S000, S003"),
        Experiment("imdb", "IMDb reviews", "texts", "accuracy", IMDB, "LLLCCL", TEXT_CODES, "S000, S003"),
        Experiment("agnews", "AG News", "texts", "accuracy", AGNEWS, "LLLCCL", TEXT_CODES, "S000, S003"),
        Experiment(
            "cornell",
            "Cornell movie review scale data",
            "ratings",
            "rmse",
            CORNELL,
            "sparsevd",
            workshop2017.CONFIGURATIONS | TEXT_CODES,
            "S004",
        ),
    )
}
USER_EXPERIMENTS = {
    "characters": ("bits_per_char", USER_LANGUAGE, "LCCL"),
    "words": ("perplexity", USER_LANGUAGE, "LCCL"),
    "texts": ("accuracy", USER_TEXTS, "LLLCCL"),
    "ratings": ("rmse", USER_TEXTS, "LLLCCL"),
}


def user_experiment(name: str, model: str) -> Experiment:
    """The experiment of a user's own file."""
    check_choice("model", model, tuple(USER_EXPERIMENTS))
    metric, presets, default = USER_EXPERIMENTS[model]
    codes = LM_CODES if model in ("characters", "words") else TEXT_CODES
    return Experiment(name, f"your file {name}", model, metric, presets, default, codes, "your own data")


def build_recipe(
    experiment: Experiment, configuration: str, preset: Preset, vocabulary: int, classes: int, prior: str | None = None
) -> Recipe:
    """The model of a configuration: the authors' letters or, in the experiments of S004, also none, vbd, sparsevd.

    prior replaces the prior of the weights (not of z) that have a Gaussian posterior.
    Errors: ValueError that names the position of an impossible letter, and lists the configurations of S004 where the
    experiment has them.
    """
    named = configuration in experiment.configurations and configuration in workshop2017.CONFIGURATIONS
    if experiment.model in ("characters", "planted"):
        if experiment.configurations is workshop2017.CONFIGURATIONS:
            check_choice("configuration", configuration, tuple(workshop2017.CONFIGURATIONS))
        letters = "DCCD" if named else configuration
        recipe = character_model(letters, vocabulary=vocabulary, size=preset.sizes[0], weight_prior=prior)
        return workshop2017.character_recipe(recipe, configuration, prior) if named else recipe
    if experiment.model == "words":
        return word_model(configuration, vocabulary=vocabulary, sizes=preset.sizes, weight_prior=prior)
    ratings = experiment.model == "ratings"
    if not named and workshop2017.CONFIGURATIONS.keys() <= experiment.configurations.keys():
        _check_letters(configuration)
    recipe = text_classifier(
        "DCDCCD" if named else configuration,
        vocabulary=vocabulary,
        embedding=preset.embedding,
        size=preset.sizes[0],
        classes=1 if ratings or classes == 2 else classes,
        task="regressor" if ratings else "classifier",
        weight_prior=prior,
    )
    return workshop2017.sentiment_recipe(recipe, configuration, prior) if named else recipe


def _check_letters(configuration: str) -> None:
    """Errors: ValueError for what is no letters, where there are also the configurations of S004."""
    try:
        check_letters(configuration, CLASSIFIER_POSITIONS)
    except ValueError as error:
        names = ", ".join(map(repr, workshop2017.CONFIGURATIONS))
        raise ValueError(f"configuration: expected one of {names}, or letters ({error})") from error
