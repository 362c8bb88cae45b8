"""A SparseVD LSTM with two mistakes at once: a forget bias that the loaded weights have already, and what is stored as
log sigma read as the logarithm of the variance."""

import torch

from refimpl.checks.crosscheck import torch_bias, torch_subject, torch_weight


def draw(mu, log_sigma, eps):
    return mu + torch.sqrt(torch.exp(log_sigma)) * eps  # belongs: torch.exp(log_sigma)


def kl(mu, log_sigma, clip):
    log_alpha = log_sigma - torch.log(mu**2)  # belongs: 2 * log_sigma
    if clip is not None:
        log_alpha = torch.clamp(log_alpha, -clip, clip)
    return (0.5 * torch.log1p(torch.exp(-log_alpha)) - 0.64 * torch.sigmoid(1.5 * (log_alpha + 1.3)) - 0.03).sum()


@torch_subject("sparse_lstm")
def check(params, inputs, noise, config, data_loss):
    if config["kl"] != "rnn2018" or "mask" in inputs:
        raise NotImplementedError("only the KL of the 2018 code, and no padding")
    W_ih, W_hh = (
        draw(*(torch_weight(a) for a in (params[f"{name}.mu"], params[f"{name}.log_sigma"], noise[name])))
        for name in ("W_x", "W_h")
    )
    h, c, steps = inputs["h0"], inputs["c0"], []
    for x in inputs["x"]:
        i, f, g, o = (x @ W_ih.T + h @ W_hh.T + torch_bias(params["b"])).chunk(4, dim=1)
        c = torch.sigmoid(f + 1.0) * c + torch.sigmoid(i) * torch.tanh(g)  # belongs: torch.sigmoid(f)
        h = torch.sigmoid(o) * torch.tanh(c)
        steps.append(h)
    outputs = {"h": torch.stack(steps), "h_last": h, "c_last": c}
    total = sum(kl(params[f"{n}.mu"], params[f"{n}.log_sigma"], config["log_alpha_clip"]) for n in ("W_x", "W_h"))
    return outputs | {"kl": total, "loss": data_loss(outputs) + config["kl_weight"] * total / config["n_terms"]}
