"""Part: the truth table, every rule that the stand-in claims of CuPy, tried on CuPy.

``tests/devices/strict_*.py`` has the rules. Where the stand-in is stricter on purpose, the row says why, and holds both
answers; the row then agrees if each gives its own. On the stand-in itself the table shows that it is up to date.
"""

import importlib
from types import ModuleType
from typing import Any

import numpy as np

from tests.devices import surface
from validation.gpu.device import Context
from validation.gpu.findings import ABSENT, FAILED, NOTE, OK, Findings, Row
from validation.gpu.rules import check as check_rule
from validation.gpu.rules import ids
from validation.gpu.rules_host import MIXED, NOT_THERE
from validation.gpu.rules_kernels import KERNEL_RULES, cooperative_grid
from validation.gpu.rules_numbers import NUMBER_RULES
from validation.gpu.waiting import ASKED, launches, waiting

H100 = "H100"


def truths(context: Context, findings: Findings) -> None:
    """All rows."""
    xp = context.xp
    for rule in (*NOT_THERE, *MIXED, *NUMBER_RULES):
        findings.probe(f"rule: {rule.what}", lambda rule=rule: check_rule(rule, xp))
    if context.kernels:
        for rule in KERNEL_RULES:
            findings.probe(f"kernel: {rule.what}", lambda rule=rule: check_rule(rule, xp))
    else:
        findings.add("kernels", ABSENT, why="no g++ to compile CUDA text for the CPU")
    findings.probe("kernel: a cooperative grid that does not fit", lambda: cooperative_grid(xp))
    for asked in ASKED:
        findings.probe(f"wait: {asked.what}", lambda asked=asked: waiting(asked, xp))
    for asked in ASKED:
        if asked.launches is not None:
            findings.probe(f"launches: {asked.what}", lambda asked=asked: launches(asked, xp))
    for method in surface.UFUNC_METHODS:
        findings.probe(f"ufunc method: {method}", lambda method=method: ufunc_method(method, xp))
    findings.probe("names and keywords of CuPy", lambda: names_and_keywords(xp))
    findings.probe("attributes of the device", lambda: attributes(xp))


def ufunc_method(method: str, xp: ModuleType) -> Row:
    """The functions of two arguments for which CuPy has the method, against tests/devices/surface.py."""
    record = surface.load()["ufuncs"]
    functions = {name: getattr(np, name, None) for name in sorted(record)}
    names = [n for n, f in functions.items() if isinstance(f, np.ufunc) and (f.nin, f.nout) == (2, 1)]
    expected = surface.UFUNC_METHODS[method]
    if expected == "*":
        names = names[::6]  # each one is compiled
    has = {name for name in names if _has(getattr(xp, name), method, xp)}
    if expected == "*":
        missing = sorted({*names} - has)
        return {"status": FAILED if missing else OK, "expected": "all", "tried": names, "missing": missing}
    return {"status": OK if has == set(expected) else FAILED, "expected": sorted(expected), "found": sorted(has)}


def _has(function: Any, method: str, xp: ModuleType) -> bool:
    x, index = ids(xp, 1, 2, 3), ids(xp, 0)
    arguments: dict[str, tuple[Any, ...]] = {
        "at": (x, index, x[:1] * 1),
        "reduce": (x,),
        "accumulate": (x,),
        "reduceat": (x, index),
        "outer": (x, x),
    }
    try:
        getattr(function, method)(*arguments[method])
    except NotImplementedError:
        return False
    except (TypeError, ValueError):  # not of these numbers; that it has the method is what is asked
        return True
    return True


def names_and_keywords(xp: ModuleType) -> Row:
    """The installed CuPy against the record of 14.2."""
    if xp.__name__ != "cupy":
        return {"status": ABSENT}
    recorded, found = surface.load(), surface.record()
    differences = [f"{path}: recorded {a!r}, found {b!r}" for path, a, b in _differences(recorded, found, "")]
    same_version = found["cupy"].split(".")[:2] == recorded["cupy"].split(".")[:2]
    status = OK if not differences else FAILED if same_version else NOTE
    return {"status": status, "recorded": recorded["cupy"], "found": found["cupy"], "differences": differences[:100]}


def _differences(a: Any, b: Any, path: str) -> list[tuple[str, Any, Any]]:
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted({*a, *b})
        return [d for key in keys for d in _differences(a.get(key, "absent"), b.get(key, "absent"), f"{path}/{key}")]
    same = a == b or (isinstance(a, list | tuple) and isinstance(b, list | tuple) and list(a) == list(b))
    return [] if same or path == "/cupy" else [(path, a, b)]


def attributes(xp: ModuleType) -> Row:
    """The stand-in has the sizes of an H100; on another GPU they are noted."""
    expected = importlib.import_module("strict_cupy").cuda.Device.attributes
    found = {name: xp.cuda.Device().attributes.get(name) for name in expected}
    wrong = {name: (value, found[name]) for name, value in expected.items() if found[name] != value}
    name = "the stand-in"
    if xp.__name__ == "cupy":
        name = xp.cuda.runtime.getDeviceProperties(0)["name"].decode()
    status = OK if not wrong else FAILED if H100 in name else NOTE
    return {"status": status, "device": name, "differences": wrong}
