"""The loss of an operation that has a KL term: the inner product with the cotangents, and KL / N."""

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Answers, Config, Given
from refimpl.training.engine import Engine


def inner_product(given: Given, answers: Answers) -> Array:
    """Sum over outputs of <cotangent, output>, 0-d."""
    total: Array = 0.0
    for name, cotangent in given.items():
        if name.startswith("cotangent."):
            total = total + (cotangent * answers["out." + name.removeprefix("cotangent.")]).sum(dtype=_wide(cotangent))
    return total


def _wide(array: Array) -> str:
    return "complex128" if array.dtype.kind == "c" else "float64"


def add_kl(engine: Engine, config: Config, given: Given, answers: Answers, names: tuple[str, ...]) -> Answers:
    """The answers with out.kl (nats), out.loss = out.data + kl_weight out.kl / n_terms, and gradients of that loss."""
    scale = config["kl_weight"] / config["n_terms"]
    total: Array = 0.0
    grads: Answers = {}
    for name in names:
        mu, log_sigma = (f"param.{name}.{leaf}" for leaf in ("mu", "log_sigma"))
        kl, grads[f"grad.{mu}"], grads[f"grad.{log_sigma}"] = engine.add_kl(
            given[mu],
            given[log_sigma],
            answers[f"grad.{mu}"],
            answers[f"grad.{log_sigma}"],
            prior=config["kl"],
            log_alpha_clip=config["log_alpha_clip"],
            scale=scale,
        )
        total = total + kl
    outputs = {"out.kl": total, "out.loss": answers["out.data"] + scale * total}
    before = {name: value for name, value in answers.items() if not name.startswith("grad.")}
    after = {name: grads.get(name, value) for name, value in answers.items() if name.startswith("grad.")}
    return before | outputs | after
