"""The process of one contender: ``python -m refimpl.benchmarks.worker NAME FOLDER``.

It answers each line of its standard input with a line of JSON. What libraries print goes to standard error.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from refimpl.benchmarks.contenders import make_subject
from refimpl.benchmarks.machine import peak_megabytes, pin
from refimpl.benchmarks.traits import read_plan


def serve(name: str, folder: Path) -> None:
    """Make the contender; serve "check", "steps N" and "end" until the input ends."""
    plan = read_plan(folder / "plan.json")
    pinned = pin(plan.threads)  # before a library looks how many processors there are
    answers = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    with np.load(folder / "inputs.npz") as inputs:
        subject = make_subject(name, plan, inputs)
    for request in sys.stdin:
        word, _, count = request.strip().partition(" ")
        answer: dict[str, Any] = {}
        if word == "check":
            with np.load(folder / "noise.npz") as noise:
                answer["loss"], grads = subject.first_step({key: noise[key] for key in noise.files})
            np.savez(folder / f"{name}.npz", **grads)
            del grads
        elif word == "steps":
            wall, cpu = time.perf_counter(), time.process_time()
            for _ in range(int(count)):
                answer["loss"] = subject.step()
            answer |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        else:
            answer = {"peak_mb": peak_megabytes(), "pinned": pinned, "environment": subject.environment()}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
