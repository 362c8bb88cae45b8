"""Which functions compute a training step: the reference's, which an auditor reads, or their twins, which are faster.

An engine is a value that is made once and handed down; nothing else knows which one it is. This file has the type and
the reference engine; ``engines`` makes the others.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from refimpl import noise
from refimpl.arrays import Array
from refimpl.bayes.kl.table import KL_DIVERGENCES, KLDivergence, summed_kl
from refimpl.models.layers import REFERENCE_LAYERS, Layers
from refimpl.models.occurring import expand_rows
from refimpl.training.adam import AdamState, adam_update
from refimpl.training.clipping import clip_by_global_norm

Arrays = dict[str, Array]


class Engine(NamedTuple):
    """The functions of a training step.

    add_kl(mu, log_sigma, dmu, dlog_sigma, *, prior, log_alpha_clip, scale, rows) -> (kl, dmu, dlog_sigma): the KL in
    nats, and the gradients with scale times its own added; dmu and dlog_sigma are given for some rows, or (None) all.
    update(params, grads, adam, *, clip_norm, learning_rate) -> (params, adam): clipping and Adam.
    step(): a context in which one step is computed.
    keep(arrays, into=None): arrays that the next steps leave as they are; into: what an earlier call gave, whose memory
    may be written over.
    occurring_rows: whether only the rows of the vocabulary that occur in a batch are drawn and computed with.
    """

    name: str
    threads: int
    layers: Layers
    normal: Callable[..., Array]
    bernoulli: Callable[..., Array]
    normal_rows: Callable[..., Array]
    add_kl: Callable[..., tuple[Array, Array, Array]]
    update: Callable[..., tuple[Arrays, AdamState]]
    step: Callable[[], AbstractContextManager[Any]]
    keep: Callable[..., Arrays]
    occurring_rows: bool


def add_kl(
    mu: Array,
    log_sigma: Array,
    dmu: Array,
    dlog_sigma: Array,
    *,
    prior: str,
    log_alpha_clip: float | None,
    scale: float,
    rows: Array | None = None,
    divergences: Mapping[str, KLDivergence] = KL_DIVERGENCES,
) -> tuple[Array, Array, Array]:
    """The reference's: KL summed in float64 (complex128), and new gradients. Equations: ELBO.B1."""
    if rows is not None:
        dmu, dlog_sigma = (expand_rows(gradient, rows, mu.shape) for gradient in (dmu, dlog_sigma))
    kl, cache = summed_kl(mu, log_sigma, prior=prior, log_alpha_clip=log_alpha_clip, divergences=divergences)
    grads = divergences[prior].backward(scale, cache)
    return kl, dmu + grads.mu, dlog_sigma + grads.log_sigma  # [ELBO.B1]


def update(
    params: Arrays, grads: Arrays, adam: AdamState, *, clip_norm: float | None, learning_rate: float
) -> tuple[Arrays, AdamState]:
    """The reference's: new parameters and moments."""
    clipped, _ = clip_by_global_norm(grads, clip_norm)
    return adam_update(params, clipped, adam, learning_rate=learning_rate)


def keep_copies(arrays: Arrays, into: Arrays | None = None) -> Arrays:
    """``keep`` of an engine that writes over its state: copies, in the memory of ``into`` if it is given."""
    if into is None:
        return {name: array.copy() for name, array in arrays.items()}
    for name, array in arrays.items():
        into[name][...] = array
    return into


REFERENCE = Engine(
    name="reference",
    threads=1,
    layers=REFERENCE_LAYERS,
    normal=noise.normal,
    bernoulli=noise.bernoulli,
    normal_rows=noise.normal_rows,
    add_kl=add_kl,
    update=update,
    step=nullcontext,
    keep=lambda arrays, into=None: arrays,  # nothing is written over
    occurring_rows=False,
)
