"""Imports point one way, and a few modules of others are named in one file only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "refimpl"

# Each room may use itself and what stands to its right.
ROOMS = ("cli", "report", "experiments", "benchmarks", "checks", "training", "compression", "data", "models")
ROOMS += ("fast", "bayes", "layers", "tree", "noise", "arrays")
UNPICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
SOURCES_OF_RANDOMNESS = {"random", "secrets"}


def imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names of all modules imported anywhere in the tree; ``package`` is where a relative import starts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value)


def room(module: str) -> str:
    """The room of a dotted name of this package: "refimpl.layers.lstm" -> "layers"."""
    return module.split(".")[1]


def faults(source: str, module: str) -> list[str]:
    """What the source of a module (dotted name) imports or names and should not."""
    tree = ast.parse(source)
    own = room(module)
    found = []
    for name in imports(tree, module.rpartition(".")[0]):
        top, *rest = name.split(".")
        if top == "refimpl" and rest and rest[0] in ROOMS and ROOMS.index(rest[0]) < ROOMS.index(own):
            found.append(f"{own} may not use {rest[0]} ({name})")
        if top in ("cupy", "cupyx") and own != "arrays":
            found.append(f"only arrays.py names cupy ({name})")
        if (top in SOURCES_OF_RANDOMNESS or name.startswith("numpy.random")) and own != "noise":
            found.append(f"only noise.py draws ({name})")
        if top in UNPICKLERS:
            found.append(f"nothing unpickles ({name})")
        if top == "scipy" and own in ("layers", "bayes"):
            found.append(f"{own} does without SciPy ({name})")
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Name | ast.keyword) else ""
        if text in ("np.random", "numpy.random", "xp.random") and own != "noise":
            found.append(f"only noise.py draws ({text})")
        if text in ("cupy", "cupyx") and own != "arrays":
            found.append(f"only arrays.py names cupy ({text})")
        if text == "allow_pickle=True":
            found.append(f"nothing unpickles ({text})")
    return found


def modules() -> dict[str, Path]:
    """Every module of the package by dotted name, but for refimpl/__init__.py."""
    files = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")
    return {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}


def test_every_module_stands_in_a_room():
    strangers = [name for name in modules() if room(name) not in ROOMS]
    assert not strangers, f"rooms that the picture does not have: {strangers}"


def test_imports_point_one_way():
    found = [f"{name}: {fault}" for name, file in modules().items() for fault in faults(file.read_text("utf-8"), name)]
    assert not found, "\n".join(found)


def test_the_package_itself_imports_nothing():
    assert list(imports(ast.parse((PACKAGE / "__init__.py").read_text("utf-8")), "refimpl")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("refimpl.layers.lstm", "from refimpl.bayes import kl"),
        ("refimpl.layers.lstm", "import refimpl.training.loop"),
        ("refimpl.layers.lstm", "from ..bayes.kl import molchanov"),
        ("refimpl.layers.lstm", "from .. import models"),
        ("refimpl.layers.lstm", "def f():\n    from refimpl import fast"),
        ("refimpl.layers.lstm", 'import_module("refimpl.cli")'),
        ("refimpl.training.elbo", "from refimpl import checks"),
        ("refimpl.training.loop", "from refimpl.benchmarks.measure import measure"),
        ("refimpl.arrays", "from refimpl.tree import flatten"),
        ("refimpl.fast.lstm", "import cupy"),
        ("refimpl.fast.lstm", "from cupyx import scatter_add"),
        ("refimpl.fast.lstm", "x = cupy.zeros(1)"),
        ("refimpl.data.planted", "x = np.random.default_rng(1)"),
        ("refimpl.data.planted", "from numpy.random import default_rng"),
        ("refimpl.data.planted", "from numpy import random"),
        ("refimpl.data.planted", "import random"),
        ("refimpl.noise", "import pickle"),
        ("refimpl.training.checkpoint", "from pickle import loads"),
        ("refimpl.training.checkpoint", "x = np.load(f, allow_pickle=True)"),
        ("refimpl.bayes.kl", "from scipy.special import expi"),
    ],
)
def test_a_planted_fault_is_found(module, source):
    assert faults(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("refimpl.layers.lstm", "from refimpl.layers.activations import sigmoid\nfrom .affine import affine_forward"),
        ("refimpl.cli", "from refimpl import __version__\nfrom refimpl.report import html"),
        ("refimpl.tree", "from refimpl.arrays import Array"),
        ("refimpl.arrays", "import cupy\nx = cupy.zeros(1)"),
        ("refimpl.noise", "x = np.random.Philox(1)"),
        ("refimpl.compression.export", "import scipy.sparse\nx = np.load(f, allow_pickle=False)"),
        ("refimpl.data.planted", "from refimpl.noise import uniform\nrandom = uniform"),
    ],
)
def test_what_is_allowed_is_let_through(module, source):
    assert not faults(source, module)
