"""What an experiment reads: its corpus as a problem of the preset's size, and whether it is there to be read."""

from pathlib import Path
from typing import Any

from refimpl.data.agnews import read_agnews
from refimpl.data.cornell import read_cornell
from refimpl.data.corpora import locate
from refimpl.data.imdb import read_imdb
from refimpl.data.labelled import TextCorpus, take
from refimpl.data.planted import planted_lm, planted_sentiment
from refimpl.data.ptb import read_ptb_characters, read_ptb_words
from refimpl.data.tables import table_kind
from refimpl.data.text import LanguageCorpus, keep_frequent
from refimpl.data.user import read_user_table, read_user_text
from refimpl.experiments.catalogue import EXPERIMENTS, Experiment
from refimpl.experiments.presets import Preset
from refimpl.noise import Draw
from refimpl.training.problem import Problem

CORNELL_VALID = 0.1  # of the training pieces; S004 chooses by cross-validation
CORPORA = {  # those of refimpl.data.corpora; the words of the Penn Treebank are read from its characters
    "char-ptb": "ptb-char", "char-ptb-2017": "ptb-char", "word-ptb": "ptb-char",
    "imdb": "imdb", "agnews": "agnews", "cornell": "cornell",
}  # fmt: skip
KINDS = {"characters": "characters", "words": "words", "planted": "words", "texts": "texts", "ratings": "texts"}


def check_readable(experiment: Experiment, data_dir: str | Path | None, name: str) -> None:
    """Look for what ``read_problem`` reads, without reading it. name: of the experiment, or the path of a user's file.

    Errors: FileNotFoundError without the data; ValueError for a table of the user's own that is not named like one.
    """
    if name in CORPORA:
        locate(data_dir, CORPORA[name])
    elif name not in EXPERIMENTS and experiment.model in ("texts", "ratings"):
        table_kind(name)


def read_problem(experiment: Experiment, size: Preset, seed: int, data_dir: str | Path | None, name: str) -> Problem:
    """The problem of an experiment at a preset. name: of the experiment, or the path of a user's file.

    Errors: as the reader of the corpus.
    """
    corpus = _read(experiment, size, seed, data_dir, name)
    return Problem(KINDS[experiment.model], corpus, experiment.metric, size.batch, size.length)


def _read(
    experiment: Experiment, size: Preset, seed: int, data_dir: str | Path | None, name: str
) -> LanguageCorpus | TextCorpus:
    order = Draw(seed, "data.order")
    texts: dict[str, Any] = {"num_words": size.num_words, "maxlen": size.length}
    parts: dict[str, Any] = {"train_size": size.train, "valid_size": size.valid, "test_size": size.test}
    match name:
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
