"""The papers' runs at paper size on a GPU, in pieces: each call goes on where the last one stopped.

    make gpu-reproduce                                        # MINUTES=9, RUNS=build/gpu-runs
    python -m validation.gpu.reproduce --minutes 9 --runs DIR --records DIR [EXPERIMENT:CODE ...]

The runs that are wanted most come first. A piece ends between two steps after its minutes; the checkpoint within the
epoch keeps what was done. What a record needs (run.json, metrics.jsonl, report.html) is copied to --records at the end
of each piece; ``python -m validation.reproductions.collect`` makes records of such folders.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.training.run_folder import METRICS, read_rows

WANTED = (
    *("word-ptb:LCCL", "char-ptb:LCCL", "imdb:LLLCCL", "word-ptb:LCIL", "char-ptb:DCCD", "char-ptb:LCIL"),
    *("word-ptb:DCCD", "imdb:LCLCCL", "imdb:DCDCCD", "cornell:sparsevd", "cornell:none", "cornell:vbd"),
    *("word-ptb:LCRL", "word-ptb:LLRL", "char-ptb:LCRL", "char-ptb:LLRL", "imdb:LLLCLL", "imdb:LLLLLL"),
    *("char-ptb-2017:none", "char-ptb-2017:vbd", "char-ptb-2017:sparsevd"),
)
KEPT = ("run.json", METRICS, "report.html")
LEAST_SECONDS = 30.0  # a run that would have less is not begun


def main(arguments: Sequence[str]) -> int:
    """0; the exit code of a run that failed."""
    parsed = parse(arguments)
    ends = time.monotonic() + 60.0 * parsed.minutes
    for name in parsed.wanted:
        experiment, code = name.split(":")
        folder = parsed.runs / f"{experiment}-{code}-{parsed.preset}"
        left = ends - time.monotonic()
        if left < LEAST_SECONDS:
            break
        if epochs_done(folder) < EXPERIMENTS[experiment].presets[parsed.preset].options.epochs:
            code = subprocess.call(command(experiment, code, folder, left / 60.0, parsed))
            copy(folder, parsed.records)
            if code:
                return code
    for name in parsed.wanted:
        experiment, code = name.split(":")
        done = epochs_done(parsed.runs / f"{experiment}-{code}-{parsed.preset}")
        print(f"{name:24} {done:4} of {EXPERIMENTS[experiment].presets[parsed.preset].options.epochs} epochs")
    return 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m validation.gpu.reproduce", description=__doc__)
    parser.add_argument("wanted", nargs="*", default=WANTED, metavar="EXPERIMENT:CODE", help=", ".join(WANTED))
    parser.add_argument("--minutes", type=float, default=9.0, help="of this piece")
    parser.add_argument("--runs", type=Path, default=Path("build/gpu-runs"), help="folder of the run folders")
    parser.add_argument("--records", type=Path, help="where run.json and metrics are copied to ($OUT, if it is set)")
    parser.add_argument("--data", type=Path, help="folder of the corpora (or the variable REFIMPL_DATA)")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--preset", default="paper")
    parsed = parser.parse_args(arguments)
    if parsed.records is None and os.environ.get("OUT"):
        parsed.records = Path(os.environ["OUT"])
    return parsed


def epochs_done(folder: Path) -> int:
    """Epochs that a run folder holds."""
    return int(read_rows(folder)[-1]["epoch"]) if (folder / METRICS).is_file() else 0


def command(experiment: str, code: str, folder: Path, minutes: float, parsed: argparse.Namespace) -> list[str]:
    """One piece of one run."""
    words = [sys.executable, "-m", "refimpl.cli", "reproduce", experiment, "--config", code, "--preset", parsed.preset]
    words += ["--device", parsed.device, "--out", str(folder), "--resume", "--minutes", f"{minutes:.3f}"]
    return words + (["--data", str(parsed.data)] if parsed.data else [])


def copy(folder: Path, records: Path | None) -> None:
    """What a record needs, without the checkpoints."""
    if records is not None:
        (records / folder.name).mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            if (folder / name).is_file():
                shutil.copy2(folder / name, records / folder.name / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
