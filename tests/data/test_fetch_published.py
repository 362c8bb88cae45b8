"""The published files, put back into archives like the originals, served, fetched: the sums are those of the catalogue.

So the reviews are packed by the rule by which the sums came about, and the right members of an archive are looked for.
"""

import json
import lzma

import pytest

from refimpl.data import corpora, fetch_contents
from refimpl.data.fetch import fetch
from tests.data.fetch_server import Answer, archive, serving

pytestmark = pytest.mark.data
PART = "test.jsonl.xz"


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serving() as site:
        yield site


def unpacked(path):
    return lzma.open(path).read() if path.suffix == ".xz" else path.read_bytes()


def assert_fetched(site, tmp_path, name):
    rows = fetch(tmp_path, [name], sources=[site.url])
    assert [(row.status, row.detail) for row in rows] == [("fetched", "")] * len(corpora.CATALOGUE[name].files)
    assert {row.status for row in corpora.verify(tmp_path) if row.corpus == name} == {"ok"}


def test_penn_treebank(site, tmp_path, data_dir):
    files = [*corpora.CATALOGUE["ptb-word"].files, *corpora.CATALOGUE["ptb-char"].files]
    tree = {f"./simple-examples/data/{f.removesuffix('.xz')}": unpacked(data_dir / "ptb" / f) for f in files}
    site.answers["/simple-examples.tgz"] = Answer(archive(tree))
    assert_fetched(site, tmp_path, "ptb-word")
    assert_fetched(site, tmp_path, "ptb-char")


def test_cornell(site, tmp_path, data_dir):
    files = corpora.CATALOGUE["cornell"].files
    tree = {file.removesuffix(".xz"): unpacked(data_dir / "cornell-scale" / file) for file in files}
    site.answers["/scale_data.tar.gz"] = Answer(archive(tree))
    assert_fetched(site, tmp_path, "cornell")


def test_mnist(site, tmp_path, data_dir):
    site.answers |= {f"/{f}": Answer((data_dir / "mnist" / f).read_bytes()) for f in corpora.CATALOGUE["mnist"].files}
    assert_fetched(site, tmp_path, "mnist")


def test_imdb(site, tmp_path, data_dir, monkeypatch):
    """One part of the two, 25,000 texts, in another order than that of the reviews."""
    corpus = corpora.CATALOGUE["imdb"]
    monkeypatch.setitem(corpora.CATALOGUE, "imdb", corpus._replace(files={PART: corpus.files[PART]}))
    monkeypatch.setattr(fetch_contents, "XZ_PRESET", 0)  # the sum is that of the contents
    reviews = [json.loads(line) for line in unpacked(data_dir / "imdb" / PART).split(b"\n") if line]
    tree = {f"aclImdb/{review['id']}.txt": review["text"].encode() for review in reviews}
    site.answers["/aclImdb_v1.tar.gz"] = Answer(archive(dict(sorted(tree.items()))))
    assert_fetched(site, tmp_path, "imdb")
