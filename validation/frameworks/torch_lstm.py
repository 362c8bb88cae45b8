"""LSTMs in PyTorch, a loop over time in refimpl's layout, from the equations of S001, S003 and S004; autograd does the
rest. Plain, with peepholes, padding and multipliers; under VBD; with Gaussian weights; with group variables.

``nn_lstm`` is PyTorch's own kernel on sampled weights.
"""

import torch
from torch import nn

from refimpl.checks.crosscheck import torch_bias, torch_subject, torch_weight
from validation.frameworks.torch_kl import kl_of_each

GATES = {"sigmoid": torch.sigmoid, "hard_sigmoid": lambda a: torch.clamp(0.2 * a + 0.5, 0.0, 1.0)}


def project(x, W, multiplier=None):
    """x (..., B, D) o multiplier (B, 1|4, D) times W (D, 4, H), or (B, D, 4, H): one for each object."""
    x = x[..., None, :] if multiplier is None else x[..., None, :] * multiplier
    x = x.expand(*x.shape[:-2], 4, x.shape[-1])
    return torch.einsum("...bgd,dgh->...bgh" if W.ndim == 3 else "...bgd,bdgh->...bgh", x, W)


def lstm(u, W_h, b, h, c, peephole=None, sees="c", h_in=None, h_out=None, z_gates=None, mask=None, gates="sigmoid"):
    """u (T, B, 4, H) is what the input gives to the gates. Every step's i, f, g, o, c and h, stacked over time."""
    s, steps = GATES[gates], []
    for t, u_t in enumerate(u):
        v = u_t + project(h, W_h, h_in)
        a = (v if z_gates is None else v * z_gates) + b
        p = torch.zeros_like(b[:3]) if peephole is None else peephole
        i, f, g = s(a[:, 0] + p[0] * c), s(a[:, 1] + p[1] * c), torch.tanh(a[:, 2])
        new_c = f * c + i * g
        o = s(a[:, 3] + p[2] * (new_c if sees == "c" else c))
        new_h = o * torch.tanh(new_c) * (1.0 if h_out is None else h_out)
        if mask is not None:  # True: a real step; else the state is held
            keep = mask[t][:, None]
            i, f, g, o = (torch.where(keep, gate, 0.0) for gate in (i, f, g, o))
            new_h, new_c = torch.where(keep, new_h, h), torch.where(keep, new_c, c)
        h, c = new_h, new_c
        steps.append((i, f, g, o, c, h))
    return dict(zip(("i", "f", "g", "o", "c", "h"), map(torch.stack, zip(*steps, strict=True)), strict=True))


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
    return params[f"{name}.mu"] + torch.exp(params[f"{name}.log_sigma"]) * noise[name]


@torch_subject("lstm")
def plain(params, inputs, noise, config):
    m = {name: inputs.get(f"multiplier_{name}") for name in ("x", "h_in", "h_out", "gates")}
    return outputs_of(
        lstm(
            project(inputs["x"], params["W_x"], m["x"]),
            params["W_h"],
            params["b"],
            inputs["h0"],
            inputs["c0"],
            params.get("peephole"),
            config.get("peephole_output", "c"),
            m["h_in"],
            m["h_out"],
            m["gates"],
            inputs.get("mask"),
            config["gates"],
        )
    )


@torch_subject("vbd_lstm")
def vbd(params, inputs, noise, config):
    x, h_in = (noise[f"mask_{name}"] / (1.0 - config[f"rate_{name}"]) for name in ("x", "h"))
    u = project(inputs["x"], params["W_x"], x)
    return outputs_of(lstm(u, params["W_h"], params["b"], inputs["h0"], inputs["c0"], h_in=h_in))


@torch_subject("sparse_lstm")
def sparse(params, inputs, noise, config, data_loss):
    W_x, W_h = (sample(params, noise, name) for name in ("W_x", "W_h"))
    run = lstm(project(inputs["x"], W_x), W_h, params["b"], inputs["h0"], inputs["c0"], mask=inputs.get("mask"))
    outputs = {"mid.W_x": W_x, "mid.W_h": W_h, **outputs_of(run)}
    return with_kl(outputs, params, ("W_x", "W_h"), config, data_loss)


@torch_subject("group_lstm")
def groups(params, inputs, noise, config, data_loss):
    z = {name: sample(params, noise, name) for name in ("z_x", "z_h", "z_gates")}
    u = project(inputs["x"], params["W_x"], z["z_x"][:, None, :])
    options = {"h_out": z["z_h"], "z_gates": z["z_gates"], "mask": inputs.get("mask"), "gates": config["gates"]}
    run = lstm(u, params["W_h"], params["b"], inputs["h0"], inputs["c0"], **options)
    outputs = {f"mid.{name}": value for name, value in z.items()} | outputs_of(run)
    return with_kl(outputs, params, tuple(z), config, data_loss)


@torch_subject("sparse_lstm")
def nn_lstm(params, inputs, noise, config, data_loss):
    if "mask" in inputs:
        raise NotImplementedError("nn.LSTM takes no mask")
    W_x, W_h, b = (*(sample(params, noise, name) for name in ("W_x", "W_h")), torch_bias(params["b"]))
    weights = {"weight_ih_l0": torch_weight(W_x), "weight_hh_l0": torch_weight(W_h)}
    weights |= {"bias_ih_l0": b, "bias_hh_l0": torch.zeros_like(b)}
    layer, state = nn.LSTM(*W_x.shape[::2]), (inputs["h0"][None], inputs["c0"][None])
    h, (h_last, c_last) = torch.func.functional_call(layer, weights, (inputs["x"], state))
    outputs = {"h": h, "h_last": h_last[0], "c_last": c_last[0]}
    return with_kl(outputs, params, ("W_x", "W_h"), config, data_loss)
