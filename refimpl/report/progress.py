"""What a person sees while a run trains: a bar with rate and time left, and a line an epoch."""

import time
from typing import Any, TextIO


class ProgressBar:
    """Called with (epoch, step, steps, nll); writes one line that replaces itself, on a terminal only."""

    def __init__(self, epochs: int, stream: TextIO) -> None:
        self.epochs = epochs
        self.stream = stream
        self.shown = stream.isatty()
        self.began: float | None = None
        self.first = 0

    def __call__(self, epoch: int, step: int, steps: int, nll: float) -> None:
        done = (epoch - 1) * steps + step
        if self.began is None:  # a resumed run begins anywhere: the rate counts from here
            self.began, self.first = time.perf_counter(), done
            return
        if not self.shown:
            return
        rate = (done - self.first) / max(time.perf_counter() - self.began, 1e-9)
        left = (self.epochs * steps - done) / max(rate, 1e-9)
        filled = int(30 * done / (self.epochs * steps))
        self.stream.write(
            f"\r[{'#' * filled}{'.' * (30 - filled)}] epoch {epoch}/{self.epochs} step {step}/{steps}  "
            f"nll {nll:.4f}  {rate:.1f} steps/s  {left // 60:.0f} min {left % 60:02.0f} s left "
        )
        self.stream.flush()

    def close(self) -> None:
        """End the line."""
        if self.shown:
            self.stream.write("\n")


def header(row: dict[str, Any]) -> str:
    """The names of the columns of ``format_row``."""
    metric = row["metric"].replace("_", " ")
    return (
        f"{'epoch':>5} {'nll':>8} {'KL/N':>8} {metric + ' valid':>20} {'test':>9} {'compression':>11} {'raw':>9} "
        f"{'words':>11} {'neurons':>9} {'gates':>9} {'s':>7}"
    )


def format_row(row: dict[str, Any], best_epoch: int | None) -> str:
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
