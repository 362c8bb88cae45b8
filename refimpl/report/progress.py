"""What a person sees while runs train: a bar, or a line for each of several runs; and the tables at their end."""

import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from refimpl.experiments.many import Standing
from refimpl.experiments.many_jobs import Outcome

Row = dict[str, Any]
WIDTH, SHORTEST = 30, 8  # of the bar, in columns; it makes room for the words


def _columns() -> int:
    """Of the terminal, but for the last: a line that is wrapped cannot be written over."""
    return shutil.get_terminal_size().columns - 1


class Pace:
    """Seconds that a step takes, and what stands between two epochs (evaluation, checkpoints), as they are told."""

    def __init__(self) -> None:
        self.last: tuple[float, int, int] | None = None
        self.steps, self.training = 0, 0.0
        self.breaks, self.between = 0, 0.0

    def told(self, now: float, epoch: int, step: int) -> None:
        """That step of an epoch was done at that time."""
        if self.last is not None:
            then, last_epoch, last_step = self.last
            if epoch == last_epoch:
                self.steps, self.training = self.steps + step - last_step, self.training + now - then
            elif self.steps:
                self.breaks += 1
                self.between += max(now - then - step * self.step_seconds, 0.0)
        self.last = now, epoch, step

    @property
    def step_seconds(self) -> float:
        return self.training / max(self.steps, 1)

    def left(self, epoch: int, step: int, steps: int, epochs: int) -> float | None:
        """Seconds until the end; None as long as nothing can be said."""
        if not self.steps:
            return None
        between = self.between / max(self.breaks, 1)
        return (steps - step + (epochs - epoch) * steps) * self.step_seconds + (epochs - epoch + 1) * between


class ProgressBar:
    """Called with (epoch, step, steps, nll); writes one line that replaces itself, on a terminal only.

    last_row: the last row of metrics, asked once an epoch.
    """

    def __init__(self, epochs: int, stream: TextIO, last_row: Callable[[], Row | None] = lambda: None) -> None:
        self.epochs = epochs
        self.stream = stream
        self.shown = stream.isatty()
        self.last_row = last_row
        self.row: Row | None = None
        self.epoch = 0
        self.pace = Pace()

    def __call__(self, epoch: int, step: int, steps: int, nll: float) -> None:
        self.pace.told(time.perf_counter(), epoch, step)
        if not self.shown:
            return
        if epoch != self.epoch:
            self.epoch, self.row = epoch, self.last_row()
        done = ((epoch - 1) * steps + step) / (self.epochs * steps)
        left = self.pace.left(epoch, step, steps, self.epochs)
        line = (
            f"epoch {epoch}/{self.epochs} step {step}/{steps}  {duration(left)} left  "
            f"nll {nll:.4f}{_reached(self.row)}{_speed(self.pace)}"
        )
        width = min(WIDTH, _columns() - len(line) - 3)
        if width >= SHORTEST:
            filled = int(width * done)
            line = f"[{'#' * filled}{'.' * (width - filled)}] {line}"
        self.stream.write(f"\r{line[: _columns()]}\x1b[K")
        self.stream.flush()

    def close(self) -> None:
        """End the line."""
        if self.shown:
            self.stream.write("\n")


def _reached(row: Row | None) -> str:
    """Quality and sparsity of the last row."""
    if row is None:
        return ""
    valid = row["valid"] if row["valid"] is not None else row["test"]
    quality = "" if valid is None else f"  {row['metric'].replace('_', ' ')} {valid:.4g}"
    return f"{quality}  compression {row['compression']:.4g}"


def _speed(pace: Pace) -> str:
    if not pace.steps:
        return ""
    rate = 1.0 / max(pace.step_seconds, 1e-9)
    return f"  {rate:.1f} steps/s" if rate >= 1.0 else f"  {pace.step_seconds:.1f} s a step"


def duration(seconds: float | None) -> str:
    """A time in the two largest units that it needs; "?" for None."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


class Board:
    """Called with how far several runs are: a line each, redrawn on a terminal; else a line when something happened."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self.stream = stream
        self.clock = clock
        self.drawn = 0
        self.before: dict[str, tuple[str, int]] = {}
        self.began: dict[str, tuple[float, float]] = {}  # when a run was first seen to run, and where it was then

    def __call__(self, standings: Sequence[Standing]) -> None:
        lines = [self._line(standing) for standing in standings]
        if self.stream.isatty():
            up = f"\x1b[{self.drawn}A" if self.drawn else ""
            self.stream.write(up + "".join(f"\r{line[: _columns()]}\x1b[K\n" for line in lines))
            self.drawn = len(lines)
        else:
            for standing, line in zip(standings, lines, strict=True):
                now = standing.state, standing.row["epoch"] if standing.row else -1
                if now != self.before.get(standing.label, ("waiting", -1)):
                    self.stream.write(f"{line}\n")
                self.before[standing.label] = now
        self.stream.flush()

    def _line(self, standing: Standing) -> str:
        """label, state, where, time left, quality and sparsity: what is cut off comes last."""
        parts = [f"{standing.label:<40} {standing.state:<9}"]
        if standing.state == "running":
            done = standing.epoch - 1 + standing.step / standing.steps
            parts.append(f"epoch {standing.epoch}/{standing.epochs} step {standing.step}/{standing.steps}")
            parts.append(f"{self._left(standing, done)} left  nll {standing.nll:.4f}{_reached(standing.row)}")
        elif standing.row is not None:
            parts.append(f"epoch {standing.row['epoch']}/{standing.epochs}{_reached(standing.row)}")
        if standing.why:
            parts.append(" ".join(standing.why.split())[:120])
        return "  ".join(parts)

    def _left(self, standing: Standing, done: float) -> str:
        """By the pace since the run was first seen, evaluations included."""
        now = self.clock()
        since, at_first = self.began.setdefault(standing.label, (now, done))
        if done <= at_first:
            return duration(None)
        return duration((now - since) / (done - at_first) * (standing.epochs - done))


def outcome_table(outcomes: Sequence[Outcome]) -> str:
    """What became of several runs: a line each, then what failed and why."""
    widest = max(len(outcome.label) for outcome in outcomes)
    lines = [f"{'run':<{widest}} {'state':<9} {'epoch':>5} {'best':>5} {'valid':>9} {'test':>9} {'compression':>11}"]
    for outcome in outcomes:
        row: Row = outcome.row or {"epoch": "-", "valid": None, "test": None, "compression": None}
        figures = [_number(row[name]) for name in ("valid", "test", "compression")]
        best = "-" if outcome.best_epoch is None else outcome.best_epoch
        lines.append(
            f"{outcome.label:<{widest}} {outcome.state:<9} {row['epoch']:>5} {best:>5} {figures[0]:>9} {figures[1]:>9} "
            f"{figures[2]:>11}"
        )
    lines += [f"{o.state}: {o.label}: {o.why}" for o in outcomes if o.state != "done" and o.why]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"


def header(row: Row) -> str:
    """The names of the columns of ``format_row``."""
    metric = row["metric"].replace("_", " ")
    return (
        f"{'epoch':>5} {'nll':>8} {'KL/N':>8} {metric + ' valid':>20} {'test':>9} {'compression':>11} {'raw':>9} "
        f"{'words':>11} {'neurons':>9} {'gates':>9} {'s':>7}"
    )


def format_row(row: Row, best_epoch: int | None) -> str:
    """One epoch: nll and KL/N in nats a term, quality, what is left. * marks the best validation."""
    scores = [f"{row[split]:.4f}" if row[split] is not None else "-" for split in ("valid", "test")]
    kept = [f"{row[name][0]}/{row[name][1]}" for name in ("vocabulary", "neurons", "gates")]
    nll = "-" if row["nll"] is None else f"{row['nll']:.4f}"
    mark = " *" if row["epoch"] == best_epoch else ""
    return (
        f"{row['epoch']:>5} {nll:>8} {row['kl'] / row['n_terms']:>8.4f} {scores[0]:>20} {scores[1]:>9} "
        f"{row['compression']:>11.4g} {row['compression_raw']:>9.4g} {kept[0]:>11} {kept[1]:>9} {kept[2]:>9} "
        f"{row['seconds']:>7.1f}{mark}"
    )
