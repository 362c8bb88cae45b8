"""Penn Treebank in Mikolov's preprocessing, as characters and as words.

The character files hold every character followed by a space, so every second character is the text; words are joined
by ``_`` and a sentence ends with a newline. The 2018 code (S000, S003) reads words from the same files: newline
becomes ``<eos>``, then the text is split on ``_``. That gives the tokens of the word files exactly: 929,589 / 73,760 /
82,430, of 10,000 types. Characters: 5,017,482 / 393,042 / 442,423, of 50 symbols, ``<unk>`` spelled out and the number
token the capital N.
"""

from pathlib import Path

from refimpl.data import corpora
from refimpl.data.text import EOS, LanguageCorpus, language_corpus

PARTS = ("train", "valid", "test")


def character_texts(data_dir: str | Path | None) -> list[str]:
    """The three texts (train, valid, test), one character a symbol.

    Errors: as ``corpora.read``.
    """
    files = [corpora.read(data_dir, "ptb-char", f"ptb.char.{part}.txt.xz") for part in PARTS]
    return [file.decode("ascii")[::2] for file in files]


def words_of(text: str) -> list[str]:
    """Tokens of a text in the character files' spelling."""
    return text.replace("\n", f"_{EOS}_").strip("_").split("_")


def read_ptb_characters(data_dir: str | Path | None) -> LanguageCorpus:
    """Character level: 50 symbols. Errors: as ``corpora.read``."""
    return language_corpus(character_texts(data_dir))


def read_ptb_words(data_dir: str | Path | None) -> LanguageCorpus:
    """Word level, from the character files as the 2018 code does: 10,000 symbols. Errors: as ``corpora.read``."""
    return language_corpus([words_of(text) for text in character_texts(data_dir)])
