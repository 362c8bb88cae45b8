"""LSTMs in JAX, jax.lax.scan over time, from the equations of S001, S003 and S004; jax.grad does the rest. Plain, with
peepholes, padding and multipliers; under VBD; with Gaussian weights; with group variables."""

import jax
import jax.numpy as jnp

from refimpl.checks.crosscheck import jax_subject
from validation.frameworks.jax_kl import kl_of_each

NAMES = ("i", "f", "g", "o", "c", "h")


def hard_sigmoid(a):
    return jnp.clip(0.2 * a + 0.5, 0.0, 1.0)


def project(x, W, multiplier=1.0):
    """x (..., B, D) o multiplier (B, 1|4, D) times W (D, 4, H), or (B, D, 4, H): one for each object."""
    x = x[..., None, :] * multiplier
    x = jnp.broadcast_to(x, (*x.shape[:-2], 4, x.shape[-1]))
    return jnp.einsum("...bgd,dgh->...bgh" if W.ndim == 3 else "...bgd,bdgh->...bgh", x, W)


def lstm(u, W_h, b, h, c, *, peephole=None, sees="c", h_in=1.0, h_out=1.0, z_gates=1.0, mask=None, gates="sigmoid"):
    """u (T, B, 4, H) is what the input gives to the gates. Every step's i, f, g, o, c and h, stacked over time."""
    s = {"sigmoid": jax.nn.sigmoid, "hard_sigmoid": hard_sigmoid}[gates]
    p = jnp.zeros_like(b[:3]) if peephole is None else peephole
    real = jnp.ones(u.shape[:2], dtype=bool) if mask is None else mask

    def step(state, now):
        h, c = state
        u_t, keep = now[0], now[1][:, None]
        a = (u_t + project(h, W_h, h_in)) * z_gates + b
        i, f, g = s(a[:, 0] + p[0] * c), s(a[:, 1] + p[1] * c), jnp.tanh(a[:, 2])
        new_c = f * c + i * g
        o = s(a[:, 3] + p[2] * (new_c if sees == "c" else c))
        new_h = o * jnp.tanh(new_c) * h_out
        h, c = jnp.where(keep, new_h, h), jnp.where(keep, new_c, c)
        return (h, c), (*(jnp.where(keep, gate, 0.0) for gate in (i, f, g, o)), c, h)

    return dict(zip(NAMES, jax.lax.scan(step, (h, c), (u, real))[1], strict=True))


def outputs_of(run):
    mids = {f"mid.{name}": run[name] for name in "ifgoc"}
    return mids | {"h": run["h"], "h_last": run["h"][-1], "c_last": run["c"][-1]}


def with_kl(outputs, params, names, config, data_loss):
    """kl and loss = data + kl_weight kl / n_terms."""
    leaves = [(params[f"{name}.mu"], params[f"{name}.log_sigma"]) for name in names]
    kl = sum(kl_of_each(mu, log_sigma, config["kl"], config["log_alpha_clip"]).sum() for mu, log_sigma in leaves)
    return outputs | {"kl": kl, "loss": data_loss(outputs) + config["kl_weight"] * kl / config["n_terms"]}


def sample(params, noise, name):
    """mu + sigma eps (S004 eq. 4)."""
    return params[f"{name}.mu"] + jnp.exp(params[f"{name}.log_sigma"]) * noise[name]


@jax_subject("lstm")
def plain(params, inputs, noise, config):
    m = {name: inputs.get(f"multiplier_{name}", 1.0) for name in ("x", "h_in", "h_out", "gates")}
    run = lstm(
        project(inputs["x"], params["W_x"], m["x"]),
        params["W_h"],
        params["b"],
        inputs["h0"],
        inputs["c0"],
        peephole=params.get("peephole"),
        sees=config.get("peephole_output", "c"),
        h_in=m["h_in"],
        h_out=m["h_out"],
        z_gates=m["gates"],
        mask=inputs.get("mask"),
        gates=config["gates"],
    )
    return outputs_of(run)


@jax_subject("vbd_lstm")
def vbd(params, inputs, noise, config):
    x, h_in = (noise[f"mask_{name}"] / (1.0 - config[f"rate_{name}"]) for name in ("x", "h"))
    u = project(inputs["x"], params["W_x"], x)
    return outputs_of(lstm(u, params["W_h"], params["b"], inputs["h0"], inputs["c0"], h_in=h_in))


@jax_subject("sparse_lstm")
def sparse(params, inputs, noise, config, data_loss):
    W_x, W_h = (sample(params, noise, name) for name in ("W_x", "W_h"))
    run = lstm(project(inputs["x"], W_x), W_h, params["b"], inputs["h0"], inputs["c0"], mask=inputs.get("mask"))
    outputs = {"mid.W_x": W_x, "mid.W_h": W_h, **outputs_of(run)}
    return with_kl(outputs, params, ("W_x", "W_h"), config, data_loss)


@jax_subject("group_lstm")
def groups(params, inputs, noise, config, data_loss):
    z = {name: sample(params, noise, name) for name in ("z_x", "z_h", "z_gates")}
    u = project(inputs["x"], params["W_x"], z["z_x"][:, None, :])
    options = {"h_out": z["z_h"], "z_gates": z["z_gates"], "mask": inputs.get("mask"), "gates": config["gates"]}
    run = lstm(u, params["W_h"], params["b"], inputs["h0"], inputs["c0"], **options)
    outputs = {f"mid.{name}": value for name, value in z.items()} | outputs_of(run)
    return with_kl(outputs, params, tuple(z), config, data_loss)
