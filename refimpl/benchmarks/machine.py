"""What the operating system says: processors, who uses them, memory. Linux; elsewhere the answer is None."""

import os
import platform
from pathlib import Path
from typing import Any

STAT, STATUS, CPU_INFO, MEMORY = (Path("/proc") / name for name in ("stat", "self/status", "cpuinfo", "meminfo"))


def busy_seconds() -> float | None:
    """Time that all processors together have been busy since the start of the machine."""
    if not STAT.is_file():
        return None
    fields = [int(field) for field in STAT.read_text("utf-8").split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # without idle and iowait


def peak_megabytes() -> float | None:
    """The largest resident memory that this process has had, libraries included (VmHWM)."""
    if not STATUS.is_file():
        return None
    line = next((line for line in STATUS.read_text("utf-8").splitlines() if line.startswith("VmHWM:")), None)
    return None if line is None else int(line.split()[1]) / 1024


def processors() -> list[int] | None:
    """The processors that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def pin(count: int) -> list[int] | None:
    """Stay on so many processors, the last ones; which, or None where that cannot be said."""
    allowed = processors()
    if allowed is None or count > len(allowed):
        return None
    os.sched_setaffinity(0, allowed[-count:])
    return allowed[-count:]


def describe_machine() -> dict[str, Any]:
    """Processor, number of processors, memory, system."""
    return {
        "processor": _field(CPU_INFO, "model name") or platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "memory": _field(MEMORY, "MemTotal"),
        "system": platform.platform(terse=True),
    }


def _field(path: Path, name: str) -> str | None:
    """The value of the first line "name : value" of a file."""
    if not path.is_file():
        return None
    lines = (line.partition(":") for line in path.read_text("utf-8").splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)
