"""The fast engine on the host.

It reuses its memory: the arrays of a step (gradients, logits, hidden states) are valid until the next step, and
parameters and Adam's moments are written over. ``keep`` copies what must outlast that.
"""

from functools import partial
from typing import Any

import numpy as np

from refimpl import noise
from refimpl.arrays import Array
from refimpl.fast import adam as fast_adam
from refimpl.fast import kl as fast_kl
from refimpl.fast.noise import normal, normal_rows
from refimpl.fast.workspace import Workspace
from refimpl.models.fast_layers import fast_layers
from refimpl.training.adam import BETA1, BETA2, EPSILON, AdamState, check_update, corrected_rate
from refimpl.training.clipping import LASAGNE_NORM_EPSILON, check_limit
from refimpl.training.engine import Arrays, Engine, keep_copies


def host_engine(workspace: Workspace) -> Engine:
    """Twins on one workspace."""
    return Engine(
        name="fast",
        threads=workspace.asked,
        layers=fast_layers(workspace),
        normal=partial(normal, workspace=workspace),
        bernoulli=noise.bernoulli,
        normal_rows=partial(normal_rows, workspace=workspace),
        add_kl=partial(add_kl, workspace=workspace),
        update=partial(update, workspace=workspace),
        step=workspace.step,
        keep=keep_copies,
        occurring_rows=True,
    )


def add_kl(
    mu: Array,
    log_sigma: Array,
    dmu: Array,
    dlog_sigma: Array,
    *,
    workspace: Workspace,
    rows: Array | None = None,
    **options: Any,
) -> tuple[Array, Array, Array]:
    """As ``engine.add_kl``, into dmu and dlog_sigma themselves where they are contiguous; of rows, into lent memory."""
    if rows is None:
        dmu, dlog_sigma = np.ascontiguousarray(dmu), np.ascontiguousarray(dlog_sigma)
        kl = fast_kl.add_kl(mu, log_sigma, dmu, dlog_sigma, add=True, workspace=workspace, **options)
        return kl, dmu, dlog_sigma
    whole = [workspace.empty(mu.shape, mu.dtype) for _ in range(2)]
    kl = fast_kl.add_kl(mu, log_sigma, *whole, add=False, workspace=workspace, **options)
    for gradient, of_rows in zip(whole, (dmu, dlog_sigma), strict=True):
        gradient[rows] += of_rows
    return kl, whole[0], whole[1]


def update(
    params: Arrays,
    grads: Arrays,
    adam: AdamState,
    *,
    clip_norm: float | None,
    learning_rate: float,
    workspace: Workspace,
) -> tuple[Arrays, AdamState]:
    """As ``engine.update``; parameters and moments are written over, and returned.

    Errors: as clip_by_global_norm and adam_update; ValueError on an array that cannot be written over.
    """
    check_limit(clip_norm)
    check_update(params, grads, adam)
    for name, array in params.items():
        if not (array.flags.c_contiguous and array.flags.writeable):
            raise ValueError(f"params[{name}]: expected a contiguous array that may be written to; copy it")
    multiplier = 1.0
    if clip_norm is not None:
        norm = fast_adam.global_norm(grads, workspace=workspace)
        multiplier = min(norm, clip_norm) / (norm + LASAGNE_NORM_EPSILON)  # [CLIP.F2]
    fast_adam.clipped_adam(
        params,
        grads,
        adam.m,
        adam.v,
        multiplier=multiplier,
        rate=corrected_rate(adam, learning_rate, BETA1, BETA2, EPSILON),
        beta1=BETA1,
        beta2=BETA2,
        epsilon=EPSILON,
        workspace=workspace,
    )
    if (adam.step + 1) % fast_adam.FLUSH_INTERVAL == 0:
        for moments in (adam.m, adam.v):
            fast_adam.flush(moments, workspace=workspace)
    return params, adam._replace(step=adam.step + 1)
