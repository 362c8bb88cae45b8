"""Audit, family optimiser: Adam, clipping, and the ELBO's N (Kingma and Ba 2015; the 2018 code; S004 eq. 1 and 13)."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.checks.cases_common import normals
from refimpl.checks.planting import About, gap, run_check
from refimpl.checks.result import CheckResult
from refimpl.data.planted import planted_lm, planted_sentiment
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.parameters import Params, initialise, priors
from refimpl.models.recipe import Recipe
from refimpl.models.sample import draw_noise
from refimpl.noise import Draw, normal
from refimpl.training.adam import AdamState, adam_init, adam_update
from refimpl.training.batches import Batch
from refimpl.training.clipping import clip_by_global_norm
from refimpl.training.elbo import elbo_step
from refimpl.training.problem import Problem, epoch_batches, n_terms

FAMILY = "optimiser"
ROUNDING = 1e-13  # six steps of a few operations each
SUMS = 1e-12  # sums of some ten gradients of order 1, of which all but the KL cancels
SHAPES = {"lstm.W_x.mu": (2, 4, 3), "output.b": (5,), "scalar": ()}
STEPS, LEARNING_RATE = 6, 0.03


def optimiser_checks() -> list[CheckResult]:
    """Adam against the recursion, the clipping multiplier, N and the KL once a data set."""
    return [*_adam(), *_clipping(), *_terms(), *_kl_once()]


def _arrays(step: int, scale: float = 1.0) -> Params:
    return {name: scale * normal(Draw(step, f"audit.{name}"), shape) for name, shape in SHAPES.items()}


def scalar_adam(p: float, gradients: list[float], beta1: float, beta2: float, epsilon: float) -> float:
    """One number, by algorithm 1 of Kingma and Ba with epsilon_t = epsilon / sqrt(1 - beta2^t): their remark's form."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1.0 - beta1) * g
        v = beta2 * v + (1.0 - beta2) * g * g
        m_hat, v_hat = m / (1.0 - beta1**t), v / (1.0 - beta2**t)
        p -= LEARNING_RATE * m_hat / (math.sqrt(v_hat) + epsilon / math.sqrt(1.0 - beta2**t))
    return p


def _epsilon_inside(params: Params, grads: Params, state: AdamState, **rates: float) -> tuple[Params, AdamState]:
    """The frameworks' form: epsilon is added to the corrected root."""
    scale = math.sqrt(1.0 - rates["beta2"] ** (state.step + 1))
    return adam_update(params, grads, state, **(rates | {"epsilon": rates["epsilon"] * scale}))


def _without_correction(params: Params, grads: Params, state: AdamState, **rates: float) -> tuple[Params, AdamState]:
    """As if every step were the ten thousandth."""
    new, after = adam_update(params, grads, state._replace(step=10_000), **rates)
    return new, after._replace(step=state.step + 1)


def _adam() -> list[CheckResult]:
    def measure(scale: float, rates: tuple[float, float, float], update: Callable[..., Any]) -> float:
        beta1, beta2, epsilon = rates
        gradients = [_arrays(10 + step, scale) for step in range(STEPS)]
        new, state = _arrays(1), adam_init(_arrays(1))
        for grads in gradients:
            new, state = update(
                new, grads, state, learning_rate=LEARNING_RATE, beta1=beta1, beta2=beta2, epsilon=epsilon
            )
        expected = {
            name: np.array([scalar_adam(float(p), [float(g[name].flat[i]) for g in gradients], *rates)
                            for i, p in enumerate(start.flat)]).reshape(start.shape)
            for name, start in _arrays(1).items()
        }  # fmt: skip
        return gap(new, expected)

    what = f"{STEPS} steps of three arrays against the recursion of one number; "
    about = About(
        FAMILY,
        "Adam, defaults",
        what + "beta 0.9 and 0.999, epsilon 1e-8, gradients of order 1",
        "a wrong power of beta, moments that are not kept, a step counted from 0",
    )
    first = run_check(
        about,
        partial(measure, 1.0, (0.9, 0.999, 1e-8)),
        adam_update,
        ROUNDING,
        planted="without bias correction",
        wrong=_without_correction,
    )
    about = About(
        FAMILY,
        "Adam, place of epsilon",
        what + "gradients of order epsilon = 1e-8, where its place decides",
        "the frameworks' epsilon, which weighs 31.6 times less in the first step",
    )
    inside = "epsilon inside the bias correction, as in the frameworks"
    second = run_check(
        about, partial(measure, 1e-8, (0.9, 0.999, 1e-8)), adam_update, ROUNDING, planted=inside, wrong=_epsilon_inside
    )
    return [first, second]


def _clipping() -> list[CheckResult]:
    def measure(limit: float, clip: Callable[[Params, float], tuple[Params, Any]]) -> float:
        grads = _arrays(20)
        norm = math.sqrt(math.fsum(float(g) ** 2 for array in grads.values() for g in array.flat))
        expected = {name: g * (min(norm, limit) / (norm + 1e-7)) for name, g in grads.items()}
        return gap(clip(grads, limit)[0], expected)

    def by_array(grads: Params, limit: float) -> tuple[Params, Any]:
        return {name: clip_by_global_norm({name: g}, limit)[0][name] for name, g in grads.items()}, None

    def plain(grads: Params, limit: float) -> tuple[Params, Any]:
        norm = clip_by_global_norm(grads, limit)[1]
        return {name: g * min(1.0, limit / norm) for name, g in grads.items()}, norm

    what = "gradients times min(norm, limit) / (norm + 1e-7), the norm by an exact sum over all arrays"
    rows = [("clipping, above the limit", 0.5, "the norm of each array by itself", by_array),
            ("clipping, below the limit", 100.0, "min(1, limit / norm), as in the frameworks", plain)]  # fmt: skip
    return [
        run_check(About(FAMILY, name, what, "a norm for each array; another multiplier than the 2018 code's"),
                  partial(measure, limit), clip_by_global_norm, ROUNDING, planted=planted, wrong=wrong)
        for name, limit, planted, wrong in rows
    ]  # fmt: skip


def _problems() -> dict[str, tuple[Problem, Recipe]]:
    language = planted_lm(0, train_size=403, valid_size=50, test_size=50).corpus
    texts = planted_sentiment(0, train_size=21, valid_size=5, test_size=5, words=9, planted=4).corpus
    return {
        "characters": (Problem("characters", language, "bits_per_char", 4, 20),
                       character_model("LLLL", vocabulary=8, size=3)),
        "words": (Problem("words", language, "perplexity", 5, 12), word_model("LCIL", vocabulary=8, sizes=(3,))),
        "texts": (Problem("texts", texts, "accuracy", 4),
                  text_classifier("LLLLLL", vocabulary=10, embedding=2, size=3, classes=1)),
    }  # fmt: skip


def _terms() -> list[CheckResult]:
    catches = "a first symbol or a remainder counted that is never predicted; texts counted as words"

    def measure(problem: Problem, count: Callable[[Problem], int]) -> float:
        scored = sum(batch.y.size for batch in epoch_batches(problem, seed=0, epoch=1, dtype="float64"))
        return abs(float(count(problem) - scored))

    def everything(problem: Problem) -> int:
        part: Any = problem.corpus.train
        return int(getattr(part, "ids", part).size)

    return [
        run_check(About(FAMILY, f"N of {kind}", "N against the targets met in an epoch, one by one", catches),
                  partial(measure, problem), n_terms, 0.0, planted="every symbol counted", wrong=everything)
        for kind, (problem, _) in _problems().items()
    ]  # fmt: skip


def _kl_once() -> list[CheckResult]:
    """Sum over an epoch of (terms of the batch) * gradient is the NLL's gradient of the data set plus dKL, once."""

    def measure(problem: Problem, recipe: Recipe, count: Callable[[Problem, Batch], int]) -> float:
        params = initialise(recipe, 1, "float64")
        params |= {
            name: normals(1, name, *p.shape, mean=-2.0 * name.endswith("log_sigma")) for name, p in params.items()
        }
        total = {name: np.zeros_like(p) for name, p in params.items()}
        for step, batch in enumerate(epoch_batches(problem, seed=1, epoch=1, dtype="float64")):
            drawn = draw_noise(recipe, *batch.x.shape, seed=1, step=step, dtype="float64")
            with_kl, without = (
                elbo_step(params, drawn, batch, recipe, n_terms=count(problem, batch), kl_weight=w).grads
                for w in (1.0, 0.0)
            )
            for name in total:
                total[name] += batch.y.size * (with_kl[name] - without[name])
        return gap(total, {name: np.zeros_like(p) for name, p in params.items()} | _dkl(params, recipe))

    def batch_size(problem: Problem, batch: Batch) -> int:
        return int(batch.y.size)

    what = "an epoch's batches, each weighted by its terms: gradient with KL less that without, against the model's dKL"
    catches = "KL divided by the batch, by the number of batches or by another N; KL counted once a batch"
    return [
        run_check(About(FAMILY, f"KL once a data set, {kind}", what, catches), partial(measure, problem, recipe),
                  lambda problem, _: n_terms(problem), SUMS,
                  planted="KL divided by the terms of the batch", wrong=batch_size)
        for kind, (problem, recipe) in _problems().items()
    ]  # fmt: skip


def _dkl(params: Params, recipe: Recipe) -> dict[str, Array]:
    """Gradient of the whole KL, divergence by divergence."""
    grads = {}
    for name, prior in priors(recipe).items():
        divergence = KL_DIVERGENCES[prior]
        options: dict[str, Any] = {"log_alpha_clip": recipe.log_alpha_clip} if divergence.clips else {}
        _, cache = divergence.forward(params[f"{name}.mu"], params[f"{name}.log_sigma"], **options)
        grads[f"{name}.mu"], grads[f"{name}.log_sigma"] = divergence.backward(1.0, cache)
    return grads
