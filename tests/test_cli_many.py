"""``refimpl reproduce`` for several runs and its list: what is refused, what is printed, exit codes."""

import json
from pathlib import Path

import pytest

from refimpl.cli import main, reproduce, reproduce_many
from refimpl.experiments import cost
from refimpl.experiments.cost import Cost
from refimpl.experiments.many_jobs import Outcome
from tests.commands import refused

ONE = ["reproduce", "planted-lm", "--preset", "smoke", "--epochs", "1"]
RUNS = [*ONE, "--executor", "threads", "--workers", "1"]
ROWS = ["reproduce", "--table", "emnlp2018-generation", "--preset", "smoke"]

SEVERAL = "expected with several runs (--seeds, --table, or several of --config)"


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """They take longer than all the rest."""
    for module in (reproduce, reproduce_many):
        monkeypatch.setattr(module, "run_report", lambda folder: f"report of {folder}")
    monkeypatch.setattr(reproduce_many, "comparison_report", lambda folders: " and ".join(map(str, folders)))


def test_several_runs_a_table_and_exit_1_if_one_failed(tmp_path, capsys):
    top = str(tmp_path / "runs")
    (tmp_path / "runs").mkdir()
    for seed in (0, 3):
        (tmp_path / "runs" / f"planted-lm-LCIL-smoke-{seed}").write_text("in the way of a folder")
    assert main([*RUNS, "--config", "LCCL,LCIL", "--seeds", "0,3", "--out", top, "--json"]) == 1
    printed = capsys.readouterr()
    rows = [json.loads(line) for line in printed.out.splitlines()]
    assert [(row["label"], row["state"]) for row in rows] == [
        ("planted-lm-LCCL, seed 0", "done"),
        ("planted-lm-LCCL, seed 3", "done"),
        ("planted-lm-LCIL, seed 0", "failed"),
        ("planted-lm-LCIL, seed 3", "failed"),
    ]
    assert rows[0].keys() == {"label", "folder", "state", "why", "best_epoch", "row"}
    assert rows[0]["row"]["epoch"] == 1
    for row in rows[:2]:
        assert (Path(row["folder"]) / "report.html").read_text("utf-8") == f"report of {row['folder']}"
    assert "give the same command with --resume" in printed.err
    assert main([*RUNS, "--config", "LCCL", "--seeds", "0,3", "--out", top]) == 2
    assert "hold runs already" in capsys.readouterr().err
    assert main([*RUNS, "--config", "LCCL", "--seeds", "0,3", "--out", top, "--resume"]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[0].split()[:3] == ["run", "state", "epoch"]
    assert printed.count("done") == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["reproduce"], ["EXPERIMENT", "--table", "--list"]),
        (["reproduce", "planted-lm", "--table", "workshop2018"], ["EXPERIMENT", "--table", "one of them"]),
        (["reproduce", "--table", "emnlp"], ["table", "emnlp2018-generation", "'emnlp'"]),
        (["reproduce", "--table", "emnlp2018-generation", "--row", "Word"], ["row", "Word PTB, SparseVD", "'Word'"]),
        (["reproduce", "--table", "emnlp2018-generation", "--config", "LCCL"], ["--config", "--row"]),
        (["reproduce", "planted-lm", "--row", "Word"], ["--row", "--table"]),
        ([*RUNS, "--seeds", "0,1", "--start", "runs/a"], ["--start", "one run"]),
        ([*RUNS, "--seeds", "0,x"], ["--seeds", "whole numbers such as 0,1,2", "0,x"]),
        ([*RUNS, "--seeds", "0,1,0"], ["--seeds", "different", "0,1,0"]),
        ([*RUNS, "--config", "LCCL,"], ["--config", "different configurations", "'LCCL,'"]),
        ([*RUNS, "--config", "LCCL,LCCL"], ["--config", "different configurations"]),
        ([*RUNS, "--config", "LCCL,LXCL"], ["letters", "position 1", "'LXCL'"]),
        ([*RUNS, "--seeds", "0,1", "--prior", "flat"], ["prior", "'flat'"]),
        (["reproduce", "--list", "--preset", "huge"], ["preset", "'mini'", "'warmup'", "'huge'"]),
        ([*ONE, "--unit", "texts"], ["--unit", "file of your own"]),
        (["reproduce", "--table", "emnlp2018-generation", "--unit", "words"], ["--unit", "file of your own"]),
        ([*RUNS, "--seeds", "0,1", "--seed", "1"], ["--seed", "not allowed"]),
        ([*RUNS, "--seeds", "0,1", "--executor", "slurm"], ["executor", "processes", "'slurm'"]),
        ([*RUNS, "--seeds", "0,1", "--workers", "0"], ["workers", "at least 1", "leave --workers out"]),
        ([*RUNS, "--seeds", "0,1", "--executor", ""], ["executor", "processes", "''"]),
        ([*ONE, "--evaluate-every", "0"], ["evaluate_every", "at least 1"]),
        ([*ONE, "--config", "LCCD", "--output-log-sigma", "nan"], ["output_log_sigma", "nan"]),
        ([*ONE, "--word-vectors", "texts"], ["word_vectors", "embedding"]),
        ([*ONE, "--executor", "threads"], ["--executor", SEVERAL]),
        ([*ONE, "--config", "LCCL", "--workers", "1"], ["--workers", SEVERAL]),
        (["reproduce", "--list", "--workers", "0"], ["--workers", SEVERAL]),
        (["reproduce", "planted-lm", "--list"], ["EXPERIMENT", "--list", "one of them"]),
        (["reproduce", "--table", "structured", "--list"], ["--table", "--list", "one of them"]),
        (["reproduce", "--list", "--seeds", "0,1"], ["--seeds: expected with runs"]),
        (["reproduce", "--list", "--config", "A,B", "--executor", "threads"], ["--config, --executor: expected with"]),
        (["reproduce", "--list", "--out", "x", "--row", ""], ["--row, --out: expected with runs"]),
        (["reproduce", "--table", ""], ["table", "emnlp2018-generation", "''"]),
        ([*ROWS, "--row", ""], ["row", "Word PTB, SparseVD", "''"]),
        (["reproduce", "", "--seeds", "0,1"], ["experiment", "planted-lm", "''"]),
        ([*RUNS, "--seeds", "0,1", "--config", ""], ["--config", "different configurations", "''"]),
    ],
    ids=lambda value: " ".join(value)[10:60] if isinstance(value, list) else None,
)
def test_bad_arguments(arguments, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(arguments, capsys, *expected)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([*RUNS, "--epochs", "-1"], ["epochs", "at least 0", "-1"]),
        ([*RUNS, "--samples", "-1"], ["samples", "at least 0", "-1"]),
        ([*RUNS, "--evaluate-every", "0"], ["evaluate_every", "at least 1"]),
        ([*RUNS, "--patience", "0"], ["patience", "at least 1"]),
        ([*RUNS, "--learning-rate", "nan"], ["learning_rate", "nan"]),
        ([*RUNS, "--learning-rate", "inf"], ["learning_rate", "inf"]),
        ([*RUNS, "--threads", "0"], ["threads", "at least 1"]),
        ([*RUNS, "--seeds", f"0,{2**70}"], ["seed", "2^64 - 1", str(2**70)]),
        ([*RUNS, "--word-vectors", "texts"], ["word_vectors", "embedding"]),
        ([*RUNS, "--output-log-sigma", "nan"], ["output_log_sigma", "nan"]),
        ([*RUNS, "--config", "DCCD,LCCL", "--prior", "molchanov2017"], ["prior", "random weights", "with DCCD"]),
        ([*RUNS, "--prior", ""], ["prior", "molchanov2017", "''"]),
        (ROWS, ["data_dir", "no folder of corpora is given", "--data DIR", "REFIMPL_DATA"]),
        ([*ROWS, "--data", "nowhere"], ["data_dir", "'nowhere'", "--data DIR"]),
        ([*ROWS, "--data", "."], ["data_dir", "no folder 'ptb'", "--data DIR"]),
        (["reproduce", "words.txt", "--unit", "texts"], ["path", ".csv or .jsonl", "words.txt"]),
    ],
    ids=lambda value: " ".join(value)[10:60] if isinstance(value, list) else None,
)
def test_what_all_runs_would_fail_by_is_said_once_and_nothing_is_created(
    arguments, expected, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REFIMPL_DATA", raising=False)
    Path("words.txt").write_text("the quick brown fox\n")
    refused([*(arguments if "--seeds" in arguments else [*arguments, "--seeds", "0,1"])], capsys, *expected)
    assert [path.name for path in tmp_path.iterdir()] == ["words.txt"]


@pytest.mark.parametrize(
    "arguments",
    [
        [*ROWS, "--prior", "molchanov2017"],  # which the rows without random weights cannot have
        ["reproduce", "char-ptb", "--seeds", "0,1", "--preset", "smoke"],
    ],
)
def test_what_some_rows_cannot_have_and_what_may_lie_elsewhere_is_left_to_the_runs(arguments, tmp_path, monkeypatch):
    (tmp_path / "somewhere.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\ndef pool():\n    return ThreadPoolExecutor(1)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("REFIMPL_DATA", raising=False)
    monkeypatch.setattr(reproduce_many, "run_many", lambda jobs, *_, **__: [DONE for _ in jobs])
    assert main([*arguments, "--executor", "somewhere:pool", "--out", str(tmp_path / "runs")]) == 0


@pytest.mark.parametrize("out", ["file", "file/runs", "n" * 300])
def test_a_folder_that_cannot_be_made_is_named(out, capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    expected = ["out: cannot", str(tmp_path / out), "name another --out"]
    refused([*RUNS, "--seeds", "0,1", "--out", str(tmp_path / out)], capsys, *expected)


DONE, BY_TIME = Outcome("a", "a", "done"), Outcome("b", "b", "stopped", "stopped after epoch 3")
BEFORE_ITS_TURN = Outcome("c", "c", "not begun")
REFUSED = Outcome("d", "d", "not begun", "the executor refuses it: RuntimeError: full")
FAILED = Outcome("e", "e", "failed", "ValueError: letters")


@pytest.mark.parametrize(
    ("outcomes", "by_time", "by_ctrl_c"),
    [
        ([DONE, DONE], 0, 0),
        ([DONE, BY_TIME, BEFORE_ITS_TURN], 0, 130),
        ([DONE, REFUSED], 1, 130),
        ([BY_TIME, REFUSED], 1, 130),
        ([DONE, FAILED], 1, 130),
    ],
)
def test_exit_codes_of_what_became_of_the_runs(monkeypatch, tmp_path, outcomes, by_time, by_ctrl_c):
    for interrupted, expected in ((False, by_time), (True, by_ctrl_c)):

        def run_many(jobs, executor, going, *, stop, interrupted=interrupted, **_):
            stop.interrupted = interrupted
            return outcomes

        monkeypatch.setattr(reproduce_many, "run_many", run_many)
        assert main([*RUNS, "--seeds", "0,1", "--json", "--out", str(tmp_path)]) == expected


def test_runs_that_are_done_are_laid_over_each_other(tmp_path, capsys, monkeypatch):
    """One page an experiment; a single run has none, and a page that cannot be made is told and loses nothing."""

    def run_many(jobs, *_, **__):
        return [Outcome(job.label, job.folder, "failed" if "seed 2" in job.label else "done") for job in jobs]

    monkeypatch.setattr(reproduce_many, "run_many", run_many)
    top = tmp_path / "runs"
    top.mkdir()
    assert main([*RUNS, "--seeds", "0,1,2", "--out", str(top)]) == 1
    assert [path.name for path in top.iterdir()] == ["planted-lm-smoke.html"]
    page = (top / "planted-lm-smoke.html").read_text()
    assert page == f"{top / 'planted-lm-LCCL-smoke-0'} and {top / 'planted-lm-LCCL-smoke-1'}"
    assert f"curves of the runs over each other in {top / 'planted-lm-smoke.html'}" in capsys.readouterr().err
    (top / "planted-lm-smoke.html").unlink()
    assert main([*RUNS, "--seeds", "0,2", "--out", str(top)]) == 1
    assert list(top.iterdir()) == []

    def broken(folders):
        raise ValueError("rows: expected one metric")

    monkeypatch.setattr(reproduce_many, "comparison_report", broken)
    assert main([*RUNS, "--seeds", "0,1", "--out", str(top)]) == 0
    assert "planted-lm-smoke: no page: rows: expected one metric" in capsys.readouterr().err


def test_an_executor_that_takes_nothing_is_a_failure(tmp_path, capsys, monkeypatch):
    """And not a success without a word."""
    (tmp_path / "closed_pool.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def pool():\n    made = ThreadPoolExecutor(1)\n    made.shutdown()\n    return made\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = [*ONE, "--seeds", "0,1", "--executor", "closed_pool:pool", "--out", str(tmp_path / "runs")]
    assert main(own) == 1
    assert "the executor refuses it: RuntimeError" in capsys.readouterr().out


@pytest.mark.parametrize(("options", "expected"), [([], 5), (["--threads", "3"], 3)])
def test_each_run_has_its_share_of_the_processors_unless_it_is_said(tmp_path, monkeypatch, options, expected):
    given = []
    monkeypatch.setattr(reproduce_many, "share", lambda *_: (1, 5))
    monkeypatch.setattr(reproduce_many, "run_many", lambda jobs, *_, **__: given.extend(jobs) or [])
    assert main([*RUNS, "--seeds", "0,1", "--json", "--out", str(tmp_path), *options]) == 0
    assert [job.plan["threads"] for job in given] == [expected] * 2


def test_options_reach_the_run(tmp_path, capsys):
    out = tmp_path / "run"
    options = ["--evaluate-every", "2", "--output-log-sigma", "-1.5", "--epochs", "3", "--config", "LCCL"]
    assert main([*ONE[:4], *options, "--out", str(out), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["valid"] is not None for row in rows] == [True, False, True, True]
    record = json.loads((out / "run.json").read_text())
    assert (record["output_log_sigma"], record["training"]["evaluate_every"]) == (-1.5, 2)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_list(capsys, monkeypatch, as_json):
    made = Cost(step=1.0, steps_per_epoch=10, evaluation=0.0, timed=1, length=1)
    monkeypatch.setattr(cost, "measure", lambda kind, preset, **_: made)
    assert main(["reproduce", "--list", "--preset", "paper", *(["--json"] if as_json else [])]) == 0
    printed = capsys.readouterr().out
    if as_json:
        record = json.loads(printed)
        assert record["preset"] == "paper"
        assert any(row["published"]["test"] == 109.2 for row in record["rows"])
    else:
        assert "measured now on this machine" in printed
        assert "Word PTB, SparseVD" in printed
