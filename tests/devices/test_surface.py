"""CuPy has every function, method and keyword that the package asks it for; and the check sees it where it has not."""

from pathlib import Path

import pytest
from surface import faults, load, record

PACKAGE = Path(__file__).parents[2] / "refimpl"
# Code whose arrays may be on a device. Elsewhere arrays are NumPy's, and a method's name may be a list's.
ON_DEVICES = ("layers", "bayes", "models", "fast/cuda", "arrays.py", "noise.py", "compression/thresholds.py")
ON_DEVICES += ("training/elbo.py", "training/adam.py", "training/clipping.py", "training/diverged.py")
FILES = sorted(PACKAGE.rglob("*.py"))
SURFACE = load()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_the_package_asks_for_what_cupy_has(file):
    on_devices = str(file.relative_to(PACKAGE)).startswith(ON_DEVICES)
    assert faults(file.read_text("utf-8"), SURFACE, methods=on_devices) == []


def test_the_names_of_the_rooms_are_right():
    assert all((PACKAGE / name).exists() for name in ON_DEVICES)


MISTAKES = {  # a line of code: what is wrong with it
    "xp.geomspace(1.0, 2.0, 3)": "cupy.geomspace does not exist",
    "array_module(x).geomspace(1.0, 2.0, 3)": "cupy.geomspace does not exist",
    "xp.linalg.vector_norm(x)": "cupy.linalg.vector_norm does not exist",
    "xp.random.vonmises_fisher(x)": "cupy.random.vonmises_fisher does not exist",
    "xp.sum(x, where=mask)": "cupy.sum() has no keyword 'where'",
    "xp.exp(x, where=mask)": "cupy.exp() has no keyword 'where'",
    "xp.take(x, ids, mode='clip')": "cupy.take() has no keyword 'mode'",
    "xp.zeros(3, device='cpu')": "cupy.zeros() has no keyword 'device'",
    "xp.multiply.at(x, ids, y)": "cupy.multiply.at is not supported",
    "xp.logaddexp.reduce(x)": "cupy.logaddexp.reduce is not supported",
    "y = xp.vecdot": "cupy.vecdot does not exist",
    "x.sum(axis=0, where=mask)": "cupy.ndarray.sum() has no keyword 'where'",
    "x.max(initial=0.0)": "cupy.ndarray.max() has no keyword 'initial'",
    "x.std(correction=1)": "cupy.ndarray.std() has no keyword 'correction'",
    "(a + b).setflags(write=False)": "cupy.ndarray.setflags does not exist",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_seen(line):
    assert faults(f"def f(x):\n    {line}\n", SURFACE) == [f"2: {MISTAKES[line]}"]


@pytest.mark.parametrize(
    "line",
    [
        "xp.sum(x, axis=0, dtype='float64', keepdims=True)",
        "xp.add.reduceat(x, ids, axis=0)",
        "x.astype('float64', copy=False)",
        "xp.linalg.norm(x, axis=0)",
        "array_module(x).zeros((), dtype=x.dtype)",
        "other.geomspace(1.0, 2.0, 3)",
        "np.sum(x, where=mask)",  # not asked of xp
        "x.unknown_method(1)",
    ],
)
def test_what_cupy_has_passes(line):
    source = f"def f(x):\n    {line}\n"
    assert faults(source, SURFACE, methods=not line.startswith("np.")) == []


def test_methods_are_judged_only_where_arrays_are():
    source = "names.sort(key=len)\n"
    assert faults(source, SURFACE) == ["1: cupy.ndarray.sort() has no keyword 'key'"]
    assert faults(source, SURFACE, methods=False) == []


def test_the_record_is_that_of_the_installed_cupy():
    """Where another version changes something that is asked for, the tests above say so after a new record."""
    cupy = pytest.importorskip("cupy", reason="no CuPy here to compare the record with")
    if cupy.__version__ != SURFACE["cupy"]:
        pytest.skip(f"the record is of CuPy {SURFACE['cupy']}, installed is {cupy.__version__}")
    assert record() == SURFACE
