"""The PyTorch side of step_vs_torch: one training step of the SparseVD character LSTM, as its users would write it.

Needs torch and NumPy, nothing else, so that any interpreter with torch can run it. Weights are in PyTorch's own layout,
(4H, D) with gates i, f, g, o; ``from_refimpl`` and ``to_refimpl`` turn the axes.
"""

import numpy as np
import torch

VAR_FLOOR = 1e-8  # under the root of the output layer's standard deviation (2018 code)
LOG_ALPHA_CLIP = 8.0  # 2018 code
LEARNING_RATE, CLIP_NORM, CLIP_EPSILON = 0.002, 1.0, 1e-7
MATRICES = ("lstm.W_x", "lstm.W_h", "output.W")

Tensors = dict[str, torch.Tensor]


def from_refimpl(name: str, value: np.ndarray) -> torch.Tensor:
    """An array of refimpl's in PyTorch's layout: W_x (V, 4, H) as (4H, V), W_h (H, 4, H) as (4H, H), b as (4H,)."""
    if name.startswith("lstm.W"):
        value = value.reshape(value.shape[0], -1).T
    elif name == "lstm.b":
        value = value.reshape(-1)
    return torch.from_numpy(value.copy())


def to_refimpl(name: str, value: torch.Tensor) -> np.ndarray:
    """The reverse of ``from_refimpl``."""
    array = value.detach().numpy()
    if name.startswith("lstm.W"):
        return array.T.reshape(array.shape[1], 4, -1)
    return array.reshape(4, -1) if name == "lstm.b" else array


class TorchStep:
    """Parameters and optimiser. ``loss`` is the objective for given noise, ``step`` trains with fresh noise."""

    def __init__(self, params: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray, n_terms: int, seed: int) -> None:
        self.params: Tensors = {n: from_refimpl(n, value).requires_grad_() for n, value in params.items()}
        self.x, self.y = torch.from_numpy(x).long(), torch.from_numpy(y).long()
        self.n_terms = n_terms
        self.optimiser = torch.optim.Adam(list(self.params.values()), lr=LEARNING_RATE, fused=True)
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self) -> Tensors:
        """One weight sample a mini-batch; output noise for each object, shared over time."""
        p = self.params
        shapes = {name: p[f"{name}.mu"].shape for name in ("lstm.W_x", "lstm.W_h")}
        shapes["output.W"] = torch.Size((1, self.x.shape[1], p["output.b"].shape[0]))
        return {name: torch.randn(shape, generator=self.generator) for name, shape in shapes.items()}

    def loss(self, eps: Tensors) -> torch.Tensor:
        """Mean cross-entropy + KL / N."""
        p = self.params
        W_x, W_h = (p[f"{n}.mu"] + torch.exp(p[f"{n}.log_sigma"]) * eps[n] for n in ("lstm.W_x", "lstm.W_h"))
        one_hot = torch.nn.functional.one_hot(self.x, W_x.shape[1]).to(W_x.dtype)
        state = torch.zeros(1, self.x.shape[1], W_h.shape[1], dtype=W_x.dtype)
        weights = [W_x, W_h, p["lstm.b"], torch.zeros_like(p["lstm.b"])]
        # the call that nn.LSTM.forward makes: biases, 1 layer, dropout 0, training, not bidirectional, time first
        h = torch._VF.lstm(one_hot, (state, state), weights, True, 1, 0.0, True, False, False)[0]
        mean = h @ p["output.W.mu"] + p["output.b"]
        variance = (h * h) @ torch.exp(2.0 * p["output.W.log_sigma"])
        logits = mean + torch.sqrt(variance + VAR_FLOOR) * eps["output.W"]
        nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), self.y.flatten())
        kl = sum(kl_rnn2018(p[f"{n}.mu"], p[f"{n}.log_sigma"]) for n in MATRICES)
        return nll + kl / self.n_terms

    def step(self) -> float:
        """Noise, loss, gradients, clipping by the global norm, fused Adam."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.draw())
        loss.backward()
        grads = [p.grad for p in self.params.values()]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(grads)))
        torch._foreach_mul_(grads, torch.clamp(norm, max=CLIP_NORM) / (norm + CLIP_EPSILON))
        self.optimiser.step()
        return float(loss.detach())

    def loss_and_grads(self, noise: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        """Loss and gradients for recorded noise, in refimpl's layout."""
        loss = self.loss({name: from_refimpl(name, value) for name, value in noise.items()})
        grads = torch.autograd.grad(loss, list(self.params.values()))
        return float(loss.detach()), {n: to_refimpl(n, g) for n, g in zip(self.params, grads, strict=True)}


def kl_rnn2018(mu: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
    """KL of all weights together, as the 2018 code has it; 1e-20 keeps the derivative finite at a mean of 0."""
    log_alpha = torch.clamp(2.0 * log_sigma - torch.log(mu * mu + 1e-20), -LOG_ALPHA_CLIP, LOG_ALPHA_CLIP)
    kl = 0.5 * torch.log1p(torch.exp(-log_alpha)) - 0.64 * torch.sigmoid(1.5 * (log_alpha + 1.3)) - 0.03
    return kl.sum()
