"""The record of what a run ran on."""

import json
import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors

import refimpl
from refimpl.training import environment as module
from refimpl.training.environment import environment, peak_memory

ROOT = Path(__file__).parents[2]


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


def test_the_peak_of_memory_never_falls_and_is_that_of_this_process():
    before = peak_memory(np)
    assert before.keys() == {"peak_mib"}
    block = np.ones(40 << 20, "uint8")  # 40 MiB that are written to
    after = peak_memory(np)["peak_mib"]
    assert after >= before["peak_mib"] > 10.0
    del block
    assert peak_memory(np)["peak_mib"] >= after - 1.0  # the system counts a few pages late
    child = "import numpy; from refimpl.training.environment import peak_memory; print(peak_memory(numpy)['peak_mib'])"
    block = np.ones(150 << 20, "uint8")  # what the parent has is not the child's
    found = subprocess.run([sys.executable, "-c", child], cwd=ROOT, capture_output=True, text=True, check=True)
    if Path("/proc/self/status").exists():
        assert float(found.stdout) < peak_memory(np)["peak_mib"] - 80.0
    del block


def test_other_systems_are_asked_by_getrusage(monkeypatch):
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(module, "Path", lambda _: Path("no/such/file"))
    monkeypatch.setattr(resource, "getrusage", lambda _: SimpleNamespace(ru_maxrss=3 << 20))
    for platform_name, expected in (("linux", 3072.0), ("darwin", 3.0)):
        monkeypatch.setattr(sys, "platform", platform_name)
        assert peak_memory(np) == {"peak_mib": expected}
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_memory(np) == {"peak_mib": None}


def test_a_device_says_what_its_pool_holds():
    pool = SimpleNamespace(total_bytes=lambda: 5 << 20)
    device = SimpleNamespace(get_default_memory_pool=lambda: pool)
    assert peak_memory(device)["device_peak_mib"] == 5.0
