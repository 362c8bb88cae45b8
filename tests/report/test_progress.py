"""What is shown while runs train: the bar, the time left, a line for each of several runs, the table at their end."""

import io

import pytest

from refimpl.experiments.many import Standing
from refimpl.experiments.many_jobs import Outcome
from refimpl.report import progress
from refimpl.report.progress import Board, Pace, ProgressBar, duration, format_row, header, outcome_table

ROW = {"epoch": 2, "valid": 154.25, "test": 150.0, "metric": "perplexity", "compression": 3.21}


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """A terminal of 160 columns."""
    monkeypatch.setenv("COLUMNS", "160")


class Terminal(io.StringIO):
    """A stream that is one."""

    def isatty(self):
        return True


def test_time_left_counts_steps_and_what_stands_between_epochs():
    """Two seconds a step, 100 seconds an evaluation."""
    pace = Pace()
    assert pace.left(1, 16, 32, 3) is None
    pace.told(0.0, 1, 16)
    assert pace.left(1, 16, 32, 3) is None
    pace.told(32.0, 1, 32)
    assert pace.left(1, 32, 32, 3) == pytest.approx(2 * 64.0)  # nothing is known of evaluations yet
    pace.told(32.0 + 100.0 + 32.0, 2, 16)
    assert pace.left(2, 16, 32, 3) == pytest.approx((16 + 32) * 2.0 + 2 * 100.0)
    pace.told(196.0, 2, 32)
    pace.told(196.0 + 80.0 + 32.0, 3, 16)
    assert pace.left(3, 16, 32, 3) == pytest.approx(32.0 + 90.0)


def test_a_resumed_run_is_paced_from_where_it_goes_on():
    pace = Pace()
    pace.told(5.0, 7, 48)
    pace.told(6.0, 7, 64)
    assert pace.left(7, 64, 100, 8) == pytest.approx(136 / 16)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "?"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.9, "1 min 00 s"),
        (3599.0, "59 min 59 s"),
        (3600.0, "1 h 00 min"),
        (47.5 * 3600, "47 h 30 min"),
        (49 * 3600.0, "2 d 1 h"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_the_bar_has_quality_sparsity_and_time_left(monkeypatch):
    moments = iter([0.0, 8.0, 8.0 + 20.0 + 8.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(moments))
    asked = []
    stream = Terminal()
    bar = ProgressBar(4, stream, lambda: [asked.append(1), ROW][1])
    bar(1, 16, 32, 6.5)
    bar(1, 32, 32, 6.25)
    bar(2, 16, 32, 6.0)
    bar.close()
    first, second, third = stream.getvalue().removesuffix("\n").split("\r")[1:]
    assert first.startswith("[###")
    assert "epoch 1/4 step 16/32  ? left  nll 6.5000  perplexity 154.2  compression 3.21" in first
    assert "  48 s left  " in second
    assert "2.0 steps/s" in second
    assert "epoch 2/4" in third
    assert "  1 min 40 s left  " in third  # 80 steps and 3 evaluations of 20 s
    assert len(asked) == 2  # once an epoch


@pytest.mark.parametrize("columns", [20, 80, 90, 160])
def test_no_line_is_longer_than_the_terminal(monkeypatch, columns):
    """One that is wrapped cannot be written over: every update would be a new line."""
    monkeypatch.setenv("COLUMNS", str(columns))
    stream = Terminal()
    ProgressBar(4, stream, lambda: ROW)(1, 16, 32, 6.5)
    (line,) = stream.getvalue().removesuffix("\x1b[K").split("\r")[1:]
    words = "epoch 1/4 step 16/32  ? left  nll 6.5000  perplexity 154.2  compression 3.21"
    assert len(line) < columns
    assert line.startswith("[") == (columns > 80)  # the bar makes room
    assert words[:19] in line
    assert (words in line) == (columns >= 80)
    stream = Terminal()
    Board(stream, clock=lambda: 0.0)([Standing("a", "failed", "why " * 20, 10), Standing("b" * 50, "waiting", "", 10)])
    lines = stream.getvalue().split("\x1b[K\n")
    assert len(lines) == 3
    assert all(len(line.removeprefix("\r")) < columns for line in lines)


def test_nothing_is_drawn_where_nobody_looks():
    stream = io.StringIO()
    bar = ProgressBar(4, stream, lambda: pytest.fail("asked"))
    bar(1, 16, 32, 6.5)
    bar.close()
    assert stream.getvalue() == ""


def standings(epoch, step, state="running", row=None):
    return [
        Standing("a", state, "", 10, epoch, step, 100, 1.5, row),
        Standing("b", "waiting", "", 10),
    ]


def test_a_line_a_run_redrawn_on_a_terminal():
    stream, moments = Terminal(), iter([0.0, 60.0])
    board = Board(stream, clock=lambda: next(moments))
    board(standings(1, 50))
    assert stream.getvalue().count("\n") == 2
    assert "epoch 1/10 step 50/100  ? left  nll 1.5000" in stream.getvalue()
    board(standings(3, 50, row=ROW))
    again = stream.getvalue().partition("\x1b[2A")[2]
    assert again.count("\n") == 2
    assert "epoch 3/10 step 50/100  3 min 45 s left  nll 1.5000  perplexity 154.2  compression 3.21" in again


def test_elsewhere_a_line_when_something_happened():
    stream = io.StringIO()
    board = Board(stream, clock=iter(range(100)).__next__)
    for step in (20, 40, 60):
        board(standings(1, step))
    board(standings(2, 10, row=ROW))
    board([Standing("a", "failed", "ValueError:\nno", 10, row=ROW), Standing("b", "waiting", "", 10)])
    board([Standing("a", "failed", "ValueError:\nno", 10, row=ROW), Standing("b", "waiting", "", 10)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("epoch 2/10  perplexity 154.2  compression 3.21  ValueError: no")


def test_the_table_at_the_end_says_what_failed_and_why():
    outcomes = [
        Outcome("first", "runs/first", "done", "finished before", 2, ROW),
        Outcome("the second", "runs/second", "failed", "ValueError: letters"),
        Outcome("third", "runs/third", "done", "", None, ROW | {"valid": None}),
    ]
    lines = outcome_table(outcomes).splitlines()
    assert lines[0].split() == ["run", "state", "epoch", "best", "valid", "test", "compression"]
    assert lines[1].split() == ["first", "done", "2", "2", "154.25", "150", "3.21"]
    assert lines[2].split() == ["the", "second", "failed", "-", "-", "-", "-", "-"]
    assert lines[3].split() == ["third", "done", "2", "-", "-", "150", "3.21"]
    assert lines[4:] == ["failed: the second: ValueError: letters"]


def test_rows_stand_under_their_header():
    row = ROW | {"nll": None, "kl": 10.0, "n_terms": 5, "compression_raw": 3.0, "seconds": 1.25}
    row |= {name: [1, 2] for name in ("vocabulary", "neurons", "gates")}
    line = format_row(row, 2)
    assert line.endswith("1.2 *")
    assert len(line.removesuffix(" *")) == len(header(row))
    assert not format_row(row, 1).endswith("*")
