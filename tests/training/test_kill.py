"""Runs that are killed (SIGKILL) at random moments, twenty times, end as the run that nobody killed, bit for bit.

The child says when it trained an interval, wrote half of a file, wrote all of it and renamed it; its parent counts and
kills after a number of these drawn from a fixed seed. So kills fall into training, rows and checkpoints, wherever the
child is by then: no two runs of this test are the same, and every one must pass.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from refimpl.training.loop import Breaks, train
from tests.training.test_partial import setup_of
from tests.training.test_resume import CONFIGURATION, assert_same_run

ROOT = Path(__file__).parents[2]
KILLS = 20
RUNS = (("words", "fast"), ("characters", "reference"), ("texts", "fast"))

PARENT = """
import json, os, signal, sys
from pathlib import Path
from tests.training.test_kill import child

for line in sys.stdin:  # the interpreter starts once, and forks for each life of a run
    kind, engine, folder, moments = json.loads(line)
    read, write = os.pipe()
    life = os.fork()
    if life == 0:
        os.close(read)
        child(kind, engine, Path(folder), write)
        os._exit(0)
    os.close(write)
    seen = ""
    while moments == 0 or len(seen) < moments:
        moment = os.read(read, 1).decode()
        if not moment:
            break
        seen += moment
    else:
        os.kill(life, signal.SIGKILL)
    os.close(read)
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(life, 0)[1]), seen]), flush=True)
"""


def child(kind, engine, folder, told):
    """One life of a run; each moment is told as a letter."""
    replace, fsync, opened = Path.replace, os.fsync, Path.open

    class Halves:
        """A file whose content is written in two halves."""

        def __init__(self, file):
            self.file = file

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, content):
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            os.write(told, b"h")
            self.file.write(content[len(content) // 2 :])

        def flush(self):
            self.file.flush()

        def fileno(self):
            return self.file.fileno()

    def open_halves(self, mode="r", *arguments, **options):
        file = opened(self, mode, *arguments, **options)
        return Halves(file) if mode == "wb" else file

    Path.open = open_halves
    os.fsync = lambda file: [fsync(file), os.write(told, b"w")]
    Path.replace = lambda self, target: [replace(self, target), os.write(told, b"r")]
    setup = setup_of(kind, engine)
    train(
        setup,
        folder,
        configuration=CONFIGURATION,
        resume=True,
        progress=lambda *_: os.write(told, b"t"),
        breaks=Breaks(seconds=0.0),
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not hasattr(os, "fork"), reason="this system has no SIGKILL")
def test_twenty_kills_leave_no_trace(tmp_path):
    moments = np.random.Generator(np.random.Philox(20)).integers(1, 14, size=1000)
    command = [sys.executable, "-W", "error", "-c", PARENT]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    hit, lives, finished = [], 0, []
    with subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes) as parent:

        def live(kind, engine, folder, count):
            parent.stdin.write(json.dumps([kind, engine, str(folder), int(count)]) + "\n")
            parent.stdin.flush()
            line = parent.stdout.readline()
            assert line, parent.stderr.read()
            return json.loads(line)

        while len(hit) < KILLS:
            run = RUNS[lives % len(RUNS)]
            folder = tmp_path / f"{run[0]}-{finished.count(run)}"
            code, seen = live(*run, folder, moments[lives])
            lives += 1
            if code == 0:
                finished.append(run)
            else:
                assert code == -signal.SIGKILL, parent.stderr.read()
                hit.append(seen[-1])
        for run in RUNS:
            assert live(*run, tmp_path / f"{run[0]}-{finished.count(run)}", 0)[0] == 0
            finished.append(run)
        parent.stdin.close()
        assert parent.stderr.read() == ""
    assert set(hit) == set("thwr")  # training, half of a file, a file before and after it has its name
    for kind, engine in RUNS:
        train(setup_of(kind, engine), tmp_path / kind, configuration=CONFIGURATION)
        for number in range(finished.count((kind, engine))):
            assert_same_run(tmp_path / f"{kind}-{number}", tmp_path / kind)
