"""Mistakes in Adam and in clipping."""

from collections.abc import Callable

import numpy as np

from refimpl.checks.conformance.case import Answers, Case, Compute, Config, Given, Mistake
from refimpl.checks.conformance.wrapping import by_answers, by_config, with_config


def _swapped_moments(config: Config) -> Config:
    return config | {"beta1": config["beta2"], "beta2": config["beta1"]}


def _is(op: str) -> Callable[[Case], bool]:
    return lambda case: case.op == op


def _by_tensor(compute: Compute) -> Compute:
    """Each gradient clipped by its own norm."""

    def wrapped(config: Config, given: Given) -> Answers:
        answers = compute(config, given)
        for name, array in given.items():
            answers = answers | {n: a for n, a in compute(config, {name: array}).items() if n != "mid.norm"}
        return answers

    return wrapped


def _by_value(config: Config, given: Given, answers: Answers) -> Answers:
    limit = config["limit"]
    return {name.replace("input.", "out.", 1): np.clip(g, -limit, limit) for name, g in given.items()}


def _frameworks(config: Config, given: Given, answers: Answers) -> Answers:
    factor = min(1.0, config["limit"] / (float(answers["mid.norm"]) + 1e-6))
    return {name.replace("input.", "out.", 1): g * np.asarray(factor, dtype=g.dtype) for name, g in given.items()}


def _unclipped(config: Config, given: Given, answers: Answers) -> Answers:
    return {name.replace("input.", "out.", 1): g for name, g in given.items()}


def _above_limit(case: Case) -> bool:
    return case.op == "clip" and sum(float((g * g).sum()) for g in case.given.values()) > case.config["limit"] ** 2


def _adam(form: str, words: str) -> Mistake:
    name = "adam-" + form.replace("_", "-")
    return Mistake(name, "adam", words, _is("adam"), with_config(form=form))


TRAINING_MISTAKES = (
    _adam("algorithm_1", "epsilon added to the corrected root (Kingma and Ba's algorithm 1, PyTorch), not outside"),
    _adam("epsilon_in_root", "epsilon inside the root"),
    _adam("uncorrected", "no bias correction"),
    _adam("uncorrected_second", "no bias correction of the second moment"),
    Mistake("adam-betas-swapped", "adam", "beta1 and beta2 change places", _is("adam"), by_config(_swapped_moments)),
    Mistake(
        "clip-by-tensor",
        "clipping",
        "each gradient clipped by its own norm, not by that of all",
        _above_limit,
        _by_tensor,
    ),
    Mistake("clip-by-value", "clipping", "each entry clipped", _above_limit, by_answers(_by_value)),
    Mistake(
        "clip-min-1",
        "clipping",
        "multiplier min(1, limit / (norm + 1e-6)) (PyTorch's)",
        _is("clip"),
        by_answers(_frameworks),
    ),
    Mistake("clip-missing", "clipping", "gradients are not clipped", _above_limit, by_answers(_unclipped)),
)
