"""The catalogue: what is there, what is missing, what is damaged, and whether the errors say what to do."""

import pytest

from refimpl.data import corpora

FILES = {"ptb.train.txt.xz": b" a b \n" * 50, "ptb.valid.txt.xz": b" b \n", "ptb.test.txt.xz": b" a \n"}


def statuses(data_dir, name):
    return {row.file: row.status for row in corpora.verify(data_dir) if row.corpus == name}


def test_every_corpus_has_sums_citation_and_licence():
    listed = corpora.list_corpora()
    assert [c.name for c in listed] == ["ptb-char", "ptb-word", "imdb", "cornell", "agnews", "mnist"]
    for corpus in listed:
        assert corpus.citation
        assert corpus.licence
        assert corpus.origin
        sums = [s for s in corpus.files.values() if s]
        assert len(sums) == (0 if corpus.name == "agnews" else len(corpus.files)) == len(set(sums))
        assert all(len(s) == 64 and int(s, 16) for s in sums)


def test_every_corpus_but_the_users_own_has_addresses():
    for corpus in corpora.list_corpora():
        assert bool(corpus.downloads) == (corpus.name != "agnews")
        for download in corpus.downloads:
            assert download.addresses
            assert all(address.endswith(f"/{download.file}") for address in download.addresses)
            assert download.limit_mib > 0
            assert download.unpacked_mib > 0 or download.file in corpus.files


def snapshot(folder):
    """Names, contents and times of everything in a folder, and its own."""
    paths = [folder, *sorted(folder.rglob("*"))]
    return [(p, p.stat().st_mtime_ns, p.stat().st_mode, p.read_bytes() if p.is_file() else None) for p in paths]


def test_verify_writes_nothing(toy):
    """It repairs nothing: not what is damaged, not what is missing, not what a fetch has left."""
    data_dir = toy("ptb-word", FILES)
    (data_dir / "ptb" / "ptb.train.txt.xz").write_bytes(b"damaged")
    (data_dir / "ptb" / "ptb.valid.txt.xz").unlink()
    (data_dir / ".fetch").mkdir()
    (data_dir / ".fetch" / "simple-examples.tgz.part").write_bytes(b"a part")
    before = snapshot(data_dir)
    assert sorted(statuses(data_dir, "ptb-word").values()) == ["damaged", "missing", "ok"]
    assert snapshot(data_dir) == before


def test_an_intact_file_is_read_and_verified(toy):
    data_dir = toy("ptb-word", FILES)
    assert corpora.read(data_dir, "ptb-word", "ptb.train.txt.xz") == FILES["ptb.train.txt.xz"]
    assert set(statuses(data_dir, "ptb-word").values()) == {"ok"}
    assert set(statuses(data_dir, "ptb-char").values()) == {"missing"}
    assert set(statuses(data_dir, "agnews").values()) == {"not given"}


@pytest.mark.parametrize("damage", ["other contents", "cut short", "garbage"])
def test_a_damaged_file_is_found_by_reader_and_verify(toy, damage):
    data_dir = toy("ptb-word", FILES)
    path = data_dir / "ptb" / "ptb.train.txt.xz"
    stored = path.read_bytes()
    other = (data_dir / "ptb" / "ptb.valid.txt.xz").read_bytes()
    path.write_bytes({"other contents": other, "cut short": stored[: len(stored) // 2], "garbage": b"no xz"}[damage])
    with pytest.raises(ValueError, match=r"ptb-word: ptb\.train\.txt\.xz is (damaged|not the published file)"):
        corpora.read(data_dir, "ptb-word", "ptb.train.txt.xz")
    with pytest.raises(ValueError, match="move it away, or write over it with refimpl data fetch ptb-word --replace"):
        corpora.read(data_dir, "ptb-word", "ptb.train.txt.xz")
    assert statuses(data_dir, "ptb-word")["ptb.train.txt.xz"] == "damaged"


def test_files_of_the_user_are_there_without_a_sum(toy):
    data_dir = toy("agnews", {"train.csv": b"1,a,b\n", "test.csv": b"2,c,d\n"})
    assert set(statuses(data_dir, "agnews").values()) == {"unchecked"}
    assert corpora.read(data_dir, "agnews", "train.csv") == b"1,a,b\n"


def test_a_missing_file_is_named_with_its_origin(toy):
    data_dir = toy("ptb-word", FILES)
    (data_dir / "ptb" / "ptb.test.txt.xz").unlink()
    with pytest.raises(FileNotFoundError, match=r"ptb-word lacks ptb\.test\.txt\.xz .*simple-examples.*--data DIR"):
        corpora.locate(data_dir, "ptb-word")
    with pytest.raises(FileNotFoundError, match="get them with refimpl data fetch ptb-word"):
        corpora.locate(data_dir, "ptb-word")
    toy("agnews", {"train.csv": b"", "test.csv": b""})
    (data_dir / "agnews" / "test.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"agnews lacks test\.csv .*yours to bring .*CSV files of the user"):
        corpora.locate(data_dir, "agnews")


def test_a_missing_folder_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.delenv("REFIMPL_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"--data DIR or the environment variable REFIMPL_DATA"):
        corpora.locate(None, "imdb")
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere.*--data DIR"):
        corpora.verify(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no folder 'imdb' .*--data DIR"):
        corpora.locate(tmp_path, "imdb")
    monkeypatch.setenv("REFIMPL_DATA", str(tmp_path))
    assert corpora.data_folder(None) == tmp_path


def test_an_unknown_corpus_is_answered_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="corpus: expected one of ptb-char, .*, got 'wiki'"):
        corpora.locate(tmp_path, "wiki")


@pytest.mark.data
def test_the_real_corpora_are_intact(data_dir):
    rows = [row for row in corpora.verify(data_dir) if row.corpus != "agnews"]
    assert len(rows) == 3 + 3 + 2 + 20 + 4
    assert [row for row in rows if row.status != "ok"] == []
