"""Worker processes as the driver sees them: one a contender, each with thread pools of its own."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from refimpl.benchmarks.contenders import CONTENDERS

ROOT = Path(__file__).resolve().parents[2]  # so that another interpreter finds this package
POOLS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
GOODBYE = 20.0  # seconds that a worker has to end by itself


class WorkerError(RuntimeError):
    """A worker has ended; the message has the last line that it wrote."""


class Worker:
    """A process that answers each line with a line of JSON. Use it in a with statement: it ends with that."""

    def __init__(self, name: str, python: str, folder: Path, threads: int) -> None:
        self.name, self.log = name, folder / f"{name}.log"
        command = [python, "-m", "refimpl.benchmarks.worker", name, str(folder)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=worker_environment(threads),
                text=True,
                bufsize=1,
            )

    def ask(self, request: str) -> dict[str, Any]:
        """The answer. Errors: WorkerError if the worker has ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a worker that has ended gives no answer below
            print(request, file=self.process.stdin)
        line = self.process.stdout.readline()
        if not line:
            said = self.log.read_text("utf-8", errors="replace").strip().splitlines()
            code = self.process.wait()
            raise WorkerError(f"{self.name} ended with code {code}: {said[-1] if said else 'nothing was said'}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def worker_environment(threads: int) -> dict[str, str]:
    """The variables of a worker: sizes of the thread pools, no accelerator, this package first."""
    variables = os.environ | dict.fromkeys(POOLS, str(threads))
    variables |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": "", "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    variables["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    if threads == 1:  # JAX takes as many threads as the worker is pinned to, and one more product pool without this
        variables["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false".strip()
    return variables


def interpreter(name: str, python: str | None) -> str:
    """The interpreter of a contender: this one for refimpl, the named one for a framework."""
    return sys.executable if python is None or CONTENDERS[name].package is None else python


def absent(names: Iterable[str], python: str | None) -> dict[str, str]:
    """Contenders whose package is missing, and the reason in words. Errors: ValueError if python is no interpreter."""
    reasons: dict[str, str] = {}
    for name in names:
        package = CONTENDERS[name].package
        if package is not None and not _has(interpreter(name, python), package):
            reasons[name] = f"no package {package} in {interpreter(name, python)}"
    return reasons


def _has(python: str, package: str) -> bool:
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    try:
        return subprocess.run([python, "-c", code], capture_output=True).returncode == 0
    except OSError as error:
        raise ValueError(f"--python: expected an interpreter, got {python!r} ({error.strerror})") from error
