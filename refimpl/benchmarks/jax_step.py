"""JAX's side: the whole training step as one jitted function, lax.scan over time, buffers donated.

Random numbers are of the rbg kind, which is faster here than the default. One-hot inputs are looked up; where a batch
has at most half of the table's rows, only the rows that occur are sampled, padded to a number that does not change
from batch to batch.
"""

import math
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from refimpl.benchmarks.contenders import BETA1, Arrays, Inputs, params_of
from refimpl.benchmarks.traits import Plan, Traits

jax: Any = import_module("jax")
jnp: Any = import_module("jax.numpy")

BETA2, EPSILON, CLIP_EPSILON = 0.999, 1e-8, 1e-7  # as in refimpl


class JaxStep:
    """Parameters, Adam's means and the carried state live on the device between two steps."""

    def __init__(self, plan: Plan, inputs: Inputs) -> None:
        self.traits = t = plan.traits
        names = params_of(inputs)
        self.shapes = {name: inputs[key].shape for name, key in names.items()}
        params = {name: jnp.asarray(flat(name, inputs[key])) for name, key in names.items()}
        ids, self.rows = inputs["x"], None
        if t.used_rows:
            rows, ids = np.unique(ids, return_inverse=True)
            room = min(plan.workload.vocabulary // 2, ids.size)
            if len(rows) > room:
                raise ValueError(f"used_rows: room for {room} rows of the table, and the batch reads {len(rows)}")
            self.rows = np.resize(rows, room).astype(np.int32)
            ids = ids.reshape(inputs["x"].shape)
        data = {"ids": jnp.asarray(ids), "y": jnp.asarray(inputs["y"])}
        self.data = data if self.rows is None else data | {"rows": jnp.asarray(self.rows)}
        zeros = [{name: jnp.zeros_like(p) for name, p in params.items()} for _ in range(2)]
        h, c = (jnp.zeros((ids.shape[1], plan.workload.hidden), dtype="float32") for _ in range(2))
        self.state = (params, *zeros, jnp.array(0), (h, c), jax.random.key(plan.seed, impl="rbg"))
        self.given = jax.jit(partial(update, t))
        self.drawn = jax.jit(partial(update, t, None), donate_argnums=0)

    def step(self) -> float:
        self.state, loss = self.drawn(self.state, self.data)
        return float(loss)  # waits for the whole step: all of it is one computation

    def first_step(self, noise: Arrays) -> tuple[float, Arrays]:
        eps = {name: flat(name, value) for name, value in noise.items()}
        table = "embedding.W" if self.traits.embedding else "lstm.W_x"
        if self.rows is not None:
            eps[table] = eps[table][self.rows]
        self.state, loss = self.given(eps, self.state, self.data)
        means = self.state[1]
        return float(loss), {n: np.asarray(means[n]).reshape(s) / (1.0 - BETA1) for n, s in self.shapes.items()}

    def environment(self) -> dict[str, Any]:
        versions = {"jax": jax.__version__, "jaxlib": import_module("jaxlib").__version__}
        return {"versions": versions, "device": str(jax.devices()[0]), "random": "rbg"}


def flat(name: str, value: Any) -> Any:
    """Gates side by side: W_x (D, 4H), W_h (H, 4H), b (4H,)."""
    if not name.startswith("lstm."):
        return value
    return value.reshape(-1) if value.ndim == 2 else value.reshape(value.shape[0], -1)


def update(t: Traits, eps: Arrays | None, state: Any, data: Arrays) -> tuple[Any, Any]:
    """A training step: draw (where no noise is given), loss, gradients, clipping by the global norm, Adam."""
    params, m, v, count, carried, key = state
    key, used = jax.random.split(key)
    if eps is None:
        eps = draw(t, params, data, used)
    (loss, last), grads = jax.value_and_grad(partial(loss_of, t), has_aux=True)(params, eps, carried, data)
    norm = jnp.sqrt(sum(jnp.vdot(g, g) for g in grads.values()))
    factor = jnp.minimum(norm, t.clip_norm) / (norm + CLIP_EPSILON)
    grads = {name: g * factor for name, g in grads.items()}
    count = count + 1
    rate = t.learning_rate * jnp.sqrt(1.0 - BETA2**count) / (1.0 - BETA1**count)
    m = {name: BETA1 * m[name] + (1.0 - BETA1) * g for name, g in grads.items()}
    v = {name: BETA2 * v[name] + (1.0 - BETA2) * g * g for name, g in grads.items()}
    params = {name: p - rate * m[name] / (jnp.sqrt(v[name]) + EPSILON) for name, p in params.items()}
    return (params, m, v, count, last if t.stateful else carried, key), loss


def draw(t: Traits, params: Arrays, data: Arrays, key: Any) -> Arrays:
    """One sample of each matrix a mini-batch; for LRT, output noise for each object, shared over time."""
    shapes = {name.removesuffix(".mu"): p.shape for name, p in params.items() if name.endswith(".mu")}
    if "rows" in data:
        table = "embedding.W" if t.embedding else "lstm.W_x"
        shapes[table] = (len(data["rows"]), shapes[table][1])
    if t.head != "rt":
        shapes["output.W"] = (1, data["ids"].shape[1], shapes["output.W"][1])
    keys = jax.random.split(key, len(shapes))
    return {name: jax.random.normal(k, shape) for k, (name, shape) in zip(keys, shapes.items(), strict=True)}


def loss_of(t: Traits, params: Arrays, eps: Arrays, carried: Any, data: Arrays) -> tuple[Any, Any]:
    """Mean negative log-likelihood + KL / N, and the last h and c."""

    def sample(name: str, rows: Any = None) -> Any:
        mu, log_sigma = params[f"{name}.mu"], params[f"{name}.log_sigma"]
        if rows is not None:
            mu, log_sigma = mu[rows], log_sigma[rows]
        return mu + jnp.exp(log_sigma) * eps[name]

    rows, ids = data.get("rows"), data["ids"]
    if t.embedding:
        u = sample("embedding.W", rows)[ids] @ sample("lstm.W_x")
    else:
        u = sample("lstm.W_x", rows)[ids]
    W_h = sample("lstm.W_h")

    def cell(state: Any, u_t: Any) -> tuple[Any, Any]:
        h, c = state
        i, f, g, o = jnp.split(u_t + h @ W_h, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    last, h = jax.lax.scan(cell, carried, u + params["lstm.b"])
    nll = output_loss(t, h if t.language_model else h[-1:], data["y"], params, eps["output.W"])
    matrices = [name.removesuffix(".mu") for name in params if name.endswith(".mu")]
    kl = sum(kl_of(params[f"{name}.mu"], params[f"{name}.log_sigma"], t.log_alpha_clip) for name in matrices)
    return nll + kl / t.n_terms, last


def output_loss(t: Traits, h: Any, y: Any, params: Arrays, eps: Any) -> Any:
    """Output layer by "rt", else by local reparameterization; the mean loss: softmax, or logistic for one output."""
    mu, log_sigma, b = params["output.W.mu"], params["output.W.log_sigma"], params["output.b"]
    if t.head == "rt":
        logits = h @ (mu + jnp.exp(log_sigma) * eps) + b
    else:
        logits = h @ mu + b + jnp.sqrt((h * h) @ jnp.exp(2.0 * log_sigma) + t.var_floor) * eps
    if mu.shape[1] > 1:
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), y[..., None], axis=-1).mean()
    nll = jax.nn.softplus((1.0 - 2.0 * y) * logits.reshape(-1))
    if t.probability_clip is not None:
        nll = jnp.clip(nll, -math.log1p(-t.probability_clip), -math.log(t.probability_clip))
    return nll.mean()


def kl_of(mu: Any, log_sigma: Any, log_alpha_clip: float) -> Any:
    """KL of a matrix, as the 2018 code has it; 1e-20 keeps the derivative finite at a mean of 0."""
    log_alpha = jnp.clip(2.0 * log_sigma - jnp.log(mu * mu + 1e-20), -log_alpha_clip, log_alpha_clip)
    kl = 0.5 * jnp.log1p(jnp.exp(-log_alpha)) - 0.64 * jax.nn.sigmoid(1.5 * (log_alpha + 1.3)) - 0.03
    return kl.sum()


def make(plan: Plan, inputs: Inputs, name: str) -> JaxStep:
    """The contender "jax"."""
    return JaxStep(plan, inputs)
