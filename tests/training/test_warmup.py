"""The weight of the KL by epoch. [WARMUP.E1] [WARMUP.E2]"""

import pytest

from refimpl.training.warmup import Warmup, check_warmup, kl_weight


def test_constant_is_the_elbo_unless_told_otherwise():
    assert [kl_weight(epoch, Warmup()) for epoch in (1, 2, 1000)] == [1.0, 1.0, 1.0]
    assert kl_weight(7, Warmup("constant", value=0.25)) == 0.25


def test_linear_is_zero_up_to_start_and_one_from_stop():
    warmup = Warmup("linear", start=5, stop=20)
    assert [kl_weight(epoch, warmup) for epoch in (1, 4, 5, 20, 21, 500)] == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    for epoch in range(6, 20):
        assert kl_weight(epoch, warmup) == pytest.approx((epoch - 5) / 15, rel=1e-15)


def test_ramp_is_that_of_s002():
    """0.04 at epoch 1, 0.02 more each epoch, 1 from epoch 49."""
    running = 0.04
    for epoch in range(1, 49):
        assert kl_weight(epoch, Warmup("ramp")) == pytest.approx(running, rel=1e-14)
        assert kl_weight(epoch, Warmup("ramp")) < 1.0
        running += 0.02
    assert [kl_weight(epoch, Warmup("ramp")) for epoch in (49, 50, 100)] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("warmup", "message"),
    [
        (Warmup("cosine"), "^kind: expected one of"),
        (Warmup("constant", value=1.5), "^value: expected a weight"),
        (Warmup("ramp", value=0.5), "^value: only a constant"),
        (Warmup("linear", start=5, stop=5), "^start, stop: expected"),
        (Warmup("linear", start=-1, stop=5), "^start, stop: expected"),
        (Warmup("constant", start=1, stop=2), "^start, stop: only a linear"),
    ],
)
def test_schedule_is_checked(warmup, message):
    with pytest.raises(ValueError, match=message):
        check_warmup(warmup)
    with pytest.raises(ValueError, match=message):
        kl_weight(3, warmup)


def test_epochs_count_from_one():
    with pytest.raises(ValueError, match=r"^epoch: expected"):
        kl_weight(0, Warmup())
