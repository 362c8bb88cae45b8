"""In what a run differs from the experiment that it reproduces: printed at the start, and stored in run.json.

What the data or the source force is a sentence here; what a preset or an option changes is found by comparing it with
the preset ``paper``.
"""

from pathlib import Path
from typing import Any, NamedTuple

from refimpl.experiments.paper_tables import TABLES
from refimpl.experiments.presets import Preset
from refimpl.experiments.published_logs import TEXT_CODES
from refimpl.experiments.starts import NO_STARTS, Starts
from refimpl.experiments.workshop2017 import sentiment_l2
from refimpl.tree import as_plain


class Deviation(NamedTuple):
    """A difference that the preset ``paper`` has.

    unless: the starting value that takes it away. only: the configurations that have it; (): all.
    """

    sentence: str
    unless: str | None = None
    only: tuple[str, ...] = ()


CLASSIFIERS = (
    Deviation(
        "the output layer starts from log sigma = -3 (the published code); the authors' logs were made with an older "
        "layer, log sigma squared = -3",
        "output_log_sigma",
        TEXT_CODES,
    ),
    Deviation(
        "a gate counts as kept if its variable and an incoming weight are kept (the published code); the authors' logs "
        "asked for the variable alone",
        only=("LLLLLL",),
    ),
    Deviation("training texts are shuffled by our own generator, so other ones are held out for validation"),
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
        Deviation("ids of words begin at 4, in the published code at 3: one word fewer has a row of its own"),
        *CLASSIFIERS,
    ),
    "cornell": (
        UNPUBLISHED,
        Deviation(
            "a tenth of the training pieces is held out to choose the best epoch, and is not trained on; the paper "
            "cross-validated"
        ),
        Deviation("documents are shuffled by our own generator, so the split is not that of Gal and Ghahramani"),
        Deviation("padding is masked; Gal and Ghahramani's script feeds it to the network"),
        Deviation(
            "weight decay is on matrices; in Gal and Ghahramani's script also on biases", only=("vbd", "sparsevd")
        ),
    ),
    "char-ptb-2017": (
        UNPUBLISHED,
        Deviation("windows, their offset and the characters that are scored are those of the 2018 code"),
        Deviation(
            "the output layer has LRT with the noise shared over time, as in the 2018 code; the paper is silent",
            only=("sparsevd",),
        ),
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


def deviations(
    experiment: str,
    preset: Preset,
    paper: Preset | None,
    starts: Starts = NO_STARTS,
    *,
    configuration: str | None = None,
    start: str | None = None,
    prior: str | None = None,
    dtype: str = "float32",
) -> list[str]:
    """A sentence each.

    preset: as it is run, options included. paper: the preset of the source; None if there is none, as for a planted
    source. configuration: None for what any of them has. start: the earlier run that this one starts from. prior: the
    KL divergence asked for in place of the configuration's. dtype: float32 is what the papers' code computed in.
    """
    asked = {name: value for name, value in starts._asdict().items() if value is not None}
    found = [
        d.sentence
        for d in ALWAYS.get(experiment, ())
        if d.unless not in asked and (configuration is None or not d.only or configuration in d.only)
    ]
    found += [START_WORDS[name].format(_file_name(value)) for name, value in asked.items()]
    if start is not None and paper is not None:
        found.append(f"starts from the best epoch (by validation) of {start}; {_start_of_paper(experiment, start)}")
    if prior is not None:
        found.append(f"KL divergence of the weights: {prior}, in place of the configuration's")
    if paper is None:
        return found
    if dtype != "float32":
        found.append(f"computed in {dtype}; the paper's code in float32")
    if experiment == "cornell" and preset.options.l2 is not None:  # it belongs to the configuration, not to the preset
        paper = paper._replace(options=paper.options._replace(l2=sentiment_l2("vbd")))
    return found + _differences(preset, paper)


def _file_name(value: Any) -> Any:
    return Path(value).name if isinstance(value, str) else value  # a record says nothing of a machine's folders


def _start_of_paper(experiment: str, start: str) -> str:
    """What the paper started from where ours starts from the run of that name."""
    rows = [row for table in TABLES.values() for row in table.rows if row.experiment == experiment and row.start]
    for row in rows:
        assert row.start is not None
        configuration, epochs = row.start
        if start.startswith(f"{experiment}-{configuration}"):
            return f"the paper from {epochs} epochs of such a run, a number chosen by validation"
    return "the paper does not"


def _differences(preset: Preset, paper: Preset) -> list[str]:
    ours, theirs = (as_plain(p) | as_plain(p.options) for p in (preset, paper))
    names = [name for name in ours if name not in NOT_TOLD and ours[name] != theirs[name]]
    return [
        f"{WORDS.get(name, name.replace('_', ' '))}: {_text(ours[name], name)} (paper: {_text(theirs[name], name)})"
        for name in names
    ]


def _text(value: Any, name: str) -> str:
    if value is None:
        return "all" if name in WORDS else "none"
    if isinstance(value, list):
        return ", ".join(_text(one, name) for one in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_text(one, name)}" for key, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
