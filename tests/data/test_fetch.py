"""fetch: what is there and right stays, what is there and wrong is kept, and only published contents take a place."""

import errno
import gzip
import hashlib
import json
import lzma
import os
import re
import socket
import tarfile
import threading

import numpy as np
import pytest

from refimpl.data import corpora, fetch_archive, fetch_contents
from refimpl.data.fetch import fetch
from refimpl.data.fetch_http import CHUNK
from refimpl.noise import Draw, words
from tests.data.fetch_server import Answer, archive, serving

NOISE = np.asarray(words(Draw(0, "fetch"), 2 * CHUNK // 8)).tobytes()  # does not compress: several reads long
TEXTS = {"ptb.train.txt": NOISE.hex().encode(), "ptb.valid.txt": b" b \n", "ptb.test.txt": b" a \n"}
TREE = {f"./simple-examples/data/{name}": text for name, text in TEXTS.items()}
TGZ = archive(TREE | {"./simple-examples/README": b"not wanted"})
NAME = "simple-examples.tgz"


@pytest.fixture
def site(monkeypatch):
    """A server that has the toy corpus, and the catalogue with its sums."""
    monkeypatch.setenv("no_proxy", "*")
    publish(monkeypatch, "ptb-word", {f"{name}.xz": text for name, text in TEXTS.items()})
    with serving() as site:
        site.answers[f"/{NAME}"] = Answer(TGZ, headers={"ETag": '"1"'})
        yield site


def publish(monkeypatch, name, files, **changes):
    sums = {file: hashlib.sha256(contents).hexdigest() for file, contents in files.items()}
    corpus = corpora.CATALOGUE[name]
    downloads = tuple(d._replace(**changes) for d in corpus.downloads)
    monkeypatch.setitem(corpora.CATALOGUE, name, corpus._replace(files=sums, downloads=downloads))


def get(site, data, **options):
    return fetch(data, ["ptb-word"], sources=[site.url], **options)


def outcome(rows):
    """The one status and the one detail of all rows."""
    assert len(rows) == len(TEXTS)
    ((status, detail),) = {(row.status, row.detail) for row in rows}
    return status, detail


def assert_failed(site, data, answer, message):
    """The fetch of NAME fails, given ``answer``, with what matches ``message``."""
    site.answers[f"/{NAME}"] = answer
    status, detail = outcome(get(site, data))
    assert status == "failed"
    assert re.search(message, detail), detail


def placed(data):
    """Relative paths of all files but the lock."""
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file() and p.name != "lock")


RIGHT = [f"ptb/{name}.xz" for name in sorted(TEXTS)]


def assert_right(data):
    assert placed(data) == RIGHT  # no download and no part is left behind
    assert {row.status for row in corpora.verify(data) if row.corpus == "ptb-word"} == {"ok"}
    assert corpora.read(data, "ptb-word", "ptb.train.txt.xz") == TEXTS["ptb.train.txt"]


def test_a_corpus_is_downloaded_checked_and_placed(site, tmp_path):
    data = tmp_path / "new" / "folder"
    assert outcome(get(site, data)) == ("fetched", "")
    assert_right(data)
    assert [path for path, _ in site.requests] == [f"/{NAME}"]


def test_the_licence_is_shown_before_anything_is_downloaded(site, tmp_path):
    told = []
    get(site, tmp_path, tell=lambda line: told.append((line, len(site.requests))))
    (notice, before), (download, _) = told
    assert before == 0
    assert "LDC99T42" in notice
    assert "Computational Linguistics" in notice
    assert download == f"{NAME} from {site.url}{NAME}"


def test_what_is_there_and_right_is_left_alone(site, tmp_path):
    get(site, tmp_path)
    stamps = [(tmp_path / file).stat().st_mtime_ns for file in RIGHT]
    (tmp_path / RIGHT[0]).unlink()
    before = len(site.requests)
    assert [(row.file, row.status) for row in get(site, tmp_path)] == [
        ("ptb.train.txt.xz", "there"), ("ptb.valid.txt.xz", "there"), ("ptb.test.txt.xz", "fetched"),
    ]  # fmt: skip
    assert len(site.requests) == before + 1
    assert [(tmp_path / file).stat().st_mtime_ns for file in RIGHT[1:]] == stamps[1:]
    assert outcome(get(site, tmp_path, tell=pytest.fail)) == ("there", "")
    assert len(site.requests) == before + 1


@pytest.mark.parametrize("wrong", [lzma.compress(b"my own notes"), b"no xz at all"], ids=["other", "no xz"])
def test_what_is_there_and_wrong_is_kept_unless_asked(site, tmp_path, wrong):
    mine = tmp_path / "ptb" / "ptb.valid.txt.xz"
    mine.parent.mkdir()
    mine.write_bytes(wrong)
    rows = {row.file: row for row in get(site, tmp_path)}
    assert mine.read_bytes() == wrong
    assert [row.status for row in rows.values()] == ["refused", "fetched", "fetched"]
    detail = rows["ptb.valid.txt.xz"].detail
    for part in (str(mine), "expected SHA-256", "left as it is", "refimpl data fetch ptb-word --replace"):
        assert part in detail
    replaced = get(site, tmp_path, replace=True)
    assert sorted(row.status for row in replaced) == ["fetched", "there", "there"]
    assert_right(tmp_path)


def test_a_connection_that_ends_early_is_gone_on_with(site, tmp_path):
    whole = site.answers[f"/{NAME}"]
    site.answers[f"/{NAME}"] = whole._replace(cut=CHUNK + 7)
    status, detail = outcome(get(site, tmp_path))
    assert status == "failed"
    assert f"{site.url}{NAME}: the connection ended after {CHUNK + 7} of {len(TGZ)} bytes; they are kept" in detail
    assert placed(tmp_path) == [f".fetch/{NAME}.part", f".fetch/{NAME}.part.json"]
    site.answers[f"/{NAME}"] = whole
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.ranges == [None, f"bytes={CHUNK + 7}-"]
    assert site.requests[1][1]["If-Range"] == '"1"'
    assert_right(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"ranges": False},
        {"headers": {"ETag": '"2"'}},  # another version
        {"headers": {"Content-Range": f"bytes 7-{len(TGZ) - 1}/{len(TGZ)}"}, "ranges": False, "status": 206},
    ],
)
def test_a_part_that_cannot_be_gone_on_with_is_begun_again(site, tmp_path, change):
    whole = site.answers[f"/{NAME}"]
    site.answers[f"/{NAME}"] = whole._replace(cut=1000)
    get(site, tmp_path)
    part = tmp_path / ".fetch" / f"{NAME}.part"
    part.write_bytes(b"?" * 1000)  # what is not of this version must not stay
    site.answers[f"/{NAME}"] = whole._replace(**change)
    rows = get(site, tmp_path)
    if change.get("status") == 206:  # a server that answers with parts of its own choice
        assert "answers with a part where the whole file was asked for" in outcome(rows)[1]
        site.answers[f"/{NAME}"] = whole._replace(ranges=False)
        rows = get(site, tmp_path)
    assert outcome(rows) == ("fetched", "")
    assert site.ranges[1] == "bytes=1000-"
    assert_right(tmp_path)


def test_the_note_of_an_older_part_does_not_outlive_it(site, tmp_path):
    """Of a file of unknown length, here sent in chunks of which the first is cut, nothing can be gone on with."""
    whole = site.answers[f"/{NAME}"]
    site.answers[f"/{NAME}"] = whole._replace(cut=1000)
    get(site, tmp_path)
    chunked = {"Transfer-Encoding": "chunked"}
    site.answers[f"/{NAME}"] = Answer(b"FFFFF\r\n" + TGZ[:2000], headers=chunked, ranges=False, length=-1)
    assert "IncompleteRead" in outcome(get(site, tmp_path))[1]
    assert placed(tmp_path) == [f".fetch/{NAME}.part"]
    site.answers[f"/{NAME}"] = whole
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.ranges == [None, "bytes=1000-", None]


def test_a_part_without_its_note_or_longer_than_the_file_is_begun_again(site, tmp_path):
    work = tmp_path / ".fetch"
    work.mkdir()
    for note in ("", "{", '{"address": 1}', json.dumps({"address": site.url + NAME, "version": "", "total": 5})):
        (work / f"{NAME}.part").write_bytes(b"?" * 9)
        (work / f"{NAME}.part.json").write_text(note)
        assert outcome(get(site, tmp_path)) == ("fetched", "")
        assert_right(tmp_path)
        (tmp_path / "ptb").rename(tmp_path.with_name(f"{tmp_path.name}-{len(site.requests)}"))
    assert site.ranges == [None] * 4


def test_a_part_is_gone_on_with_at_another_address_of_the_same_length(site, tmp_path):
    site.answers["/a/" + NAME] = site.answers[f"/{NAME}"]._replace(cut=2000)
    site.answers["/b/" + NAME] = Answer(TGZ, headers={"ETag": '"other"'})
    rows = fetch(tmp_path, ["ptb-word"], sources=[site.url + "a/", site.url + "b/"])
    assert outcome(rows) == ("fetched", "")
    assert site.ranges == [None, "bytes=2000-"]
    assert "If-Range" not in site.requests[1][1]
    assert_right(tmp_path)


def test_a_whole_part_is_not_downloaded_again(site, tmp_path):
    """As after a kill between the last byte and the new name."""
    work = tmp_path / ".fetch"
    work.mkdir()
    (work / f"{NAME}.part").write_bytes(TGZ)
    (work / f"{NAME}.part.json").write_text(json.dumps({"address": "gone", "version": "", "total": len(TGZ)}))
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.requests == []
    assert_right(tmp_path)


def test_what_was_damaged_on_the_disk_is_found_and_downloaded_again(site, tmp_path):
    whole = site.answers[f"/{NAME}"]
    site.answers[f"/{NAME}"] = whole._replace(cut=1000)
    get(site, tmp_path)
    (tmp_path / ".fetch" / f"{NAME}.part").write_bytes(bytes(1000))
    site.answers[f"/{NAME}"] = whole
    status, detail = outcome(get(site, tmp_path))
    assert (status, "what was downloaded is removed" in detail) == ("failed", True)
    (tmp_path / ".fetch" / NAME).write_bytes(TGZ[:1000])  # and one that seems whole, of an earlier call
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.ranges == [None, "bytes=1000-", None]
    assert_right(tmp_path)


def test_ctrl_c_keeps_what_arrived(site, tmp_path):
    def stop(name, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site, tmp_path, progress=stop)
    kept = (tmp_path / ".fetch" / f"{NAME}.part").read_bytes()
    assert 0 < len(kept) < len(TGZ)
    assert kept == TGZ[: len(kept)]
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.ranges[1:] == [f"bytes={len(kept)}-"]
    assert_right(tmp_path)


def test_ctrl_c_while_unpacking_does_not_download_again(site, tmp_path):
    def stop(name, done, total):
        if name.startswith("unpacking"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(site, tmp_path, progress=stop)
    assert placed(tmp_path) == [f".fetch/{NAME}"]
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert len(site.requests) == 1
    assert_right(tmp_path)


def test_other_contents_do_not_take_their_place(site, tmp_path):
    other = archive(TREE | {"./simple-examples/data/ptb.test.txt": b" A \n"})
    site.answers[f"/{NAME}"] = Answer(other)
    status, detail = outcome(get(site, tmp_path))
    assert status == "failed"
    expected, found = (hashlib.sha256(text).hexdigest() for text in (b" a \n", b" A \n"))
    assert f"{site.url}{NAME}: not the published files: " in detail
    assert f"ptb.test.txt.xz: expected SHA-256 {expected}, found {found}; what was downloaded is removed" in detail
    assert "--from ADDRESS" in detail
    assert placed(tmp_path) == []  # not even the files that are right
    site.answers[f"/{NAME}"] = Answer(TGZ)
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert site.ranges == [None, None]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html><p>Please log in", r"not a whole \.tar\.gz .* it begins with b'<!DOCTYPE html>"),
        (TGZ[: len(TGZ) // 2], r"not a whole \.tar\.gz .*ended before"),
        (TGZ[:70] + bytes(200) + TGZ[270:], r"not a whole \.tar\.gz|not the published files"),
        (b"", r"not a whole \.tar\.gz .* it begins with b''"),
        (archive({"./simple-examples/data/ptb.train.txt": TEXTS["ptb.train.txt"]}), r"ptb\.valid\.txt\.xz: not in it"),
        (gzip.decompress(TGZ), r"not a whole \.tar\.gz"),
    ],
    ids=["a page", "half", "corrupted", "empty", "too few members", "not compressed"],
)  # fmt: skip
def test_what_is_not_the_archive_is_named_and_removed(site, tmp_path, body, message):
    assert_failed(site, tmp_path, Answer(body), message)
    assert placed(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(status=404), "HTTP 404 Not Found"),
        (Answer(status=500), "HTTP 500 Internal Server Error"),
        (Answer(status=302, headers={"Location": f"/{NAME}"}), "HTTP 302 .*infinite loop"),
        (Answer(status=302, headers={"Location": "/gone"}), r"HTTP 404 Not Found \(redirected to http://.*/gone\)"),
        (Answer(status=302, headers={"Location": "file:///etc/hostname"}), "HTTP 302 .*not allowed"),
        (Answer(status=302, headers={"Location": "ftp://127.0.0.1/x"}), "unknown url type: ftp"),
        (Answer(TGZ, length=len(TGZ) + 100), f"the connection ended after {len(TGZ)} of {len(TGZ) + 100} bytes"),
        (Answer(TGZ, length=1000), r"not a whole \.tar\.gz"),
        (Answer(TGZ, length=1 << 40), f"has {1 << 40} bytes, expected at most"),
        (Answer(b"x", length="9" * 5000), r"not a whole \.tar\.gz"),
        (Answer(status=302, headers={"Location": "http://[::1"}), r"no answer \(Invalid IPv6 URL"),
        (Answer(status=302, headers={"Location": f"http://{'a' * 70}.invalid/"}), "no answer .*label"),
        (Answer(status=302, headers={"Location": "/\x1b[2J"}), "HTTP 404"),
    ],
)
def test_an_answer_that_is_no_file_is_named_with_its_address(site, tmp_path, answer, message):
    for _ in range(2):  # and what is left behind by the first call does not mislead the second
        assert_failed(site, tmp_path, answer, f"no {NAME}: {site.url}{NAME}: .*{message}")
    site.answers[f"/{NAME}"] = Answer(TGZ)
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert_right(tmp_path)


def test_a_redirect_is_followed(site, tmp_path):
    site.answers["/elsewhere"] = site.answers[f"/{NAME}"]
    site.answers[f"/{NAME}"] = Answer(status=301, headers={"Location": "/elsewhere"})
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert [path for path, _ in site.requests] == [f"/{NAME}", "/elsewhere"]
    assert_right(tmp_path)


def test_a_file_of_unknown_length_is_taken(site, tmp_path):
    site.answers[f"/{NAME}"] = Answer(TGZ, length=-1)
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert_right(tmp_path)


def test_more_than_the_limit_is_refused_while_it_arrives(site, tmp_path, monkeypatch):
    publish(monkeypatch, "ptb-word", {"ptb.test.txt.xz": b" a \n"}, limit_mib=0)
    site.answers[f"/{NAME}"] = Answer(TGZ, length=-1)
    (row,) = get(site, tmp_path)
    assert "sends more than 0 bytes, the most expected" in row.detail


def test_a_server_that_is_silent_or_not_there(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        rows = fetch(tmp_path, ["ptb-word"], sources=[address], timeout=0.2)
        assert "no answer (timed out)" in outcome(rows)[1]
    assert "Connection refused" in outcome(fetch(tmp_path, ["ptb-word"], sources=[address]))[1]
    with pytest.raises(ValueError, match="timeout: expected seconds above 0, got 0"):
        get(site, tmp_path, timeout=0)


def test_the_next_address_is_tried_and_all_failures_are_told(site, tmp_path):
    site.answers["/b/" + NAME] = Answer(b"a page")
    sources = [site.url + "a/", site.url + "b/"]
    _, detail = outcome(fetch(tmp_path, ["ptb-word"], sources=sources))
    assert f"{site.url}a/{NAME}: HTTP 404 Not Found; {site.url}b/{NAME}: not a whole .tar.gz" in detail
    assert outcome(fetch(tmp_path, ["ptb-word"], sources=[*sources, site.url])) == ("fetched", "")
    assert_right(tmp_path)


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (member("../outside"), "a path that leads outside"),
        (member("simple-examples/../../outside"), "a path that leads outside"),
        (member("/outside"), "a path that leads outside"),
        (member("C:/outside"), "a path that leads outside"),
        (member("..\\outside"), "a path that leads outside"),
        (member("simple-examples/x", tarfile.SYMTYPE, "/etc/passwd"), r"a link \(to '/etc/passwd'\)"),
        (member("simple-examples/data/ptb.test.txt", tarfile.SYMTYPE, "ptb.train.txt"), "a link"),
        (member("simple-examples/x", tarfile.LNKTYPE, "simple-examples/README"), "a link"),
        (member("simple-examples/x", tarfile.CHRTYPE), "something other than a file or folder"),
        (member("simple-examples/x", tarfile.FIFOTYPE), "something other than a file or folder"),
    ],
)  # fmt: skip
def test_a_hostile_archive_is_refused_whole(site, tmp_path, bad, what):
    data = tmp_path / "a" / "b"
    for files in (TREE, {}):  # behind what is wanted, and alone
        assert_failed(site, data, Answer(archive(files, bad)), f"the archive is refused: its member .*: {what}")
    assert placed(tmp_path) == []


def extended(size, contents, count=1):
    """A .tar.gz with headers that describe a next member, and say that they are of some size."""
    header = tarfile.TarInfo("x")
    header.size, header.type = size, tarfile.XHDTYPE
    block = header.tobuf(tarfile.USTAR_FORMAT) + contents.ljust(512, b"\0")
    return gzip.compress(count * block + AFTER.tobuf(tarfile.USTAR_FORMAT) + bytes(20_000))


AFTER = tarfile.TarInfo("simple-examples/data/ptb.test.txt")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (extended(300 << 20, b""), f"a header .* of {300 << 20} bytes, expected at most"),
        (extended(21, b"21 GNU.sparse.map=1,x\n"), r"not a whole \.tar\.gz \(invalid (literal|header)"),  # by version
        (extended(13, b"13 path=abcd\n", count=3000), r"not a whole \.tar\.gz \(maximum recursion depth"),
    ],
    ids=["long", "no number", "many"],
)
def test_headers_that_python_does_not_survive_are_refused(site, tmp_path, body, message):
    """The first would take twice its size of memory; the others raised what nobody caught, each time anew."""
    assert_failed(site, tmp_path, Answer(body), message)
    assert placed(tmp_path) == []


def test_an_answer_does_not_reach_the_terminal_as_it_is(site, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        answers = [b"HTTP/1.1 404 \x1b[2Jgone\r\nContent-Length: 0\r\n\r\n", b"\x1b[2J nonsense\r\n\r\n"]

        def answer():
            for text in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(1 << 16)
                    connection.sendall(text)

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        details = [outcome(fetch(tmp_path, ["ptb-word"], sources=[address]))[1] for _ in answers]
        thread.join()
    assert all(detail.isprintable() and "[2J" in detail for detail in details)


def test_an_archive_that_blows_up_is_refused(site, tmp_path, monkeypatch):
    publish(monkeypatch, "ptb-word", {"ptb.test.txt.xz": b" a \n"}, unpacked_mib=1)
    bomb = archive({"zeros": bytes(2 << 20), **TREE})
    assert len(bomb) < 1 << 20
    site.answers[f"/{NAME}"] = Answer(bomb)
    (row,) = get(site, tmp_path)
    assert f"the archive is refused: it holds more than {1 << 20} bytes" in row.detail
    monkeypatch.setattr(fetch_archive, "MEMBER_LIMIT", 1000)
    (row,) = get(site, tmp_path)
    assert f"{2 << 20} bytes, expected at most 1000" in row.detail
    assert placed(tmp_path) == []


def test_of_members_with_one_name_the_published_one_is_taken(site, tmp_path):
    decoys = {f"{folder}/data/ptb.test.txt": b"decoy" for folder in ("a", "z")}
    site.answers[f"/{NAME}"] = Answer(archive({"a/data/ptb.test.txt": b"decoy", **TREE, **decoys}))
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert_right(tmp_path)


def test_a_full_disk_is_told_with_the_remedy(site, tmp_path):
    for blocked in (tmp_path / ".fetch" / f"{NAME}.part", tmp_path / "ptb" / "ptb.train.txt.xz.part"):
        blocked.parent.mkdir(exist_ok=True)
        blocked.symlink_to("/dev/full")
        status, detail = outcome(get(site, tmp_path))
        assert status == "failed"
        assert os.strerror(errno.ENOSPC) in detail
        assert "free some space, or name another folder with --data DIR" in detail
        blocked.unlink(missing_ok=True)
        assert [file for file in placed(tmp_path) if file.startswith("ptb")] == []
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert_right(tmp_path)


def test_a_folder_that_cannot_be_made_is_told_with_the_remedy(site, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="data_dir: cannot be written .*--data DIR"):
        get(site, tmp_path / "file" / "data")
    assert site.requests == []


def test_a_second_fetch_in_the_same_folder_is_turned_away(site, tmp_path):
    turned = []

    def second(name, done, total):
        with pytest.raises(OSError, match="another fetch is at work in .*; wait until it is done"):
            get(site, tmp_path)
        turned.append(name)

    assert outcome(get(site, tmp_path, progress=second)) == ("fetched", "")
    assert turned
    assert len(site.requests) == 1
    assert_right(tmp_path)


def test_two_corpora_of_one_archive_are_downloaded_once(site, tmp_path, monkeypatch):
    publish(monkeypatch, "ptb-char", {"ptb.char.test.txt.xz": b"a "})
    site.answers[f"/{NAME}"] = Answer(archive(TREE | {"./simple-examples/data/ptb.char.test.txt": b"a "}))
    rows = fetch(tmp_path, ["ptb-word", "ptb-char", "ptb-word"], sources=[site.url])
    assert [row.status for row in rows] == ["fetched"] * 4
    assert len(site.requests) == 1


def test_your_own_copy_is_taken_from_a_file_or_folder(site, tmp_path):
    copy = tmp_path / "my copies" / NAME
    copy.parent.mkdir()
    copy.write_bytes(TGZ)
    for number, source in enumerate((str(copy), str(copy.parent), copy.as_uri(), copy.parent.as_uri() + "/")):
        data = tmp_path / str(number)
        assert outcome(fetch(data, ["ptb-word"], sources=[source])) == ("fetched", "")
        assert_right(data)
    assert copy.read_bytes() == TGZ
    assert site.requests == []


def test_files_that_are_downloaded_as_they_are(site, tmp_path, monkeypatch):
    files = {name: name.encode() for name in corpora.CATALOGUE["mnist"].files}
    publish(monkeypatch, "mnist", files)
    site.answers |= {f"/{name}": Answer(contents) for name, contents in files.items()}
    site.answers["/t10k-labels-idx1-ubyte.gz"] = Answer(b"something else")
    rows = fetch(tmp_path, ["mnist"], sources=[site.url])
    assert [row.status for row in rows] == ["fetched"] * 3 + ["failed"]
    assert placed(tmp_path) == sorted(f"mnist/{name}" for name in list(files)[:3])


def test_reviews_are_packed_by_class_and_number(site, tmp_path, monkeypatch):
    texts = {"pos/10_7": "très\nbien <br />", "pos/9_10": 'a "b"', "neg/2_1": "\\ c", "neg/0_4": "d"}

    def line(name):
        kind, rating = name.split("/")[0], int(name.split("_")[1])
        text = json.dumps(texts[name], ensure_ascii=False)
        return f'{{"id": "test/{name}", "rating": {rating}, "label": {int(kind == "pos")}, "text": {text}}}\n'

    packed = "".join(map(line, ("pos/9_10", "pos/10_7", "neg/0_4", "neg/2_1"))).encode()
    publish(monkeypatch, "imdb", {"test.jsonl.xz": packed})
    tree = {f"aclImdb/test/{name}.txt": text.encode() for name, text in texts.items()}
    tree |= {"aclImdb/train/pos/0_9.txt": b"not asked for", "aclImdb/train/unsup/0_0.txt": b"no label"}
    site.answers["/aclImdb_v1.tar.gz"] = Answer(archive(tree))
    (row,) = fetch(tmp_path, ["imdb"], sources=[site.url])
    assert row.status == "fetched", row.detail
    assert corpora.read(tmp_path, "imdb", "test.jsonl.xz") == packed
    site.answers["/aclImdb_v1.tar.gz"] = Answer(archive(tree | {"aclImdb/test/pos/1_7.txt": b"\xff"}))
    (row,) = fetch(tmp_path / "b", ["imdb"], sources=[site.url])
    assert "test/pos/1_7.txt is not UTF-8 text" in row.detail


def test_what_is_asked_for_wrongly(site, tmp_path):
    with pytest.raises(ValueError, match="corpus: expected one of ptb-char, .*, got 'wiki'"):
        fetch(tmp_path, ["wiki"])
    with pytest.raises(ValueError, match=r"sources: .*x\.tgz is one file, but 2 are asked for \(simple.*, aclImdb.*\)"):
        fetch(tmp_path, ["ptb-word", "imdb"], sources=[site.url + "x.tgz"])
    with pytest.raises(ValueError, match="sources: expected an address with one of http, https, file, got 'ftp://x/'"):
        fetch(tmp_path, ["ptb-word"], sources=["ftp://x/"])
    with pytest.raises(ValueError, match="sources: no file or folder '.*/nowhere'"):
        fetch(tmp_path, ["ptb-word"], sources=[str(tmp_path / "nowhere")])
    assert placed(tmp_path) == []


def test_the_users_own_corpus_is_to_be_brought(tmp_path):
    told = []
    rows = fetch(tmp_path, ["agnews"], tell=told.append)
    assert [row.status for row in rows] == ["to bring"] * 2
    assert rows[0].detail.endswith(f"put train.csv and test.csv into {tmp_path / 'agnews'}")
    (tmp_path / "agnews").mkdir()
    for file in ("train.csv", "test.csv"):
        (tmp_path / "agnews" / file).write_text("1,a,b\n")
    assert [row.status for row in fetch(tmp_path, ["agnews"])] == ["there"] * 2
    assert told == []


def test_all_that_can_be_downloaded_is_meant_if_none_is_named(site, tmp_path, monkeypatch):
    chosen = {name: corpora.CATALOGUE[name] for name in ("ptb-word", "agnews")}
    monkeypatch.setattr(corpora, "CATALOGUE", chosen)
    told = []
    assert outcome(fetch(tmp_path, sources=[site.url], tell=told.append)) == ("fetched", "")
    assert told[0].startswith("agnews is yours to bring")
    (tmp_path / "agnews").mkdir()
    for file in chosen["agnews"].files:
        (tmp_path / "agnews" / file).write_text("1,a,b\n")
    assert outcome(fetch(tmp_path, tell=pytest.fail)) == ("there", "")


def test_the_space_that_packing_takes_is_not_part_of_the_sum(monkeypatch, site, tmp_path):
    monkeypatch.setattr(fetch_contents, "XZ_PRESET", 6)
    assert outcome(get(site, tmp_path)) == ("fetched", "")
    assert_right(tmp_path)
