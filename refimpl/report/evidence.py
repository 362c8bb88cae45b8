"""A figure or a table of the audit, with a sentence that says what it proves and the equations it rests on."""

from collections.abc import Sequence
from typing import NamedTuple

from matplotlib.figure import Figure

# Chapters of derivations/ in which the equations of a piece are derived; tests/report/test_evidence.py holds them.
CHAPTERS = {
    "ELBO": "01", "RT": "02", "LRT": "03", "KL": "04", "KL.ARD": "05", "KL.NORMAL": "05", "VBD": "06", "LSTM": "07",
    "RNN": "07", "SCALE": "08", "THRESHOLD": "09", "COUNT": "09", "ADAM": "10", "CLIP": "10", "BATCHES": "10",
    "PLANTED": "10", "FLIPOUT": "03", "GRADVAR": "03",
}  # fmt: skip


class Table(NamedTuple):
    """Cells as they are printed; a column whose name begins with # holds numbers."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Evidence(NamedTuple):
    """What the page shows below the checks of a family."""

    title: str
    content: Figure | Table
    proves: str
    ids: tuple[str, ...] = ()  # of derivations/equations.d


def chapter_of(name: str) -> str:
    """The number of the chapter that derives the equation of that id. Errors: KeyError on an unknown piece."""
    piece = name.rpartition(".")[0]
    return CHAPTERS[piece] if piece in CHAPTERS else CHAPTERS[piece.partition(".")[0]]
