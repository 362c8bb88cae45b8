"""What CuPy has: recorded from an installed CuPy (no GPU needed), and a check of sources against the record.

    python tests/devices/surface.py tests/devices/cupy_surface_14.2.json     record the installed CuPy

The record holds the names of cupy and some of its modules, with the keywords of each function (null: cannot be told),
the types of the ufuncs, and the methods of ndarray and Generator.
"""

import ast
import importlib
import inspect
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

RECORD = Path(__file__).with_name("cupy_surface_14.2.json")
SPACES = {
    "": "cupy",
    "linalg": "cupy.linalg",
    "random": "cupy.random",
    "cupyx": "cupyx",
    "special": "cupyx.scipy.special",
    "sparse": "cupyx.scipy.sparse",
}
# Read off cupy/_core/_kernel.pyx, class ufunc; CuPy itself has no table of it. "*": of every ufunc.
UFUNC_METHODS: dict[str, Any] = {
    "at": ["add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"],
    "reduce": ["add", "multiply"],
    "accumulate": ["add", "multiply"],
    "reduceat": ["add"],
    "outer": "*",
}


def record() -> dict[str, Any]:
    """The surface of the installed CuPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are on their way out
        return _record()


def _record() -> dict[str, Any]:
    cupy = importlib.import_module("cupy")
    surface: dict[str, Any] = {"cupy": cupy.__version__, "ufunc_methods": UFUNC_METHODS}
    surface |= {"spaces": {}, "ufuncs": {}, "classes": {}}
    for key, name in SPACES.items():
        module = importlib.import_module(name)
        members = {member: getattr(module, member) for member in dir(module) if not member.startswith("_")}
        surface["spaces"][key] = {member: _keywords(value, cupy) for member, value in members.items()}
        surface["ufuncs"] |= {m: value.types for m, value in members.items() if isinstance(value, cupy.ufunc)}
    for kind in (cupy.ndarray, cupy.random.Generator):
        methods = [name for name in dir(kind) if not name.startswith("_")]
        surface["classes"][kind.__name__] = {name: _keywords(getattr(kind, name), cupy) for name in methods}
    return surface


def _keywords(value: Any, cupy: Any) -> list[str] | None:
    if isinstance(value, cupy.ufunc):
        return ["out", "dtype", "casting"]
    if isinstance(value, type):
        return None
    try:
        parameters = inspect.signature(value).parameters.values()
    except (TypeError, ValueError):
        return _keywords_of_docstring(value)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.kind is not p.VAR_POSITIONAL]


def _keywords_of_docstring(value: Any) -> list[str] | None:
    """Of a function compiled by Cython, whose signature is the first line of its docstring."""
    head = (getattr(value, "__doc__", "") or "").split("\n")[0]
    if "(" not in head or ")" not in head:
        return None
    inner = head[head.index("(") + 1 : head.rindex(")")]
    names = [p.split("=")[0].split()[-1].strip("*") for p in inner.split(",") if p.strip()]
    return None if {"args", "kwargs"} & set(names) else [name for name in names if name != "self"]


def load() -> dict[str, Any]:
    surface: dict[str, Any] = json.loads(RECORD.read_text())
    return surface


def faults(source: str, surface: dict[str, Any], *, methods: bool = True) -> list[str]:
    """What the source asks of ``xp`` (or of ``array_module(...)``) that CuPy does not have, as "line: what".

    methods: also judge calls of methods by their name: where NumPy's arrays have one, CuPy's must have it, with the
    keywords that are given. Meant for code that computes; elsewhere a list may have a method of that name.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        keywords = [k.arg for k in node.keywords if k.arg] if isinstance(node, ast.Call) else []
        called = node.func if isinstance(node, ast.Call) else node
        if not isinstance(called, ast.Attribute):
            continue
        names = _names_after_xp(called)
        if names:
            problems = _of_xp(names, keywords, surface)
        elif methods and isinstance(node, ast.Call):
            problems = _of_arrays(called.attr, keywords, surface)
        else:
            continue
        found += [f"{called.lineno}: {problem}" for problem in problems]
    return sorted(set(found), key=lambda fault: (int(fault.partition(":")[0]), fault))


def _names_after_xp(node: ast.expr) -> list[str]:
    """["add", "reduceat"] of xp.add.reduceat; [] of anything that does not begin with xp."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    root = node.func if isinstance(node, ast.Call) else node
    expected = "array_module" if isinstance(node, ast.Call) else "xp"
    return names[::-1] if isinstance(root, ast.Name) and root.id == expected else []


def _of_xp(names: list[str], keywords: list[str], surface: dict[str, Any]) -> Iterator[str]:
    space = names[0] if len(names) > 1 and names[0] in ("linalg", "random") else ""
    name, *rest = names[1:] if space else names
    where = f"cupy.{space}.{name}" if space else f"cupy.{name}"
    known = surface["spaces"][space]
    if name.startswith("__"):
        return  # of every module
    if name not in known:
        yield f"{where} does not exist"
    elif rest and name in surface["ufuncs"]:
        has = surface["ufunc_methods"].get(rest[0])
        if has is not None and has != "*" and name not in has:
            yield f"{where}.{rest[0]} is not supported"
    elif not rest and known[name] is not None:
        yield from (f"{where}() has no keyword {k!r}" for k in keywords if k not in known[name])


def _of_arrays(method: str, keywords: list[str], surface: dict[str, Any]) -> Iterator[str]:
    known = surface["classes"]["ndarray"]
    if not hasattr(np.ndarray, method):
        return
    if method not in known:
        yield f"cupy.ndarray.{method} does not exist"
    elif known[method] is not None:
        yield from (f"cupy.ndarray.{method}() has no keyword {k!r}" for k in keywords if k not in known[method])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(record(), sort_keys=True, separators=(",", ":")) + "\n")
