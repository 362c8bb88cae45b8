"""The learning rate by epoch: constant (2018 code), or dropped at given epochs (S002's practical assignment).

A smaller step at the end matters to sparsity: Adam's steps keep the mean of a useless weight away from 0 by about the
learning rate, and where sigma is small that alone can hold log alpha below the threshold.
"""

S002_DROP = 0.2  # factor at each of the epochs 50, 60, 70, 80 in S002's practical assignment


def learning_rate(epoch: int, start: float, drops: tuple[int, ...]) -> float:
    """start times 0.2 for every epoch of drops that has begun. Epochs count from 1.

    Equations: SCHEDULE.E1 (S002).
    """
    return start * S002_DROP ** sum(epoch >= drop for drop in drops)  # [SCHEDULE.E1]
