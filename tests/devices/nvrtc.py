"""Compiling CUDA C with NVRTC, as CuPy does on a device, where there is none: the wheels of the extra ``nvrtc`` do."""

import re
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ARCHITECTURE = "sm_90"


def require() -> None:
    """Skip the test where the wheels are not installed."""
    pytest.importorskip("cuda.bindings.nvrtc", reason="NVRTC is not installed: refimpl[nvrtc] has it")
    if not all((folder / "cooperative_groups.h").exists() for folder in includes()[:1]):
        pytest.skip("CUDA's headers are not installed: refimpl[nvrtc] has them")


class Compiled(NamedTuple):
    cubin: bytes
    log: str


class Usage(NamedTuple):
    registers: int
    spilled: int  # bytes stored to local memory for want of registers


def compile_cuda(code: str, options: tuple[str, ...] = ("--std=c++17",)) -> Compiled:
    """Machine code, and what the assembler says about it.

    Errors: SyntaxError with the compiler's messages.
    """
    from cuda.bindings import nvrtc

    def call(function, *args):
        error, *results = function(*args)
        return error, (results[0] if results else None)

    _, program = call(nvrtc.nvrtcCreateProgram, code.encode(), b"kernel.cu", 0, [], [])
    flags = [f"-arch={ARCHITECTURE}", "--ptxas-options=-v", *options, *(f"-I{folder}" for folder in includes())]
    error, _ = call(nvrtc.nvrtcCompileProgram, program, len(flags), [flag.encode() for flag in flags])
    log = _text(call, program, nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog).decode()
    if error != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise SyntaxError(f"NVRTC refuses the source ({error.name}):\n{log}")
    cubin = _text(call, program, nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN)
    nvrtc.nvrtcDestroyProgram(program)
    return Compiled(cubin, log)


def _text(call, program, size_of, read) -> bytes:
    text = b" " * call(size_of, program)[1]
    read(program, text)
    return text.rstrip(b"\0")


def includes() -> list[Path]:
    """The folders of CUDA's headers (the wheels nvidia-cuda-runtime and nvidia-cuda-cccl)."""
    spec = find_spec("nvidia.cu13")
    places = spec.submodule_search_locations if spec else None
    return [Path(place) / folder for place in places or () for folder in ("include", "include/cccl")]


def usage(log: str) -> dict[str, Usage]:
    """Registers and spilled bytes of every kernel, from the assembler's messages."""
    pattern = r"Compiling entry function '(\w+)'.*?(\d+) bytes spill stores.*?Used (\d+) registers"
    return {name: Usage(int(registers), int(spilled)) for name, spilled, registers in re.findall(pattern, log, re.S)}
