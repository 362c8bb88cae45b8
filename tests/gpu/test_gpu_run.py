"""The script of `make gpu`: its dry run to the end, and what it does with what goes wrong."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import strict_cupy as xp

from refimpl.benchmarks.workloads import find_workloads
from validation.gpu import __main__ as script
from validation.gpu import numerics, steps, suite, truths
from validation.gpu.agreement import relative_error
from validation.gpu.device import make_context
from validation.gpu.findings import ABSENT, FAILED, OK, Findings, read_rows
from validation.gpu.parts import NAMES, PARTS, Part
from validation.gpu.record import summary
from validation.gpu.recurrence import verdict
from validation.gpu.rules import Rule, check, single
from validation.gpu.steps import SEED, RefimplOnDevice, agrees, host_noise, host_params
from validation.gpu.waiting import Asked, launches, waiting

ROOT = Path(__file__).parents[2]


def test_a_dry_run_runs_to_its_end(tmp_path):
    command = [sys.executable, "-m", "validation.gpu", "--dry", "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (path,) = tmp_path.glob("*-gpu.json")
    record = json.loads(path.read_text("utf-8"))
    assert tuple(record["parts"]) == NAMES
    assert record["device"] == "stand-in"
    for name, part in record["parts"].items():
        assert part["outcome"] == "ok", name
        assert part["rows"], name
        assert {row["status"] for row in part["rows"]} <= {OK, "note", ABSENT}
    page = path.with_suffix(".md").read_text("utf-8")
    assert "no number here is a GPU's" in page
    assert all(f"## {part.title}" in page for part in PARTS)


def test_parts_take_less_than_ten_minutes():
    assert sum(part.seconds for part in PARTS) <= 60.0 * script.MINUTES


# What goes wrong


def test_a_wrong_rule_is_found():
    wrong = Rule("float32 + 1", lambda xp: single(xp, 2) + 1.0, "device float64 (2,)")
    row = check(wrong, xp)
    assert (row["status"], row["agrees"], row["found"]) == (FAILED, False, "device float32 (2,)")
    assert check(wrong._replace(stand_in="device float32 (2,)"), xp)["status"] == OK
    assert check(Rule("nothing raised", lambda xp: 1, "raises"), xp)["status"] == FAILED
    assert waiting(Asked("float()", lambda xp, x: float(x[0, 0])), xp)["status"] == FAILED
    assert launches(Asked("two", lambda xp, x: xp.exp(-x), launches=1), xp)["status"] == FAILED


def test_a_wrong_record_of_ufunc_methods_is_found(monkeypatch):
    assert truths.ufunc_method("reduceat", xp)["status"] == OK
    monkeypatch.setattr(truths.surface, "UFUNC_METHODS", {"reduceat": ["multiply"], "at": "*"})
    assert truths.ufunc_method("reduceat", xp)["status"] == FAILED
    assert truths.ufunc_method("at", xp)["status"] == FAILED


def test_differences_of_records_are_named():
    recorded = {"cupy": "14.2.0", "spaces": {"": {"exp": ["out"], "old": None}}}
    found = {"cupy": "14.3.0", "spaces": {"": {"exp": ["out", "dtype"], "new": None}}}
    assert [path for path, _, _ in truths._differences(recorded, found, "")] == [
        "/spaces//exp",
        "/spaces//new",
        "/spaces//old",
    ]
    assert truths._differences(recorded, recorded, "") == []


def test_bits_that_change_are_found():
    numbers = iter(range(9))
    row = numerics.determinism(lambda: single(xp, 3) + float(next(numbers)), 3, True)
    assert (row["status"], row["different_results"]) == (FAILED, 3)


def test_errors_are_findings_and_rows_outlast_a_crash(tmp_path):
    findings = Findings(tmp_path / "rows.jsonl")
    findings.probe("good", lambda: {"value_ms": float("nan")})
    findings.probe("bad", lambda: {}["missing"])
    with findings.path.open("a") as file:
        file.write('{"name": "cut o')
    rows = read_rows(findings.path)
    assert [(row["name"], row["status"]) for row in rows] == [("good", OK), ("bad", FAILED)]
    assert rows[0]["value_ms"] == "nan"
    assert rows[1]["error"] == "KeyError: 'missing'"
    with pytest.raises(ValueError, match="status: expected one of ok, failed, note"):
        findings.add("row", "fine")


def test_a_part_that_fails_or_is_cut_off_makes_the_exit_code_1(tmp_path, monkeypatch):
    outcomes = iter(["failed", "ended by the time limit"])
    one = {"title": "x", "seconds": 1.0, "limit_seconds": 1.0, "rows": [{"name": "r", "status": FAILED, "error": "e"}]}
    monkeypatch.setattr(script, "run", lambda *_: one | {"outcome": next(outcomes)})
    assert script.main(["--dry", "--out", str(tmp_path), "--parts", "truths", "numerics"]) == 1
    record = json.loads(next(tmp_path.glob("*.json")).read_text("utf-8"))
    assert [part["outcome"] for part in record["parts"].values()] == ["failed", "ended by the time limit"]
    assert "* FAILED r: error e" in summary(record)


def test_a_part_is_ended_by_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(script, "LEAST_SECONDS", 0.0)
    found = script.run(Part("epoch", "too long", 0.0), tmp_path, 0.05, None, True)
    assert found["outcome"] == "ended by the time limit"
    assert found["seconds"] < 5.0


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed here")
def test_without_a_device_there_is_no_record(tmp_path, capfd):
    assert script.main(["--out", str(tmp_path), "--parts", "environment"]) == 1
    assert "no device to try anything on" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_record_of_the_same_day_is_kept(tmp_path):
    now = script.datetime(2026, 1, 2, 3, 4, 5)
    first = script.free_path(tmp_path, now)
    first.touch()
    assert (first.name, script.free_path(tmp_path, now).name) == ("2026-01-02-gpu.json", "2026-01-02T030405-gpu.json")


def test_failures_of_the_suite_are_named(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_good(): pass\ndef test_bad(): assert 1 == 2\n")
    ends = suite.time.monotonic() + 60.0
    row = suite.tests((str(tmp_path / "test_it.py"),), tmp_path / "log", ends)
    assert (row["status"], row["passed"], row["failed"], row["exit_code"]) == (FAILED, 1, 1, 1)
    assert "test_bad" in row["failures"][0]


# Judgements


def test_relative_error():
    x = np.array([1.0, -2.0])
    assert relative_error(x + 0.5, x) == 0.25
    assert relative_error(x.astype("float32"), x) == np.inf
    assert relative_error(np.array([np.nan, 0.0]), x) == np.inf
    assert relative_error(np.zeros(2), np.zeros(2)) == 0.0


def test_up_to_which_batch():
    rows = [(8, b, {"faster": f}) for b, f in ((1, 3.0), (2, 1.5), (4, 0.8), (8, 1.2))]
    rows += [(16, b, {"faster": f} if f else {}) for b, f in ((1, 2.0), (2, 1.1), (4, 1.05), (8, None))]
    found = verdict(rows)
    assert (found["by_size"], found["for_all_sizes_that_fit"]) == ({"8": 2, "16": 4}, 2)


class Fake:
    def __init__(self, loss):
        self.loss = loss

    def first_step(self, noise=None):
        if self.loss is None:
            raise MemoryError("too large")
        return self.loss, {"W": np.full(3, self.loss)}


def test_contenders_that_disagree_are_not_timed(tmp_path):
    workload, findings = find_workloads("small", "tiny")[0], Findings(tmp_path / "rows.jsonl")
    losses = {"reference": 2.0, "fast": 2.1, "broken": None, "torch": 2.0, "torch-tf32": 2.01}
    makers = {name: lambda w, x=loss: Fake(x) for name, loss in losses.items()}
    assert list(steps.that_agree(workload, makers, findings)) == ["reference", "torch", "torch-tf32"]
    assert [row["status"] for row in read_rows(findings.path)] == [OK, FAILED, FAILED, OK, "note"]


def test_limits_of_agreement():
    expected = (2.0, {"W": np.ones(3)})
    assert agrees((2.0, {"W": np.ones(3)}), expected)["status"] == OK
    assert agrees((2.001, {"W": np.ones(3)}), expected)["status"] == FAILED
    assert agrees((2.0, {"W": np.array([1.0, 1.0, 1.01])}), expected)["status"] == FAILED


@pytest.mark.parametrize("name", ["char", "imdb"])
def test_the_step_of_pytorch(name, monkeypatch):
    """On the host here; its tensors are moved by the same lines."""
    pytest.importorskip("torch")
    from validation.gpu import torch_on_gpu

    monkeypatch.setattr(torch_on_gpu, "CUDA", "cpu")
    workload = find_workloads(name, "tiny")[0]
    subject = torch_on_gpu.make(workload, host_params(workload), SEED, tf32=False)
    reference = RefimplOnDevice(workload, "reference", np)
    assert agrees(subject.first_step(host_noise(workload)), reference.first_step())["status"] == OK


def test_the_context_of_a_dry_run(tmp_path):
    context = make_context(dry=True, folder=tmp_path, data=None, seconds=1.0)
    assert context.xp is xp
    assert context.dry
