"""The row of metrics that an epoch ends with, and the choice of the best one."""

import math
from collections.abc import Sequence
from typing import Any

from refimpl.arrays import array_module, to_host
from refimpl.compression.counting import count
from refimpl.models.parameters import Params, matrices
from refimpl.models.recipe import Recipe
from refimpl.training.elbo import kl_divergence
from refimpl.training.engine import REFERENCE, Engine
from refimpl.training.environment import peak_memory
from refimpl.training.evaluate import evaluate
from refimpl.training.problem import Problem, has_split, is_better, n_terms

Row = dict[str, Any]

OF_THE_MACHINE = ("seconds", "peak_mib", "device_peak_mib")  # what is not the same when a run is repeated


def metrics_row(
    params: Params,
    recipe: Recipe,
    problem: Problem,
    *,
    epoch: int,
    nll: float | None,
    kl_weight: float,
    seconds: float,
    scored: bool,
    samples: int,
    seed: int,
    engine: Engine = REFERENCE,
) -> Row:
    """The metrics of an epoch; epoch 0 is the model before training, and has no nll.

    nll: nats per term over the stochastic epoch; kl: nats, of the whole model; kept: for each matrix the weights left
    after propagation, left by log alpha alone, and all; peak_mib, device_peak_mib: memory of the process so far and of
    the device, in MiB. scored: whether validation and test are evaluated in this epoch. valid, test and kl are None
    where they are not finite (JSON has no NaN), valid and test also where not scored.
    """
    raw, propagated, fixpoint = (count(params, recipe, method) for method in ("raw", "propagated", "fixpoint"))
    scores = {
        split: _finite(evaluate(params, recipe, problem, split, samples=samples, seed=seed, engine=engine))
        if scored and has_split(problem, split)
        else None
        for split in ("valid", "test")
    }
    kl, _ = kl_divergence(params, recipe)
    return {
        "epoch": epoch,
        "nll": nll,
        "kl": _finite(kl if isinstance(kl, float) else float(to_host(kl))),
        "kl_weight": kl_weight,
        "n_terms": n_terms(problem),
        **scores,
        "metric": problem.metric,
        "compression": propagated.compression,
        "compression_raw": raw.compression,
        "compression_fixpoint": fixpoint.compression,
        "kept": {
            name: [propagated.matrices[name][0], raw.matrices[name][0], propagated.matrices[name][1]]
            for name in matrices(recipe)
        },
        "vocabulary": list(propagated.vocabulary),
        "neurons": [sum(kept[i] for kept in propagated.neurons.values()) for i in range(2)],
        "gates": [sum(kept[i] for kept in propagated.gates.values()) for i in range(2)],
        "seconds": round(seconds, 3),
        **peak_memory(array_module(*params.values())),
    }


def repeatable(rows: Sequence[Row]) -> list[Row]:
    """The rows without what is not the same when a run is repeated."""
    return [{name: value for name, value in row.items() if name not in OF_THE_MACHINE} for row in rows]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def best_row(rows: list[Row], metric: str) -> Row | None:
    """The row with the best validation metric after training began, the first of equals; None if none was scored."""
    best: Row | None = None
    for row in rows:
        scored = row["epoch"] > 0 and row["valid"] is not None
        if scored and is_better(metric, row["valid"], None if best is None else best["valid"]):
            best = row
    return best


def out_of_patience(rows: list[Row], metric: str, patience: int | None) -> bool:
    """Whether the last ``patience`` epochs brought nothing better."""
    best = best_row(rows, metric)
    return patience is not None and best is not None and rows[-1]["epoch"] - best["epoch"] >= patience
