"""Quality of a model: by its pruned means (the papers), or by an average over samples.

The papers test with the posterior means, weights and groups with log alpha >= 3 set to zero. Averaging the
probabilities of sampled (and pruned) networks is an option of the 2018 code (10 samples) that its results do not use.
"""

import math
from types import ModuleType

import numpy as np

from refimpl.arrays import Array, array_module, to_host
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD, alive_masks
from refimpl.models.network import States, network_forward
from refimpl.models.objective import predictions
from refimpl.models.parameters import Params
from refimpl.models.recipe import Recipe
from refimpl.models.sample import Masks, Weights, draw_noise, mean_weights, sample_forward
from refimpl.training.batches import Batch
from refimpl.training.engine import REFERENCE, Engine
from refimpl.training.problem import Problem, evaluation_batches, target_scale

EVALUATION_STEP = 1 << 62  # the draws of an evaluation are not those of any training step
PROBABILITY_FLOOR = 1e-45  # the least positive float32, so that the log of an underflowed probability is finite


def evaluate(
    params: Params,
    recipe: Recipe,
    problem: Problem,
    split: str,
    *,
    threshold: float | None = LOG_ALPHA_THRESHOLD,
    samples: int = 0,
    seed: int = 0,
    reset_states: bool = False,
    engine: Engine = REFERENCE,
) -> float:
    """The problem's metric on a split; NaN if a prediction is not finite.

    threshold: weights and groups with log alpha at or above it are zero; None prunes nothing.
    samples: 0 for the means; n averages the probabilities (a regressor's values) of n draws.
    reset_states: start every step of a window or segment from the initial state: what a language model without memory
    reaches; with the means only.
    Errors: ValueError if the split is empty, or reset_states is asked for with texts or samples.
    """
    if samples < 0:
        raise ValueError(f"samples: expected an integer of at least 0, got {samples!r}")
    if reset_states and (problem.kind == "texts" or samples > 0):
        raise ValueError("reset_states: expected a language model, evaluated by its means (samples=0)")
    dtype = next(iter(params.values())).dtype.name
    xp = array_module(*params.values())
    alive = None if threshold is None else alive_masks(params, threshold)
    total, count = 0.0, 0
    states: list[States | None] = [None] * max(samples, 1)
    for step, batch in enumerate(evaluation_batches(problem, split, dtype=dtype, xp=xp)):
        mean: Array = 0.0
        pieces = _one_step_pieces(batch) if reset_states else [batch]
        for draw in range(max(samples, 1)):
            at = EVALUATION_STEP + step * samples + draw
            weights = _weights(params, recipe, batch, alive, samples, seed, at, dtype, xp)
            parts = []
            with engine.step():
                for piece in pieces:
                    outputs, _ = network_forward(
                        piece.x, weights, recipe, mask=piece.mask, states=states[draw], layers=engine.layers
                    )
                    states[draw] = outputs.states if problem.stateful and not reset_states else None
                    parts.append(predictions(outputs.logits, recipe))
                mean = mean + (parts[0] if len(parts) == 1 else xp.concatenate(parts)) / max(samples, 1)
        score, scored = _score(mean, batch.y, problem, recipe)
        total, count = total + score, count + scored
    if count == 0:
        raise ValueError(f"split: {split!r} has nothing to score")
    return _metric(total / count, problem)


def _one_step_pieces(batch: Batch) -> list[Batch]:
    return [Batch(batch.x[t : t + 1], batch.y, None) for t in range(len(batch.x))]


def _weights(
    params: Params,
    recipe: Recipe,
    batch: Batch,
    alive: Masks | None,
    samples: int,
    seed: int,
    step: int,
    dtype: str,
    xp: ModuleType,
) -> Weights:
    steps, objects = batch.x.shape
    if samples == 0:
        return mean_weights(params, recipe, objects, alive)
    drawn = draw_noise(recipe, steps, objects, seed=seed, step=step, dtype=dtype, xp=xp)
    return sample_forward(params, drawn, recipe, alive)[0]


def _score(prediction: Array, targets: Array, problem: Problem, recipe: Recipe) -> tuple[float, int]:
    """Sum over the batch of what the metric averages, and the number of terms."""
    p, y = to_host(prediction), to_host(targets)
    if not np.isfinite(p).all():
        return math.nan, y.size
    if problem.metric == "rmse":
        return float(np.sum((p[:, 0].astype(np.float64) - y) ** 2)) * target_scale(problem) ** 2, len(y)
    if problem.metric == "accuracy":
        chosen = p[:, 0] >= 0.5 if recipe.outputs == 1 else p.argmax(axis=1)
        return float(np.sum(chosen == y)), len(y)
    chosen = np.take_along_axis(p.reshape(-1, p.shape[-1]), y.reshape(-1, 1), axis=1)
    return float(-np.log(np.maximum(chosen, PROBABILITY_FLOOR), dtype=np.float64).sum()), chosen.size


def _metric(mean: float, problem: Problem) -> float:
    if problem.metric == "rmse":
        return math.sqrt(mean)
    if problem.metric == "bits_per_char":
        return mean / math.log(2.0)
    if problem.metric == "perplexity":
        return math.exp(min(mean, 700.0))
    return mean
