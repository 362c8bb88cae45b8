"""The weight of the KL divergence by epoch: 1 is the ELBO, less is a warm-up. Epochs count from 1."""

from typing import NamedTuple

from refimpl.arrays import check_choice

WARMUPS = ("constant", "linear", "ramp")
S002_RAMP_FIRST = 0.04  # S002's practical assignment: weight of epoch 1
S002_RAMP_STEP = 0.02  # and what is added at each epoch after it, up to 1 (from epoch 49)


class Warmup(NamedTuple):
    """A schedule, as data.

    constant  value at every epoch (1: the ELBO itself; every model of the 2018 code)
    linear    0 up to epoch start, 1 from epoch stop, linear between (Molchanov's feed-forward networks: 5 to 20)
    ramp      0.04 at epoch 1, 0.02 more at each epoch, at most 1 (S002's practical assignment)
    """

    kind: str = "constant"
    value: float = 1.0
    start: int = 0
    stop: int = 0


def check_warmup(warmup: Warmup) -> Warmup:
    """The schedule itself, if it is one. Errors: ValueError that names the field."""
    check_choice("kind", warmup.kind, WARMUPS)
    if not 0.0 <= warmup.value <= 1.0:
        raise ValueError(f"value: expected a weight from 0 to 1, got {warmup.value!r}")
    if warmup.kind != "constant" and warmup.value != 1.0:
        raise ValueError(f"value: only a constant schedule has one, got {warmup.value!r} with {warmup.kind!r}")
    if warmup.kind == "linear":
        if not 0 <= warmup.start < warmup.stop:
            raise ValueError(f"start, stop: expected 0 <= start < stop, got {warmup.start} and {warmup.stop}")
    elif (warmup.start, warmup.stop) != (0, 0):
        raise ValueError(f"start, stop: only a linear schedule has them, got {warmup.start} and {warmup.stop}")
    return warmup


def kl_weight(epoch: int, warmup: Warmup) -> float:
    """The weight of the KL at an epoch, from 0 to 1.

    Equations: WARMUP.E1-E2 (S002 for the ramp).
    Errors: ValueError if epoch is below 1, or for a schedule that check_warmup refuses.
    """
    check_warmup(warmup)
    if epoch < 1:
        raise ValueError(f"epoch: expected an integer of at least 1, got {epoch!r}")
    if warmup.kind == "linear":
        return min(max((epoch - warmup.start) / (warmup.stop - warmup.start), 0.0), 1.0)  # [WARMUP.E1]
    if warmup.kind == "ramp":
        return min(S002_RAMP_FIRST + S002_RAMP_STEP * (epoch - 1), 1.0)  # [WARMUP.E2]
    return warmup.value
