"""The other layers, estimators and losses in PyTorch, by its own functions where it has them; Adam and clipping."""

import math

import torch
from torch.nn import functional

from refimpl.checks.crosscheck import torch_subject
from validation.frameworks.torch_lstm import GATES, project, with_kl


@torch_subject("sigmoid")
def sigmoid(params, inputs, noise, config):
    return {"y": torch.sigmoid(inputs["a"])}


@torch_subject("hard_sigmoid")
def hard_sigmoid(params, inputs, noise, config):
    return {"y": GATES["hard_sigmoid"](inputs["a"])}


@torch_subject("tanh")
def tanh(params, inputs, noise, config):
    return {"y": torch.tanh(inputs["a"])}


@torch_subject("softmax")
def softmax(params, inputs, noise, config):
    return {"y": torch.softmax(inputs["a"], dim=-1)}


@torch_subject("affine")
def affine(params, inputs, noise, config):
    return {
        "y": torch.einsum("tbd,dk->tbk" if params["W"].ndim == 2 else "tbd,bdk->tbk", inputs["x"], params["W"])
        + params["b"]
    }


@torch_subject("scale")
def scale(params, inputs, noise, config):
    return {"y": inputs["x"] * inputs["multiplier"]}


@torch_subject("gate_input")
def gate_input(params, inputs, noise, config):
    return {"u": project(inputs["x"], params["W_x"], inputs["multiplier_x"])}


@torch_subject("token_input")
def token_input(params, inputs, noise, config):
    x = functional.one_hot(inputs["ids"], len(params["W_x"])).to(params["W_x"].dtype)
    return {"u": project(x, params["W_x"], inputs["multiplier_x"])}


@torch_subject("embedding")
def embedding(params, inputs, noise, config):
    rows = functional.embedding(inputs["ids"], params["W"])
    if "factor" not in inputs:
        return {"e": rows}
    objects = torch.arange(inputs["ids"].shape[1])
    return {"mid.rows": rows, "e": rows * inputs["factor"][objects, inputs["ids"]][..., None]}


@torch_subject("rnn")
def rnn(params, inputs, noise, config):
    m_x, m_in, m_out = (inputs.get(f"multiplier_{name}", torch.ones(())) for name in ("x", "h_in", "h_out"))
    h, steps = inputs["h0"], []
    for t, x in enumerate(inputs["x"]):
        new = torch.tanh((x * m_x) @ params["W_x"] + (h * m_in) @ params["W_h"] + params["b"]) * m_out
        h = torch.where(inputs["mask"][t][:, None], new, h)
        steps.append(h)
    return {"h": torch.stack(steps), "last": h}


def lrt(x, mu, log_sigma, eps, var_floor):
    """Preactivations (Kingma, Salimans, Welling 2015; S004 eq. 14): mean, and the root of the variance times eps."""
    product = project if mu.ndim == 3 else torch.matmul
    std = torch.sqrt(product(x**2, torch.exp(2.0 * log_sigma)) + var_floor)
    return product(x, mu) + std * eps, std


@torch_subject("affine_lrt")
def affine_lrt(params, inputs, noise, config):
    y, std = lrt(inputs["x"], params["mu"], params["log_sigma"], noise["eps"], config["var_floor"])
    return {"mid.std": std, "y": y + params.get("b", 0.0)}


@torch_subject("affine_flipout")
def affine_flipout(params, inputs, noise, config):
    """Each step and object has a matrix of its own, the draw with its signs turned (Wen et al. 2018)."""
    signs = noise["signs_in"][..., :, None] * noise["signs_out"][..., None, :]
    W = params["mu"] + torch.exp(params["log_sigma"]) * noise["eps"] * signs
    W = torch.broadcast_to(W, (*inputs["x"].shape, W.shape[-1]))
    return {"y": torch.einsum("tbd,tbdk->tbk", inputs["x"], W) + params.get("b", 0.0)}


@torch_subject("sparse_affine_lrt")
def sparse_affine_lrt(params, inputs, noise, config, data_loss):
    y, std = lrt(inputs["x"], params["W.mu"], params["W.log_sigma"], noise["eps"], config["var_floor"])
    return with_kl({"mid.std": std, "y": y + params["b"]}, params, ("W",), config, data_loss)


@torch_subject("gaussian_weights")
def gaussian_weights(params, inputs, noise, config):
    return {"w": params["mu"] + torch.exp(params["log_sigma"]) * noise["eps"]}


def clipped(nll, probability_clip):
    """-log p for p clipped to [c, 1 - c]."""
    if probability_clip is None:
        return nll
    return torch.clamp(nll, -math.log1p(-probability_clip), -math.log(probability_clip))


def reduced(terms, reduction):
    return terms.mean() if reduction == "mean" else terms.sum()


@torch_subject("softmax_cross_entropy")
def softmax_cross_entropy(params, inputs, noise, config):
    nll = functional.cross_entropy(inputs["logits"], inputs["targets"], reduction="none")
    return {"loss": reduced(clipped(nll, config["probability_clip"]), config["reduction"])}


@torch_subject("binary_cross_entropy")
def binary_cross_entropy(params, inputs, noise, config):
    targets = inputs["targets"].to(inputs["logits"].dtype)
    nll = functional.binary_cross_entropy_with_logits(inputs["logits"], targets, reduction="none")
    return {"loss": reduced(clipped(nll, config["probability_clip"]), config["reduction"])}


@torch_subject("squared_error")
def squared_error(params, inputs, noise, config):
    return {"loss": functional.mse_loss(inputs["y"], inputs["targets"], reduction=config["reduction"])}


@torch_subject("l2")
def l2(params, inputs, noise, config):
    if config["form"] == "script":
        return {"loss": config["weight_decay"] * (params["mu"] ** 2).sum()}
    factor = config["length_scale"] ** 2 * (1.0 - config["rate"]) / (2.0 * config["n_terms"])
    return {"loss": factor * (params["mu"] ** 2).sum()}


@torch_subject("adam")
def adam(params, inputs, noise, config):
    """torch.optim.Adam divides epsilon's neighbour, the root of v, by the root of 1 - beta2^t; so epsilon is, too."""
    leaves = {name: torch.nn.Parameter(value.clone()) for name, value in params.items()}
    betas = config["beta1"], config["beta2"]
    optimiser = torch.optim.Adam(list(leaves.values()), lr=config["learning_rate"], betas=betas)
    answers = {}
    for t in range(config["steps"]):
        optimiser.param_groups[0]["eps"] = config["epsilon"] / math.sqrt(1.0 - config["beta2"] ** (t + 1))
        for name, leaf in leaves.items():
            leaf.grad = inputs[f"gradient.{name}"][t].clone()
        optimiser.step()
        for name, leaf in leaves.items():
            state = optimiser.state[leaf]
            answers |= {f"m.{name}.{t + 1}": state["exp_avg"].clone(), f"v.{name}.{t + 1}": state["exp_avg_sq"].clone()}
            answers[f"param.{name}.{t + 1}"] = leaf.detach().clone()
    return answers


@torch_subject("clip")
def clip(params, inputs, noise, config):
    grads = dict(inputs.items())
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in grads.values()]))
    factor = torch.clamp(norm, max=config["limit"]) / (norm + 1e-7)
    return {"mid.norm": norm} | {name: g * factor for name, g in grads.items()}
