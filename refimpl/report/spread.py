"""Several seeds of one run as one curve: mean, least and greatest at each epoch."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.training.metrics import Row


class Spread(NamedTuple):
    """A value by epoch over the seeds; all float64 (N,), NaN where a seed has none."""

    epochs: Array
    mean: Array
    low: Array
    high: Array


def common_epochs(runs: Sequence[Sequence[Row]]) -> list[int]:
    """The epochs that every run has; a mean over fewer seeds would jump where one ends."""
    return sorted(set.intersection(*({row["epoch"] for row in rows} for rows in runs)))


def spread(runs: Sequence[Sequence[Row]], value: Callable[[Row], float]) -> Spread:
    """Mean, least and greatest of a value over the runs, at the epochs that all of them have.

    Errors: TypeError if there are no runs.
    """
    epochs = common_epochs(runs)
    by_epoch = [{row["epoch"]: value(row) for row in rows} for rows in runs]
    values = np.array([[run[epoch] for epoch in epochs] for run in by_epoch], dtype=np.float64)
    return Spread(np.array(epochs, dtype=np.float64), values.mean(axis=0), values.min(axis=0), values.max(axis=0))
