"""One training step of the SparseVD character LSTM (LCCL): refimpl against PyTorch.

    python validation/benchmarks/step_vs_torch.py [--size small|paper] [--threads 2] [--rounds 9] [--torch-python PATH]

Two worker processes, each with its own thread pools, get the same parameters, batch and recorded noise; their losses
and gradients must agree before anything is timed. Then they take turns, one step each, while the other is blocked on
its pipe. A step is: draw noise, forward, backward, KL, clipping, Adam. Peak memory is VmHWM of the process, libraries
included. Exit code 1: they disagree, or at paper size a limit is missed.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # so that it runs from a checkout that is not installed

SIDES = ("refimpl", "torch")
LOSS_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3  # relative; float32
TIME_LIMIT, MEMORY_LIMIT = 2.0, 1.5  # refimpl over torch, at paper size
WARM_UP, PAUSE = 2, 0.2  # steps; seconds in which the other side's threads fall asleep
SEED = 1


class Worker:
    """A process that answers each line of its stdin with a line of JSON."""

    def __init__(self, side: str, python: str, arguments: argparse.Namespace, folder: Path) -> None:
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        command = [python, str(Path(__file__).resolve()), "--worker", side, "--folder", str(folder)]
        command += ["--size", arguments.size, "--threads", str(arguments.threads)]
        environment = os.environ | dict.fromkeys(names, str(arguments.threads))
        self.side = side
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, bufsize=1
        )

    def ask(self, request: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):  # a worker that has ended gives no answer below
            print(request, file=self.process.stdin)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the {self.side} worker ended at {request!r}, code {self.process.wait()}")
        return json.loads(line)

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> int:
    """Parse, then measure, or be a worker; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("small", "paper"), default="paper")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--torch-python", default=sys.executable, metavar="PATH", help="an interpreter that has torch")
    parser.add_argument("--out", type=Path, metavar="JSON")
    parser.add_argument("--worker", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments)
    if arguments.rounds < 1 or arguments.threads < 1:
        parser.error("--rounds and --threads: expected at least 1")
    if subprocess.run([arguments.torch_python, "-c", "import torch"], capture_output=True).returncode:
        parser.error(
            f"{arguments.torch_python} has no torch: pip install refimpl[crosscheck], or name another by --torch-python"
        )
    with tempfile.TemporaryDirectory() as name:
        record = measure(arguments, Path(name))
    print_table(record)
    if arguments.out:
        arguments.out.write_text(json.dumps(record, indent=2) + "\n")
    return 0 if record["agreement"]["holds"] and (arguments.size != "paper" or record["within_limits"]) else 1


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Both sides' agreement, times and memory."""
    from refimpl_step import SIZES, make_inputs

    np.savez(folder / "inputs.npz", **make_inputs(SIZES[arguments.size], SEED))
    pythons = {"refimpl": sys.executable, "torch": arguments.torch_python}
    workers = {side: Worker(side, pythons[side], arguments, folder) for side in SIDES}
    try:
        answers = {side: worker.ask("check") for side, worker in workers.items()}
        agreement = compare({side: answers[side]["loss"] for side in SIDES}, folder)
        steps: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        rounds = arguments.rounds if agreement["holds"] else 0
        for turn in range(WARM_UP + rounds if rounds else 0):
            for side in SIDES if turn % 2 == 0 else SIDES[::-1]:
                time.sleep(PAUSE)
                busy = busy_seconds()
                taken = workers[side].ask("step")
                taken["others"] = max(busy_seconds() - busy - taken["cpu"], 0.0) / taken["wall"]
                if turn >= WARM_UP:
                    steps[side].append(taken)
        ends = {side: worker.ask("end") for side, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
    record: dict[str, Any] = {
        "workload": {"configuration": "LCCL", "size": arguments.size, "dtype": "float32"}
        | SIZES[arguments.size]._asdict()
        | {"steps": SIZES[arguments.size].window - 1},
        "threads": arguments.threads,
        "agreement": agreement,
        "steps": steps,
        "peak_mb": {side: ends[side]["peak_mb"] for side in SIDES},
        "environment": {side: ends[side]["environment"] for side in SIDES},
    }
    return record | summarise(record) if rounds else record


def summarise(record: dict[str, Any]) -> dict[str, Any]:
    """Medians, ratios refimpl / torch, and whether the limits hold."""
    steps, peak = record["steps"], record["peak_mb"]
    median = {
        s: {key: statistics.median(step[key] for step in steps[s]) for key in ("wall", "cpu", "others")} for s in SIDES
    }
    by_round = sorted(a["wall"] / b["wall"] for a, b in zip(steps["refimpl"], steps["torch"], strict=True))
    ratio = {
        "wall": median["refimpl"]["wall"] / median["torch"]["wall"],
        "cpu": median["refimpl"]["cpu"] / median["torch"]["cpu"],
        "wall_by_round": {"least": by_round[0], "median": statistics.median(by_round), "most": by_round[-1]},
        "peak_memory": peak["refimpl"] / peak["torch"],
    }
    within = ratio["wall"] <= TIME_LIMIT and ratio["peak_memory"] <= MEMORY_LIMIT
    return {"median": median, "ratio": ratio, "within_limits": within}


def compare(losses: dict[str, float], folder: Path) -> dict[str, Any]:
    """Relative difference of the losses, relative 2-norm of the difference of each gradient."""
    loss = abs(losses["refimpl"] - losses["torch"]) / abs(losses["torch"])
    grads = {}
    with np.load(folder / "refimpl.npz") as ours, np.load(folder / "torch.npz") as theirs:
        assert set(ours.files) == set(theirs.files)
        for name in ours.files:
            a, b = ours[name].astype("float64"), theirs[name].astype("float64")
            assert a.shape == b.shape, name
            grads[name] = float(np.linalg.norm(a - b) / np.linalg.norm(b))
    holds = loss <= LOSS_TOLERANCE and max(grads.values()) <= GRADIENT_TOLERANCE
    return {"holds": holds, "losses": losses, "loss": loss, "gradients": grads}


def print_table(record: dict[str, Any]) -> None:
    """The record in a few lines."""
    agreement = record["agreement"]
    worst = max(agreement["gradients"], key=agreement["gradients"].get)
    print(
        f"loss: {agreement['losses']['refimpl']:.6f} and {agreement['losses']['torch']:.6f}, relative difference "
        f"{agreement['loss']:.1e}; largest of a gradient {agreement['gradients'][worst]:.1e} ({worst})"
    )
    if not agreement["holds"]:
        print(f"FALLS SHORT: expected at most {LOSS_TOLERANCE:g} and {GRADIENT_TOLERANCE:g}; nothing was timed")
        return
    median, ratio, peak = record["median"], record["ratio"], record["peak_mb"]
    workload = ", ".join(f"{key} {value}" for key, value in record["workload"].items())
    print(f"{workload}; {record['threads']} threads; medians of {len(record['steps']['torch'])} steps")
    print(f"{'':<10}{'refimpl':>10}{'torch':>10}{'ratio':>8}")
    for label, key, unit in (("wall", "wall", "s"), ("CPU", "cpu", "s")):
        print(
            f"{label + ', ' + unit:<10}{median['refimpl'][key]:>10.4f}{median['torch'][key]:>10.4f}{ratio[key]:>8.2f}"
        )
    print(f"{'peak, MB':<10}{peak['refimpl']:>10.0f}{peak['torch']:>10.0f}{ratio['peak_memory']:>8.2f}")
    by_round, others = ratio["wall_by_round"], max(median[side]["others"] for side in SIDES)
    print(f"wall ratio by round: {by_round['least']:.2f} to {by_round['most']:.2f}, median {by_round['median']:.2f}")
    if others > 0.15:
        print(f"NOT QUIET: others used {others:.2f} of a core during a median step")
    if record["workload"]["size"] == "paper":
        word = "holds" if record["within_limits"] else "FALLS SHORT"
        print(f"at most {TIME_LIMIT} times the time and {MEMORY_LIMIT} times the memory: {word}")


def busy_seconds() -> float:
    """Time that all processors together have been busy."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # without idle and iowait


def work(arguments: argparse.Namespace) -> int:
    """The worker: serve requests until stdin ends."""
    side = torch_side if arguments.worker == "torch" else refimpl_side
    with np.load(arguments.folder / "inputs.npz") as file:
        inputs = {key: file[key] for key in file.files}
    params, noise = ({k.removeprefix(p): v for k, v in inputs.items() if k.startswith(p)} for p in ("param/", "noise/"))
    subject, environment = side(arguments, params, inputs)
    del inputs, params
    for request in sys.stdin:
        answer: dict[str, Any] = {}
        if request == "check\n":
            answer["loss"], grads = subject.loss_and_grads(noise)
            np.savez(arguments.folder / f"{arguments.worker}.npz", **grads)
            del grads, noise
        elif request == "step\n":
            wall, cpu = time.perf_counter(), time.process_time()
            answer["loss"] = subject.step()
            answer |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        else:
            status = Path("/proc/self/status").read_text()
            peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
            answer = {"peak_mb": int(peak.split()[1]) / 1024, "environment": environment}
        print(json.dumps(answer), flush=True)
    return 0


def refimpl_side(arguments: argparse.Namespace, params: dict[str, Any], inputs: dict[str, Any]) -> tuple[Any, Any]:
    """What is timed in refimpl's worker, and what it runs on."""
    from refimpl_step import SIZES, RefimplStep

    from refimpl.training.environment import environment

    subject = RefimplStep(params, inputs["x"], inputs["y"], SIZES[arguments.size], SEED)
    return subject, environment("cpu")


def torch_side(arguments: argparse.Namespace, params: dict[str, Any], inputs: dict[str, Any]) -> tuple[Any, Any]:
    """The same in PyTorch's."""
    import torch
    from torch_step import TorchStep

    torch.set_num_threads(arguments.threads)
    subject = TorchStep(params, inputs["x"], inputs["y"], int(inputs["n_terms"]), SEED)
    versions = {"torch": torch.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    build = {"parallel": torch.__config__.parallel_info().strip(), "cpu": torch.backends.cpu.get_cpu_capability()}
    return subject, {"versions": versions, "threads": torch.get_num_threads(), "build": build}


if __name__ == "__main__":
    sys.exit(main())
