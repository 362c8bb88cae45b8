"""A whole training step of any recipe in PyTorch: forward pass, KL and loss written out, gradients by autograd.

Models: character and word language models, classifiers and regressors of texts; deterministic, Sparse VD, VBD, group
variables; S004 and the 2018 code.
"""

import torch
from torch.nn import functional

from refimpl.checks.crosscheck import torch_subject
from validation.frameworks.torch_kl import kl_of_each
from validation.frameworks.torch_layers import clipped, lrt
from validation.frameworks.torch_lstm import lstm, project, sample


@torch_subject("step")
def step(params, inputs, noise, config):
    recipe = config["recipe"]
    x = first_layer_input(params, inputs["ids"], noise, recipe)
    for layer in recipe["layers"]:
        x = recurrent(x, params, inputs, noise, layer, recipe["var_floor"])
    model = recipe["task"] == "language_model"
    logits = dense(x if model else x[-1:], params, noise, recipe)
    nll = nll_of(logits if model else logits[0], inputs["y"], recipe)
    outputs = {"mid.hidden": x, "mid.logits": logits if model else logits[0], "nll": nll, "loss": nll}
    of_each = kl_by_name(params, recipe)
    if of_each:
        kl = sum(of_each.values())
        outputs |= {f"mid.kl.{name}": value for name, value in of_each.items()} | {"kl": kl}
        outputs["loss"] = nll + config["kl_weight"] * kl / config["n_terms"]
    if config["l2"] is not None:
        outputs["l2"] = l2_of(params, recipe, config)
        outputs["loss"] = outputs["loss"] + outputs["l2"]
    return outputs


def matrix(params, noise, name):
    """A deterministic matrix as it is, another one drawn."""
    return params[name] if name in params else sample(params, noise, name)


def first_layer_input(params, ids, noise, recipe):
    """Rows of the embedding, times z and mask of each word; without an embedding one-hot vectors."""
    if recipe["embedding"] is None:
        rows = [len(value) for name, value in params.items() if name.startswith(f"{recipe['layers'][0]['name']}.W_x")]
        return functional.one_hot(ids, rows[0]).to(torch.get_default_dtype())
    E, objects = matrix(params, noise, "embedding.W"), torch.arange(ids.shape[1])
    e = E[ids] if E.ndim == 2 else E[objects, ids]
    if recipe["embedding"]["z"] is not None:
        e = e * sample(params, noise, "embedding.z")[objects, ids][..., None]
    if "embedding.dropout" in noise:
        e = e * (noise["embedding.dropout"] / (1.0 - recipe["embedding"]["dropout"]))[objects, ids][..., None]
    return e


def recurrent(x, params, inputs, noise, layer, var_floor):
    """h of every step."""
    name, batch = layer["name"], x.shape[1]
    z = {key: sample(params, noise, f"{name}.{key}") for key in ("z_x", "z_h", "z_gates") if layer[key] is not None}
    masks = {
        key: noise[f"{name}.{key}"] / (1.0 - layer[key])
        for key in ("dropout_x", "dropout_h")
        if f"{name}.{key}" in noise
    }
    x = x if "z_x" not in z else x * z["z_x"]
    if layer["W_x"]["estimator"].startswith("lrt"):
        mu, log_sigma = params[f"{name}.W_x.mu"], params[f"{name}.W_x.log_sigma"]
        u, _ = lrt(x, mu, log_sigma, noise[f"{name}.W_x"], var_floor)
    else:
        u = project(x, matrix(params, noise, f"{name}.W_x"), masks.get("dropout_x"))
    if f"h.{name}" in inputs:
        h, c = inputs[f"h.{name}"], inputs[f"c.{name}"]
    elif layer["trainable_state"]:
        h, c = (params[f"{name}.{state}"].expand(batch, -1) for state in ("h0", "c0"))
    else:
        h = c = torch.zeros(batch, layer["size"], dtype=u.dtype)
    return lstm(
        u,
        matrix(params, noise, f"{name}.W_h"),
        params[f"{name}.b"],
        h,
        c,
        params.get(f"{name}.peephole"),
        layer["peephole"] or "c",
        masks.get("dropout_h"),
        z.get("z_h"),
        z.get("z_gates"),
        inputs.get("mask"),
        layer["gates"],
    )["h"]


def dense(h, params, noise, recipe):
    """The output layer on h (T, B, H)."""
    if "output.dropout" in noise:
        h = h * (noise["output.dropout"] / (1.0 - recipe["output"]["dropout"]))
    if recipe["output"]["weight"]["estimator"].startswith("lrt"):
        mu, log_sigma = params["output.W.mu"], params["output.W.log_sigma"]
        return lrt(h, mu, log_sigma, noise["output.W"], recipe["var_floor"])[0] + params["output.b"]
    W = matrix(params, noise, "output.W")
    return torch.einsum("tbh,hk->tbk" if W.ndim == 2 else "tbh,bhk->tbk", h, W) + params["output.b"]


def nll_of(logits, y, recipe):
    """Mean negative log-likelihood of the terms; of a regressor, the mean squared error."""
    if recipe["task"] == "regressor":
        return functional.mse_loss(logits[:, 0], y)
    if recipe["task"] == "classifier" and recipe["outputs"] == 1:
        nll = functional.binary_cross_entropy_with_logits(logits[:, 0], y.to(logits.dtype), reduction="none")
    else:
        nll = functional.cross_entropy(logits.flatten(0, -2), y.flatten(), reduction="none")
    return clipped(nll, recipe["probability_clip"]).mean()


def priors_of(recipe):
    """The prior of everything that has a Gaussian posterior, by name, in the order in which it is met."""
    embedding, layers = recipe["embedding"], recipe["layers"]
    weights = {} if embedding is None else {"embedding.W": embedding["weight"]}
    weights |= {f"{layer['name']}.{name}": layer[name] for layer in layers for name in ("W_x", "W_h")}
    weights["output.W"] = recipe["output"]["weight"]
    found = {name: weight["prior"] for name, weight in weights.items() if weight["estimator"] != "deterministic"}
    groups = {} if embedding is None else {"embedding.z": embedding["z"]}
    groups |= {f"{layer['name']}.{name}": layer[name] for layer in layers for name in ("z_x", "z_h", "z_gates")}
    return found | {name: prior for name, prior in groups.items() if prior is not None}


def kl_by_name(params, recipe):
    return {
        name: kl_of_each(params[f"{name}.mu"], params[f"{name}.log_sigma"], prior, recipe["log_alpha_clip"]).sum()
        for name, prior in priors_of(recipe).items()
    }


def l2_of(params, recipe, config):
    """On every matrix that VBD masks the rows of: the script's form, or that of the derivation (S004 eq. 9)."""
    rates = {"output.W": recipe["output"]["dropout"]}
    if recipe["embedding"] is not None:
        rates["embedding.W"] = recipe["embedding"]["dropout"]
    for layer in recipe["layers"]:
        rates |= {f"{layer['name']}.W_x": layer["dropout_x"], f"{layer['name']}.W_h": layer["dropout_h"]}
    total = 0.0
    for name, rate in rates.items():
        if rate > 0.0:
            form = config["l2"]
            factor = form.get("weight_decay", 0.0)
            if form["form"] == "derivation":
                factor = form["length_scale"] ** 2 * (1.0 - rate) / (2.0 * config["n_terms"])
            total = total + factor * (params[name] ** 2).sum()
    return total
