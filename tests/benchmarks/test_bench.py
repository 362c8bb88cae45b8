"""A benchmark of seconds runs through; who is absent, ends or disagrees stops nobody. No bound on a time."""

import json
import sys

import pytest

from refimpl.benchmarks import measure as measuring
from refimpl.benchmarks.bench import all_agree, bench, store
from refimpl.benchmarks.contenders import CONTENDERS
from refimpl.benchmarks.machine import busy_seconds, describe_machine, peak_megabytes, processors
from refimpl.benchmarks.measure import TRIES, quiet_block
from refimpl.benchmarks.processes import Worker, WorkerError, absent, interpreter, worker_environment
from refimpl.benchmarks.table import format_record

WITHOUT_COMPILER = ["refimpl", "reference", "torch", "gemm"]
LINUX = sys.platform == "linux"


@pytest.fixture(scope="module")
def tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "PAUSE", 0.0)
        return bench(["small"], threads=[1], contenders=WITHOUT_COMPILER, rounds=2, size="tiny", block=0.001)


def test_a_tiny_benchmark(tiny, tmp_path):
    (row,) = tiny["rows"]
    there = [name for name in WITHOUT_COMPILER if name not in tiny["absent"]]
    assert {"refimpl", "reference", "gemm"} <= set(there)
    assert list(row["contenders"]) == there
    assert all_agree(tiny)
    assert row["failed"] == {}
    assert set(row["agreement"]) == set(there) - {"gemm"}
    for name, contender in row["contenders"].items():
        assert len(contender["blocks"]) == 2
        assert all(block["wall"] > 0.0 and block["steps"] >= 1 for block in contender["blocks"])
        assert "gemm" in contender["ratio"] or name == "gemm"
        assert "versions" in contender["environment"]
        if LINUX:
            assert contender["peak_mb"] > 1.0
            assert len(contender["pinned"]) == 1
            assert all(block["others"] >= 0.0 for block in contender["blocks"])
    assert json.loads(store(tiny, tmp_path / "new" / "record.json").read_text("utf-8")) == tiny
    assert "small: LCCL" in format_record(tiny)


def test_the_record_says_how_it_was_made(tiny):
    keys = {"date", "refimpl", "machine", "method", "growth_centre", "contenders", "absent", "rows"}
    assert tiny.keys() == keys
    assert tiny["method"] == {"size": "tiny", "rounds": 2, "block": 0.001, "quiet": 0.15, "seed": 1, "dtype": "float32"}
    assert tiny["rows"][0].keys() == {"workload", "threads", "agreement", "failed", "contenders"}
    assert tiny["machine"].keys() == {"processor", "processors", "memory", "system"}


def test_the_default_place_is_named_by_the_date(tiny, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = store(tiny | {"date": "2026-11-22T10:09"})
    assert path.as_posix() == "build/benchmarks/2026-11-22T1009.json"
    assert path.is_file()


def test_who_disagrees_or_ends_is_not_agreed(tiny):
    (row,) = tiny["rows"]
    assert not all_agree(tiny | {"rows": [row | {"failed": {"jax": "ended"}}]})
    wrong = row["agreement"] | {"refimpl": {"loss": 1.0, "gradients": {}, "holds": False}}
    assert not all_agree(tiny | {"rows": [row | {"agreement": wrong}]})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"threads": [0]}, "threads: expected 1 to"),
        ({"threads": [10_000]}, "threads: expected 1 to"),
        ({"rounds": 0}, "rounds: expected at least 1"),
        ({"contenders": ["tensorflow"]}, "contender"),
        ({"workloads": ["mnist"]}, "workload"),
        ({"size": "huge"}, "size"),
        ({"python": "no/such/python"}, "--python: expected an interpreter, got 'no/such/python'"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(ValueError, match=words):
        bench(**({"workloads": ["small"], "size": "tiny"} | arguments))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(CONTENDERS, "other", CONTENDERS["jax"]._replace(package="no_such_package"))
    assert absent(["other", "gemm"], None) == {"other": f"no package no_such_package in {sys.executable}"}


def test_only_frameworks_run_in_another_interpreter():
    assert (
        interpreter("refimpl", "other") == interpreter("gemm", "other") == interpreter("torch", None) == sys.executable
    )
    assert interpreter("torch", "other") == interpreter("jax", "other") == "other"


def test_a_worker_that_ends_says_why(tmp_path):
    with (
        Worker("gemm", sys.executable, tmp_path, 1) as worker,  # a folder without a plan
        pytest.raises(WorkerError, match="gemm ended with code 1: .*plan.json"),
    ):
        worker.ask("steps 1")


def test_pools_of_a_worker():
    found = worker_environment(2)
    assert {found[name] for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")} == {"2"}
    assert "multi_thread_eigen" not in found.get("XLA_FLAGS", "")
    assert "--xla_cpu_multi_thread_eigen=false" in worker_environment(1)["XLA_FLAGS"]


class Clock:
    """A worker, and a machine on which others use a share of a processor during each try."""

    def __init__(self, shares):
        self.shares, self.busy, self.asked = list(shares), 0.0, []

    def ask(self, request):
        self.asked.append(request)
        share = self.shares[len(self.asked) - 1]
        self.busy += 4.0 + 2.0 * share
        return {"wall": 2.0, "cpu": 4.0, "loss": 0.0}


@pytest.mark.parametrize(
    ("shares", "tries", "others"),
    [
        ([0.0], 1, 0.0),
        ([0.5, 0.1], 2, 0.1),
        ([0.5, 0.3, 0.4, 0.6], TRIES, 0.3),
    ],
)
def test_a_block_is_repeated_while_others_work(shares, tries, others, monkeypatch):
    clock = Clock(shares)
    monkeypatch.setattr(measuring, "PAUSE", 0.0)
    monkeypatch.setattr(measuring, "busy_seconds", lambda: clock.busy)
    block = quiet_block(clock, 5)
    assert clock.asked == ["steps 5"] * tries
    assert block == {"wall": 0.4, "cpu": 0.8, "steps": 5, "others": pytest.approx(others), "tries": tries}


def test_a_machine_that_says_nothing(monkeypatch):
    monkeypatch.setattr(measuring, "PAUSE", 0.0)
    monkeypatch.setattr(measuring, "busy_seconds", lambda: None)
    assert quiet_block(Clock([9.0]), 1)["others"] is None


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_what_linux_says():
    before = busy_seconds()
    assert before > 0.0
    assert busy_seconds() >= before
    assert peak_megabytes() > 1.0
    assert len(processors()) >= 1
    assert describe_machine()["memory"].endswith("kB")


def test_elsewhere_nothing_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr("refimpl.benchmarks.machine.STAT", tmp_path / "stat")
    monkeypatch.setattr("refimpl.benchmarks.machine.STATUS", tmp_path / "status")
    assert busy_seconds() is None
    assert peak_megabytes() is None
