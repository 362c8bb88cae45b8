"""What the stand-in for CuPy has besides arrays and functions: kernels in CUDA C, the device, the random generator."""

from typing import Any

import numpy as np
from strict_array import DeviceArray
from strict_operands import operand
from strict_rules import SURFACE, check_keywords, launched, place, refuse, synchronized


class RawKernel:
    """cupy.RawKernel for CUDA C text, run on the CPU by ``cuda_on_cpu``; each call is one launch."""

    def __init__(
        self,
        code: str,
        name: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        translate_cucomplex: bool = False,
        *,
        enable_cooperative_groups: bool = False,
        jitify: bool = False,
    ) -> None:
        from cuda_on_cpu import CpuKernel

        if backend != "nvrtc" or translate_cucomplex or jitify:
            raise NotImplementedError("RawKernel: the stand-in knows backend nvrtc, without translation and jitify")
        self.code, self.name, self.options = code, name, options
        self._kernel = CpuKernel(code, name, cooperative=enable_cooperative_groups)

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        return int(self._kernel.max_dynamic_shared_size_bytes)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        self._kernel.max_dynamic_shared_size_bytes = size

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int = 0) -> None:
        values = [operand(x) for x in args]
        for given, value in zip(args, values, strict=True):
            if value is NotImplemented:
                raise refuse(f"{self.name}: a kernel takes arrays and numbers, got {type(given).__name__}")
        launched(self.name)
        self._kernel(grid, block, values, shared_mem)


class Device:
    """One device with the sizes of an H100."""

    compute_capability = "90"
    attributes = {  # noqa: RUF012
        "MultiProcessorCount": 132,
        "MaxThreadsPerBlock": 1024,
        "MaxThreadsPerMultiProcessor": 2048,
        "MaxSharedMemoryPerBlock": 49152,
        "MaxSharedMemoryPerBlockOptin": 232448,
        "MaxSharedMemoryPerMultiprocessor": 233472,
        "MaxRegistersPerBlock": 65536,
        "MaxRegistersPerMultiprocessor": 65536,
        "WarpSize": 32,
        "CooperativeLaunch": 1,
    }

    def __init__(self, id: int = 0) -> None:
        self.id = id

    def synchronize(self) -> None:
        synchronized()


class Cuda:
    Device = Device

    def is_available(self) -> bool:
        return True


class Generator:
    """cupy.random.Generator: its methods, not its numbers."""

    def __init__(self, seed: int | None = None) -> None:
        self._host = np.random.Generator(np.random.Philox(seed))

    def __getattr__(self, name: str) -> Any:
        known = SURFACE["classes"]["Generator"]
        if name.startswith("_") or name not in known:
            raise AttributeError(f"cupy.random.Generator has no {name!r} (at {place()})")

        def call(*args: Any, **kwargs: Any) -> Any:
            check_keywords(name, known[name], kwargs)
            dtype = kwargs.pop("dtype", None) if name == "uniform" else None  # NumPy's has none
            launched(name)
            return DeviceArray(np.asarray(getattr(self._host, name)(*args, **kwargs), dtype=dtype))

        return call


class Random:
    Generator = Generator
    default_rng = Generator

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"cupy.random.{name} is not in the stand-in: its numbers depend on a hidden state")
