"""Adam over three steps, and clipping by the global norm."""

import math

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.training.adam import AdamState, adam_init, adam_update
from refimpl.training.clipping import clip_by_global_norm

FORMS = ("2018", "algorithm_1", "epsilon_in_root", "uncorrected", "uncorrected_second")


def _adam(config: Config, given: Given) -> Answers:
    """input.gradient.NAME (steps, ...) are the gradients; answers are parameters and moments after every step.

    config["form"] is "2018" in every case; the others are what mistakes compute.
    """
    params = {name.removeprefix("param."): p for name, p in given.items() if name.startswith("param.")}
    gradients = {name: given[f"input.gradient.{name}"] for name in params}
    state = adam_init(params)
    answers: Answers = {}
    for step in range(config["steps"]):
        grads = {name: g[step] for name, g in gradients.items()}
        params, state = _step(params, grads, state, config)
        for kind, arrays in (("m", state.m), ("v", state.v), ("param", params)):
            answers |= {f"out.{kind}.{name}.{step + 1}": array for name, array in arrays.items()}
    return answers


def _step(
    params: dict[str, Array], grads: dict[str, Array], state: AdamState, config: Config
) -> tuple[dict[str, Array], AdamState]:
    rates = {name: config[name] for name in ("learning_rate", "beta1", "beta2", "epsilon")}
    if config["form"] == "2018":
        return adam_update(params, grads, state, **rates)
    _, after = adam_update(params, grads, state, **rates)
    new = {name: _wrong(p, after.m[name], after.v[name], after.step, config) for name, p in params.items()}
    return new, after


def _wrong(p: Array, m: Array, v: Array, step: int, config: Config) -> Array:
    """The parameter after a step in another form, from the right moments."""
    form, rate, epsilon = config["form"], config["learning_rate"], config["epsilon"]
    first, second = 1.0 - config["beta1"] ** step, 1.0 - config["beta2"] ** step
    if form == "algorithm_1":
        change = rate * (m / first) / ((v / second) ** 0.5 + epsilon)
    elif form == "epsilon_in_root":
        change = rate * (m / first) / ((v / second) + epsilon) ** 0.5
    elif form == "uncorrected":
        change = rate * m / (v**0.5 + epsilon)
    else:  # uncorrected_second
        change = rate * (m / first) / (v**0.5 + epsilon)
    return (p - change).astype(p.dtype)


def _clip(config: Config, given: Given) -> Answers:
    grads = {name.removeprefix("input."): g for name, g in given.items() if name.startswith("input.")}
    clipped, norm = clip_by_global_norm(grads, config["limit"])
    if not math.isfinite(float(norm)):
        raise ValueError("input: the norm of the gradients is not finite")
    return {"mid.norm": norm} | {f"out.{name}": g for name, g in clipped.items()}


TRAINING_OPS = (
    Op("adam", "steps of Adam in the form of the 2018 code: epsilon outside the bias correction", _adam),
    Op("clip", "gradients times min(norm, limit) / (norm + 1e-7), norm over all of them together", _clip),
)
