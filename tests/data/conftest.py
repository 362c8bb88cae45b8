"""Toy corpora for the tests of readers, so that these run where there is no real one."""

import hashlib
import lzma

import pytest

from refimpl.data import corpora


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """toy(name, files) writes a corpus, puts its sums into the catalogue and returns data_dir."""

    def write(name, files):
        corpus = corpora.CATALOGUE[name]
        for file, contents in files.items():
            path = tmp_path / corpus.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(lzma.compress(contents) if path.suffix == ".xz" else contents)
        sums = {f: hashlib.sha256(files[f]).hexdigest() if expected else "" for f, expected in corpus.files.items()}
        monkeypatch.setitem(corpora.CATALOGUE, name, corpus._replace(files=sums))
        return tmp_path

    return write
