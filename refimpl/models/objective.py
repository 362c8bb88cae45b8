"""The negative log-likelihood that a task names, and what its logits mean."""

from typing import Any, NamedTuple, TypeAlias

from refimpl.arrays import Array
from refimpl.layers.activations import sigmoid_forward, softmax_forward
from refimpl.layers.losses import (
    BinaryCrossEntropyCache,
    SquaredErrorCache,
    binary_cross_entropy_backward,
    binary_cross_entropy_forward,
    squared_error_backward,
    squared_error_forward,
)
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.models.recipe import Recipe

LossCache: TypeAlias = Any  # of the loss that the task names; of a twin, its own


class ObjectiveCache(NamedTuple):
    loss: LossCache
    shape: tuple[int, ...]  # of the logits


def objective_forward(
    logits: Array, targets: Array, recipe: Recipe, *, reduction: str = "mean", layers: Layers = REFERENCE_LAYERS
) -> tuple[Array, ObjectiveCache]:
    """The loss of all likelihood terms: nats for cross-entropies, squared target units for a regressor.

    Shapes: logits (T, B, K) and targets (T, B) of a language model; (B, K) and (B,) otherwise -> 0-d float64.
    """
    loss: Array
    cache: LossCache
    if recipe.task == "regressor":
        loss, cache = squared_error_forward(logits[:, 0], targets, reduction=reduction)
    elif recipe.task == "classifier" and recipe.outputs == 1:
        loss, cache = binary_cross_entropy_forward(
            logits[:, 0], targets, reduction=reduction, probability_clip=recipe.probability_clip
        )
    else:
        rows = logits.reshape(-1, logits.shape[-1])
        loss, cache = layers.softmax_cross_entropy_forward(
            rows, targets.reshape(-1), reduction=reduction, probability_clip=recipe.probability_clip
        )
    return loss, ObjectiveCache(cache, logits.shape)


def objective_backward(dloss: float, cache: ObjectiveCache, *, layers: Layers = REFERENCE_LAYERS) -> Array:
    """dlogits of the logits' shape."""
    loss = cache.loss
    if isinstance(loss, SquaredErrorCache):
        return squared_error_backward(dloss, loss).reshape(cache.shape)
    if isinstance(loss, BinaryCrossEntropyCache):
        return binary_cross_entropy_backward(dloss, loss).reshape(cache.shape)
    return layers.softmax_cross_entropy_backward(dloss, loss).reshape(cache.shape)


def predictions(logits: Array, recipe: Recipe) -> Array:
    """Probabilities (..., K), or (B, 1) of the positive class; a regressor's values as they are."""
    if recipe.task == "regressor":
        return logits
    if recipe.task == "classifier" and recipe.outputs == 1:
        return sigmoid_forward(logits)[0]
    return softmax_forward(logits)[0]
