"""A Bayesian LSTM in the style of a cell that samples its weights whenever it is called: at every step. One mistake."""

import torch
from torch import nn

from refimpl.checks.crosscheck import given_noise, torch_subject, with_parameters


class BayesianLSTMCell(nn.Module):
    """Weights (D, 4H) and (H, 4H)."""

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.W_mu = nn.Parameter(0.1 * torch.randn(input_size, 4 * hidden_size))
        self.W_log_sigma = nn.Parameter(torch.full_like(self.W_mu, -3.0))
        self.U_mu = nn.Parameter(0.1 * torch.randn(hidden_size, 4 * hidden_size))
        self.U_log_sigma = nn.Parameter(torch.full_like(self.U_mu, -3.0))
        self.bias = nn.Parameter(torch.zeros(4 * hidden_size))

    def forward(self, x, h, c):
        W = self.W_mu + self.W_log_sigma.exp() * torch.randn_like(self.W_mu)  # belongs before the loop over time
        U = self.U_mu + self.U_log_sigma.exp() * torch.randn_like(self.U_mu)
        i, f, g, o = (x @ W + h @ U + self.bias).chunk(4, dim=-1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


@torch_subject("sparse_lstm")
def check(params, inputs, noise, config):
    D, _, H = params["W_x.mu"].shape
    weights = {"W_mu": params["W_x.mu"].reshape(D, 4 * H), "W_log_sigma": params["W_x.log_sigma"].reshape(D, 4 * H)}
    weights |= {"U_mu": params["W_h.mu"].reshape(H, 4 * H), "U_log_sigma": params["W_h.log_sigma"].reshape(H, 4 * H)}
    cell = with_parameters(BayesianLSTMCell(D, H), weights | {"bias": params["b"].reshape(4 * H)})
    h, c, steps = inputs["h0"], inputs["c0"], []
    with given_noise(noise):
        for x in inputs["x"]:
            h, c = cell(x, h, c)
            steps.append(h)
    return {"h": torch.stack(steps), "h_last": h, "c_last": c}
