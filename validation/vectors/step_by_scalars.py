"""Second route to the loss of a training step: one object at a time, single numbers, KL by mpmath."""

import math
from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.checks import values as scalars
from refimpl.checks.conformance import Answers, Case, Given
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams
from refimpl.layers.lstm_recurrence import LSTMState
from validation.vectors.by_digits import kl_terms
from validation.vectors.by_scalars import drawn, lrt, product

ROUTE = "loops over single numbers, one object at a time; KL by mpmath"
RECURRENT_GROUPS = ("z_x", "z_h", "z_gates")


class Model:
    """What a case gives, read for one object."""

    def __init__(self, case: Case, b: int) -> None:
        self.given, self.recipe, self.b = case.given, case.config["recipe"], b

    def array(self, name: str) -> Array | None:
        """A parameter, or its draw for this object; None where there is none. Noise of preactivations is not drawn."""
        given: Given = self.given
        if f"param.{name}" in given:
            return given[f"param.{name}"]
        if f"param.{name}.mu" not in given:
            return None
        mu, eps = given[f"param.{name}.mu"], given[f"noise.{name}"]
        return drawn(mu, given[f"param.{name}.log_sigma"], eps if eps.ndim == mu.ndim else eps[self.b])

    def mask(self, name: str, rate: float) -> Array | None:
        """A dropout mask of this object over 1 - rate."""
        return self.given[f"noise.{name}"][self.b] / (1.0 - rate) if rate > 0.0 else None

    def preactivations(self, x: Array, name: str, bias: Array | None) -> Array:
        """By LRT with this object's noise: x (T, 1, D) -> (T, 1, ...)."""
        mu, log_sigma = (self.given[f"param.{name}.{leaf}"] for leaf in ("mu", "log_sigma"))
        return lrt(x, mu, log_sigma, bias, self.given[f"noise.{name}"][:, [self.b]], self.recipe["var_floor"])


def _input(model: Model) -> Array:
    """One-hot symbols or embedded words of this object, (T, 1, D)."""
    ids, recipe = model.given["input.ids"][:, model.b], model.recipe
    if recipe["embedding"] is None:
        return np.eye(recipe["vocabulary"])[ids][:, None]
    rows = model.array("embedding.W")[ids]
    z, mask = model.array("embedding.z"), model.mask("embedding.dropout", recipe["embedding"]["dropout"])
    for factor in (z, mask):
        rows = rows if factor is None else rows * factor[ids][:, None]
    return rows[:, None]


def _layer(model: Model, layer: dict[str, Any], x: Array) -> Array:
    """h of every step of one recurrent layer, (T, 1, H)."""
    name, given, b = layer["name"], model.given, model.b
    z_x, z_h, z_gates = (model.array(f"{name}.{group}") for group in RECURRENT_GROUPS)
    x = x if z_x is None else x * z_x
    m_x, m_h = (model.mask(f"{name}.dropout_{place}", layer[f"dropout_{place}"]) for place in ("x", "h"))
    if layer["W_x"]["estimator"].startswith("lrt"):
        u = model.preactivations(x, f"{name}.W_x", None)
        x, W_x = u.reshape(*u.shape[:2], -1), np.eye(4 * layer["size"]).reshape(-1, 4, layer["size"])
    else:
        W_x = model.array(f"{name}.W_x")
    one = {"x": m_x, "h_in": m_h, "h_out": z_h, "gates": z_gates}
    mask = given.get("input.mask")
    h, _, _ = scalars.scalar_lstm(
        x,
        LSTMParams(W_x, model.array(f"{name}.W_h"), given[f"param.{name}.b"], given.get(f"param.{name}.peephole")),
        _state(model, layer),
        LSTMMultipliers(**{place: None if m is None else m[None] for place, m in one.items()}),
        None if mask is None else mask[:, [b]],
        layer["gates"],
        layer["peephole"] or "c",
    )
    return h


def _state(model: Model, layer: dict[str, Any]) -> LSTMState:
    """Carried, trained, or zero."""
    name, given = layer["name"], model.given
    if f"input.h.{name}" in given:
        return LSTMState(*(given[f"input.{state}.{name}"][[model.b]] for state in ("h", "c")))
    if layer["trainable_state"]:
        return LSTMState(given[f"param.{name}.h0"][None], given[f"param.{name}.c0"][None])
    return LSTMState(*(np.zeros((1, layer["size"])) for _ in range(2)))


def _logits(model: Model) -> Array:
    """Of this object, (T, K) of a language model, (1, K) of the others."""
    x = _input(model)
    for layer in model.recipe["layers"]:
        x = _layer(model, layer, x)
    if model.recipe["task"] != "language_model":
        x = x[-1:]
    output = model.recipe["output"]
    mask, bias = model.mask("output.dropout", output["dropout"]), model.given["param.output.b"]
    x = x if mask is None else x * mask
    if output["weight"]["estimator"].startswith("lrt"):
        return model.preactivations(x, "output.W", bias)[:, 0]
    return product(x, model.array("output.W"))[:, 0] + bias


def _nll(case: Case, logits: Array, y: Array) -> list[float]:
    """Of every term of one object."""
    recipe = case.config["recipe"]
    if recipe["task"] == "regressor":
        return [scalars.scalar_squared_error(logits[0], y)]
    if recipe["task"] == "classifier" and recipe["outputs"] == 1:
        found = [scalars.scalar_binary_nll(logits[0], y)]
    else:
        found = [scalars.scalar_softmax_nll(logits[[n]], y[[n]]) for n in range(len(y))]
    clip = recipe["probability_clip"]
    if clip is None:
        return found
    return [min(-math.log(clip), max(-math.log1p(-clip), one)) for one in found]


def _priors(recipe: dict[str, Any]) -> dict[str, str | None]:
    """The prior of every quantity by name, whether it has a posterior or not."""
    found = {"output.W": recipe["output"]["weight"]["prior"]}
    if recipe["embedding"] is not None:
        found |= {"embedding.W": recipe["embedding"]["weight"]["prior"], "embedding.z": recipe["embedding"]["z"]}
    for layer in recipe["layers"]:
        found |= {f"{layer['name']}.{matrix}": layer[matrix]["prior"] for matrix in ("W_x", "W_h")}
        found |= {f"{layer['name']}.{group}": layer[group] for group in RECURRENT_GROUPS}
    return found


def _l2(case: Case) -> float:
    """Over all matrices whose rows a mask drops."""
    l2, recipe, given = case.config["l2"], case.config["recipe"], case.given
    rates = {"output.W": recipe["output"]["dropout"], "embedding.W": (recipe["embedding"] or {}).get("dropout", 0.0)}
    for layer in recipe["layers"]:
        rates |= {f"{layer['name']}.W_{place}": layer[f"dropout_{place}"] for place in ("x", "h")}
    total = 0.0
    for name, rate in rates.items():
        if rate > 0.0:
            squares = math.fsum(float(a) ** 2 for a in given[f"param.{name}"].flat)
            derived = l2.get("length_scale", 1.0) ** 2 * (1.0 - rate) / (2.0 * case.config["n_terms"])
            total += squares * (l2["weight_decay"] if l2["form"] == "script" else derived)
    return total


def values(case: Case) -> Answers:
    """nll, kl, l2 and loss, and the logits."""
    given, config = case.given, case.config
    batch = given["input.ids"].shape[1]
    y = given["input.y"]
    logits = [_logits(Model(case, b)) for b in range(batch)]
    nll = [one for b in range(batch) for one in _nll(case, logits[b], y[:, b] if y.ndim == 2 else y[[b]])]
    found: Answers = {"out.nll": np.array(math.fsum(nll) / len(nll))}
    total = found["out.nll"]
    language_model = config["recipe"]["task"] == "language_model"
    found["mid.logits"] = np.stack(logits, axis=1) if language_model else np.concatenate(logits)
    by_name = {
        name: kl_terms(given[f"param.{name}.mu"], given[f"param.{name}.log_sigma"], prior, _clip(case)).sum()
        for name, prior in _priors(config["recipe"]).items()
        if f"param.{name}.mu" in given
    }
    if by_name:
        found |= {f"mid.kl.{name}": np.array(kl) for name, kl in by_name.items()}
        found["out.kl"] = np.array(math.fsum(by_name.values()))
        total = total + config["kl_weight"] * found["out.kl"] / config["n_terms"]
    if config["l2"] is not None:
        found["out.l2"] = np.array(_l2(case))
        total = total + found["out.l2"]
    return found | {"out.loss": total}


def _clip(case: Case) -> float | None:
    return case.config["recipe"]["log_alpha_clip"]
