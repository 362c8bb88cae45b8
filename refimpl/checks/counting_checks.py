"""Audit, family counting: thresholds, removal of dead structures, the published sizes, the flat direction of z w."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.checks.cases_common import normals
from refimpl.checks.planting import About, gap, run_check
from refimpl.checks.result import CheckResult
from refimpl.compression.counting import count
from refimpl.compression.thresholds import alive_masks
from refimpl.layers.gate_input import gate_input_forward
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.network import network_forward
from refimpl.models.parameters import Params, initialise, matrices
from refimpl.models.recipe import Output, Recipe, Recurrent, Weight
from refimpl.models.sample import mean_weights
from refimpl.noise import Draw, normal, uniform, words

FAMILY = "counting"
ROUNDING = 1e-13  # log sigma of order 10 is rounded at 2e-15, and the slope of every KL in it is below 1.3
T, B = 6, 3
IN, FORGET, CELL, OUT = range(4)

Removal = Callable[[Params, Recipe], dict[str, Array]]


def counting_checks() -> list[CheckResult]:
    """What is pruned, what is removed with it, how it is counted."""
    return [_threshold(), *_removal(), *_known_chain(), _sizes(), *_flat_direction()]


def _threshold() -> CheckResult:
    """log alpha < 3 is mu^2 / sigma^2 > exp(-3) = 0.0498 (S002), counted over 2,000 posteriors around the threshold."""
    mu, log_sigma = normals(0, "audit.mu", 2000), normals(0, "audit.sigma", 2000)
    log_sigma = log_sigma + np.log(np.abs(mu)) + 1.5
    signal = (mu / np.exp(log_sigma)) ** 2 > 0.049787068367863944

    def measure(alive: Callable[[Params], dict[str, Array]]) -> float:
        return float(np.sum(alive({"x.mu": mu, "x.log_sigma": log_sigma})["x"] != signal))

    about = About(
        FAMILY,
        "threshold",
        "weights kept, log alpha < 3, against mu^2 / sigma^2 > 0.0498; the figure counts differences",
        "the wrong side; 3 for log sigma - log|mu|, where it would be 1.5 (S002's misprint)",
    )
    return run_check(
        about,
        measure,
        alive_masks,
        0.0,
        planted="the threshold on the wrong side",
        wrong=lambda params: {"x": ~alive_masks(params)["x"]},
    )


def pruned_model(recipe: Recipe, seed: int) -> Params:
    """Weights of random size of which one in twenty is alive, three in four of the group variables; random biases."""
    params = initialise(recipe, seed, "float64")
    for name, value in params.items():
        base, _, last = name.rpartition(".")
        if last != "log_sigma":
            params[name] = normals(seed, name, *value.shape)
            continue
        alive = uniform(Draw(seed, f"audit.{base}"), value.shape) < (0.75 if ".z" in base else 0.05)
        params[name] = np.log(np.abs(params[f"{base}.mu"])) + np.where(alive, -1.0, 3.0)
    return params


def _removal() -> list[CheckResult]:
    recipes = {
        "text classifier, all groups": text_classifier("LLLLLL", vocabulary=9, embedding=4, size=5, classes=3),
        "word model, two layers": word_model("LLLL", vocabulary=7, sizes=(5, 4)),
        "character model": character_model("LCCL", vocabulary=7, size=6),
    }

    def measure(recipe: Recipe, remove: Removal) -> float:
        worst, removed = 0.0, 0
        for seed in range(10):
            params = pruned_model(recipe, seed)
            ids = (words(Draw(seed, "audit.ids"), T * B) % recipe.vocabulary).astype("int64").reshape(T, B)
            raw = alive_masks(params)
            left = raw | remove(params, recipe)
            removed += sum(int((raw[name] & ~mask).sum()) for name, mask in left.items())
            y, other = (network_forward(ids, mean_weights(params, recipe, B, m), recipe)[0].logits for m in (raw, left))
            worst = max(worst, float(np.max(np.abs(y - other))))
        return worst if removed else math.nan  # if nothing was removed, nothing was checked

    def by_method(method: str, params: Params, recipe: Recipe) -> dict[str, Array]:
        found = count(params, recipe, method)
        return {name: found.masks[name] for name in found.matrices}

    what = "logits of ten random pruned models, dead words, components and neurons removed, against those without"
    catches = "neurons judged by what goes in (they still move by their biases), a structure that is read elsewhere"
    return [
        run_check(About(FAMILY, f"removal leaves the function, {method}: {name}", what, catches),
                  partial(measure, recipe), partial(by_method, method), 0.0,
                  planted="neurons without an input are removed", wrong=_without_input)
        for name, recipe in recipes.items()
        for method in ("propagated", "fixpoint")
    ]  # fmt: skip


def _without_input(params: Params, recipe: Recipe) -> dict[str, Array]:
    """The bug: a neuron is judged by what goes into it; without any weight its row and column are removed."""
    masks = {name: mask for name, mask in alive_masks(params).items() if ".z" not in name}
    for layer in recipe.layers:
        into = (masks[f"{layer.name}.W_x"].any(axis=0) | masks[f"{layer.name}.W_h"].any(axis=0)).any(axis=0)
        masks[f"{layer.name}.W_h"] = masks[f"{layer.name}.W_h"] & into[:, None, None]
    return masks | {"output.W": masks["output.W"] & into[:, None]}


def chain() -> tuple[Params, Recipe]:
    """Neuron 2 feeds 1, that feeds 0, that nothing reads; the output reads 2. Symbols 0, 1, 3 feed neurons 0, 2, 1."""
    alive: dict[str, tuple[tuple[int, ...], list[tuple[int, ...]]]] = {
        "lstm.W_x": ((4, 4, 3), [(0, CELL, 0), (1, IN, 2), (3, FORGET, 1)]),
        "lstm.W_h": ((3, 4, 3), [(2, OUT, 1), (1, IN, 0)]),
        "output.W": ((3, 4), [(2, 1)]),
    }
    params: Params = {}
    for name, (shape, places) in alive.items():
        log_sigma = np.full(shape, 3.0)
        for place in places:
            log_sigma[place] = -3.0
        params |= {f"{name}.mu": np.ones(shape), f"{name}.log_sigma": log_sigma}
    weight = Weight("rt")
    return params, Recipe("language_model", 4, 4, (Recurrent("lstm", 3, weight, weight),), Output(weight))


def _known_chain() -> list[CheckResult]:
    """By hand: W_x, W_h, output; symbols, neurons, gates."""
    known = {"raw": (3, 2, 1, 3, 2, 5), "propagated": (2, 1, 1, 3, 2, 3), "fixpoint": (1, 0, 1, 1, 1, 1)}

    def measure(expected: tuple[int, ...], method: str) -> float:
        found = count(*chain(), method)
        kept = [
            pair[0] for pair in (*found.matrices.values(), found.vocabulary, found.neurons["lstm"], found.gates["lstm"])
        ]
        return float(sum(abs(a - b) for a, b in zip(kept, expected, strict=True)))

    other = {"raw": "propagated", "propagated": "fixpoint", "fixpoint": "propagated"}
    what = "a chain of three neurons: weights of the matrices, symbols, neurons and gates left; counts what differs"
    catches = "one pass taken for the fixpoint, or the other way round"
    return [
        run_check(
            About(FAMILY, f"counted by hand, {method}", what, catches),
            partial(measure, expected),
            method,
            0.0,
            planted=f"counted {other[method]}",
            wrong=other[method],
        )
        for method, expected in known.items()
    ]


def _sizes() -> CheckResult:
    """Weights of the papers' models, the numerator of every published compression."""
    published = {"IMDb": 6_220_164, "AGNews": 7_665_924, "char-PTB": 4_250_000, "word-PTB": 13_062_144}

    def measure(texts: int) -> float:
        recipes = {
            "IMDb": text_classifier("LLLCCL", vocabulary=texts, embedding=300, size=128, classes=1),
            "AGNews": text_classifier("LLLCCL", vocabulary=texts, embedding=300, size=512, classes=4),
            "char-PTB": character_model("LCCL", vocabulary=50, size=1000),
            "word-PTB": word_model("LCCL", vocabulary=10_000, sizes=(256,)),
        }
        sizes = {name: sum(math.prod(m.shape) for m in matrices(recipe).values()) for name, recipe in recipes.items()}
        return float(sum(abs(sizes[name] - number) for name, number in published.items()))

    about = About(
        FAMILY,
        "sizes of the papers' models",
        "weights of four models against 6,220,164 / 7,665,924 / 4,250,000 / 13,062,144; 6,220,164 / 331 is the "
        "published 18,792",
        "another denominator than the papers', biases counted",
    )
    return run_check(about, measure, 20_003, 0.0, planted="20,000 words in place of 20,003 rows", wrong=20_000)


def _flat_direction() -> list[CheckResult]:
    """(z, w) -> (c z, w / c), c a power of 2 own to each input."""
    width, size = 5, 3

    def posterior(name: str, *shape: int) -> GaussianParams:
        mu = normals(2, name, *shape)
        return GaussianParams(mu, np.log(np.abs(mu)) - np.abs(normals(2, name + ".s", *shape)))

    z, W = posterior("z", width), posterior("W", width, 4, size)
    c = 2.0 ** np.array([3.0, -2.0, 1.0, -4.0, 2.0])
    by_row = c[:, None, None]
    scaled_z = GaussianParams(c * z.mu, z.log_sigma + np.log(c))
    scaled_W = GaussianParams(W.mu / by_row, W.log_sigma - np.log(by_row))

    def function(z: GaussianParams, W: GaussianParams) -> Array:
        factor, _ = gaussian_weights_forward(z, normal(Draw(2, "audit.eps_z"), (B, width)))
        weights, _ = gaussian_weights_forward(W, normal(Draw(2, "audit.eps_W"), W.mu.shape))
        return gate_input_forward(normals(2, "x", T, B, width), weights, factor[:, None, :])[0]

    def same_kl(name: str) -> float:
        divergence = KL_DIVERGENCES[name]
        options = {"log_alpha_clip": None} if divergence.clips else {}
        pairs = [(z, scaled_z), (W, scaled_W)]
        kl = [[divergence.forward(*p, **options)[0].sum() for p in pair] for pair in pairs]
        return float(max(abs(after / before - 1.0) for before, after in kl))

    about = About(
        FAMILY,
        "z w does not change under (c z, w / c)",
        "preactivations of a layer with z and w drawn, before and after",
        "z that meets the wrong axis, noise that is not scaled with its weight",
    )
    same = run_check(
        about,
        lambda scaled: gap(function(*scaled), function(z, W)),
        (scaled_z, scaled_W),
        ROUNDING,
        planted="only the means are scaled",
        wrong=(z._replace(mu=scaled_z.mu), W._replace(mu=scaled_W.mu)),
    )
    what = "KL of z and of w before and after, relative"
    catches = "a KL that depends on the scale of a weight, where the prior has none"
    names = [name for name in KL_DIVERGENCES if name not in ("standard_normal", "kingma2015")]
    return [same] + [
        run_check(About(FAMILY, f"KL does not change under (c z, w / c): {name}", what, catches), same_kl, name,
                  ROUNDING, planted="N(0, 1) as prior of w, which fixes the scale", wrong="standard_normal")
        for name in names
    ]  # fmt: skip
