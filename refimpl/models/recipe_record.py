"""A recipe out of its record: what ``tree.as_plain`` makes of it, stored in run.json and in golden vectors."""

from typing import Any

from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe


def recipe_from_record(record: dict[str, Any]) -> Recipe:
    """The recipe of a record.

    Errors: TypeError on a missing or unknown field, KeyError on a missing part, ValueError on a value that is not
    allowed.
    """
    layers = tuple(
        Recurrent(**layer | {name: Weight(**layer[name]) for name in ("W_x", "W_h")}) for layer in record["layers"]
    )
    output = Output(**record["output"] | {"weight": Weight(**record["output"]["weight"])})
    embedding = record.get("embedding")
    if embedding is not None:
        embedding = Embedding(**embedding | {"weight": Weight(**embedding["weight"])})
    return check_recipe(Recipe(**record | {"layers": layers, "output": output, "embedding": embedding}))
