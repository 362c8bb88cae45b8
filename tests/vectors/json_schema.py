"""The part of JSON Schema that schema.json uses, so that no package is needed for it; any other keyword is refused."""

import re

KINDS = {"object": dict, "array": list, "string": str, "number": (int, float)}
IGNORED = {"$schema", "title", "description"}


def faults(value, schema, place="$"):
    """What does not fit, a line each."""
    if schema is False:
        return [f"{place}: not allowed"]
    found = []
    for keyword, argument in schema.items():
        if keyword not in IGNORED:
            found += CHECKS[keyword](value, argument, schema, place)
    return found


def _type(value, kind, schema, place):
    fits = isinstance(value, KINDS[kind]) and not isinstance(value, bool)
    return [] if fits else [f"{place}: expected {kind}, got {value!r}"]


def _required(value, names, schema, place):
    return [f"{place}: {name} is missing" for name in names if name not in value]


def _properties(value, properties, schema, place):
    return [f for name in properties if name in value for f in faults(value[name], properties[name], f"{place}.{name}")]


def _additional(value, allowed, schema, place):
    assert allowed is False
    return [f"{place}: {name} is not known" for name in value if name not in schema["properties"]]


def _items(value, schema_of_items, schema, place):
    return [f for i, item in enumerate(value) for f in faults(item, schema_of_items, f"{place}[{i}]")]


def _if(value, condition, schema, place):
    return faults(value, schema["else" if faults(value, condition) else "then"], place)


def _holds(fits, what):
    return lambda value, argument, schema, place: (
        [] if fits(value, argument) else [f"{place}: {value!r}, {what} {argument}"]
    )


CHECKS = {
    "type": _type,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "if": _if,
    "then": lambda *_: [],
    "else": lambda *_: [],
    "const": _holds(lambda v, a: v == a, "expected"),
    "enum": _holds(lambda v, a: v in a, "expected one of"),
    "pattern": _holds(lambda v, a: re.search(a, v) is not None, "expected the pattern"),
    "minLength": _holds(lambda v, a: len(v) >= a, "expected at least so many letters:"),
    "minItems": _holds(lambda v, a: len(v) >= a, "expected at least so many entries:"),
    "minimum": _holds(lambda v, a: v >= a, "expected at least"),
    "exclusiveMinimum": _holds(lambda v, a: v > a, "expected more than"),
}
