"""SUBJECT of the command line: ``module:name``, ``file.py:name``, a folder of answers, or an ONNX model."""

import importlib.util
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from refimpl.checks.crosscheck.adapters_onnx import onnx_subject
from refimpl.checks.crosscheck.answers_folder import folder_subject
from refimpl.checks.crosscheck.running import where
from refimpl.checks.crosscheck.subject import ATTRIBUTE, BadSubjectError, Subject, numpy_subject
from refimpl.checks.crosscheck.torch_modules import is_module_class, module_subject

EXPECTED = (
    "a function f(params, inputs, noise, config), under @torch_subject or @jax_subject, or a class with the parameters "
    "of nn.LSTM or nn.LSTMCell"
)


def load_subject(text: str) -> Subject:
    """The subject that the text names.

    Errors: BadSubjectError if it is not found, or is nothing that can be checked.
    """
    return _load(text)._replace(name=text)


def _load(text: str) -> Subject:
    path = Path(text)
    if path.is_dir():
        return folder_subject(path)
    if path.suffix == ".onnx":
        return onnx_subject(path)
    place, _, name = text.rpartition(":") if ":" in text else (text, "", "")
    module = _from_file(Path(place)) if place.endswith(".py") else _from_name(place)
    if not name:
        return _only_one(module, place)
    thing: Any = module
    for part in name.split("."):
        if not hasattr(thing, part):
            raise BadSubjectError(f"{place}: has no {name!r}; it has {', '.join(_all(module)) or 'no subject'}")
        thing = getattr(thing, part)
    return as_subject(thing, name)


def as_subject(thing: Any, name: str) -> Subject:
    """A decorated function, a class of torch modules, or a function of NumPy arrays.

    Errors: BadSubjectError on anything else.
    """
    found = getattr(thing, ATTRIBUTE, None)
    if isinstance(found, Subject):
        return found
    if is_module_class(thing):
        return module_subject(thing)
    if isinstance(thing, type) or not callable(thing) or hasattr(thing, "forward"):
        raise BadSubjectError(f"{name}: expected {EXPECTED}, got {type(thing).__name__}")
    return numpy_subject(thing, name=name)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise BadSubjectError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise BadSubjectError(f"{path}: expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path[:0] = [str(path.resolve().parent), str(Path.cwd())]  # what lies beside it, or here, can be imported
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise BadSubjectError(f"{path}: {where(error)}") from error
    return module


def _from_name(name: str) -> ModuleType:
    sys.path.insert(0, str(Path.cwd()))
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        hint = "a subject is file.py:NAME, module:NAME, a folder of answers or a file.onnx"
        raise BadSubjectError(f"{name}: {where(error)}; {hint}") from error


def _candidates(module: ModuleType) -> list[str]:
    """Names of what is decorated, else of the module's own classes of torch modules."""
    own = _all(module)
    decorated = [name for name in own if hasattr(getattr(module, name), ATTRIBUTE)]
    return decorated or [name for name in own if is_module_class(getattr(module, name))]


def _all(module: ModuleType) -> list[str]:
    """Names of all that can be a subject: the module's own functions and classes of torch modules."""
    own = [(n, thing) for n, thing in vars(module).items() if getattr(thing, "__module__", "") == module.__name__]
    return [name for name, thing in own if is_module_class(thing) or _is_function(thing)]


def _is_function(thing: Any) -> bool:
    return callable(thing) and not isinstance(thing, type) and not hasattr(thing, "forward")


def _only_one(module: ModuleType, place: str) -> Subject:
    names = _candidates(module)
    if len(names) != 1:
        which = ", ".join(f"{place}:{name}" for name in names or _all(module))
        said = f"which one? {which}" if which else f"it holds no subject; expected {EXPECTED}"
        raise BadSubjectError(f"{place}: {said}")
    return as_subject(getattr(module, names[0]), names[0])
