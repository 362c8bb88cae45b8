"""Several runs at once: any executor, one that fails, one whose process is killed, starts before what needs them."""

import importlib.util
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from refimpl.experiments.many import NO_WORD, run_many
from refimpl.experiments.many_checks import check_jobs, check_new
from refimpl.experiments.many_executors import ProcessPerRun, open_executor, share
from refimpl.experiments.many_jobs import STATES, Job, finished, grid_jobs, table_jobs
from refimpl.experiments.many_worker import STANDING, run_job
from refimpl.experiments.paper_tables import TABLES
from refimpl.experiments.plan import make_plan
from refimpl.experiments.run import run_plan
from refimpl.experiments.run_stop import SIGNALS
from refimpl.experiments.starts import Starts
from refimpl.training.metrics import repeatable
from refimpl.training.run_folder import LAST, METRICS, RECORD, read_rows

PLAN = {"preset": "smoke", "overrides": {"epochs": 1}, "threads": 1}


class Inline(Executor):
    """Each call at once, in the caller's thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def grid(top, configurations=("LCCL",), seeds=(0,), **changes):
    return grid_jobs("planted-lm", configurations, seeds, top, "cpu", PLAN | changes)


def made(jobs, executor, top, **options):
    outcomes = run_many(jobs, executor, top / ".going", poll=0.05, **options)
    assert not (top / ".going").exists()
    assert [outcome.folder for outcome in outcomes] == [job.folder for job in jobs]
    assert all(outcome.state in STATES for outcome in outcomes)
    assert not list(top.glob(f"*/{STANDING}*"))
    return outcomes


def same_rows(a, b):
    return repeatable(read_rows(Path(a))) == repeatable(read_rows(Path(b)))


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run as it is without any executor."""
    folder = tmp_path_factory.mktemp("alone")
    run_plan(make_plan("planted-lm", configuration="LCCL", **PLAN), folder)
    return folder


# --- what is to be made -----------------------------------------------------------------------------------------------


def test_a_grid_is_every_configuration_with_every_seed(tmp_path):
    jobs = grid(tmp_path, ("LCIL", None), (0, 7))
    assert [Path(job.folder).name for job in jobs] == [
        "planted-lm-LCIL-smoke-0",
        "planted-lm-LCIL-smoke-7",
        "planted-lm-LCCL-smoke-0",
        "planted-lm-LCCL-smoke-7",
    ]
    assert [(job.plan["configuration"], job.plan["seed"]) for job in jobs[1:3]] == [("LCIL", 7), ("LCCL", 0)]
    assert jobs[0].plan["overrides"] == {"epochs": 1}


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_its_rows_and_the_runs_that_they_start_from_before_them(table, tmp_path):
    jobs = table_jobs(table, None, (0, 1), tmp_path, "cpu", {"preset": "paper"})
    places = {job.folder: place for place, job in enumerate(jobs)}
    assert len(places) == len(jobs)
    for row in TABLES[table].rows:
        for seed in (0, 1):
            place = places[str(tmp_path / f"{row.name}-paper-{seed}")]
            job = jobs[place]
            assert (job.plan["name"], job.plan["configuration"]) == (row.experiment, row.configuration)
            if row.start is None:
                assert job.start is None
            else:
                assert places[job.start] < place
                first = jobs[places[job.start]]
                assert (first.plan["configuration"], first.plan["overrides"]["epochs"]) == row.start
                assert first.plan["seed"] == seed


def test_elsewhere_than_at_paper_a_row_starts_from_the_whole_run_of_another_row(tmp_path):
    first, second = table_jobs(
        "workshop2017-sentiment", "SparseVD (VBD)", (3,), tmp_path, "cpu", {"preset": "smoke", "overrides": {}}
    )
    assert (first.plan["configuration"], first.plan["overrides"]) == ("vbd", {})
    assert second.start == first.folder == str(tmp_path / "cornell-vbd-smoke-3")
    assert second.plan["overrides"] == {}


def test_unknown_tables_rows_and_presets_are_listed(tmp_path):
    for arguments, message in (
        (("emnlp", None), r"^table: expected one of 'emnlp2018-classification'"),
        (("emnlp2018-generation", "Word"), r"^row: expected one of 'Char PTB, Original'.*got 'Word'"),
    ):
        with pytest.raises(ValueError, match=message):
            table_jobs(*arguments, (0,), tmp_path, "cpu", {"preset": "paper"})
    with pytest.raises(ValueError, match=r"^preset: expected one of .*got 'huge'"):
        made(grid(tmp_path, preset="huge"), Inline(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_hold_runs_are_refused_unless_they_are_to_be_continued(tmp_path, alone):
    jobs = grid(tmp_path, seeds=(0, 1))
    check_new(jobs)
    taken = [jobs[0]._replace(folder=str(alone)), jobs[1]]
    with pytest.raises(FileExistsError, match=rf"^{alone}: hold runs already; continue .*--resume, or name another"):
        check_new(taken)


# --- what became of it ------------------------------------------------------------------------------------------------


def test_one_that_fails_does_not_lose_the_others_and_resume_makes_the_rest(tmp_path, alone):
    jobs = grid(tmp_path, ("LCCL", "LXCL", "LCIL"))
    outcomes = made(jobs, Inline(), tmp_path)
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "done"]
    assert outcomes[1].why.startswith("ValueError: letters: position 1")
    assert (outcomes[0].row["epoch"], outcomes[0].best_epoch) == (1, 1)
    assert same_rows(jobs[0].folder, alone)
    before = {job.folder: (Path(job.folder) / LAST).stat().st_mtime_ns for job in (jobs[0], jobs[2])}
    mended = [jobs[0], grid(tmp_path, ("LCRL",))[0], jobs[2]]
    again = made(mended, Inline(), tmp_path)
    assert [(outcome.state, outcome.why) for outcome in again] == [
        ("done", "finished before"),
        ("done", ""),
        ("done", "finished before"),
    ]
    assert before == {folder: (Path(folder) / LAST).stat().st_mtime_ns for folder in before}


def test_finished_is_what_the_same_options_have_nothing_left_of(tmp_path):
    (job,) = grid(tmp_path)
    assert finished(job) is None
    run_job(job)
    assert finished(job).state == "done"
    for other in ({"epochs": 2}, {"epochs": 1, "learning_rate": 0.5}):
        assert finished(job._replace(plan=job.plan | {"overrides": other})) is None
    starts = Starts(output_log_sigma=-1.5)
    for other in ({"seed": 1}, {"prior": "molchanov2017"}, {"configuration": "LCIL"}, {"starts": starts}):
        assert finished(job._replace(plan=job.plan | other)) is None
    assert finished(job._replace(start="elsewhere")) is None
    for damaged in ("{", ""):
        (Path(job.folder) / METRICS).write_text(damaged)
        assert finished(job) is None
    (still,) = grid(tmp_path, seeds=(1,), overrides={"epochs": 50, "patience": 1, "learning_rate": 0.0})
    assert run_job(still).row["epoch"] == 2  # nothing gets better
    assert finished(still).state == "done"


@pytest.mark.data
def test_a_configuration_that_brings_an_option_of_its_own_is_seen_to_be_finished(tmp_path):
    """Weight decay belongs to vbd, not to the preset."""
    (job,) = grid_jobs("cornell", ["vbd"], [0], tmp_path, "cpu", {"preset": "smoke", "overrides": {"epochs": 1}})
    run_job(job)
    assert finished(job).why == "finished before"


def test_a_run_that_is_asked_to_end_where_it_stands_tells_its_record(tmp_path):
    """Begun for more epochs, stopped, and asked for as many as it has: nothing to train, and no unfinished run."""
    (job,) = grid(tmp_path, overrides={"epochs": 1})
    run_job(job)
    path = Path(job.folder) / RECORD
    record = json.loads(path.read_text())
    record["training"]["epochs"] = 40
    path.write_text(json.dumps(record))
    (outcome,) = made([job], Inline(), tmp_path)
    assert (outcome.state, outcome.row["epoch"]) == ("done", 1)
    assert json.loads(path.read_text())["training"]["epochs"] == 1
    assert finished(job).why == "finished before"


def test_of_a_file_of_the_users_own_only_its_contents_can_tell(tmp_path):
    text = tmp_path / "mine.txt"
    text.write_text("the cat sat on the mat. " * 40)
    (job,) = grid_jobs(str(text), ["LCCL"], [0], tmp_path, "cpu", PLAN)
    assert run_job(job).state == "done"
    assert finished(job) is None
    assert run_job(job).state == "done"  # nothing is left to do
    text.write_text("the dog sat on the mat. " * 40)
    (outcome,) = made([job], Inline(), tmp_path)
    assert (outcome.state, "data.sha256: stored" in outcome.why) == ("failed", True)


def test_jobs_are_checked_without_data(tmp_path):
    check_jobs(grid(tmp_path, ("LCCL", "DCCD")), here=True)
    table = table_jobs("workshop2017-sentiment", None, (0,), tmp_path, "cpu", {"preset": "smoke", "data_dir": tmp_path})
    check_jobs(table, here=False)  # the data are where it computes
    with pytest.raises(FileNotFoundError, match=r"^data_dir: no folder 'cornell-scale'"):
        check_jobs(table, here=True)
    for jobs, message in (
        (grid(tmp_path, ("LCCL", "LXCL")), r"^letters: position 1"),
        (grid(tmp_path, ("LCCL", "")), r"^letters: expected 4 letters"),
        (grid(tmp_path, prior="flat"), r"prior: expected one of"),
        (grid(tmp_path, preset="huge"), r"^preset: expected one of"),
        (grid(tmp_path, seeds=(0, 2**64)), r"^seed: expected an integer from 0 to 2\^64 - 1"),
        (grid(tmp_path, overrides={"epochs": -1}), r"^epochs: expected an integer of at least 0"),
        (grid(tmp_path, overrides={"patience": "3"}), r"^patience: expected at least 1 epoch, or None, got '3'"),
        (grid(tmp_path, engine="warp"), r"^engine: expected one of"),
        (grid(tmp_path, dtype="float16"), r"^dtype: expected one of"),
    ):
        for here in (False, True):
            with pytest.raises(ValueError, match=message):
                check_jobs(jobs, here=here)


def test_rows_of_a_table_are_refused_where_none_can_be_made(tmp_path):
    some = grid(tmp_path, ("LCCL", "DCCD"), prior="molchanov2017")
    check_jobs(some, here=True, every=False)
    with pytest.raises(ValueError, match="^prior: expected a configuration with random weights.*with DCCD"):
        check_jobs(some, here=True)
    with pytest.raises(ValueError, match=r"with DCCD"):
        check_jobs(some[1:], here=True, every=False)


def test_a_finished_run_needs_nothing_that_is_here(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)
    (job,) = grid(tmp_path)
    run_job(job)
    check_jobs([job._replace(device="cuda")], here=True)
    with pytest.raises(ValueError, match="^epochs: expected an integer of at least 0"):
        check_jobs([job._replace(plan=job.plan | {"overrides": {"epochs": -1}})], here=True)


def test_a_file_of_word_vectors_is_looked_for_where_it_computes(tmp_path):
    plan = PLAN | {"starts": Starts(word_vectors=str(tmp_path / "elsewhere.txt"))}
    jobs = grid_jobs("imdb", [None], (0,), tmp_path, "cpu", plan)
    check_jobs(jobs, here=False)
    with pytest.raises(FileNotFoundError, match="^word_vectors: expected 'texts' or the path"):
        check_jobs(jobs, here=True)
    with pytest.raises(ValueError, match="^word_vectors: expected a model with an embedding"):
        check_jobs(grid_jobs("char-ptb", [None], (0,), tmp_path, "cpu", plan), here=False)


def test_a_row_that_is_started_may_have_options_that_its_start_cannot_have(tmp_path):
    """The start has no posterior, so neither a prior nor log sigma."""
    plan = PLAN | {"prior": "ard", "starts": Starts(output_log_sigma=-1.5)}
    jobs = table_jobs("workshop2017-characters", "SparseVD (no dropout)", (0,), tmp_path, "cpu", plan)
    check_jobs(jobs, here=False)
    assert [job.plan["prior"] for job in jobs] == [None, "ard"]


def test_a_device_is_looked_for_where_it_computes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    jobs = [job._replace(device="cuda") for job in grid(tmp_path)]
    check_jobs(jobs, here=False)
    with pytest.raises(RuntimeError, match=r"^device: cuda needs CuPy"):
        check_jobs(jobs, here=True)


def test_what_starts_from_another_run_waits_for_it_and_is_not_begun_without_it(tmp_path):
    """Whatever the order of the jobs."""
    first, second = grid(tmp_path, ("DCCD", "LCCL"))
    jobs = [second._replace(start=first.folder), first]
    ended = []
    made(jobs, Inline(), tmp_path, ended=ended.append)
    assert [(outcome.folder, outcome.state) for outcome in ended] == [(first.folder, "done"), (second.folder, "done")]
    assert json.loads((Path(second.folder) / "run.json").read_text())["start"] == Path(first.folder).name
    bad = grid(tmp_path, ("DXCD", "LCCL"), seeds=(1,))
    outcomes = made([bad[1]._replace(start=bad[0].folder), bad[0]], Inline(), tmp_path)
    assert [outcome.state for outcome in outcomes] == ["not begun", "failed"]
    assert outcomes[0].why == "it starts from planted-lm-DXCD, seed 1: failed"
    assert [outcome.is_failure for outcome in outcomes] == [True, True]


def test_what_starts_from_a_run_waits_until_it_has_ended(tmp_path):
    """Though there is room for both at once: the best checkpoint of the first one is there from its beginning on."""

    futures = {}

    class Watching(ThreadPoolExecutor):
        def submit(self, fn, /, job):
            assert job.start is None or futures[job.start].done()
            futures[job.folder] = super().submit(fn, job)
            return futures[job.folder]

    first, second = grid(tmp_path, ("DCCD", "LCCL"), overrides={"epochs": 20})
    with Watching(2) as executor:
        outcomes = made([first, second._replace(start=first.folder)], executor, tmp_path)
    assert [outcome.state for outcome in outcomes] == ["done", "done"]


def test_so_many_at_once(tmp_path):
    """What the executor has not been given is not begun when the runs are stopped."""
    given = []

    class Counting(ThreadPoolExecutor):
        def submit(self, fn, /, *args, **kwargs):
            given.append(args[0].label)
            return super().submit(fn, *args, **kwargs)

    with Counting(4) as executor:
        jobs = grid(tmp_path, seeds=range(4), overrides={"epochs": 500})
        outcomes = made(jobs, executor, tmp_path, at_once=2, stop=lambda: (Path(jobs[0].folder) / STANDING).exists())
    assert given == [job.label for job in jobs[:2]]
    assert [outcome.state for outcome in outcomes][2:] == ["not begun"] * 2
    assert outcomes[0].state == "stopped"


def test_told_to_stop_they_store_what_they_have(tmp_path, alone):
    jobs = grid(tmp_path, seeds=(0, 1))
    seen = []

    def watch(standings):
        seen.extend(standings)

    stopped = made(jobs, Inline(), tmp_path, stop=lambda: True, watch=watch)
    assert [outcome.state for outcome in stopped] == ["done", "done"]  # Inline had made them before it was asked
    with ThreadPoolExecutor(1) as executor:
        more = grid(tmp_path, ("LCIL",), (0, 1), overrides={"epochs": 500})
        outcomes = made(more, executor, tmp_path, stop=lambda: (Path(more[0].folder) / STANDING).exists())
    assert [outcome.state for outcome in outcomes] == ["stopped", "not begun"]
    assert outcomes[0].why.startswith("stopped ")
    assert "--resume" in outcomes[0].why
    rest = more[0]._replace(plan=more[0].plan | {"overrides": {"epochs": outcomes[0].row["epoch"] + 1}})
    (outcome,) = made([rest], Inline(), tmp_path)
    assert (outcome.state, outcome.row["epoch"]) == ("done", outcomes[0].row["epoch"] + 1)


def test_what_starts_from_a_run_that_was_stopped_was_stopped_before_its_turn(tmp_path):
    """That is no failure; whatever stands in its way if the executor refuses the first one is."""
    first, second = grid(tmp_path, ("DCCD", "LCCL"), overrides={"epochs": 500})
    jobs = [first, second._replace(start=first.folder)]
    with ThreadPoolExecutor(1) as executor:
        outcomes = made(jobs, executor, tmp_path, stop=lambda: (Path(first.folder) / STANDING).exists())
    assert [(outcome.state, outcome.is_failure) for outcome in outcomes] == [("stopped", False), ("not begun", False)]
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    jobs = [jobs[0]._replace(folder=str(tmp_path / "a")), jobs[1]._replace(start=str(tmp_path / "a"))]
    outcomes = made(jobs, executor, tmp_path)
    assert [(outcome.state, outcome.is_failure) for outcome in outcomes] == [("not begun", True)] * 2
    assert outcomes[1].why == "it starts from planted-lm-DCCD, seed 0: not begun"


def test_workers_that_do_not_share_the_folder_are_named(tmp_path):
    """They would take the runs for stopped."""

    class Elsewhere(Inline):
        def submit(self, fn, job):
            return super().submit(fn, job._replace(going=str(tmp_path / "elsewhere")))

    (outcome,) = made(grid(tmp_path), Elsewhere(), tmp_path)
    assert (outcome.state, outcome.is_failure) == ("failed", True)
    assert outcome.why.startswith(f"its worker does not see {tmp_path / '.going'}; name an --out that all workers see")


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (KeyError("pool"), "the executor refuses it: KeyError: 'pool'"),
        (SystemExit(3), "the executor refuses it: SystemExit: 3"),
        (None, "the executor refuses it: TypeError: submit gives a NoneType, not a Future"),
    ],
)
def test_an_executor_that_submits_nothing(tmp_path, given, why):
    class Theirs(Inline):
        def submit(self, fn, /, *args, **kwargs):
            if given is None:
                return None
            raise given

    outcomes = made(grid(tmp_path, seeds=(0, 1)), Theirs(), tmp_path)
    assert [(outcome.state, outcome.why) for outcome in outcomes] == [("not begun", why)] * 2


def test_a_future_that_gives_no_outcome(tmp_path):
    class Theirs(Inline):
        def __init__(self, call):
            self.call = call

        def submit(self, fn, /, *args, **kwargs):
            return super().submit(self.call)

    for call, why in ((lambda: None, "its worker gives a NoneType, not an Outcome"), (sys.exit, "SystemExit: ")):
        outcomes = made(grid(tmp_path, seeds=(0, 1)), Theirs(call), tmp_path)
        assert [(outcome.state, outcome.why) for outcome in outcomes] == [("failed", why)] * 2


@pytest.mark.parametrize("breaks", [BrokenProcessPool("a process died"), TypeError("cannot pickle")])
def test_what_an_executor_loses_is_named(tmp_path, breaks):
    class Losing(Inline):
        def __init__(self):
            self.calls = 0

        def submit(self, fn, /, *args, **kwargs):
            self.calls += 1
            if self.calls == 3:
                raise BrokenProcessPool("takes no more")
            if self.calls == 2:
                future = Future()
                future.set_exception(breaks)
                return future
            return super().submit(fn, *args, **kwargs)

    outcomes = made(grid(tmp_path, seeds=(0, 1, 2)), Losing(), tmp_path)
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "not begun"]
    assert outcomes[1].label == "planted-lm-LCCL, seed 1"
    assert outcomes[1].why == (NO_WORD if isinstance(breaks, BrokenProcessPool) else "TypeError: cannot pickle")
    assert "takes no more" in outcomes[2].why


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_killed_process_is_named_and_takes_no_other_with_it(tmp_path, alone):
    """The killed one has trained for a while, and is continued afterwards."""
    short, endless = grid(tmp_path)[0], grid(tmp_path, ("LCIL",), overrides={"epochs": 100_000})[0]
    killed = []

    def watch(standings):
        told = Path(endless.folder) / STANDING
        if not killed and standings[1].state == "done" and told.exists():
            killed.append(json.loads(told.read_text())["pid"])
            os.kill(killed[0], signal.SIGKILL)

    with open_executor("processes", 2, print) as executor:
        assert isinstance(executor, ProcessPerRun)
        outcomes = made([endless, short], executor, tmp_path, watch=watch)
    assert [outcome.state for outcome in outcomes] == ["failed", "done"]
    assert (outcomes[0].label, outcomes[0].why) == ("planted-lm-LCIL, seed 0", NO_WORD)
    assert killed[0] != os.getpid()
    assert same_rows(short.folder, alone)
    reached = outcomes[0].row["epoch"]
    rest = endless._replace(plan=endless.plan | {"overrides": {"epochs": reached + 1}})
    assert made([rest], Inline(), tmp_path)[0].row["epoch"] == reached + 1


ORPHANS = """
import sys
from pathlib import Path
from refimpl.experiments.many import run_many
from refimpl.experiments.many_executors import open_executor
from refimpl.experiments.many_jobs import grid_jobs

if __name__ == "__main__":
    top = Path(sys.argv[1])
    plan = {"preset": "smoke", "overrides": {"epochs": 100_000}, "threads": 1}
    with open_executor("processes", 1, print) as executor:
        run_many(grid_jobs("planted-lm", ["LCCL"], [0], top, "cpu", plan), executor, top / ".going")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_runs_whose_parent_is_killed_store_what_they_have_and_end(tmp_path):
    """Parent and worker write to one pipe, which ends when the last of them has."""
    (tmp_path / "parent.py").write_text(ORPHANS)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, tmp_path / "parent.py", str(tmp_path)]
    parent = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    folder = tmp_path / "planted-lm-LCCL-smoke-0"
    try:
        end = time.monotonic() + 60.0
        while not (folder / STANDING).exists():
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        parent.kill()
        parent.communicate(timeout=60.0)
    assert not (tmp_path / ".going").exists()
    (rest,) = grid(tmp_path, overrides={"epochs": read_rows(folder)[-1]["epoch"] + 1})
    assert run_job(rest).state == "done"


def test_how_far_a_run_is_need_not_be_written(tmp_path, alone, monkeypatch):
    def full(self, *_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    (job,) = grid(tmp_path)
    assert run_job(job).state == "done"
    assert same_rows(job.folder, alone)


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed (Dask) is not installed")
@pytest.mark.filterwarnings("default")  # of Dask and what it uses
def test_a_local_dask_cluster(tmp_path, alone):
    from distributed import LocalCluster

    jobs = grid(tmp_path, ("LCCL", "LXCL", "LCIL"))
    local = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None}
    with LocalCluster(**local) as cluster, open_executor(f"dask:{cluster.scheduler_address}", 1, print) as executor:
        outcomes = made(jobs, executor, tmp_path)
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "done"]
    assert same_rows(jobs[0].folder, alone)


# --- executors --------------------------------------------------------------------------------------------------------


def test_executors_by_name(monkeypatch, tmp_path):
    (tmp_path / "their_cluster.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def pool():\n    return ThreadPoolExecutor(1)\n"
        "def number():\n    return 1\n"
        "def broken():\n    return {}['pool']\n"
        "def leaves():\n    raise SystemExit(4)\n"
        "class Stuck(ThreadPoolExecutor):\n    def shutdown(self, **_):\n        raise KeyError('lock')\n"
        "def stuck():\n    return Stuck(1)\n"
    )
    (tmp_path / "their_typo.py").write_text("def pool(:\n")
    (tmp_path / "their_script.py").write_text("import sys\nsys.exit()\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("threads", "their_cluster:pool"):
        with open_executor(name, 1, print) as executor:
            assert executor.submit(len, "abc").result() == 3
        with pytest.raises(RuntimeError):
            executor.submit(len, "abc")
    for name, message in (
        ("slurm", r"^executor: expected processes, threads, dask.*got 'slurm'"),
        ("their_cluster:number", r"gives a int, not a concurrent.futures.Executor"),
        ("their_cluster:queue", r"module their_cluster has no function 'queue'"),
        ("their_cluster:broken", r"^executor: their_cluster:broken fails: KeyError: 'pool'"),
        ("their_cluster:leaves", r"^executor: their_cluster:leaves fails: SystemExit: 4"),
        ("their_typo:pool", r"^executor: their_typo cannot be imported: SyntaxError: "),
        ("their_script:pool", r"^executor: their_script cannot be imported: SystemExit: "),
        (":pool", r"^executor: expected processes, threads"),
        ("dask:", r"^executor: expected processes, threads.*got 'dask:'"),
        ("no_such_module:pool", r"no_such_module cannot be imported .*install no_such_module"),
    ):
        with pytest.raises(ValueError, match=message), open_executor(name, 1, print):
            pass

    told = []
    with open_executor("their_cluster:stuck", 1, told.append) as executor:
        assert executor.submit(len, "abc").result() == 3
    assert told == ["executor: their_cluster:stuck cannot be shut down: KeyError: 'lock'"]
    with pytest.raises(ZeroDivisionError), open_executor("their_cluster:stuck", 1, told.append):
        raise ZeroDivisionError  # the error itself is what is told
    assert len(told) == 1


def test_a_worker_of_anybodys_pool_leaves_ctrl_c_to_the_parent(tmp_path):
    """A terminal sends it to all; what this process does on it stays as it is."""
    (job,) = grid(tmp_path)
    stopped = job._replace(going=str(tmp_path / "gone"))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(run_job, stopped).result().state == "not begun"
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run_job(stopped)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_signals_are_the_parents_alone():
    with open_executor("processes", 1, print) as executor:
        (handlers,) = {executor.submit(signal.getsignal, number).result() for number in SIGNALS}
    assert handlers == signal.SIG_IGN


def test_shares(monkeypatch):
    monkeypatch.setattr("refimpl.experiments.many_executors.available_processors", lambda: 8)
    assert share("processes", None, 3) == (3, 2)
    assert share("threads", None, 100) == (8, 1)
    assert share("processes", 2, 100) == (2, 4)
    assert share("dask:tcp://elsewhere:8786", None, 100) == (100, None)
    assert share("mpi", 5, 100) == (5, None)
    with pytest.raises(ValueError, match=r"^workers: expected at least 1, got 0; leave --workers out for as many as"):
        share("processes", 0, 3)


def test_jobs_are_plain_data():
    import pickle

    job = Job("a", "b", {"name": "planted-lm"})
    assert pickle.loads(pickle.dumps(job)) == job
