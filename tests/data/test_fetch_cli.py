"""``refimpl data``: what a person sees, what a program reads, and the exit codes."""

import hashlib
import io
import json

import pytest

from refimpl.cli import main
from refimpl.data import corpora
from tests.data.fetch_server import Answer, archive, serving

TEXTS = {"ptb.train.txt": b" a b \n", "ptb.valid.txt": b" b \n", "ptb.test.txt": b" a \n"}
TGZ = archive({f"./simple-examples/data/{name}": text for name, text in TEXTS.items()})


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    sums = {f"{name}.xz": hashlib.sha256(text).hexdigest() for name, text in TEXTS.items()}
    monkeypatch.setattr(corpora, "CATALOGUE", {"ptb-word": corpora.CATALOGUE["ptb-word"]._replace(files=sums)})
    with serving() as site:
        site.answers["/simple-examples.tgz"] = Answer(TGZ)
        yield site


def test_fetch_then_verify(site, tmp_path, capsys):
    arguments = ["--data", str(tmp_path / "data")]
    assert main(["data", "fetch", *arguments, "--from", site.url]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [f"fetched   ptb-word   {name}.xz" for name in TEXTS]
    licence, origin, cite, address = shown.err.splitlines()[1:]
    assert licence.startswith("ptb-word: derived from the Wall Street Journal part of the Penn Treebank")
    assert "simple-examples.tgz, http://www.fit.vutbr.cz/" in origin
    assert "Computational Linguistics 19(2)" in cite
    assert address == f"simple-examples.tgz from {site.url}simple-examples.tgz"
    assert main(["data", "verify", *arguments]) == 0
    assert capsys.readouterr().out.splitlines() == [f"ok        ptb-word   {name}.xz" for name in TEXTS]
    assert main(["data", "fetch", *arguments, "--json"]) == 0
    shown = capsys.readouterr()
    assert {row["status"] for row in json.loads(shown.out)} == {"there"}
    assert shown.err == ""  # nothing is downloaded, so there is no notice
    assert len(site.requests) == 1


def test_what_is_not_got_is_told_once_and_is_exit_code_1(site, tmp_path, capsys):
    arguments = ["data", "fetch", "ptb-word", "--data", str(tmp_path), "--from", site.url + "nowhere/"]
    assert main(arguments) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [f"failed    ptb-word   {name}.xz" for name in TEXTS]
    assert shown.err.count("HTTP 404 Not Found") == 1
    assert main([*arguments, "--json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [set(row) for row in rows] == [{"corpus", "file", "status", "detail"}] * 3
    assert {row["status"] for row in rows} == {"failed"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fetch", "wiki", "--data", "DIR"], "corpus: expected one of ptb-word, got 'wiki'"),
        (["fetch", "--data", "DIR", "--from", "gopher://x/"], "sources: expected an address"),
        (["fetch"], "--data DIR or the environment variable REFIMPL_DATA"),
    ],
)
def test_bad_input_is_exit_code_2(site, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.delenv("REFIMPL_DATA", raising=False)
    assert main(["data", *(str(tmp_path) if a == "DIR" else a for a in arguments)]) == 2
    assert message in capsys.readouterr().err


class Terminal(io.StringIO):
    """A stream that says it is a terminal; ``stop``: somebody presses Ctrl-C when the download begins."""

    def __init__(self, stop=False):
        super().__init__()
        self.stop = stop

    def isatty(self):
        return True

    def write(self, text):
        if self.stop and "MiB" in text:
            raise KeyboardInterrupt
        return super().write(text)


def test_a_terminal_sees_how_far_it_is(site, tmp_path, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(["data", "fetch", "--data", str(tmp_path), "--from", site.url]) == 0
    assert "simple-examples.tgz  100.0 %  0.0 of 0.0 MiB" in terminal.getvalue()
    assert "unpacking simple-examples.tgz" in terminal.getvalue()
    assert terminal.getvalue().endswith("\n")


def test_ctrl_c_says_how_to_go_on(site, tmp_path, monkeypatch):
    terminal = Terminal(stop=True)
    monkeypatch.setattr("sys.stderr", terminal)
    arguments = ["data", "fetch", "--data", str(tmp_path), "--from", site.url]
    assert main(arguments) == 130
    assert terminal.getvalue().endswith("what arrived is kept, the same command goes on from there\n")
    terminal.stop = False
    assert main(arguments) == 0


def test_list_shows_addresses_and_what_is_there(tmp_path, capsys):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    assert main(["data", "list", "--data", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for address in (
        "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz",
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "http://www.cs.cornell.edu/people/pabo/movie-review-data/scale_data.tar.gz",
        "http://yann.lecun.com/exdb/mnist/train-images-idx3-ubyte.gz or "
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
    ):
        assert f"address: {address}\n" in shown
    assert "yours to bring: train.csv, test.csv (CSV files of the user: label, title, description)" in shown
    assert "files: 1 of 4 are in" in shown
    assert main(["data", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["imdb"]["downloads"][0]["addresses"][0].endswith("aclImdb_v1.tar.gz")
    assert rows["agnews"]["downloads"] == []
