"""Part: what it runs on."""

import os
import subprocess
from collections.abc import Callable
from typing import Any

from refimpl.benchmarks.machine import describe_machine
from refimpl.training.environment import environment as packages
from validation.gpu.device import ROOT, Context
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row

VARIABLES = ("CUPY_TF32", "CUPY_ACCELERATORS", "CUPY_CACHE_DIR", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE")
QUERY = "name,driver_version,vbios_version,clocks.max.sm,clocks.max.mem,power.limit,compute_mode,persistence_mode"
OTHERS = "utilization.gpu,memory.used,temperature.gpu,clocks.sm"


def environment(context: Context, findings: Findings) -> None:
    """Machine, packages, commit; then GPU, driver, CUDA, CuPy, cuBLAS and what could turn TF32 on."""
    xp = context.xp
    findings.probe("machine", describe_machine)
    findings.probe("packages", lambda: packages("cpu" if context.dry else "cuda"))
    findings.probe("commit", lambda: {"commit": _output("git", "-C", str(ROOT), "describe", "--always", "--dirty")})
    findings.probe("PyTorch", pytorch)
    set_here = {name: os.environ.get(name) for name in VARIABLES}
    off = all(set_here[name] in (None, "0") for name in ("CUPY_TF32", "NVIDIA_TF32_OVERRIDE"))
    findings.add("TF32 is off", OK if off else FAILED, variables=set_here)
    probes: dict[str, Callable[[], Row]] = {
        "GPU": lambda: gpu(xp),
        "nvidia-smi": lambda: smi(QUERY),
        "use by others": lambda: smi(OTHERS),
        "CUDA": lambda: {
            "driver_supports": xp.cuda.runtime.driverGetVersion(),
            "runtime": xp.cuda.runtime.runtimeGetVersion(),
            "nvrtc": list(xp.cuda.nvrtc.getVersion()),
        },
        "CuPy": lambda: {"cupy": xp.__version__, "accelerators": list(map(str, _accelerators()))},
        "cuBLAS": lambda: {"cublas": xp.cuda.cublas.getVersion(xp.cuda.Device().cublas_handle)},
    }
    for name, probe in probes.items():
        if context.dry:
            findings.add(name, ABSENT)
        else:
            findings.probe(name, probe)


def gpu(xp: Any) -> Row:
    """The first device."""
    properties = xp.cuda.runtime.getDeviceProperties(0)
    free, total = xp.cuda.runtime.memGetInfo()
    name = properties["name"]
    return {
        "device": name.decode() if isinstance(name, bytes) else str(name),
        "devices": xp.cuda.runtime.getDeviceCount(),
        "compute_capability": xp.cuda.Device().compute_capability,
        "memory_mb": total // 2**20,
        "memory_free_mb": free // 2**20,
        "multiprocessors": properties["multiProcessorCount"],
        "l2_cache_mb": properties.get("l2CacheSize", 0) / 2**20,
    }


def smi(query: str) -> Row:
    """What nvidia-smi says of the first device; in some containers there is none."""
    found = _output("nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader")
    if not found:
        return {"status": NOTE, "why": "nvidia-smi says nothing"}
    values = found.splitlines()[0].split(", ")
    return dict(zip(query.split(","), values, strict=False))


def pytorch() -> Row:
    """Its version, CUDA and cuDNN, if it is there."""
    try:
        import torch
    except ImportError:
        return {"torch": None}
    if not torch.cuda.is_available():
        return {"torch": torch.__version__, "cuda": None}
    return {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}


def _accelerators() -> Any:
    from cupy import _core

    return _core.get_reduction_accelerators() + _core.get_routine_accelerators()


def _output(*command: str) -> str | None:
    """None if there is no such command, or it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
