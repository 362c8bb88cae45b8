"""The command: bad input gets a message that names the argument and the remedy, exit code 2; nothing stored is lost."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import save_file

from refimpl.cli import main
from tests.commands import contents, refused

RUN = ["reproduce", "planted-lm", "--preset", "smoke", "--epochs", "1"]


@pytest.fixture
def run_folder(tmp_path):
    assert main([*RUN, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["reproduce", "mnist-lm"], ["experiment", "planted-lm", "mnist-lm"]),
        ([*RUN, "--config", "LXCL"], ["letters", "position 1", "gates z", "'X'"]),
        ([*RUN, "--config", "LCC"], ["letters", "4 letters", "'LCC'"]),
        ([*RUN, "--preset", "huge"], ["preset", "smoke", "'huge'"]),
        ([*RUN, "--epochs", "-1"], ["epochs", "at least 0", "-1"]),
        ([*RUN, "--seed", "-1"], ["seed", "-1"]),
        ([*RUN, "--warmup", "20:5"], ["--warmup", "a later one", "20:5"]),
        ([*RUN, "--warmup", "\u00b2:5"], ["--warmup", "START:STOP"]),
        ([*RUN, "--warmup", "soon"], ["--warmup", "START:STOP"]),
        ([*RUN, "--warmup", "1:2", "--kl-weight", "0.5"], ["--warmup", "--kl-weight"]),
        ([*RUN, "--kl-weight", "-1"], ["--kl-weight", "from 0 to 1", "-1"]),
        ([*RUN, "--learning-rate", "nan"], ["learning_rate", "nan"]),
        ([*RUN, "--patience", "0"], ["patience", "at least 1"]),
        ([*RUN, "--prior", "flat"], ["prior", "log_uniform", "'flat'"]),
        (["reproduce", "char-ptb", "--data", "no/such/folder"], ["no/such/folder", "--data"]),
        (["gradcheck", "transformer"], ["lstm", "'transformer'"]),
        (["data", "verify", "--data", "no/such/folder"], ["no/such/folder"]),
        (["audit", "--engine"], ["--engine"]),
        (["bench", "mnist"], ["workload", "char", "'mnist'"]),
        (["bench", "--threads", "one"], ["--threads", "'one'"]),
        (["bench", "--threads", "0"], ["threads", "expected 1 to", "got 0"]),
        (["bench", "--rounds", "0"], ["rounds", "at least 1"]),
        (["bench", "--contenders", "torch,tensorflow"], ["contender", "torch-cell", "'tensorflow'"]),
        (["bench", "--python", "no/such/python"], ["--python", "no/such/python"]),
        ([*RUN, "--engine", "warp"], ["--engine", "reference"]),
        ([*RUN, "--threads", "0"], ["threads", "at least 1"]),
        ([*RUN, "--config", ""], ["letters", "4 letters", "''"]),
        ([*RUN, "--prior", ""], ["prior", "log_uniform", "''"]),
        ([*RUN, "--start", ""], ["--start", "expected a path", "''"]),
        ([*RUN, "--start", "nowhere"], ["start: expected the folder of an earlier run or a checkpoint", "nowhere"]),
        ([*RUN, "--out", ""], ["--out", "expected a path", "''"]),
        ([*RUN, "--data", ""], ["--data", "expected a path", "''"]),
        (["reproduce", ""], ["experiment", "planted-lm", "''"]),
        (["reproduce", "cornell", "--config", "LXX"], ["configuration", "'sparsevd'", "6 letters", "'LXX'"]),
        (["reproduce", "cornell", "--config", "LCLCCX"], ["configuration", "'vbd'", "position 5", "'LCLCCX'"]),
        (["reproduce", "cornell", "--config", "sparsevd", "--prior", ""], ["prior", "log_uniform", "''"]),
        (["reproduce", "char-ptb-2017", "--config", "LCCL"], ["configuration", "'none', 'vbd', 'sparsevd'", "'LCCL'"]),
        (["data", "verify", "--data", ""], ["--data", "expected a path", "''"]),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None,
)
def test_bad_arguments(arguments, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REFIMPL_DATA", raising=False)
    refused(arguments, capsys, *expected)


def test_cuda_without_a_device(capsys, tmp_path):
    try:
        import cupy

        if cupy.cuda.is_available():
            pytest.skip("a CUDA device is there: the refusal cannot be shown")
    except ImportError:
        pass
    refused([*RUN, "--device", "cuda", "--out", str(tmp_path / "run")], capsys, "device", "use cpu")


def test_a_run_is_not_overwritten(run_folder, capsys):
    before = contents(run_folder)
    refused([*RUN, "--out", str(run_folder)], capsys, str(run_folder), "--resume", "--out")
    assert contents(run_folder) == before


def test_resume_with_other_options_is_refused(run_folder, capsys):
    before = contents(run_folder)
    refused([*RUN, "--seed", "5", "--resume", "--out", str(run_folder)], capsys, "another configuration")
    assert contents(run_folder) == before


def test_resume_continues_to_more_epochs(run_folder, capsys):
    assert main([*RUN[:-1], "2", "--resume", "--out", str(run_folder), "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [row["epoch"] for row in rows] == [0, 1, 2]


def test_damaged_checkpoint(run_folder, capsys):
    path = run_folder / "last.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    refused([*RUN, "--resume", "--out", str(run_folder)], capsys, str(path), "damaged")


def test_foreign_checkpoint(run_folder, capsys):
    save_file({"weight": np.zeros(3)}, run_folder / "last.safetensors")
    refused([*RUN, "--resume", "--out", str(run_folder)], capsys, "not a checkpoint of refimpl")


def test_start_from_a_run_without_checkpoint(capsys, tmp_path):
    expected = ["start: expected the folder of an earlier run", "no checkpoint", str(tmp_path / "best.safetensors")]
    refused([*RUN, "--start", str(tmp_path), "--out", str(tmp_path / "run")], capsys, *expected)


def test_start_from_another_model(run_folder, capsys, tmp_path):
    arguments = ["reproduce", "planted-sentiment", "--preset", "smoke", "--epochs", "1"]
    refused([*arguments, "--start", str(run_folder), "--out", str(tmp_path / "b")], capsys, "start", "shape")


def test_start_takes_over_the_means(run_folder, tmp_path):
    assert main([*RUN, "--config", "LCIL", "--start", str(run_folder), "--out", str(tmp_path / "b")]) == 0


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("empty.txt", "", ["empty"]),
        ("short.txt", "abc", ["short.txt"]),
        ("bad.csv", "text,label\nfine,yes\n,no\n", ["bad.csv", "line 3"]),
        ("column.csv", "words,label\nfine,yes\n", ["text", "words", "rename the column"]),
        ("bad.jsonl", '{"text": "fine", "label": 1}\n{"text": ', ["bad.jsonl", "line 2"]),
    ],
)
def test_files_of_the_user(name, text, expected, capsys, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    refused(["reproduce", str(path), "--preset", "smoke", "--out", str(tmp_path / "run")], capsys, *expected)


def test_a_users_text_trains(tmp_path, capsys):
    path = tmp_path / "mine.txt"
    path.write_text("the quick brown fox jumps over the lazy dog\n" * 60)
    assert main(["reproduce", str(path), "--preset", "smoke", "--out", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "run.json").is_file()


def test_rating_with_a_nan(capsys, tmp_path):
    path = tmp_path / "ratings.csv"
    path.write_text("text,target\ngood film,0.9\nbad film,nan\n")
    refused(["reproduce", str(path), "--unit", "ratings", "--preset", "smoke"], capsys, "ratings.csv", "line 3")


def test_divergence_keeps_the_last_checkpoint(run_folder, capsys, tmp_path):
    folder = tmp_path / "diverging"
    shutil.copytree(run_folder, folder)
    code = main([*RUN, "--learning-rate", "1e30", "--out", str(tmp_path / "new")])
    message = capsys.readouterr().err
    assert code == 2
    assert "diverged" in message
    assert "first tensor" in message
    assert (tmp_path / "new" / "last.safetensors").is_file()


def test_gradcheck_prints_json(capsys):
    assert main(["gradcheck", "lstm", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["passed"] and row["error"] <= 1e-12 for row in rows)


def test_data_list(capsys):
    assert main(["data", "list"]) == 0
    assert "ptb" in capsys.readouterr().out


def test_bench_growth_writes_a_record_and_a_figure(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("refimpl.benchmarks.measure.PAUSE", 0.0)
    monkeypatch.setattr("refimpl.report.drawing.DPI", 40)
    monkeypatch.setattr("refimpl.benchmarks.workloads.GROWTH_AXES", {"tiny": {"steps": (4, 5)}})
    path = tmp_path / "growth.json"
    arguments = ["bench", "growth", "--size", "tiny", "--rounds", "1", "--threads", "1", "--contenders", "gemm"]
    assert main([*arguments, "--out", str(path), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record == json.loads(path.read_text("utf-8"))
    assert [row["workload"]["steps"] for row in record["rows"]] == [5, 4]
    assert path.with_suffix(".png").is_file()
    assert path.with_suffix(".svg").is_file()
