"""Whether a checkpoint belongs to a run: its configuration against the one asked for, field by field.

A record of an older version lacks the fields that came later: they had what is now their default, and are filled in.
"""

import contextlib
import json
from typing import Any

from refimpl.models.recipe_record import recipe_from_record
from refimpl.training.setup import Options
from refimpl.tree import as_plain

NOT_COMPARED = ("format", "deviations", "paper", "weights_per_term", "environment")  # they describe a run, or follow
ABSENT = "(absent)"


def differences(stored: str, asked: str) -> list[str]:
    """ "NAME: stored ..., asked ..." for each field in which two configurations (JSON texts) differ; none: the same.

    The number of epochs is not compared: a run may be prolonged.
    """
    if stored == asked:
        return []
    ours, theirs = (_fields(completed(json.loads(text))) for text in (stored, asked))
    names = [*theirs, *(name for name in ours if name not in theirs)]
    unequal = [name for name in names if ours.get(name) != theirs.get(name)]  # what is absent was not there: null
    return [f"{name}: stored {_shown(ours, name)}, asked {_shown(theirs, name)}" for name in unequal]


def completed(configuration: Any) -> Any:
    """A configuration with the fields of recipe and training that a record of an older version lacks."""
    if not isinstance(configuration, dict):
        return configuration
    filled = {name: value for name, value in configuration.items() if name not in NOT_COMPARED}
    if isinstance(filled.get("recipe"), dict):
        with contextlib.suppress(TypeError, KeyError, ValueError):  # of a later version: compared as it is
            filled["recipe"] = as_plain(recipe_from_record(filled["recipe"]))
    if isinstance(filled.get("training"), dict):
        filled["training"] = as_plain(Options(epochs=0)) | filled["training"]
        del filled["training"]["epochs"]
    return filled


def _fields(value: Any, prefix: str = "") -> dict[str, Any]:
    """Leaves by dotted name."""
    if not isinstance(value, dict | list):
        return {prefix or "configuration": value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    fields: dict[str, Any] = {}
    for name, item in items:
        fields |= _fields(item, f"{prefix}.{name}" if prefix else str(name))
    return fields


def _shown(fields: dict[str, Any], name: str) -> str:
    return json.dumps(fields[name]) if name in fields else ABSENT
