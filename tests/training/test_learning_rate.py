"""The learning rate by epoch. [SCHEDULE.E1]"""

import pytest

from refimpl.training.learning_rate import learning_rate


def test_s002_schedule():
    """S002's practical assignment: 1e-3, times 0.2 at epochs 50, 60, 70, 80."""
    drops = (50, 60, 70, 80)
    expected = {1: 1e-3, 49: 1e-3, 50: 2e-4, 59: 2e-4, 60: 4e-5, 70: 8e-6, 79: 8e-6, 80: 1.6e-6, 100: 1.6e-6}
    for epoch, rate in expected.items():
        assert learning_rate(epoch, 1e-3, drops) == pytest.approx(rate, rel=1e-12)


def test_constant_without_drops():
    assert learning_rate(1000, 0.002, ()) == 0.002
