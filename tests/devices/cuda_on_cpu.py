"""CUDA C on the CPU: the text that NVRTC gets on a device is compiled by g++ here and run, thread by thread.

Supported is what the package's kernels use: one-dimensional grids and blocks, ``__syncthreads``, the cooperative
grid's sync, dynamic shared memory by the macro SHARED_MEMORY(type, name), ``__umul64hi``, ``__ldcg``, ``__trap``.
cuda_on_cpu.hpp and .cpp have the rest. Seeds other than 0 shuffle blocks and threads, so that a missing barrier shows.

Stricter than CuPy where CuPy would go on silently: the number and types of the arguments, contiguous arrays, limits of
a launch, writing past the shared memory, a barrier that not every thread reaches.
"""

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

HEADER, SCHEDULER = (Path(__file__).with_name(name) for name in ("cuda_on_cpu.hpp", "cuda_on_cpu.cpp"))
# no fused multiply-add: the same text gives the same bits on every machine that runs the tests
FLAGS = ("-std=c++17", "-O1", "-shared", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-Wall", "-Werror")
FLAGS += (
    "-Wno-unknown-pragmas",
    "-Wno-unused-function",
    "-Wno-unused-variable",
    "-Wno-unused-but-set-variable",
    "-Wno-sign-compare",
)
SCALARS = {
    "bool": ("bool", ctypes.c_bool),
    "int": ("int32", ctypes.c_int32),
    "unsigned": ("uint32", ctypes.c_uint32),
    "long long": ("int64", ctypes.c_int64),
    "unsigned long long": ("uint64", ctypes.c_uint64),
    "float": ("float32", ctypes.c_float),
    "double": ("float64", ctypes.c_double),
}
STATIC_LIMIT, OPT_IN_LIMIT = 48 << 10, 227 << 10  # bytes of shared memory of a block: as it is; granted (sm_90)
OUTCOMES = {
    1: "deadlock: a barrier that not every thread reaches",
    2: "writes past its shared memory",
    3: "__trap() was called",
    4: "meets a barrier, but names none in its own body: this stand-in decides by that how threads are run",
}


class Signature(NamedTuple):
    types: tuple[str, ...]  # as in SCALARS, a pointer with * at its end
    most_threads: int  # by __launch_bounds__
    barriers: bool


_seed = 0


def available() -> bool:
    return shutil.which("g++") is not None


@contextmanager
def schedule(seed: int) -> Iterator[None]:
    """The order of blocks and threads of every launch inside: 0 as numbered, others shuffled."""
    global _seed
    before, _seed = _seed, seed
    try:
        yield
    finally:
        _seed = before


class CpuKernel:
    """A kernel of a CUDA C source, callable as cupy.RawKernel is; arrays are NumPy's."""

    def __init__(self, code: str, name: str, *, cooperative: bool = False) -> None:
        self.signature = signatures(code)[name]
        self.name, self.cooperative = name, cooperative
        self.max_dynamic_shared_size_bytes = STATIC_LIMIT
        self._launch = getattr(_library(code), f"launch_{name}")

    def __call__(self, grid, block, args, shared_mem: int = 0) -> None:
        """Errors: TypeError or ValueError on arguments that do not fit; RuntimeError if the kernel goes wrong."""
        (blocks,), (threads,) = _one_dimension("grid", grid), _one_dimension("block", block)
        if not 1 <= threads <= self.signature.most_threads:
            raise ValueError(f"{self.name}: expected 1 to {self.signature.most_threads} threads, got {threads}")
        if not 0 <= shared_mem <= self.max_dynamic_shared_size_bytes <= OPT_IN_LIMIT:
            raise ValueError(
                f"{self.name}: {shared_mem} bytes of shared memory asked for, {self.max_dynamic_shared_size_bytes} "
                f"granted (max_dynamic_shared_size_bytes), {OPT_IN_LIMIT} possible"
            )
        types = self.signature.types
        if len(args) != len(types):
            raise TypeError(f"{self.name}: expected {len(types)} arguments, got {len(args)}")
        values = [_value(f"{self.name}, argument {i}", a, t) for i, (a, t) in enumerate(zip(args, types, strict=True))]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        outcome = self._launch(
            ctypes.c_uint(blocks),
            ctypes.c_uint(threads),
            ctypes.c_size_t(shared_mem),
            ctypes.c_uint64(_seed),
            ctypes.c_int(self.signature.barriers),
            ctypes.c_int(self.cooperative),
            pointers,
        )
        if outcome:
            raise RuntimeError(f"{self.name}: {OUTCOMES[outcome]}")


def _one_dimension(what: str, size: tuple[int, ...]) -> tuple[int]:
    first, *others = size
    if first < 1 or any(n != 1 for n in others):
        raise ValueError(f"{what}: expected one dimension, at least 1, got {size}")
    return (int(first),)


def _value(place: str, given, expected: str):
    """The C value that a kernel's parameter of the expected type gets."""
    if expected.endswith("*"):
        if type(given) is np.uint64 and given == 0:
            return ctypes.c_void_p(None)  # how NULL is handed over: eight bytes of zero
        if not isinstance(given, np.ndarray):
            raise TypeError(f"{place}: expected an array for {expected}, got {type(given).__name__}")
        dtype = SCALARS[expected[:-1]][0]
        if given.dtype != dtype or not given.flags.c_contiguous:
            contiguous = "contiguous" if given.flags.c_contiguous else "strided"
            raise TypeError(f"{place}: expected contiguous {dtype} for {expected}, got {contiguous} {given.dtype}")
        return ctypes.c_void_p(given.ctypes.data)
    dtype, c_type = SCALARS[expected]
    # CuPy hands a Python int over as 8 bytes and a Python float as a double, whatever the kernel expects
    if not isinstance(given, np.generic) or given.dtype != dtype:
        raise TypeError(f"{place}: expected numpy.{dtype} for {expected}, got {type(given).__name__}")
    return c_type(given.item())


@cache
def signatures(code: str) -> dict[str, Signature]:
    """Every kernel of a source."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", code, flags=re.S)
    if "__shared__" in re.sub(r"#define(?:.*\\\n)*.*", "", text):
        raise ValueError("code: shared memory is only known by the macro SHARED_MEMORY(type, name)")
    defines = dict(re.findall(r"#define\s+(\w+)\s+(\w+)\s*$", text, flags=re.M))
    defines |= {new: old for old, new in re.findall(r"typedef\s+([\w ]+?)\s+(\w+);", text)}
    pattern = r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\((\w+)[^)]*\)\s*)?(\w+)\s*\(([^)]*)\)\s*\{'
    found = {}
    for match in re.finditer(pattern, text):
        bound, name, parameters = match.groups()
        types = tuple(_type(p, defines) for p in parameters.split(","))
        body = _body(text, match.end())
        barriers = re.search(r"SHARED_MEMORY|__syncthreads|\bsync\(", body) is not None
        found[name] = Signature(types, int(defines.get(bound, bound)) if bound else 1024, barriers)
    return found


def _type(parameter: str, defines: dict[str, str]) -> str:
    words = re.sub(r"\bconst\b|\b__restrict__\b", "", parameter).replace("*", " * ").split()
    pointer = "*" in words
    words = [defines.get(word, word) for word in words if word != "*"][:-1]
    name = " ".join(words)
    if name not in SCALARS:
        raise ValueError(f"code: a kernel's parameter of type {name!r} is not known here ({parameter.strip()})")
    return name + "*" * pointer


def _body(text: str, start: int) -> str:
    depth, end = 1, start
    while depth:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
    return text[start:end]


@cache
def _library(code: str) -> ctypes.CDLL:
    """The kernels of a source, compiled."""
    _scheduler()
    entries = "\n".join(_entry(name, signature) for name, signature in signatures(code).items())
    text = re.sub(r"#include\s*<cooperative_groups.h>", "", code)
    return ctypes.CDLL(str(_compiled("\n".join((HEADER.read_text("utf-8"), text, entries)))))


@cache
def _scheduler() -> ctypes.CDLL:
    """What the kernels' libraries ask for their threads."""
    text = SCHEDULER.read_text("utf-8").replace(f'#include "{HEADER.name}"', HEADER.read_text("utf-8"))
    return ctypes.CDLL(str(_compiled(text)), mode=ctypes.RTLD_GLOBAL)


def _compiled(source: str) -> Path:
    """A shared library, from a folder of our own under the temporary folder if the same was compiled before."""
    folder = Path(tempfile.gettempdir()) / f"refimpl-cuda-on-cpu-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder}: belongs to somebody else")
    library = folder / f"{hashlib.sha256(chr(0).join((source, *FLAGS)).encode()).hexdigest()[:32]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as own:  # several processes may compile the same source
            (Path(own) / "source.cpp").write_text(source, "utf-8")
            command = ["g++", *FLAGS, "-o", "library.so", "source.cpp"]
            done = subprocess.run(command, cwd=own, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SyntaxError(f"g++ refuses the source:\n{done.stderr}")
            (Path(own) / "library.so").replace(library)
    return library


def _entry(name: str, signature: Signature) -> str:
    """C++ that unpacks the arguments and launches."""
    values = ", ".join(f"*({t}*)arguments[{i}]" for i, t in enumerate(signature.types))
    return f"""
static void** arguments_of_{name};
static void body_of_{name}() {{ void** arguments = arguments_of_{name}; {name}({values}); }}
extern "C" int launch_{name}(unsigned grid, unsigned block, size_t shared_bytes, unsigned long long seed,
                             int barriers, int cooperative, void** arguments) {{
    arguments_of_{name} = arguments;
    return shim::launch(body_of_{name}, grid, block, shared_bytes, seed, barriers, cooperative);
}}"""
