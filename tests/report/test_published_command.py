"""``python -m validation.published``: folders and records in, tables, CSV, figures and a page out."""

import json

import pytest

from validation.published.__main__ import main


@pytest.fixture
def write(tmp_path, paper_run):
    """A function that writes a paper-size run as a record of validation/reproductions."""

    def record(name, *args, **kwargs):
        run = paper_run(*args, **kwargs)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"run": run.config, "metrics": run.rows}))
        return path

    return record


def test_a_record_is_compared(write, tmp_path, capsys):
    path = write("imdb-other-start", deviations=["another start"])
    assert main([str(path), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "holds: vocabulary within a factor 2 at epoch 60" in told
    assert "- another start" in told
    assert "3 common epochs, 20 to 60" in told
    assert ["60", "919", "919", "0", "+0.00"] in [line.split()[:5] for line in told.splitlines()]
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "README.md", "imdb-other-start.csv", "imdb-other-start.png",
    ]  # fmt: skip
    page = (tmp_path / "out" / "README.md").read_text()
    assert "![Ours over the authors' run, a panel a quantity](imdb-other-start.png)" in page
    assert "- another start" in page
    assert "| 60 | 919 | 919 | 0 | +0.00 |" in page
    assert str(tmp_path) not in page


def test_what_falls_short_gives_one_and_seeds_stand_together(write, tmp_path, capsys):
    def off(row):
        row["valid"] *= 1.03

    paths = [write(f"s{k}", "word-ptb", "LCCL", 2, off if k else lambda row: None, seed=k) for k in range(2)]
    assert main([*map(str, paths), "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().out
    assert (
        "FALLS SHORT: quality (valid and test) within 2 % (farthest: +3.00 %, valid at epoch 1, seed 1; 8 compared)"
        in told
    )
    assert "seeds 0, 1" in told


def test_runs_that_differ_in_more_get_files_of_their_own(write, tmp_path, capsys):
    records = [write("a", deviations=[]), write("b", deviations=["ids"])]
    (tmp_path / "twin").mkdir()
    (tmp_path / "twin" / "a.json").write_bytes(write("a", deviations=["order"]).read_bytes())
    main([*map(str, records), str(tmp_path / "twin" / "a.json"), "--out", str(tmp_path / "out")])
    assert sorted(file.name for file in (tmp_path / "out").glob("*.csv")) == ["a-2.csv", "a.csv", "b.csv"]


def test_seeds_that_reach_different_epochs_are_compared_each(write, tmp_path, capsys):
    """Their mean would end with the shortest."""
    paths = [write(f"s{k}", "word-ptb", "LCCL", 2 + k // 2, seed=k) for k in range(3)]
    assert main([*map(str, paths), "--out", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    assert "seeds 0, 1" in told
    assert "3 common epochs, 1 to 3" in told
    assert sorted(file.name for file in (tmp_path / "out").glob("*.csv")) == ["s2.csv", "word-ptb-LCCL-seeds-0-1.csv"]


def test_memory_is_told_of_every_seed(write, tmp_path, capsys):
    paths = [
        write(f"s{k}", "word-ptb", "LCCL", 2, lambda row, k=k: row.update(peak_mib=700.0 + 100.0 * k), seed=k)
        for k in range(2)
    ]
    main([*map(str, paths), "--out", str(tmp_path / "out")])
    told = "Peak memory: 700.0 MiB of the process; 800.0 MiB of the process."
    assert told in capsys.readouterr().out
    assert told in (tmp_path / "out" / "README.md").read_text()


def test_a_record_named_twice_is_read_once(write, tmp_path, capsys):
    path = write("a")
    assert main([str(path), str(path.parent / ".." / path.parent.name / "a.json"), "--out", str(tmp_path / "out")]) == 0
    assert [file.name for file in (tmp_path / "out").glob("*.csv")] == ["a.csv"]


def test_what_cannot_be_compared_is_told_and_left_out(write, tmp_path, capsys):
    small = write("small", preset="small")
    assert main([str(small), "--out", str(tmp_path / "out")]) == 2
    assert f"{small}: not compared: the preset small is not the authors' network" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_read_is_told(tmp_path, capsys):
    (tmp_path / "x.json").write_text('{"rows": []}')
    for path, message in (
        (tmp_path / "x.json", "expected an object run and a list metrics"),
        (tmp_path, "no record there"),
    ):
        assert main([str(path)]) == 2
        assert message in capsys.readouterr().err
