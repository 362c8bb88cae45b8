"""A SparseVD LSTM as one would write it in PyTorch and, below it, what makes it a subject of the cross-check. Right."""

import torch
from torch import nn

from refimpl.checks.crosscheck import given_noise, torch_bias, torch_subject, torch_weight, with_parameters


class SparseLSTM(nn.Module):
    """An LSTM whose matrices have a Gaussian posterior, drawn once for the whole sequence."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.mu_ih = nn.Parameter(0.1 * torch.randn(4 * hidden_size, input_size))
        self.mu_hh = nn.Parameter(0.1 * torch.randn(4 * hidden_size, hidden_size))
        self.log_sigma_ih = nn.Parameter(torch.full_like(self.mu_ih, -3.0))
        self.log_sigma_hh = nn.Parameter(torch.full_like(self.mu_hh, -3.0))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x, state):
        W_ih = self.mu_ih + torch.exp(self.log_sigma_ih) * torch.randn_like(self.mu_ih)
        W_hh = self.mu_hh + torch.exp(self.log_sigma_hh) * torch.randn_like(self.mu_hh)
        h, c = state
        outputs = []
        for x_t in x:
            i, f, g, o = (x_t @ W_ih.T + h @ W_hh.T + self.bias).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def kl(self, clip):
        """The approximation of the 2018 code."""
        total = 0.0
        for mu, log_sigma in ((self.mu_ih, self.log_sigma_ih), (self.mu_hh, self.log_sigma_hh)):
            log_alpha = 2.0 * log_sigma - torch.log(mu**2)
            if clip is not None:
                log_alpha = torch.clamp(log_alpha, -clip, clip)
            kl = 0.5 * torch.log1p(torch.exp(-log_alpha)) - 0.64 * torch.sigmoid(1.5 * (log_alpha + 1.3)) - 0.03
            total = total + kl.sum()
        return total


@torch_subject("sparse_lstm")
def check(params, inputs, noise, config, data_loss):
    if config["kl"] != "rnn2018" or "mask" in inputs:
        raise NotImplementedError("only the KL of the 2018 code, and no padding")
    size, width = params["b"].shape[1], inputs["x"].shape[2]
    layer = with_parameters(
        SparseLSTM(width, size),
        {
            "mu_ih": torch_weight(params["W_x.mu"]),
            "mu_hh": torch_weight(params["W_h.mu"]),
            "log_sigma_ih": torch_weight(params["W_x.log_sigma"]),
            "log_sigma_hh": torch_weight(params["W_h.log_sigma"]),
            "bias": torch_bias(params["b"]),
        },
    )
    with given_noise(noise):
        h, (h_last, c_last) = layer(inputs["x"], (inputs["h0"], inputs["c0"]))
    kl = layer.kl(config["log_alpha_clip"])
    outputs = {"h": h, "h_last": h_last, "c_last": c_last}
    loss = data_loss(outputs) + config["kl_weight"] * kl / config["n_terms"]
    return {**outputs, "kl": kl, "loss": loss}
