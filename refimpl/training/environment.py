"""What a run ran on: versions, BLAS kernel and threads, device, and the memory it took. Part of every record."""

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from threadpoolctl import threadpool_info

import refimpl
from refimpl.arrays import device_memory_held

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


def peak_memory(xp: ModuleType) -> dict[str, float | None]:
    """peak_mib: the most that was resident in this process so far, MiB (None where the system does not say it).

    On a device also device_peak_mib: the memory that its arrays took, with what is kept for the next ones.
    """
    held = device_memory_held(xp)
    resident = _peak_resident_bytes()
    peaks = {"peak_mib": None if resident is None else round(resident / 2**20, 1)}
    return peaks if held is None else peaks | {"device_peak_mib": round(held / 2**20, 1)}


def _peak_resident_bytes() -> int | None:
    """Linux's own count first: getrusage's begins, in a process started by another, with what that other one took."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = [line for line in status.read_text("ascii", "replace").splitlines() if line.startswith("VmHWM:")]
        if lines:
            return int(lines[0].split()[1]) << 10
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10
