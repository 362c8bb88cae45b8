"""What a run ran on: versions, BLAS kernel and threads, device. Part of every record."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from threadpoolctl import threadpool_info

import refimpl

PACKAGES = ("numpy", "scipy", "safetensors", "matplotlib", "cupy-cuda12x", "cupy-cuda13x")


def environment(device: str) -> dict[str, Any]:
    """Versions of what is installed, the BLAS libraries in use (kernel, threads), processor and device."""
    versions = {"python": platform.python_version(), "refimpl": refimpl.__version__}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    fields = ("user_api", "internal_api", "version", "architecture", "num_threads")
    pools = [{field: pool.get(field) for field in fields} for pool in threadpool_info()]
    return {"versions": versions, "blas": pools, "machine": platform.machine(), "device": device}
