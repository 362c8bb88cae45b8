"""One whole training step of a model: loss and every gradient of one mini-batch, noise given."""

from refimpl.checks.conformance.case import Answers, Config, Given, Op
from refimpl.checks.conformance.engine import engine_of
from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.models.recipe_record import recipe_from_record
from refimpl.training.batches import Batch
from refimpl.training.elbo import L2, elbo_step


def _step(config: Config, given: Given) -> Answers:
    """config: recipe, n_terms, kl_weight, l2 (or null); loss = nll + kl_weight kl / n_terms + l2.

    input.ids (T, B), input.y, input.mask; carried states are input.h.LAYER and input.c.LAYER; noise by the names of the
    recipe's draws; parameters by their dotted names.
    """
    recipe = recipe_from_record(config["recipe"])
    params = _with_prefix(given, "param.")
    states = None
    if any(name.startswith("input.h.") for name in given):
        states = tuple(
            LSTMState(given[f"input.h.{layer.name}"], given[f"input.c.{layer.name}"]) for layer in recipe.layers
        )
    step = elbo_step(
        params,
        _with_prefix(given, "noise."),
        Batch(given["input.ids"], given["input.y"], given.get("input.mask")),
        recipe,
        n_terms=config["n_terms"],
        kl_weight=config["kl_weight"],
        l2=None if config["l2"] is None else L2(**config["l2"]),
        states=states,
        engine=engine_of(config),
    )
    answers: Answers = {"mid.hidden": step.outputs.hidden, "mid.logits": step.outputs.logits}
    answers |= {f"mid.kl.{name}": kl for name, kl in step.loss.kl_by_name.items()}
    answers["out.nll"] = step.loss.nll
    if step.loss.kl_by_name:
        answers["out.kl"] = step.loss.kl
    if config["l2"] is not None:
        answers["out.l2"] = step.loss.l2
    answers["out.loss"] = step.loss.total
    return answers | {f"grad.param.{name}": gradient for name, gradient in step.grads.items()}


def _with_prefix(given: Given, prefix: str) -> Given:
    return {name.removeprefix(prefix): array for name, array in given.items() if name.startswith(prefix)}


STEP_OPS = (Op("step", "a training step of a whole model: nll, KL, loss and every gradient", _step),)
