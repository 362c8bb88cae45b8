"""The papers' tables as data: for each row the recipe that makes it, and the figures that are printed.

Quality is in the units in which metrics are stored: accuracy as a fraction, bits per character, perplexity, root mean
squared error in units of the rating. What S004's Table 1 calls MSE is its root: predicting the mean of the training
ratings has a mean squared error of 0.0366 already.
"""

from typing import NamedTuple


class Figures(NamedTuple):
    """What a source prints of a model; None and (): nothing."""

    valid: float | None = None
    test: float | None = None
    compression: float | None = None  # all weights / kept weights
    vocabulary: int | None = None  # words or characters kept
    neurons: int | None = None
    gates: int | None = None
    sparsity: tuple[tuple[str, float], ...] = ()  # matrix, weights that are zero in per cent


class Row(NamedTuple):
    """A row of a table.

    start: configuration and epochs of the run whose best epoch this one starts from; None: random.
    which: the epoch that the figures are of, "last" or "best" (validation; the papers' early stopping).
    note: where another source, or the authors' log, has other figures.
    """

    label: str
    experiment: str
    configuration: str
    published: Figures
    start: tuple[str, int] | None = None
    which: str = "last"
    note: str = ""

    @property
    def name(self) -> str:
        """experiment-configuration, and the start if there is one: the name of the row's run."""
        return f"{self.experiment}-{self.configuration}" + (f"-from-{self.start[0]}" if self.start else "")


class PaperTable(NamedTuple):
    """A table."""

    id: str
    title: str
    source: str
    rows: tuple[Row, ...]


def sparsity(W_x: float, W_h: float, W_y: float | None = None) -> tuple[tuple[str, float], ...]:
    """Zeros in per cent under the names of our matrices."""
    found = (("lstm.W_x", W_x), ("lstm.W_h", W_h))
    return found if W_y is None else (*found, ("output.W", W_y))


# One row a line: label, experiment, configuration, Figures(valid, test, compression, vocabulary, neurons, gates).
# fmt: off
CLASSIFICATION = PaperTable(
    "emnlp2018-classification", "Text classification: accuracy, compression, vocabulary", "S000", (
        Row("IMDb, Original", "imdb", "DCDCCD", Figures(None, 0.841, 1.0, 20_000), which="best",
            note="of which epoch is not said"),
        Row("IMDb, SparseVD", "imdb", "LCLCCL", Figures(None, 0.851, 1135.0, 4611),
            note="log: 84.10 %, 1208.5×, 5054 words"),
        Row("IMDb, SparseVD-Voc", "imdb", "LLLCCL", Figures(None, 0.836, 18792.0, 292),
            note="S002: 12985×; log: 83.28 %, 19499×, 265 words"),
        Row("AG News, Original", "agnews", "DCDCCD", Figures(None, 0.906, 1.0, 20_000), which="best",
            note="of which epoch is not said"),
        Row("AG News, SparseVD", "agnews", "LCLCCL", Figures(None, 0.888, 322.0, 5727),
            note="log: 89.01 %, 350.3×, 5737 words"),
        Row("AG News, SparseVD-Voc", "agnews", "LLLCCL", Figures(None, 0.892, 469.0, 2444),
            note="log: 89.14 %, 561.2×, 2450 words"),
    ),
)
GENERATION = PaperTable(
    "emnlp2018-generation", "Text generation: bits per character or perplexity, compression, vocabulary", "S000", (
        Row("Char PTB, Original", "char-ptb", "DCCD", Figures(1.499, 1.454, 1.0, 50), which="best",
            note="epoch 11 of the log; S002: 1.498 / 1.454, epoch 9, the best"),
        Row("Char PTB, SparseVD", "char-ptb", "LCCL", Figures(1.472, 1.429, 7.9, 50), note="S002: 7.6×"),
        Row("Char PTB, SparseVD-Voc", "char-ptb", "LCIL", Figures(1.458, 1.417, 6.0, 46),
            note="S002: 5.8×, 48 characters"),
        Row("Word PTB, Original", "word-ptb", "DCCD", Figures(135.6, 129.3, 1.0, 10_000), which="best",
            note="epoch 8 of the log, the best; S002: 135.6 / 129.5, epoch 7"),
        Row("Word PTB, SparseVD", "word-ptb", "LCCL", Figures(115.0, 109.2, 22.1, 9990),
            note="S002: 115.0 / 109.0, 14.0×, 9985 words"),
        Row("Word PTB, SparseVD-Voc", "word-ptb", "LCIL", Figures(126.0, 120.2, 19.3, 3164),
            note="S002: 126.3 / 120.6, 11.1×, 4353 words"),
    ),
)
STRUCTURED = PaperTable(
    "structured", "Groups of weights: W, W+N (neurons), W+G+N (gates and neurons)",
    "the authors' logs, last epoch; S003 prints no table", (
        Row("IMDb, W", "imdb", "LCLCCL", Figures(0.8587, 0.8410, 1208.5, 5054, 9, 20)),
        Row("IMDb, W+N", "imdb", "LLLCLL", Figures(0.8419, 0.8401, 16676.0, 316, 7, 19),
            note="and vocabulary variables"),
        Row("IMDb, W+G+N", "imdb", "LLLLLL", Figures(0.8416, 0.8387, 18457.0, 307, 7, 8),
            note="and vocabulary variables"),
        Row("AG News, W", "agnews", "LCLCCL", Figures(0.8957, 0.8901, 350.3, 5737, 65, 72)),
        Row("AG News, W+N", "agnews", "LLLCLL", Figures(0.8935, 0.8855, 645.4, 2351, 17, 62),
            note="and vocabulary variables"),
        Row("AG News, W+G+N", "agnews", "LLLLLL", Figures(0.8935, 0.8841, 639.6, 2295, 14, 39),
            note="and vocabulary variables"),
        Row("Char PTB, W", "char-ptb", "LCCL", Figures(1.4720, 1.4290, 7.887, 50, 431, 1718)),
        Row("Char PTB, W+N", "char-ptb", "LCRL", Figures(1.4777, 1.4297, 10.007, 50, 390, 1560)),
        Row("Char PTB, W+G+N", "char-ptb", "LLRL", Figures(1.4672, 1.4250, 9.816, 50, 404, 1563)),
        Row("Word PTB, W", "word-ptb", "LCCL", Figures(115.04, 109.22, 22.095, 9990, 156, 288)),
        Row("Word PTB, W+N", "word-ptb", "LCRL", Figures(116.13, 110.98, 23.494, 9992, 127, 276)),
        Row("Word PTB, W+G+N", "word-ptb", "LLRL", Figures(121.98, 116.47, 24.461, 9972, 117, 201)),
    ),
)
SENTIMENT_2017 = PaperTable(
    "workshop2017-sentiment", "Sentiment regression: root mean squared error (printed as MSE), sparsity of W_x and W_h",
    "S004, Table 1", (
        Row("No dropout", "cornell", "none", Figures(None, 0.1518), which="best"),
        Row("VBD", "cornell", "vbd", Figures(None, 0.1488)),
        Row("SparseVD (random)", "cornell", "sparsevd", Figures(None, 0.1526, sparsity=sparsity(99.91, 99.90))),
        Row("SparseVD (no dropout)", "cornell", "sparsevd", Figures(None, 0.1503, sparsity=sparsity(99.95, 99.92)),
            ("none", 4)),
        Row("SparseVD (VBD)", "cornell", "sparsevd", Figures(None, 0.1475, sparsity=sparsity(99.63, 99.49)),
            ("vbd", 200)),
    ),
)
CHARACTERS_2017 = PaperTable(
    "workshop2017-characters", "Character language model: bits per character, sparsity of W_x, W_h and W_y",
    "S004, Table 2", (
        Row("No dropout", "char-ptb-2017", "none", Figures(1.499, 1.453), which="best"),
        Row("VBD for W_h", "char-ptb-2017", "vbd", Figures(1.394, 1.358)),
        Row("SparseVD (random)", "char-ptb-2017", "sparsevd",
            Figures(1.506, 1.461, sparsity=sparsity(79.7, 88.0, 71.7))),
        Row("SparseVD (no dropout)", "char-ptb-2017", "sparsevd",
            Figures(1.454, 1.414, sparsity=sparsity(61.9, 60.0, 43.9)), ("none", 11)),
        Row("SparseVD (VBD for W_h)", "char-ptb-2017", "sparsevd",
            Figures(1.409, 1.372, sparsity=sparsity(52.2, 49.8, 37.9)), ("vbd", 50)),
    ),
)
# fmt: on
TABLES = {table.id: table for table in (CLASSIFICATION, GENERATION, STRUCTURED, SENTIMENT_2017, CHARACTERS_2017)}


def command(table: str, row: Row, preset: str) -> str:
    """The command that makes a row of a table; a row that starts from another run is made with it."""
    if row.start is not None:
        return f'refimpl reproduce --table {table} --row "{row.label}" --preset {preset}'
    return f"refimpl reproduce {row.experiment} --config {row.configuration} --preset {preset}"
