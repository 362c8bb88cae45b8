"""The engine by which an operation computes: the reference's, with the mistakes that the configuration names planted.

``config["planted"]`` is a list of names; no case has it, a mistake's wrapper writes it (``wrapping.by_plant``). Each
name stands for a function that replaces layer functions or divergences by wrong ones, in the order of the list.
"""

from functools import partial

from refimpl.bayes.kl import KL_DIVERGENCES, KLDivergence
from refimpl.checks.conformance.case import Config
from refimpl.checks.conformance.plants_kl import KL_PLANTS
from refimpl.checks.conformance.plants_layers import LAYER_PLANTS
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.training.engine import REFERENCE, Engine, add_kl


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
    divergences = {prior: divergence_of(config, prior) for prior in KL_DIVERGENCES}
    return REFERENCE._replace(layers=layers_of(config), add_kl=partial(add_kl, divergences=divergences))
