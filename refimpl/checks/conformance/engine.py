"""The engine by which an operation computes: the reference's, with the mistakes that the configuration names planted.

``config["planted"]`` is a list of names; no case has it, a mistake's wrapper writes it (``wrapping.by_plant``). Each
name stands for a function that replaces layer functions or divergences by wrong ones, in the order of the list.
"""

from functools import partial

from refimpl.arrays import Array
from refimpl.bayes.kl import KL_DIVERGENCES, KLDivergence
from refimpl.checks.conformance.case import Config
from refimpl.checks.conformance.plants_kl import KL_PLANTS
from refimpl.checks.conformance.plants_layers import LAYER_PLANTS
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.training.engine import REFERENCE, Engine


def layers_of(config: Config) -> Layers:
    """The layer functions, with what is planted in them."""
    layers = REFERENCE_LAYERS
    for name in config.get("planted", ()):
        if name in LAYER_PLANTS:
            layers = LAYER_PLANTS[name](layers)
    return layers


def divergence_of(config: Config, prior: str) -> KLDivergence:
    """The KL divergence of that name, with what is planted in it."""
    divergence = KL_DIVERGENCES[prior]
    for name in config.get("planted", ()):
        if name in KL_PLANTS:
            divergence = KL_PLANTS[name](divergence, prior)
    return divergence


def engine_of(config: Config) -> Engine:
    """The reference engine on these layer functions and divergences."""
    return REFERENCE._replace(layers=layers_of(config), add_kl=partial(_add_kl, config))


def _add_kl(
    config: Config,
    mu: Array,
    log_sigma: Array,
    dmu: Array,
    dlog_sigma: Array,
    *,
    prior: str,
    log_alpha_clip: float | None,
    scale: float,
    rows: Array | None = None,
) -> tuple[Array, Array, Array]:
    """As the reference's ``add_kl``."""
    if not any(name in KL_PLANTS for name in config.get("planted", ())):
        return REFERENCE.add_kl(
            mu, log_sigma, dmu, dlog_sigma, prior=prior, log_alpha_clip=log_alpha_clip, scale=scale, rows=rows
        )
    divergence = divergence_of(config, prior)
    terms, cache = divergence.forward(mu, log_sigma, **clip_option(divergence, log_alpha_clip))
    grads = divergence.backward(scale, cache)
    wide = "complex128" if terms.dtype.kind == "c" else "float64"
    return terms.sum(dtype=wide), dmu + grads.mu, dlog_sigma + grads.log_sigma


def clip_option(divergence: KLDivergence, log_alpha_clip: float | None) -> dict[str, float | None]:
    """The keyword that a divergence takes if it clips."""
    return {"log_alpha_clip": log_alpha_clip} if divergence.clips else {}
