"""Running the CUDA kernels on the stand-in for CuPy, and breaking their text."""

from typing import Any

import numpy as np
import pytest
import strict_cupy as xp
from cuda_on_cpu import available

from refimpl.fast.cuda import sources
from refimpl.noise import Draw, normal
from refimpl.tree import flatten, map_leaves

NEEDS_COMPILER = pytest.mark.skipif(not available(), reason="g++ is not installed: CUDA sources cannot run on the CPU")
DTYPES = ("float64", "float32")
TOLERANCE = {"float64": 1e-12, "float32": 1e-5}  # of a leaf: max |difference| / max |value|


def draw(name: str, *shape: int, dtype: str = "float64", scale: float = 1.0) -> Any:
    return (scale * normal(Draw(29, name), shape)).astype(dtype)


def to_device(tree: Any, module: Any = xp) -> Any:
    return map_leaves(module.asarray, tree)


def to_host(tree: Any) -> Any:
    return map_leaves(lambda x: x.get(), tree)


def differences(expected: Any, device: Any) -> dict[str, float]:
    """The relative difference of each leaf; infinite where shapes, dtypes or names differ, or a NaN came up."""
    one, other = flatten(expected), flatten(to_host(device))
    assert one.keys() == other.keys()
    found = {}
    for name, x in one.items():
        y = other[name]
        same = x.shape == y.shape and x.dtype == y.dtype and bool(np.all(np.isfinite(y) == np.isfinite(x)))
        scale = np.max(np.abs(x), initial=0.0) or 1.0
        found[name] = float(np.max(np.abs(x - y), initial=0.0) / scale) if same else np.inf
    return found


def close(expected: Any, device: Any, dtype: str) -> bool:
    return max(differences(expected, device).values()) <= TOLERANCE[dtype]


def break_kernels(monkeypatch: pytest.MonkeyPatch, old: str, new: str, topic: str) -> None:
    """Replace a part of a source that occurs once, for the rest of the test."""
    right = sources.source

    def broken(asked: str, dtype: str) -> str:
        code = right(asked, dtype)
        if asked != topic:
            return code
        assert code.count(old) == 1, f"{old!r} occurs {code.count(old)} times in {topic}.cu"
        return code.replace(old, new)

    monkeypatch.setattr(sources, "source", broken)
