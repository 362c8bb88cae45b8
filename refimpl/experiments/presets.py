"""Sizes and training options of every experiment, as data: one table an experiment, one entry a preset.

``paper`` is the 2018 code (S000, S003) or, for cornell, S004. ``small`` takes minutes on two cores and is chosen so
that there is something to learn and something to prune: N is that of the text used, and the KL weight stays 1.
``mini`` takes at most four minutes with the fast engine, and is small enough for every row of the papers' tables with
several seeds. ``smoke`` takes seconds and only shows that everything runs. imdb has one more, ``warmup``.
"""

from typing import NamedTuple

from refimpl.training.setup import Options
from refimpl.training.warmup import Warmup


class Preset(NamedTuple):
    """One size of an experiment. A cut of None takes the whole part."""

    sizes: tuple[int, ...]  # of the recurrent layers
    options: Options
    batch: int
    length: int = 0  # of a window or segment; of a text, in tokens
    embedding: int = 0
    num_words: int | None = None  # size of the vocabulary; None: all words of a language model (texts need a number)
    train: int | None = None  # characters, tokens or texts (validation texts included)
    valid: int | None = None
    test: int | None = None


NO_CLIP = 1e9  # the 2018 classifiers; its multiplier norm / (norm + 1e-7) is kept

CHARACTERS = {
    "paper": Preset((1000,), Options(250, 0.002, clip_norm=1.0), batch=64, length=100),
    "small": Preset((128,), Options(30, 0.002, clip_norm=1.0), 64, 100, train=400_000, valid=100_000, test=100_000),
    "mini": Preset((128,), Options(40, 0.002, clip_norm=1.0), 16, 50, train=200_000, valid=50_000, test=50_000),
    "smoke": Preset((16,), Options(2, 0.002, clip_norm=1.0), 16, 50, train=20_000, valid=5_000, test=5_000),
}
CHARACTERS_2017 = CHARACTERS | {"paper": Preset((1000,), Options(50, 0.002, clip_norm=1.0), batch=64, length=100)}
WORDS = {
    "paper": Preset((256,), Options(150, 0.002, clip_norm=10.0), batch=32, length=35),
    "small": Preset((64,), Options(6, 0.002, clip_norm=10.0), 32, 35, train=200_000, valid=20_000, test=20_000),
    "mini": Preset(
        (64,), Options(40, 0.002, clip_norm=10.0), 16, 35, num_words=2_000, train=100_000, valid=20_000, test=20_000
    ),
    "smoke": Preset((8,), Options(2, 0.002, clip_norm=10.0), 8, 20, train=3_000, valid=1_000, test=1_000),
}
IMDB = {
    "paper": Preset((128,), Options(800, 0.0005, clip_norm=NO_CLIP), 128, 200, embedding=300, num_words=20_000),
    "small": Preset(
        (32,), Options(25, 0.0005, clip_norm=NO_CLIP), 256, 100, embedding=64, num_words=5_000, train=23_529, test=2_000
    ),
    "mini": Preset(
        (16,),
        Options(30, 0.002, clip_norm=NO_CLIP, evaluate_every=2),
        128,
        100,
        embedding=32,
        num_words=5_000,
        train=23_529,
        test=5_000,
    ),
    # S004's remark on random starts: without the warm-up (--kl-weight 1) this net is emptied before it has learned.
    "warmup": Preset(
        (32,),
        Options(40, 0.002, clip_norm=NO_CLIP, warmup=Warmup("linear", start=6, stop=20)),
        128,
        100,
        embedding=64,
        num_words=5_000,
        train=5_882,
        test=2_000,
    ),
    "smoke": Preset(
        (8,), Options(2, 0.0005, clip_norm=NO_CLIP), 32, 40, embedding=8, num_words=500, train=300, test=100
    ),
}
AGNEWS = {
    "paper": Preset((512,), Options(150, 0.0005, clip_norm=NO_CLIP), 128, 100, embedding=300, num_words=20_000),
    "small": Preset(
        (32,), Options(10, 0.0005, clip_norm=NO_CLIP), 128, 50, embedding=64, num_words=5_000, train=20_000
    ),
    "mini": Preset(
        (16,),
        Options(30, 0.002, clip_norm=NO_CLIP, evaluate_every=2),
        128,
        50,
        embedding=32,
        num_words=5_000,
        train=20_000,
    ),
    "smoke": Preset((8,), Options(2, 0.0005, clip_norm=NO_CLIP), 32, 20, embedding=8, num_words=500, train=300),
}
CORNELL = {
    "paper": Preset((128,), Options(1000, 0.001, clip_norm=0.1), 128, 200, embedding=128, num_words=20_000),
    "small": Preset((32,), Options(20, 0.001, clip_norm=0.1), 128, 200, embedding=32, num_words=5_000),
    "mini": Preset(
        (32,),
        Options(25, 0.002, clip_norm=0.1),
        128,
        100,
        embedding=32,
        num_words=5_000,
        train=8_000,
        test=2_000,
    ),
    "smoke": Preset(
        (8,), Options(2, 0.001, clip_norm=0.1), 32, 40, embedding=8, num_words=500, train=300, valid=100, test=100
    ),
}
PLANTED_LM = {
    "small": Preset((48,), Options(15, 0.01, (12,), 1.0), 64, 20, train=400_000, valid=50_000, test=100_000),
    "smoke": Preset((8,), Options(2, 0.005, clip_norm=1.0), 16, 25, train=10_000, valid=2_000, test=2_000),
}
PLANTED_SENTIMENT = {
    # The KL comes in from epoch 3 to 8, since a net of random weights can be emptied before it has learned (S004,
    # section 4), and the learning rate drops: steps of 0.005 hold the means of useless weights above the threshold.
    "small": Preset(
        (8,),
        Options(90, 0.005, (60, 80), NO_CLIP, Warmup("linear", start=3, stop=8)),
        100,
        embedding=4,
        train=5_000,
        valid=1_000,
        test=5_000,
    ),
    "smoke": Preset((4,), Options(2, 0.005, clip_norm=NO_CLIP), 64, embedding=4, train=500, valid=100, test=200),
}
USER_LANGUAGE = {
    "paper": CHARACTERS["paper"],
    "small": Preset((128,), Options(20, 0.002, clip_norm=1.0), 32, 50),
    "smoke": Preset((16,), Options(2, 0.002, clip_norm=1.0), 8, 20),
}
USER_TEXTS = {
    "paper": IMDB["paper"],
    "small": Preset((32,), Options(20, 0.001, clip_norm=NO_CLIP), 64, 200, embedding=64, num_words=5_000),
    "smoke": Preset((8,), Options(2, 0.001, clip_norm=NO_CLIP), 8, 40, embedding=8, num_words=500),
}
