"""What the mistakes ask of a case: which parts it has, by the names of its arrays and by its recipe."""

from collections.abc import Iterator
from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Config, Given, quantity

LSTM_OPS = ("lstm", "vbd_lstm", "sparse_lstm", "group_lstm", "step")
ENTROPIES = ("softmax_cross_entropy", "binary_cross_entropy")
CLIPPED_PRIORS = ("log_uniform", "molchanov2017", "rnn2018", "ard")


def has_lstm(case: Case) -> bool:
    """Whether an LSTM is in it."""
    return case.op in LSTM_OPS


def has(case: Case, *quantities: str) -> bool:
    """Whether an array of one of these quantities is given."""
    return any(quantity(name) in quantities for name in case.given)


def has_deviations(case: Case) -> bool:
    """Whether something has a log sigma that may be any number (Kingma 2015's divergence refuses large ones)."""
    return any(name.endswith("log_sigma") for name in case.given) and "kingma2015" not in priors_of(case.config)


def has_kl(case: Case) -> bool:
    """Whether KL / N is a part of the loss."""
    return bool(priors_of(case.config)) and "n_terms" in case.config


def steps_and_batch(given: Given) -> tuple[int, int]:
    """T and B."""
    x = given["input.ids"] if "input.ids" in given else given["input.x"]
    return int(x.shape[0]), int(x.shape[1])


def likelihood_terms(given: Given) -> int:
    """Terms of a training step's mean."""
    return int(given["input.y"].size)


def recipe_layers(config: Config) -> list[dict[str, Any]]:
    """The recurrent layers of a training step, as JSON; none of another operation."""
    return list(config["recipe"]["layers"]) if "recipe" in config else []


def weights_of(recipe: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every weight matrix of a recipe by name, as JSON."""
    if recipe["embedding"] is not None:
        yield "embedding.W", recipe["embedding"]["weight"]
    for layer in recipe["layers"]:
        for matrix in ("W_x", "W_h"):
            yield f"{layer['name']}.{matrix}", layer[matrix]
    yield "output.W", recipe["output"]["weight"]


def priors_of(config: Config) -> set[str]:
    """Names of the KL divergences in it."""
    if "recipe" not in config:
        return {config["kl"]} if "kl" in config else set()
    recipe = config["recipe"]
    found = {weight["prior"] for _, weight in weights_of(recipe) if weight["estimator"] != "deterministic"}
    found |= {layer[group] for layer in recipe["layers"] for group in ("z_x", "z_h", "z_gates")}
    if recipe["embedding"] is not None:
        found.add(recipe["embedding"]["z"])
    return found - {None}


def with_prior(config: Config, prior: str) -> Config:
    """The configuration with every KL divergence replaced by the named one."""
    if "recipe" not in config:
        return config | {"kl": prior}
    recipe = config["recipe"]

    def weight(one: dict[str, Any]) -> dict[str, Any]:
        return one if one["estimator"] == "deterministic" else one | {"prior": prior}

    def group(one: str | None) -> str | None:
        return None if one is None else prior

    layers = [
        layer | {m: weight(layer[m]) for m in ("W_x", "W_h")} | {z: group(layer[z]) for z in ("z_x", "z_h", "z_gates")}
        for layer in recipe["layers"]
    ]
    embedding = recipe["embedding"]
    if embedding is not None:
        embedding = embedding | {"weight": weight(embedding["weight"]), "z": group(embedding["z"])}
    output = recipe["output"] | {"weight": weight(recipe["output"]["weight"])}
    return config | {"recipe": recipe | {"layers": layers, "embedding": embedding, "output": output}}


def option(config: Config, name: str) -> Any:
    """A clip: of the recipe, or of the operation's own configuration."""
    return config["recipe"][name] if "recipe" in config else config.get(name)


def with_option(config: Config, name: str, value: Any) -> Config:
    """The configuration with that clip replaced."""
    if "recipe" in config:
        return config | {"recipe": config["recipe"] | {name: value}}
    return config | {name: value}


def gates_of(case: Case) -> set[str]:
    """Nonlinearities of the gates in it."""
    layers = recipe_layers(case.config)
    return {layer["gates"] for layer in layers} if layers else {case.config.get("gates", "sigmoid")}


def lrt_noise(config: Config, given: Given) -> list[str]:
    """Names of the noise that is of preactivations."""
    if "recipe" in config:
        return [f"noise.{name}" for name, w in weights_of(config["recipe"]) if w["estimator"].startswith("lrt")]
    return ["noise.eps"] if "var_floor" in config else []


def group_noise(given: Given) -> list[str]:
    """Names of the noise of group variables."""
    return [name for name in given if name.startswith("noise.") and quantity(name) in ("z", "z_x", "z_h", "z_gates")]


def dropout_masks(given: Given) -> list[str]:
    """Names of the masks of Variational Binary Dropout."""
    marks = ("mask_x", "mask_h", "dropout", "dropout_x", "dropout_h")
    return [name for name in given if name.startswith("noise.") and quantity(name) in marks]


def dropout_rate(config: Config, name: str) -> float:
    """The rate of the mask of that name."""
    if "recipe" not in config:
        return float(config["rate_" + quantity(name).removeprefix("mask_")])
    where, field = name.removeprefix("noise.").rsplit(".", 1)
    parts = {layer["name"]: layer for layer in config["recipe"]["layers"]}
    parts |= {"embedding": config["recipe"]["embedding"], "output": config["recipe"]["output"]}
    return float(parts[where][field])


def cast_like(array: Array, like: Array) -> Array:
    """In the dtype of like."""
    return array.astype(like.dtype, copy=False)
