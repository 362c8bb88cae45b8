"""When training diverges: which tensor was the first that is not finite."""

from refimpl.arrays import Array, array_module
from refimpl.models.parameters import Params
from refimpl.training.elbo import Step


class Diverged(FloatingPointError):
    """A loss, gradient or parameter is NaN or infinite."""


def first_bad_tensor(before: Params, step: Step, after: Params) -> str | None:
    """The name of the first tensor of a step that is not finite, in the order in which a step computes them."""
    stages: list[tuple[str, dict[str, Array]]] = [
        ("parameter", before),
        ("hidden states", {"h": step.outputs.hidden}),
        ("logits", {"logits": step.outputs.logits}),
        ("negative log-likelihood", {"nll": step.loss.nll}),
        ("KL divergence of", step.loss.kl_by_name),
        ("gradient of", step.grads),
        ("parameter after the update,", after),
    ]
    for stage, tensors in stages:
        for name, tensor in tensors.items():
            xp = array_module(tensor)
            if not bool(xp.isfinite(tensor).all()):
                return f"{stage} {name}"
    return None
