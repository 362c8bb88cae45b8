"""What fixes a run: model, problem, options, seed, engine; and which of them can be trained."""

import math
from types import ModuleType
from typing import NamedTuple

import numpy as np

from refimpl.arrays import check_choice
from refimpl.models.recipe import Recipe, check_recipe
from refimpl.training.elbo import L2, dropout_rates
from refimpl.training.engine import REFERENCE, Engine
from refimpl.training.problem import Problem, check_problem, check_problem_fits, has_split
from refimpl.training.warmup import Warmup, check_warmup


class Options(NamedTuple):
    """How a model is trained. The defaults are those of the 2018 character model."""

    epochs: int
    learning_rate: float = 0.002
    learning_rate_drops: tuple[int, ...] = ()  # epochs from which it is multiplied by 0.2 (S002)
    clip_norm: float | None = 1.0
    warmup: Warmup = Warmup()
    l2: L2 | None = None
    patience: int | None = None  # epochs without a better validation metric after which training ends
    samples: int = 0  # evaluation: 0 for pruned means, n for the average of n draws
    evaluate_every: int = 1  # epochs between evaluations on validation and test


class Setup(NamedTuple):
    """Everything that fixes a run."""

    recipe: Recipe
    problem: Problem
    options: Options
    seed: int
    dtype: str = "float32"
    xp: ModuleType = np
    engine: Engine = REFERENCE


def check_setup(setup: Setup) -> Setup:
    """The setup itself, if it can be trained. Errors: ValueError that names the field."""
    check_dtype(setup.dtype)
    check_recipe(setup.recipe)
    check_problem_fits(check_problem(setup.problem), setup.recipe)
    options = check_options(setup.options)
    if options.patience is not None and not has_split(setup.problem, "valid"):
        raise ValueError(f"patience: the corpus has no validation part; expected None, got {options.patience!r}")
    if options.l2 is not None and not dropout_rates(setup.recipe):
        raise ValueError("l2: the term belongs to binary dropout, and the recipe has no dropout rate; expected None")
    return setup


def check_dtype(dtype: str) -> None:
    """Errors: ValueError unless a model can be trained in it."""
    check_choice("dtype", dtype, ("float32", "float64"))


def check_options(options: Options) -> Options:
    """The options themselves, if they are some, whatever the model and its data. Errors: ValueError."""
    check_warmup(options.warmup)
    for name, least in (("epochs", 0), ("samples", 0), ("evaluate_every", 1)):
        value = getattr(options, name)
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name}: expected an integer of at least {least}, got {value!r}")
    if not 0.0 <= options.learning_rate < math.inf:
        raise ValueError(f"learning_rate: expected a finite number of at least 0, got {options.learning_rate!r}")
    if options.clip_norm is not None and not 0.0 < options.clip_norm < math.inf:
        raise ValueError(f"clip_norm: expected a finite number above 0, or None, got {options.clip_norm!r}")
    if options.patience is not None and (not isinstance(options.patience, int) or options.patience < 1):
        raise ValueError(f"patience: expected at least 1 epoch, or None, got {options.patience!r}")
    if options.l2 is not None:
        check_choice("l2.form", options.l2.form, ("script", "derivation"))
    return options
