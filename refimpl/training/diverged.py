"""When training diverges: which tensor was the first that is not finite."""

from refimpl.arrays import Array, array_module, to_host
from refimpl.models.parameters import Params
from refimpl.training.adam import AdamState
from refimpl.training.elbo import Step


class Diverged(FloatingPointError):  # noqa: N818
    """A loss, gradient or parameter is NaN or infinite."""


def first_bad_tensor(before: Params, step: Step, after: Params, adam: AdamState) -> str | None:
    """The name of the first tensor of a step that is not finite, in the order in which a step computes them."""
    loss = step.loss
    groups: list[dict[str, Array]] = [
        {f"parameter {name}": value for name, value in before.items()},
        {"hidden states": step.outputs.hidden, "logits": step.outputs.logits, "negative log-likelihood": loss.nll},
        {f"KL divergence of {name}": value for name, value in loss.kl_by_name.items()},
        {"loss": loss.total},
        {f"gradient of {name}": value for name, value in step.grads.items()},
        {f"Adam's second moment of {name}": value for name, value in adam.v.items()},
        {f"parameter {name} after the update": value for name, value in after.items()},
    ]
    return next((name for group in groups for name, value in group.items() if not is_finite(value)), None)


def is_finite(*tensors: Array) -> bool:
    """Whether all entries of all tensors are finite; read from the device at once."""
    xp = array_module(*tensors)
    return bool(to_host(xp.stack([xp.isfinite(tensor).all() for tensor in tensors]).all()))
