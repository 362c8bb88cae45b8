"""The catalogue of corpora: files, checksums, origins and licences.

No corpus is part of this package. The reader of a corpus is given the folder that holds all of them (``data_dir``),
one folder for each: ``ptb``, ``imdb``, ``cornell-scale``, ``mnist``, and ``agnews`` for the user's own CSV files. A
file is checked against its SHA-256 whenever it is read. The sum is that of the contents for an ``.xz`` file (so that
it does not depend on how it was compressed), and of the file as stored for every other. ``fetch`` downloads them.
"""

import hashlib
import lzma
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from refimpl.data import addresses
from refimpl.data.addresses import Download
from refimpl.data.checksums import CORNELL, IMDB, MNIST, PTB_CHAR, PTB_WORD

CHUNK = 1 << 20  # bytes read at once
VARIABLE = "REFIMPL_DATA"
REMEDY = f"name the folder that holds the corpora with --data DIR or the environment variable {VARIABLE}"
FAILED = ("missing", "damaged")  # the statuses of verify that mean that something has to be done


class Corpus(NamedTuple):
    """One corpus."""

    name: str
    folder: str  # inside data_dir
    files: dict[str, str]  # path inside the folder -> SHA-256; "" for a file of the user, which has none
    citation: str
    licence: str
    origin: str
    downloads: tuple[Download, ...] = ()  # none: the user's to bring


class Row(NamedTuple):
    """What became of one file in ``verify``."""

    corpus: str
    file: str
    status: str  # ok, missing, damaged; unchecked (there, no sum known); not given (the user's own file, absent)
    expected: str
    found: str  # the sum found, or "" if there is none, or why the file could not be read


_PTB = (
    "M. Marcus, B. Santorini, M. A. Marcinkiewicz: Building a Large Annotated Corpus of English: The Penn Treebank. "
    "Computational Linguistics 19(2), 1993; preprocessing: T. Mikolov et al.: Recurrent neural network based language "
    "model. Interspeech 2010",
    "derived from the Wall Street Journal part of the Penn Treebank, which the Linguistic Data Consortium licenses "
    "(LDC99T42)",
    "simple-examples.tgz, http://www.fit.vutbr.cz/~imikolov/rnnlm/",
    addresses.PTB,
)
_REVIEWS = "released for research; the texts belong to their authors"

CATALOGUE = {
    corpus.name: corpus
    for corpus in (
        Corpus("ptb-char", "ptb", PTB_CHAR, *_PTB),
        Corpus("ptb-word", "ptb", PTB_WORD, *_PTB),
        Corpus(
            "imdb", "imdb", IMDB,
            "A. L. Maas, R. E. Daly, P. T. Pham, D. Huang, A. Y. Ng, C. Potts: Learning Word Vectors for Sentiment "
            "Analysis. ACL 2011",
            _REVIEWS, "https://ai.stanford.edu/~amaas/data/sentiment/ (aclImdb v1.0), packed as JSON lines",
            addresses.IMDB,
        ),
        Corpus(
            "cornell", "cornell-scale", CORNELL,
            "B. Pang, L. Lee: Seeing stars: Exploiting class relationships for sentiment categorization with respect "
            "to rating scales. ACL 2005",
            _REVIEWS, "http://www.cs.cornell.edu/people/pabo/movie-review-data/ (scale data set v1.0)",
            addresses.CORNELL,
        ),
        Corpus(
            "agnews", "agnews", {"train.csv": "", "test.csv": ""},
            "X. Zhang, J. Zhao, Y. LeCun: Character-level Convolutional Networks for Text Classification. NIPS 2015",
            "the user's own copy; non-commercial use", "CSV files of the user: label, title, description",
        ),
        Corpus(
            "mnist", "mnist", MNIST,
            "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-based learning applied to document recognition. "
            "Proc. IEEE 86(11), 1998",
            "see the origin", "http://yann.lecun.com/exdb/mnist/", addresses.MNIST,
        ),
    )
}  # fmt: skip


def list_corpora() -> list[Corpus]:
    """Every corpus of the catalogue, in order."""
    return list(CATALOGUE.values())


def data_folder(argument: str | Path | None) -> Path:
    """The folder of corpora: the argument if there is one, else what REFIMPL_DATA names.

    Errors: FileNotFoundError, with the remedy, if neither is given or the folder is not there.
    """
    given = folder_named(argument)
    if not given.is_dir():
        raise FileNotFoundError(f"data_dir: there is no folder {str(given)!r}; {REMEDY}")
    return given


def folder_named(argument: str | Path | None) -> Path:
    """As ``data_folder``, whether the folder is there or not."""
    given = argument if argument is not None else os.environ.get(VARIABLE) or None
    if given is None:
        raise FileNotFoundError(f"data_dir: no folder of corpora is given; {REMEDY}")
    return Path(given)


def corpus_named(name: str) -> Corpus:
    """Errors: ValueError that lists the names there are."""
    if name not in CATALOGUE:
        raise ValueError(f"corpus: expected one of {', '.join(CATALOGUE)}, got {name!r}")
    return CATALOGUE[name]


def locate(data_dir: str | Path | None, name: str) -> Path:
    """The folder of one corpus, with all its files present.

    Errors: ValueError for an unknown corpus; FileNotFoundError for a missing folder or file, with the remedy.
    """
    corpus = corpus_named(name)
    folder = data_folder(data_dir) / corpus.folder
    if not folder.is_dir():
        raise FileNotFoundError(f"data_dir: no folder {corpus.folder!r} in {str(folder.parent)!r} for {name}; {REMEDY}")
    absent = [file for file in corpus.files if not (folder / file).is_file()]
    if absent:
        how = f"get them with refimpl data fetch {name}" if corpus.downloads else "they are yours to bring"
        lacks = f"data_dir: {name} lacks {', '.join(absent)} in {str(folder)!r}"
        raise FileNotFoundError(f"{lacks}; {how} ({corpus.origin}), or {REMEDY}")
    return folder


def read(data_dir: str | Path | None, name: str, file: str) -> bytes:
    """The contents of one file of a corpus (decompressed if .xz), checked against the catalogue.

    Errors: as ``locate``; ValueError if the file cannot be decompressed or its sum is not the expected one.
    """
    folder = locate(data_dir, name)
    expected = corpus_named(name).files[file]
    try:
        contents = b"".join(_chunks(folder / file, file.endswith(".xz")))
    except (lzma.LZMAError, EOFError) as error:
        raise ValueError(f"{name}: {file} is damaged ({error}); {replacing(name)}") from error
    found = hashlib.sha256(contents).hexdigest()
    if expected and found != expected:
        raise ValueError(
            f"{name}: {file} is not the published file: expected SHA-256 {expected}, found {found}; {replacing(name)}"
        )
    return contents


def verify(data_dir: str | Path | None) -> list[Row]:
    """Check every file of every corpus; a row each. Nothing is written.

    A status in FAILED means that a corpus cannot be used. Errors: FileNotFoundError if there is no folder at all.
    """
    top = data_folder(data_dir)
    return [
        Row(corpus.name, file, *status(top / corpus.folder / file, expected, file.endswith(".xz")))
        for corpus in list_corpora()
        for file, expected in corpus.files.items()
    ]


def status(path: Path, expected: str, packed: bool) -> tuple[str, str, str]:
    """Status, expected and found sum of one file, as in ``Row``. packed: the sum is that of what the xz file holds."""
    if not path.is_file():
        return ("missing" if expected else "not given"), expected, ""
    digest = hashlib.sha256()
    try:
        for chunk in _chunks(path, packed):
            digest.update(chunk)
    except (lzma.LZMAError, EOFError, OSError) as error:
        return "damaged", expected, f"unreadable: {error}"
    found = digest.hexdigest()
    return ("unchecked" if not expected else "ok" if found == expected else "damaged"), expected, found


def replacing(name: str) -> str:
    """The remedy for a file that is there and wrong."""
    return f"move it away, or write over it with refimpl data fetch {name} --replace"


def _chunks(path: Path, packed: bool) -> Iterator[bytes]:
    with lzma.open(path) if packed else path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk
