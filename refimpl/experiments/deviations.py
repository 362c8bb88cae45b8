"""In what a run differs from the experiment that it reproduces: printed at the start, and stored in run.json.

What the data or the source force is a sentence here; what a preset or an option changes is found by comparing it with
the preset ``paper``.
"""

from typing import Any, NamedTuple

from refimpl.experiments.presets import Preset
from refimpl.experiments.starts import NO_STARTS, Starts
from refimpl.tree import as_plain


class Deviation(NamedTuple):
    """A difference that the preset ``paper`` has. unless: the starting value that takes it away."""

    sentence: str
    unless: str | None = None


CLASSIFIERS = (
    Deviation(
        "the output layer starts from log sigma = -3 (the published code); the authors' logs were made with an older "
        "layer, log sigma squared = -3",
        "output_log_sigma",
    ),
)
UNPUBLISHED = Deviation("the code was never published: initial values, batches and what the paper leaves out are ours")
ALWAYS = {
    "imdb": (
        Deviation(
            "the embedding starts from U(-0.05, 0.05), the published code's default; the authors' logs started from "
            "word2vec vectors (19,641 of 20,003 rows)",
            "word_vectors",
        ),
        Deviation(
            "words are ranked anew from the texts; the logs used Keras's matrix, whose ties may be in another order"
        ),
        *CLASSIFIERS,
    ),
    "agnews": (
        Deviation(
            "the embedding starts from U(-0.05, 0.05), the published code's default; the authors' logs started from "
            "GloVe vectors (19,947 of 20,003 rows)",
            "word_vectors",
        ),
        Deviation("no row of the CSV files is lost; the published code took the first of each for a header"),
        *CLASSIFIERS,
    ),
    "cornell": (
        UNPUBLISHED,
        Deviation("a tenth of the training pieces is held out to choose the best epoch; the paper cross-validated"),
        Deviation("documents are shuffled by our own generator, so the split is not that of Gal and Ghahramani"),
    ),
    "char-ptb-2017": (
        UNPUBLISHED,
        Deviation("windows, their offset and the characters that are scored are those of the 2018 code"),
        Deviation("the output layer has LRT with the noise shared over time, as in the 2018 code; the paper is silent"),
    ),
}
START_WORDS = {
    "word_vectors": "the embedding starts from word vectors ({}); the authors' from word2vec (IMDb) or GloVe (AG News)",
    "output_log_sigma": "the output layer starts from log sigma = {:g} (that of the authors' logs from -1.5)",
}
NOT_TOLD = ("options", "evaluate_every")  # told by its parts; how often one looks changes no training step
WORDS = {
    "sizes": "hidden units",
    "num_words": "vocabulary",
    "train": "training symbols or texts",
    "valid": "validation symbols or texts",
    "test": "test symbols or texts",
}


def deviations(experiment: str, preset: Preset, paper: Preset | None, starts: Starts = NO_STARTS) -> list[str]:
    """A sentence each.

    preset: as it is run, options included. paper: the preset of the source; None if there is none, as for a planted
    source.
    """
    asked = {name: value for name, value in starts._asdict().items() if value is not None}
    found = [d.sentence for d in ALWAYS.get(experiment, ()) if d.unless not in asked]
    found += [START_WORDS[name].format(value) for name, value in asked.items()]
    return found if paper is None else found + _differences(preset, paper)


def _differences(preset: Preset, paper: Preset) -> list[str]:
    ours, theirs = (as_plain(p) | as_plain(p.options) for p in (preset, paper))
    names = [name for name in ours if name not in NOT_TOLD and ours[name] != theirs[name]]
    return [
        f"{WORDS.get(name, name.replace('_', ' '))}: {_text(ours[name])} (paper: {_text(theirs[name])})"
        for name in names
    ]


def _text(value: Any) -> str:
    if value is None:
        return "all"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
