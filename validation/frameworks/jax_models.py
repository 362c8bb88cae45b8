"""A whole training step of any recipe in JAX: forward pass, KL and loss written out, gradients by jax.grad.

Models: character and word language models, classifiers and regressors of texts; deterministic, Sparse VD, VBD, group
variables; S004 and the 2018 code.
"""

import jax
import jax.numpy as jnp

from refimpl.checks.crosscheck import jax_subject
from validation.frameworks.jax_kl import kl_of_each
from validation.frameworks.jax_layers import cross_entropy, lrt, of_words, product
from validation.frameworks.jax_lstm import lstm, project, sample


@jax_subject("step")
def step(params, inputs, noise, config):
    model = Model(params, inputs, noise, config["recipe"])
    hidden, logits = model.forward()
    nll = model.nll(logits)
    kl = model.kl_by_name()
    outputs = {"mid.hidden": hidden, "mid.logits": logits, "nll": nll, "loss": nll}
    if kl:
        outputs |= {f"mid.kl.{name}": value for name, value in kl.items()} | {"kl": sum(kl.values())}
        outputs["loss"] = nll + config["kl_weight"] * outputs["kl"] / config["n_terms"]
    if config["l2"] is not None:
        outputs["l2"] = model.l2(config["l2"], config["n_terms"])
        outputs["loss"] += outputs["l2"]
    return outputs


class Model:
    """One mini-batch through the network of a recipe."""

    def __init__(self, params, inputs, noise, recipe):
        self.params, self.inputs, self.noise, self.recipe = params, inputs, noise, recipe
        self.sequence = recipe["task"] == "language_model"

    def drawn(self, name):
        """A deterministic quantity as it is, another one drawn."""
        return self.params[name] if name in self.params else sample(self.params, self.noise, name)

    def mask(self, name, rate):
        """A VBD mask, scaled; 1 where there is none."""
        return self.noise[name] / (1.0 - rate) if name in self.noise else 1.0

    def forward(self):
        x = self.words()
        for layer in self.recipe["layers"]:
            x = self.recurrent(x, layer)
        logits = self.dense(x if self.sequence else x[-1:])
        return x, logits if self.sequence else logits[0]

    def words(self):
        ids, embedding = self.inputs["ids"], self.recipe["embedding"]
        if embedding is None:
            return jax.nn.one_hot(ids, self.recipe["vocabulary"], dtype=self.params["output.b"].dtype)
        E = self.drawn("embedding.W")
        e = E[ids] if E.ndim == 2 else E[jnp.arange(ids.shape[1]), ids]
        if embedding["z"] is not None:
            e = e * of_words(self.drawn("embedding.z"), ids)
        if "embedding.dropout" in self.noise:
            e = e * of_words(self.mask("embedding.dropout", embedding["dropout"]), ids)
        return e

    def recurrent(self, x, layer):
        """h of every step."""
        name = layer["name"]
        z = {key: self.drawn(f"{name}.{key}") for key in ("z_x", "z_h", "z_gates") if layer[key] is not None}
        x = x * z.get("z_x", 1.0)
        if layer["W_x"]["estimator"].startswith("lrt"):
            mu, log_sigma = self.params[f"{name}.W_x.mu"], self.params[f"{name}.W_x.log_sigma"]
            u, _ = lrt(x, mu, log_sigma, self.noise[f"{name}.W_x"], self.recipe["var_floor"])
        else:
            u = project(x, self.drawn(f"{name}.W_x"), self.mask(f"{name}.dropout_x", layer["dropout_x"]))
        run = lstm(
            u,
            self.drawn(f"{name}.W_h"),
            self.params[f"{name}.b"],
            *self.state(layer, x.shape[1], u.dtype),
            peephole=self.params.get(f"{name}.peephole"),
            sees=layer["peephole"] or "c",
            h_in=self.mask(f"{name}.dropout_h", layer["dropout_h"]),
            h_out=z.get("z_h", 1.0),
            z_gates=z.get("z_gates", 1.0),
            mask=self.inputs.get("mask"),
            gates=layer["gates"],
        )
        return run["h"]

    def state(self, layer, batch, dtype):
        """Carried over, trained, or zero."""
        name, shape = layer["name"], (batch, layer["size"])
        if f"h.{name}" in self.inputs:
            return self.inputs[f"h.{name}"], self.inputs[f"c.{name}"]
        if layer["trainable_state"]:
            return tuple(jnp.broadcast_to(self.params[f"{name}.{key}"], shape) for key in ("h0", "c0"))
        return jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)

    def dense(self, h):
        h = h * self.mask("output.dropout", self.recipe["output"]["dropout"])
        if self.recipe["output"]["weight"]["estimator"].startswith("lrt"):
            leaves = self.params["output.W.mu"], self.params["output.W.log_sigma"]
            return lrt(h, *leaves, self.noise["output.W"], self.recipe["var_floor"])[0] + self.params["output.b"]
        return product(h, self.drawn("output.W")) + self.params["output.b"]

    def nll(self, logits):
        """Mean over the terms; of a regressor, the mean squared error."""
        y, classes = self.inputs["y"], self.recipe["outputs"]
        if self.recipe["task"] == "regressor":
            return ((logits[:, 0] - y) ** 2).mean()
        rows = logits[:, 0] if not self.sequence and classes == 1 else logits.reshape(-1, classes)
        return cross_entropy(rows, y.reshape(-1), self.recipe["probability_clip"]).mean()

    def kl_by_name(self):
        """Of everything that has a Gaussian posterior, in the order of the reference's parameters."""
        clip = self.recipe["log_alpha_clip"]
        leaves = {name.removesuffix(".mu") for name in self.params if name.endswith(".mu")}
        return {
            name: kl_of_each(self.params[f"{name}.mu"], self.params[f"{name}.log_sigma"], self.prior(name), clip).sum()
            for name in sorted(leaves)
        }

    def prior(self, name):
        place, _, key = name.rpartition(".")
        parts = {layer["name"]: layer for layer in self.recipe["layers"]}
        parts |= {"embedding": self.recipe["embedding"], "output": self.recipe["output"]}
        found = parts[place]["weight" if key == "W" else key]
        return found if isinstance(found, str) else found["prior"]

    def l2(self, form, n_terms):
        """On every matrix that VBD masks the rows of: the script's form, or that of the derivation (S004 eq. 9)."""
        rates = {"output.W": self.recipe["output"]["dropout"]}
        if self.recipe["embedding"] is not None:
            rates["embedding.W"] = self.recipe["embedding"]["dropout"]
        for layer in self.recipe["layers"]:
            rates |= {f"{layer['name']}.{key}": layer[f"dropout_{key[-1]}"] for key in ("W_x", "W_h")}
        total = 0.0
        for name, rate in rates.items():
            factor = form.get("weight_decay", 0.0)
            if form["form"] == "derivation":
                factor = form["length_scale"] ** 2 * (1.0 - rate) / (2.0 * n_terms)
            total += factor * (self.params[name] ** 2).sum() if rate > 0.0 else 0.0
        return total
