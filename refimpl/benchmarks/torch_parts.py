"""The parts of PyTorch's step that hold no state: the LSTM two ways, the output layer with its loss, the KL."""

import math
from importlib import import_module
from typing import Any

torch: Any = import_module("torch")


def kernel(x: Any, W_x: Any, W_h: Any, b: Any, carried: Any) -> tuple[Any, tuple[Any, Any]]:
    """nn.LSTM's own: x tokens (T, B) or dense (T, B, D), W_x (4H, D), W_h (4H, H) -> h (T, B, H), last states."""
    if x.ndim == 2:
        x = torch.nn.functional.one_hot(x, W_x.shape[1]).to(W_x.dtype)
    if carried is None:
        carried = (torch.zeros(1, x.shape[1], W_h.shape[1], dtype=W_h.dtype),) * 2
    weights = [W_x, W_h, b, torch.zeros_like(b)]
    # the call that nn.LSTM.forward makes: biases, 1 layer, dropout 0, training, not bidirectional, time first
    h, last_h, last_c = torch._VF.lstm(x, carried, weights, True, 1, 0.0, True, False, False)
    return h, (last_h, last_c)


def cell_loop(x: Any, W_x: Any, W_h: Any, b: Any, carried: Any) -> tuple[Any, tuple[Any, Any]]:
    """The same by hand, from W_x (D, 4H) and W_h (H, 4H); the input's part is made for all steps at once."""
    u = (torch.nn.functional.embedding(x, W_x) if x.ndim == 2 else x @ W_x) + b
    h, c = (torch.zeros(x.shape[1], len(W_h), dtype=W_h.dtype),) * 2 if carried is None else carried
    steps = []
    for u_t in u.unbind(0):
        i, f, g, o = (u_t + h @ W_h).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        steps.append(h)
    return torch.stack(steps), (h, c)


def output_loss(
    h: Any,
    y: Any,
    mu: Any,
    log_sigma: Any,
    b: Any,
    eps: Any,
    estimator: str,
    var_floor: float,
    probability_clip: float | None,
) -> Any:
    """Output layer by "rt", else by local reparameterization; the mean loss: softmax, or logistic for one output."""
    if estimator == "rt":
        logits = h @ (mu + torch.exp(log_sigma) * eps) + b
    else:
        variance = (h * h) @ torch.exp(2.0 * log_sigma)
        logits = h @ mu + b + torch.sqrt(variance + var_floor) * eps
    if mu.shape[1] > 1:
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())
    nll = torch.nn.functional.softplus((1.0 - 2.0 * y) * logits.flatten())
    if probability_clip is not None:
        nll = nll.clamp(-math.log1p(-probability_clip), -math.log(probability_clip))
    return nll.mean()


def kl_of_all(matrices: list[tuple[Any, Any]], log_alpha_clip: float) -> Any:
    """KL of all weights together, as the 2018 code has it; 1e-20 keeps the derivative finite at a mean of 0."""
    total = 0.0
    for mu, log_sigma in matrices:
        log_alpha = torch.clamp(2.0 * log_sigma - torch.log(mu * mu + 1e-20), -log_alpha_clip, log_alpha_clip)
        kl = 0.5 * torch.log1p(torch.exp(-log_alpha)) - 0.64 * torch.sigmoid(1.5 * (log_alpha + 1.3)) - 0.03
        total = total + kl.sum(1).sum()  # by rows first: compiled, one float32 sum over 10M loses digits
    return total
