"""Which experiments there are, and what a configuration of each one is."""

from typing import NamedTuple

from refimpl.arrays import check_choice
from refimpl.experiments.presets import (
    AGNEWS,
    CHARACTERS,
    CORNELL,
    IMDB,
    PLANTED_LM,
    PLANTED_SENTIMENT,
    USER_LANGUAGE,
    USER_TEXTS,
    WORDS,
    Preset,
)
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.recipe import Output, Recipe, Weight, check_recipe
from refimpl.training.elbo import L2

S004_DROPOUT, S004_WEIGHT_DECAY = 0.3, 1e-3  # section 4.1
S004_CONFIGURATIONS = ("none", "vbd", "sparsevd")


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
    corpus: str | None = None  # name in refimpl/data/corpora; None: embedded, or the user's own file


ORIGINAL, SPARSEVD, VOCABULARY = "Original", "SparseVD", "SparseVD-Voc"
LM_CODES = {"DCCD": ORIGINAL, "LCCL": SPARSEVD, "LCIL": VOCABULARY, "LCRL": "W+N", "LLRL": "W+G+N"}
TEXT_CODES = {"DCDCCD": ORIGINAL, "LCLCCL": SPARSEVD, "LLLCCL": VOCABULARY, "LLLCLL": "W+N", "LLLLLL": "W+G+N"}
S004_CODES = {"none": "No dropout", "vbd": "VBD", "sparsevd": "SparseVD"}

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
            "ptb-char",
        ),
        Experiment(
            "word-ptb", "Penn Treebank, words", "words", "perplexity", WORDS, "LCCL", LM_CODES, "S000, S003", "ptb-char"
        ),
        Experiment("imdb", "IMDb reviews", "texts", "accuracy", IMDB, "LLLCCL", TEXT_CODES, "S000, S003", "imdb"),
        Experiment("agnews", "AG News", "texts", "accuracy", AGNEWS, "LLLCCL", TEXT_CODES, "S000, S003", "agnews"),
        Experiment(
            "cornell",
            "Cornell movie review scale data",
            "ratings",
            "rmse",
            CORNELL,
            "sparsevd",
            S004_CODES | TEXT_CODES,
            "S004",
            "cornell",
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
    """The model of a configuration: the authors' letters, or for ratings also none, vbd, sparsevd (S004).

    prior replaces the prior of the weights (not of z) that have a Gaussian posterior.
    Errors: ValueError that names the position of an impossible letter.
    """
    if experiment.model in ("characters", "planted"):
        return character_model(configuration, vocabulary=vocabulary, size=preset.sizes[0], weight_prior=prior)
    if experiment.model == "words":
        return word_model(configuration, vocabulary=vocabulary, sizes=preset.sizes, weight_prior=prior)
    ratings = experiment.model == "ratings"
    letters = "DCDCCD" if ratings and configuration in S004_CONFIGURATIONS else configuration
    recipe = text_classifier(
        letters,
        vocabulary=vocabulary,
        embedding=preset.embedding,
        size=preset.sizes[0],
        classes=1 if ratings or classes == 2 else classes,
        task="regressor" if ratings else "classifier",
        weight_prior=prior,
    )
    return s004_recipe(recipe, configuration, prior) if letters != configuration else recipe


def s004_recipe(recipe: Recipe, configuration: str, prior: str | None) -> Recipe:
    """The three arrangements of S004, section 4.1, for the sentiment regression.

    none: no dropout. vbd: VBD with rate 0.3 on embedding, LSTM (own masks for each gate) and dense layer. sparsevd:
    SparseVD on the LSTM alone, W_x by LRT with the noise shared over time (eq. 14), W_h by RT (eq. 15); VBD on
    embedding and dense.
    """
    layer = recipe.layers[0]._replace(gates="sigmoid")
    if configuration == "none":
        return recipe._replace(layers=(layer,))
    rate = S004_DROPOUT
    if configuration == "vbd":
        layer = layer._replace(dropout_x=rate, dropout_h=rate)
    else:
        prior = prior or "molchanov2017"
        layer = layer._replace(
            W_x=Weight("lrt_shared", prior, init=layer.W_x.init, init_scale=layer.W_x.init_scale),
            W_h=Weight("rt", prior, init=layer.W_h.init, init_scale=layer.W_h.init_scale),
        )
    embedding = recipe.embedding
    assert embedding is not None  # texts always have one
    return check_recipe(
        recipe._replace(
            layers=(layer,),
            embedding=embedding._replace(dropout=rate),
            output=Output(recipe.output.weight, dropout=rate),
        )
    )


def s004_l2(configuration: str) -> L2 | None:
    """Weight decay 1e-3 on what is under VBD, in the form of Gal's script."""
    return L2("script", weight_decay=S004_WEIGHT_DECAY) if configuration in ("vbd", "sparsevd") else None
