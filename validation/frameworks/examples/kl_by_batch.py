"""A dense layer by local reparameterization with the KL of Molchanov et al.'s fit. One mistake, in the loss."""

import torch
from torch import nn

from refimpl.checks.crosscheck import given_noise, torch_subject, with_parameters


class SparseLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.mu = nn.Parameter(0.1 * torch.randn(inputs, outputs))
        self.log_sigma = nn.Parameter(torch.full((inputs, outputs), -3.0))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        mean = x @ self.mu + self.bias
        std = torch.sqrt(x**2 @ torch.exp(2.0 * self.log_sigma) + 1e-8)
        return mean + std * torch.randn_like(mean)

    def kl(self):
        log_alpha = torch.clamp(2.0 * self.log_sigma - torch.log(self.mu**2), -2.0, 2.0)
        fit = 0.64 * torch.sigmoid(1.5 * (log_alpha + 1.3)) - 0.5 * torch.log1p(torch.exp(-log_alpha)) + 0.03
        return -fit.sum()


@torch_subject("sparse_affine_lrt")
def check(params, inputs, noise, config, data_loss):
    layer = with_parameters(
        SparseLinear(*params["W.mu"].shape),
        {"mu": params["W.mu"], "log_sigma": params["W.log_sigma"], "bias": params["b"]},
    )
    with given_noise(noise):
        outputs = {"y": layer(inputs["x"])}
    batch = inputs["x"].shape[1]
    loss = data_loss(outputs) + config["kl_weight"] * layer.kl() / batch  # belongs: / config["n_terms"], of all data
    return outputs | {"kl": layer.kl(), "loss": loss}
