"""Thresholds on the stand-in for a device, and arrays of two devices.  [THRESHOLD.E1] [THRESHOLD.E2]"""

import numpy as np
import pytest
import strict_cupy

from refimpl.compression.thresholds import alive_masks, log_alpha

MU, LOG_SIGMA = np.array([1.0, -0.1, 0.0]), np.array([-1.0, 0.5, -2.0])


def test_log_alpha_and_masks_are_those_of_the_host():
    mu, log_sigma, W = (strict_cupy.asarray(array) for array in (MU, LOG_SIGMA, np.zeros((2, 3))))
    with strict_cupy.recording() as stats:
        found = log_alpha(mu, log_sigma)
    assert stats.reads == 0
    np.testing.assert_array_equal(found.get(), log_alpha(MU, LOG_SIGMA))
    with strict_cupy.allow_reads():  # a NaN is refused, which takes a look at the device
        masks = alive_masks({"z.mu": mu, "z.log_sigma": log_sigma, "output.W": W})
    assert masks["z"].get().tolist() == [True, False, False]
    assert masks["output.W"].get().all()
    assert all(isinstance(mask, strict_cupy.ndarray) for mask in masks.values())


def test_arrays_of_two_devices_are_not_mixed():
    for mu, log_sigma in ((strict_cupy.asarray(MU), LOG_SIGMA), (MU, strict_cupy.asarray(LOG_SIGMA))):
        with pytest.raises(TypeError, match=r"^arrays: expected only NumPy or only CuPy arrays"):
            log_alpha(mu, log_sigma)
