"""Run the unit suite on another device: ``pytest --device readonly|strict|cupy`` (``make test`` runs the first two).

No test is written twice. Before the tests are imported, every public function of the rooms below is replaced by one
that moves the arrays among its arguments (in NamedTuples, dicts, tuples, caches) to the device, calls the function, and
brings the results back; functions that it calls in turn work on the device undisturbed. So a test hands over and gets
NumPy arrays, and what lies between has run on

  readonly  NumPy arrays that cannot be written to and are not contiguous
  strict    the stand-in for CuPy (``strict_cupy.py``); a call that reads the device or writes to its arguments fails
  cupy      CuPy, where there is a GPU
"""

import functools
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

DEVICES = ("numpy", "readonly", "strict", "cupy")
ROOMS = ("refimpl.layers", "refimpl.bayes", "refimpl.models", "refimpl.noise", "refimpl.compression.thresholds")
ROOMS += ("refimpl.training.elbo", "refimpl.training.adam", "refimpl.training.clipping")
HOST_ENGINE = ("refimpl.models.fast_layers", "refimpl.models.occurring")  # made for NumPy; arrays of it do not travel
ALSO = {"refimpl.arrays": ("scatter_add", "check_ids")}  # the rest of arrays.py is what the others are made of

HANDED = {  # functions that call one handed to them, perhaps of the host: no leg, that one travels by itself
    "refimpl.bayes.kl.table.kl_terms",
    "refimpl.bayes.kl.table.summed_kl",
}
READS = {  # functions that read the device on purpose, and why
    "refimpl.models.parameters.check_params": "once before a run: a parameter that is not finite is named",
    "refimpl.compression.thresholds.alive_masks": "once an evaluation: a log alpha that is NaN is refused",
    "refimpl.bayes.kl.kingma2015.kl_kingma2015_forward": "refuses alpha > 1, beyond which it means nothing",
}


def modules() -> Iterator[ModuleType]:
    for name in ROOMS:
        module = importlib.import_module(name)
        yield module
        for found in pkgutil.walk_packages(getattr(module, "__path__", []), f"{name}."):
            if found.name not in HOST_ENGINE:
                yield importlib.import_module(found.name)


def install(device: str) -> None:
    """Replace the functions, also where a package or a table holds them. To be called before tests are imported."""
    leg = Leg(device)
    replaced: dict[Any, Callable[..., Any]] = {}
    found = list(modules())
    for module in found:
        for name, value in vars(module).items():
            own = inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
            if own and f"{module.__name__}.{name}" not in HANDED:
                replaced[value] = leg.wrap(value)
    for module_name, names in ALSO.items():
        found.append(importlib.import_module(module_name))
        replaced |= {getattr(found[-1], name): leg.wrap(getattr(found[-1], name)) for name in names}
    for module in found:
        for name, value in list(vars(module).items()):
            if isinstance(value, dict):
                value.update({key: _with(entry, replaced) for key, entry in value.items()})
            else:
                setattr(module, name, _with(value, replaced))


def _with(value: Any, replaced: dict[Any, Callable[..., Any]]) -> Any:
    """The value with every replaced function in it, itself if there is none."""
    if inspect.isfunction(value):
        return replaced.get(value, value)
    if isinstance(value, tuple):
        return _rebuilt(value, [_with(part, replaced) for part in value])
    return value


def _rebuilt(like: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    if all(new is old for new, old in zip(parts, like, strict=True)):
        return like
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)


def map_arrays(tree: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with every leaf changed; what holds no changed leaf stays the same object."""
    if isinstance(tree, tuple):
        return _rebuilt(tree, [map_arrays(part, change) for part in tree])
    if isinstance(tree, dict):
        new = {key: map_arrays(value, change) for key, value in tree.items()}
        return tree if all(new[key] is value for key, value in tree.items()) else new
    if isinstance(tree, list):
        parts = [map_arrays(part, change) for part in tree]
        return tree if all(new is old for new, old in zip(parts, tree, strict=True)) else parts
    return change(tree)


class Leg:
    """How arrays come to one device and back."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.inside = False
        self.xp: ModuleType = np
        if device != "readonly":
            self.xp = importlib.import_module("cupy" if device == "cupy" else "strict_cupy")

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)
        name = f"{function.__module__}.{function.__name__}"

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.inside:
                return function(*args, **kwargs)
            crossing = Crossing(self)
            if any(isinstance(x, np.inexact) for x in (*args, *kwargs.values())):
                args, kwargs = numbers_as_arrays(signature, args, kwargs)
            args, kwargs = tuple(map(crossing.argument, args)), {n: crossing.argument(x) for n, x in kwargs.items()}
            if "xp" in signature.parameters and self.xp is not np:
                bound = signature.bind(*args, **kwargs)
                bound.arguments["xp"] = self.xp
                args, kwargs = bound.args, bound.kwargs
            self.inside = True
            try:
                result = self.run(name, function, args, kwargs)
            finally:
                self.inside = False
            crossing.check_unchanged(name)
            return map_arrays(result, crossing.back)

        return call

    def run(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.device != "strict":
            return function(*args, **kwargs)
        with self.xp.recording() as stats:
            if name not in READS:
                result = function(*args, **kwargs)
                assert stats.reads == 0, f"{name} reads the device:\n{stats.table()}"
            else:
                with self.xp.allow_reads():
                    result = function(*args, **kwargs)
        return result


def numbers_as_arrays(signature: inspect.Signature, args: Any, kwargs: Any) -> Any:
    """A NumPy number is a 0-d array where the signature says Array; a number where it says float or Array | float."""
    bound = signature.bind(*args, **kwargs)
    for name, value in bound.arguments.items():
        if isinstance(value, np.inexact) and signature.parameters[name].annotation is Any:
            bound.arguments[name] = np.asarray(value)
    return bound.args, bound.kwargs


class Crossing:
    """The arrays of one call, there and back: what comes back untouched is the object that went."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.pairs: dict[int, tuple[Any, Any]] = {}  # id of the moved one: (moved, original)
        self.moved: dict[int, Any] = {}  # id of the original: moved

    def argument(self, tree: Any) -> Any:
        return tree if isinstance(tree, np.generic) else map_arrays(tree, self.there)

    def there(self, x: Any) -> Any:
        if not isinstance(x, np.ndarray | np.inexact):  # a NumPy number in a cache was a 0-d array on the device
            return x
        if id(x) not in self.moved:
            moved = frozen(np.asarray(x)) if self.leg.device == "readonly" else self.leg.xp.asarray(x)
            self.moved[id(x)] = moved
            self.pairs[id(moved)] = (moved, x)
        return self.moved[id(x)]

    def back(self, x: Any) -> Any:
        if id(x) in self.pairs:
            return self.pairs[id(x)][1]
        if self.leg.device != "readonly" and isinstance(x, self.leg.xp.ndarray):
            return x.get()
        return x

    def check_unchanged(self, name: str) -> None:
        if self.leg.device == "readonly":
            return  # writing has raised
        for moved, original in self.pairs.values():
            assert moved.get().tobytes() == original.tobytes(), f"{name} wrote to an argument"


def frozen(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A copy that cannot be written to; from one axis on it is not contiguous either."""
    copy = np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x.copy()
    copy.flags.writeable = False
    return copy
