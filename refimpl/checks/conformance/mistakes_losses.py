"""Mistakes in the losses, in look-ups and in dense layers."""

import math
from collections.abc import Callable

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Case, Compute, Config, Given, Mistake
from refimpl.checks.conformance.reading import (
    ENTROPIES,
    likelihood_terms,
    lrt_noise,
    option,
    steps_and_batch,
    with_option,
)
from refimpl.checks.conformance.wrapping import Plant, by_answers, by_array, by_config, by_plant

DENSE = ("affine", "affine_lrt", "sparse_affine_lrt")
LOSSES = (*ENTROPIES, "squared_error")


def _is_step(case: Case) -> bool:
    return case.op == "step" and case.config["l2"] is None


def _language_model(case: Case) -> bool:
    return _is_step(case) and case.config["recipe"]["task"] == "language_model"


def _task_nll(case: Case) -> bool:
    return _is_step(case) and case.config["recipe"]["task"] != "regressor"


def _data_times(factor: Callable[[Given], float]) -> Plant:
    """The data term of a training step times a factor: what is left of it without a KL term is added once more."""

    def plant(compute: Compute) -> Compute:
        def wrapped(config: Config, given: Given) -> Answers:
            right, data = compute(config, given), compute(config | {"kl_weight": 0.0}, given)
            more = factor(given) - 1.0
            names = [name for name in right if name in ("out.nll", "out.loss") or name.startswith("grad.")]
            return right | {name: right[name] + more * data[name] for name in names}

        return wrapped

    return plant


def _times(factor: float) -> Plant:
    """Every answer of an operation that is a loss times a factor."""
    return by_answers(lambda config, given, answers: {name: factor * a for name, a in answers.items()})


def _other_reduction(config: Config) -> Config:
    return config | {"reduction": "sum" if config["reduction"] == "mean" else "mean"}


def _probability_clip(case: Case) -> bool:
    return case.op in (*ENTROPIES, "step") and (option(case.config, "probability_clip") or 0.0) > 1e-3


def _without_clip(config: Config) -> Config:
    return with_option(config, "probability_clip", None)


def _gradient_unclipped(compute: Compute) -> Compute:
    """The clipped value, and the gradient of the value that is not clipped."""

    def wrapped(config: Config, given: Given) -> Answers:
        right, without = compute(config, given), compute(_without_clip(config), given)
        return right | {name: without[name] for name in right if name.startswith("grad.")}

    return wrapped


def _binary(case: Case) -> bool:
    if case.op == "step":
        recipe = case.config["recipe"]
        return bool(recipe["task"] == "classifier" and recipe["outputs"] == 1)
    return case.op == "binary_cross_entropy"


def _targets(name: str, array: Array) -> bool:
    return name in ("input.targets", "input.y")


def _not_shifted(compute: Compute) -> Compute:
    return lambda config, given: compute(config, given | {"input.y": given["input.ids"]})


def _dense(case: Case) -> bool:
    return "param.output.b" in case.given or (case.op in DENSE and "param.b" in case.given)


def _looks_up(case: Case) -> bool:
    """Rows are looked up, not multiplied with one-hot vectors (as before LRT on W_x)."""
    return "input.ids" in case.given and not any(name.endswith(".W_x") for name in lrt_noise(case.config, case.given))


def _is(op: str) -> Callable[[Case], bool]:
    return lambda case: case.op == op


LOSS_MISTAKES = (
    Mistake(
        "loss-other-reduction",
        "loss-scale",
        "sum for mean, or mean for sum, over the rows",
        lambda case: case.op in LOSSES,
        by_config(_other_reduction),
    ),
    Mistake(
        "loss-summed",
        "loss-scale",
        "the data term is a sum over the terms of the batch, not their mean",
        _is_step,
        _data_times(likelihood_terms),
    ),
    Mistake(
        "loss-per-object",
        "loss-scale",
        "the data term is a mean over objects and a sum over time",
        _language_model,
        _data_times(lambda given: steps_and_batch(given)[0]),
    ),
    Mistake(
        "loss-bits",
        "loss-scale",
        "bits in place of nats",
        lambda case: case.op in ENTROPIES,
        _times(1.0 / math.log(2.0)),
    ),
    Mistake(
        "loss-bits-per-term",
        "loss-scale",
        "the data term in bits, the KL in nats",
        _task_nll,
        _data_times(lambda given: 1.0 / math.log(2.0)),
    ),
    Mistake("loss-half-square", "loss-scale", "a factor 1/2 in the squared error", _is("squared_error"), _times(0.5)),
    Mistake(
        "probability-clip-missing",
        "probability-clip",
        "the probability is not clipped",
        _probability_clip,
        by_config(_without_clip),
    ),
    Mistake(
        "probability-clip-gradient",
        "probability-clip",
        "the gradient passes through the clip of the probability",
        _probability_clip,
        _gradient_unclipped,
    ),
    Mistake(
        "labels-flipped",
        "targets",
        "the two classes change places",
        _binary,
        by_array(_targets, lambda y: 1 - y, lambda gradient: gradient),
    ),
    Mistake(
        "targets-not-shifted", "targets", "each symbol predicts itself, not the next one", _language_model, _not_shifted
    ),
    Mistake(
        "embedding-last-occurrence",
        "embedding",
        "a row's gradient is that of its last occurrence, not their sum",
        _looks_up,
        by_plant("last-occurrence"),
    ),
    Mistake(
        "dense-bias-gradient-one-row",
        "bias-gradient",
        "the gradient of a dense layer's bias is that of one object",
        _dense,
        by_plant("one-row-dense-bias"),
    ),
)
