"""What a run finds in its folder: records of other runs and versions, what was prolonged, what is gone."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from refimpl import __version__
from refimpl.experiments import run, run_stop
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import run_plan
from refimpl.experiments.run_stop import alone_in
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.metrics import repeatable
from refimpl.training.run_folder import BEST, LAST, METRICS, RECORD, RECORD_FORMAT, read_rows
from tests.commands import contents


def test_the_record_has_a_format_and_a_later_one_is_refused_with_the_version(tmp_path):
    plan = make_plan("planted-lm", preset="smoke", overrides={"epochs": 1})
    run = run_plan(plan, tmp_path / "run")
    path = tmp_path / "run" / RECORD
    record = json.loads(path.read_text())
    assert record["format"] == RECORD_FORMAT
    assert load_checkpoint(tmp_path / "run" / BEST).version == __version__
    del record["format"]
    path.write_text(json.dumps(record))  # as an older version wrote it
    assert run_plan(plan, tmp_path / "run", resume=True).rows == run.rows
    later = record | {"format": 99, "environment": {"versions": {"refimpl": "7.5"}}}
    for content, message in (
        (json.dumps(later), rf"^{path}: format 99, written by refimpl 7.5; this is refimpl {__version__}, which reads"),
        ('{"format": 99, "environment": null}', rf"^{path}: format 99, written by refimpl an unknown version; "),
        ('{"format": 99, "environment": {"versions": []}}', r"written by refimpl an unknown version; "),
        ("[1]", rf"^{path}: expected a JSON object"),
        ("{", rf"^{path}: expected a JSON object"),
    ):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            run_plan(plan, tmp_path / "run", resume=True)


def test_a_record_of_another_run_is_refused(tmp_path, whole):
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    record = json.loads((folder / RECORD).read_text())
    for changed, message in (
        (record | {"seed": 5}, r"seed: stored 5, asked 0"),
        (record | {"recipe": record["recipe"] | {"log_sigma_ini": 1}}, r"recipe.log_sigma_ini: stored 1"),
    ):
        (folder / RECORD).write_text(json.dumps(changed))
        before = contents(folder)
        with pytest.raises(ValueError, match=rf"^{folder / RECORD}: of a run of another configuration; .*{message}"):
            run_plan(make_plan("planted-lm", preset="smoke"), folder, resume=True)
        assert contents(folder) == before


def test_the_record_tells_how_many_epochs_were_run_in_the_end(tmp_path, whole):
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    record, told = json.loads((folder / RECORD).read_text()), []
    plan = {epochs: make_plan("planted-lm", preset="smoke", overrides={"epochs": epochs}) for epochs in (1, 3)}
    run_plan(plan[3]._replace(record=plan[3].record | {"deviations": ["longer"]}), folder, resume=True)
    after = json.loads((folder / RECORD).read_text())
    assert after == record | {"training": record["training"] | {"epochs": 3}, "deviations": ["longer"]}
    before = contents(folder)
    run_plan(plan[1], folder, resume=True, tell=told.append)
    assert contents(folder) == before
    assert told[0] == f"{folder}: has 3 epochs already, 1 were asked for: there is nothing to train"


def test_a_record_of_an_older_version_gets_the_deviations(tmp_path, whole):
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    record = json.loads((folder / RECORD).read_text())
    (folder / RECORD).write_text(json.dumps({name: record[name] for name in record if name != "deviations"}))
    run_plan(make_plan("planted-lm", preset="smoke"), folder, resume=True)
    assert json.loads((folder / RECORD).read_text()) == record


def test_a_record_that_is_gone_is_written_again(tmp_path, whole):
    folder = Path(shutil.copytree(whole, tmp_path / "run"))
    before = json.loads((folder / RECORD).read_text())
    (folder / RECORD).unlink()
    run_plan(make_plan("planted-lm", preset="smoke"), folder, resume=True)
    after = json.loads((folder / RECORD).read_text())
    assert {**after, "environment": None} == {**before, "environment": None}


def test_what_was_stored_is_not_begun_anew_without_its_checkpoint(tmp_path, whole):
    """But a run that was killed before its first checkpoint is begun."""
    plan = make_plan("planted-lm", preset="smoke")
    for lost, kept in (((LAST,), METRICS), ((LAST, METRICS), BEST), ((LAST, BEST), METRICS)):
        folder = Path(shutil.copytree(whole, tmp_path / f"{kept} without {len(lost)}"))
        for name in lost:
            (folder / name).unlink()
        before = contents(folder)
        with pytest.raises(ValueError, match=rf"^{folder}: has what a run stored, but its {LAST} is gone.*--out"):
            run_plan(plan, folder, resume=True)
        assert contents(folder) == before
    (folder / METRICS).write_text((folder / METRICS).read_text().partition("\n")[0] + "\n")
    run_plan(plan, folder, resume=True)
    assert repeatable(read_rows(folder)) == repeatable(read_rows(whole))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(NotADirectoryError, match=rf"^out: expected a folder, {tmp_path / 'run'} is a file"):
        run_plan(make_plan("planted-lm", preset="smoke"), tmp_path / "run")


@pytest.mark.parametrize("out", ["file/run", "n" * 300])
def test_a_folder_that_cannot_be_made_is_named(tmp_path, out):
    (tmp_path / "file").write_text("")
    message = rf"^out: cannot use the folder {tmp_path / out} \(.*\); name another --out"
    with pytest.raises(OSError, match=message):
        run_plan(make_plan("planted-lm", preset="smoke"), tmp_path / out)


@pytest.mark.skipif(run_stop.fcntl is None, reason="this system cannot hold a folder")
def test_a_run_that_another_process_made_in_the_meantime_is_not_begun_anew(tmp_path, whole, monkeypatch):
    """It ended between the first look at the folder and the moment at which this one holds it."""
    folder = tmp_path / "run"

    @contextmanager
    def after_another(held):
        shutil.copytree(whole, held, dirs_exist_ok=True)
        with alone_in(held):
            yield

    monkeypatch.setattr(run, "alone_in", after_another)
    with pytest.raises(FileExistsError, match=r"holds a run already"):
        run_plan(make_plan("planted-lm", preset="smoke"), folder)
    assert contents(folder) == contents(whole)
