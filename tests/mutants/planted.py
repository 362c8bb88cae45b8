"""Plant a mistake: change the text of a module of refimpl in a few places, and let the running package have it.

A mistake is data (``bugs/*.toml``): the module, pairs of an old text, which stands there exactly once, and a new one,
and the check that must fail with it.
"""

import tomllib
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = Path(__file__).parent / "bugs"
Change = Sequence[str]  # old text, new text


class Bug(NamedTuple):
    """A named mistake."""

    name: str
    kind: str
    module: str  # below refimpl, such as "layers.lstm_recurrence"
    change: Sequence[Change]
    caught_by: str  # FAMILY: NAME of a check of the audit, gradients: CASE [LEAF], or a test, FILE::NAME
    not_seen_by: str | None = None  # a check that passes all the same, and why another one is needed


def load_bugs() -> list[Bug]:
    """All mistakes, file by file."""
    files = [tomllib.loads(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.toml"))]
    return [Bug(name, **entry) for entries in files for name, entry in entries.items()]


def changed_text(text: str, change: Sequence[Change]) -> str:
    """Errors: ValueError unless each old text stands there exactly once."""
    for old, new in change:
        if text.count(old) != 1:
            raise ValueError(f"expected once, found {text.count(old)} times: {old}")
        text = text.replace(old, new)
    return text


@contextmanager
def planted(module: str, change: Sequence[Change]) -> Iterator[None]:
    """The package with the mistake in it.

    The functions of the changed text lend their code to those that are there already, so that every module that has
    imported one of them meets the mistake, however deep it lies, and nothing is imported anew.
    """
    right = import_module(f"refimpl.{module}")
    wrong = types.ModuleType(right.__name__)
    text = changed_text(Path(str(right.__file__)).read_text("utf-8"), change)
    exec(compile(text, str(right.__file__), "exec"), vars(wrong))
    before = {name: _parts(value) for name, value in vars(right).items() if _is_own(right, value)}
    try:
        for name in before:
            _replace(right, name, _parts(getattr(wrong, name)))
        yield
    finally:
        for name, parts in before.items():
            _replace(right, name, parts)


def _is_own(module: types.ModuleType, value: Any) -> bool:
    """A function that the module defines, or a constant."""
    if isinstance(value, types.FunctionType):
        return value.__module__ == module.__name__
    numbers = value if isinstance(value, tuple) else (value,)
    return all(isinstance(number, int | float) for number in numbers)


def _parts(value: Any) -> Any:
    if isinstance(value, types.FunctionType):
        return value.__code__, value.__defaults__, value.__kwdefaults__
    return value


def _replace(module: types.ModuleType, name: str, parts: Any) -> None:
    value = getattr(module, name)
    if isinstance(value, types.FunctionType):
        value.__code__, value.__defaults__, value.__kwdefaults__ = parts
    else:
        setattr(module, name, parts)
