"""The record of what a run ran on."""

import json
import platform

import numpy as np
import pytest
import safetensors

import refimpl
from refimpl.training import environment as module
from refimpl.training.environment import environment


def test_versions_are_those_of_what_is_imported():
    found = environment("cpu")
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["safetensors"] == safetensors.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["refimpl"] == refimpl.__version__
    assert (found["device"], found["machine"]) == ("cpu", platform.machine())
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_blas_of_numpy_is_named_with_its_threads():
    np.ones((8, 8)) @ np.ones((8, 8))
    pools = [pool for pool in environment("cpu")["blas"] if pool["user_api"] == "blas"]
    if not pools:
        pytest.skip("NumPy's BLAS is not one that threadpoolctl knows")
    for pool in pools:
        assert pool["num_threads"] >= 1
        assert pool.keys() == {"user_api", "internal_api", "version", "architecture", "num_threads"}


def test_a_package_that_is_not_installed_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "PACKAGES", ("numpy", "refimpl-has-no-such-dependency"))
    assert environment("cuda")["versions"].keys() == {"python", "refimpl", "numpy"}
