"""Recipes as JSON values and back, so that a case can hold one."""

from typing import Any

from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight, check_recipe


def recipe_to_json(value: Any) -> Any:
    """A recipe (or a part of it) as dicts, lists and plain values."""
    if hasattr(value, "_asdict"):
        return {name: recipe_to_json(item) for name, item in value._asdict().items()}
    return [recipe_to_json(item) for item in value] if isinstance(value, tuple) else value


def recipe_from_json(record: dict[str, Any]) -> Recipe:
    """The recipe of a record. Errors: TypeError on an unknown field, ValueError on a value that is not allowed."""
    layers = tuple(
        Recurrent(**layer | {matrix: Weight(**layer[matrix]) for matrix in ("W_x", "W_h")})
        for layer in record["layers"]
    )
    embedding = record["embedding"]
    if embedding is not None:
        embedding = Embedding(**embedding | {"weight": Weight(**embedding["weight"])})
    output = Output(**record["output"] | {"weight": Weight(**record["output"]["weight"])})
    return check_recipe(Recipe(**record | {"layers": layers, "output": output, "embedding": embedding}))
