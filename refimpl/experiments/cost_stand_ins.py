"""Stand-ins for the corpora: texts of the same size made of drawn ids, so that a step can be timed without any data.

Ids follow Zipf's law, since a step's time depends on how many different words a batch has.
"""

import numpy as np

from refimpl.arrays import Array
from refimpl.data.labelled import SHIFT, TextCorpus, Texts
from refimpl.data.text import LanguageCorpus, Vocabulary
from refimpl.experiments.catalogue import Experiment
from refimpl.experiments.presets import Preset
from refimpl.noise import Draw, uniform
from refimpl.training.problem import Problem

# Symbols (0: those of the preset), and characters, tokens or texts of training, validation and test, as the readers of
# refimpl/data give them (original-conventions of the 2018 code: PTB as released by Mikolov, IMDb, AG News without the
# lines that its script loses, Cornell in pieces of 200 tokens with a tenth of the training pieces held out).
SIZES = {
    "char-ptb": (50, 5_017_482, 393_042, 442_423),
    "char-ptb-2017": (50, 5_017_482, 393_042, 442_423),
    "word-ptb": (10_000, 929_589, 73_760, 82_430),
    "imdb": (0, 21_250, 3_750, 25_000),
    "agnews": (0, 114_000, 6_000, 7_600),
    "cornell": (0, 9_539, 1_060, 2_650),
}
HELD_OUT = {"imdb": 0.15, "agnews": 0.05}  # their cuts count training texts with those held out
CLASSES = {"imdb": 2, "agnews": 4}


def stand_in(experiment: Experiment, preset: Preset) -> Problem:
    """A problem with the sizes of the experiment's own at a preset; its texts are made when they are read.

    Errors: KeyError on an experiment whose sizes are not known here.
    """
    symbols, *sizes = SIZES[experiment.name]
    if experiment.name in HELD_OUT and preset.train is not None:
        sizes[1] = round(HELD_OUT[experiment.name] * min(preset.train, sizes[0] + sizes[1]))
        sizes[0] = min(preset.train, sizes[0] + sizes[1]) - sizes[1]
    cuts = (preset.train, preset.valid, preset.test)
    counts = [size if cut is None else min(size, cut) for size, cut in zip(sizes, cuts, strict=True)]
    names = tuple(map(str, range(_symbols(symbols, preset))))
    vocabulary = Vocabulary(names, {})
    kinds = {"characters": "characters", "words": "words"}
    kind = kinds.get(experiment.model, "texts")
    if kind == "texts":
        labels = tuple(map(str, range(CLASSES.get(experiment.name, 0))))
        train, valid, test = (_texts(count, preset.length, len(names), labels) for count in counts)
        texts = TextCorpus(train, valid, test, vocabulary, labels)
        return Problem(kind, texts, experiment.metric, preset.batch, preset.length)
    first, second, third = (_drawn((count,), len(names)) for count in counts)
    return Problem(
        kind, LanguageCorpus(first, second, third, vocabulary), experiment.metric, preset.batch, preset.length
    )


def _symbols(symbols: int, preset: Preset) -> int:
    num_words = preset.num_words
    if symbols == 0:
        return (num_words or 0) + SHIFT
    return min(symbols, num_words) if num_words else symbols


def _texts(count: int, length: int, symbols: int, labels: tuple[str, ...]) -> Texts:
    targets = np.arange(count, dtype="int32") % len(labels) if labels else np.zeros(count)
    return Texts(_drawn((count, length), symbols), np.ones((count, length), bool), targets)


def _drawn(shape: tuple[int, ...], symbols: int) -> Array:
    """Ids by Zipf's law: the probability of id k is about proportional to 1 / (k + 1). A short sequence, repeated."""
    some = uniform(Draw(0, "stand-in"), (1 << 16,))
    ids = np.minimum(np.exp(some * np.log(symbols)).astype("int32"), symbols) - 1
    return np.resize(ids, shape)
