"""Downloading the corpora: ``refimpl data fetch``.

What lies there and is right is left alone, what lies there and is wrong is never written over unasked, and what is
downloaded takes its place only when its SHA-256 is that of the catalogue. Downloads are kept in data_dir/.fetch until
then, so that a later call goes on with them.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from refimpl.data import corpora
from refimpl.data.addresses import Download
from refimpl.data.corpora import Corpus
from refimpl.data.fetch_archive import BadDownloadError
from refimpl.data.fetch_contents import Wanted, place
from refimpl.data.fetch_http import MIB, Progress, UnavailableError, download

WORK = ".fetch"  # folder in data_dir
SCHEMES = ("http", "https", "file")
ABSENT = ("refused", "failed", "to bring")  # the statuses that mean that a file that was asked for is not there


class Fetched(NamedTuple):
    """What became of one file in ``fetch``."""

    corpus: str
    file: str
    status: str  # there, fetched; refused (there and wrong), failed, to bring (the user's own, absent)
    detail: str  # why it is in ABSENT, and the remedy


def fetch(
    data_dir: str | Path | None,
    names: Sequence[str] = (),
    *,
    sources: Sequence[str] = (),
    replace: bool = False,
    timeout: float = 30.0,
    tell: Callable[[str], None] = lambda line: None,
    progress: Progress = lambda name, done, total: None,
) -> list[Fetched]:
    """Download what is missing of some corpora (all that can be downloaded, if none is named); a row a file.

    data_dir: made if it is not there. sources: in place of the canonical addresses, tried in order: an address or
    path that ends in "/", or is a folder, holds the files under their names; any other is the file itself.
    replace: write over files that are there and wrong. timeout: seconds without an answer or a byte.
    tell: called with the licence notice before anything is downloaded, then with a line for each download.
    progress: called with the name of a download, the bytes that are there, and those of the whole (None: unknown).
    Errors: ValueError for an unknown corpus or an address that does not fit; FileNotFoundError if no folder is given;
    OSError if the folder cannot be written, or another fetch is at work in it.
    """
    if timeout <= 0:
        raise ValueError(f"timeout: expected seconds above 0, got {timeout}")
    top = corpora.folder_named(data_dir)
    chosen = [corpora.corpus_named(name) for name in dict.fromkeys(names)]
    if not names:
        chosen = [corpus for corpus in corpora.list_corpora() if corpus.downloads]
        for corpus in corpora.list_corpora():
            if not corpus.downloads and not all((top / corpus.folder / file).is_file() for file in corpus.files):
                tell(_to_bring(corpus, top))
    plans = _addresses({d.file: d for corpus in chosen for d in corpus.downloads}, sources)
    rows, wanted = _look(top, chosen, replace)
    if not wanted:
        return rows
    tell(notice([corpus for corpus in chosen if any(w.corpus == corpus.name for w in wanted)]))
    with _locked(top / WORK):
        for plan in plans:
            mine = [w for w in wanted if plan.file in _origins(w)]
            if mine:
                failure = _get(plan, top / WORK, mine, timeout, tell, progress)
                status = "failed" if failure else "fetched"
                rows += [Fetched(w.corpus, w.file, status, failure) for w in mine]
    return rows


def notice(chosen: Sequence[Corpus]) -> str:
    """Whose the corpora are, and under what licence; shown before anything is downloaded."""
    lines = ["The corpora are not part of refimpl and have licences of their own, which also say who may pass them on:"]
    for corpus in chosen:
        lines += [f"{corpus.name}: {corpus.licence}", f"  origin: {corpus.origin}", f"  cite: {corpus.citation}"]
    return "\n".join(lines)


def _look(top: Path, chosen: Sequence[Corpus], replace: bool) -> tuple[list[Fetched], list[Wanted]]:
    """Rows of the files about which nothing is to be done, and the files to download."""
    rows, wanted = [], []
    for corpus in chosen:
        for file, expected in corpus.files.items():
            path = top / corpus.folder / file
            status, _, found = corpora.status(path, expected, file.endswith(".xz"))
            if status in ("ok", "unchecked"):
                rows.append(Fetched(corpus.name, file, "there", ""))
            elif not corpus.downloads:
                rows.append(Fetched(corpus.name, file, "to bring", _to_bring(corpus, top)))
            elif status == "damaged" and not replace:
                detail = f"{path} is there and is not the published file: expected SHA-256 {expected}, found {found}; "
                detail += f"it was left as it is: {corpora.replacing(corpus.name)}"
                rows.append(Fetched(corpus.name, file, "refused", detail))
            else:
                wanted.append(Wanted(corpus.name, file, path, expected))
    return rows, wanted


def _to_bring(corpus: Corpus, top: Path) -> str:
    files = " and ".join(corpus.files)
    return f"{corpus.name} is yours to bring ({corpus.origin}): put {files} into {top / corpus.folder}"


def _origins(file: Wanted) -> list[str]:
    """The downloads that a file may be made of: the one of its own name, else those of its corpus."""
    names = [d.file for d in corpora.corpus_named(file.corpus).downloads]
    return [file.file] if file.file in names else names


def _addresses(downloads: dict[str, Download], sources: Sequence[str]) -> list[Download]:
    """The downloads with the addresses that they are to be got from."""
    if not sources:
        return list(downloads.values())
    bases = [_as_address(source) for source in sources]
    single = [base for base in bases if not base.endswith("/")]
    if single and len(downloads) != 1:
        raise ValueError(
            f"sources: {single[0]} is one file, but {len(downloads)} are asked for ({', '.join(downloads)}); name one "
            'corpus that is one file, or an address that ends in "/"'
        )
    return [
        d._replace(addresses=tuple(base + quote(d.file) if base.endswith("/") else base for base in bases))
        for d in downloads.values()
    ]


def _as_address(source: str) -> str:
    if "://" not in source:
        path = Path(source).expanduser().resolve()
        if not path.exists():
            raise ValueError(f"sources: no file or folder {source!r}; expected one, or an address such as https://...")
        return path.as_uri() + ("/" if path.is_dir() else "")
    if urlsplit(source).scheme not in SCHEMES:
        raise ValueError(f"sources: expected an address with one of {', '.join(SCHEMES)}, got {source!r}")
    return source


def _get(
    plan: Download, work: Path, wanted: list[Wanted], timeout: float, tell: Callable[[str], None], progress: Progress
) -> str:
    """Download from the first address that gives the right contents, and place them. Why none did, or ""."""
    failures = []
    got = work / plan.file
    kept = [str(got)] if got.exists() else []  # whole, and not yet unpacked when an earlier call ended
    try:
        for address in (*kept, *plan.addresses):
            try:
                if address not in kept:
                    tell(f"{plan.file} from {address}")
                    download(address, got, limit=plan.limit_mib * MIB, timeout=timeout, progress=progress)
                place(plan, got, wanted, progress)
                got.unlink()
                return ""
            except UnavailableError as error:
                failures.append(str(error))
            except BadDownloadError as error:
                got.unlink()  # going on with it, or unpacking it again, would give the same
                failures.append(f"{address}: {error}; what was downloaded is removed")
    except OSError as error:
        failures.append(f"cannot be written: {error}; free some space, or name another folder with --data DIR")
    remedy = f"refimpl data fetch {wanted[0].corpus} --from ADDRESS takes another address, or your own copy"
    return f"no {plan.file}: {'; '.join(failures)}. Try again later; {remedy}"


@contextlib.contextmanager
def _locked(work: Path) -> Iterator[None]:
    """One fetch at a time in a folder, where the system has locks; a process that ends leaves none behind."""
    try:
        work.mkdir(parents=True, exist_ok=True)
        file = (work / "lock").open("w")
    except OSError as error:
        raise OSError(f"data_dir: cannot be written ({error}); name another folder with --data DIR") from error
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(f"data_dir: another fetch is at work in {work.parent}; wait until it is done") from error
        except (ImportError, OSError):
            pass  # Windows, or a file system without locks
        yield
