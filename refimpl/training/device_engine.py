"""The fast engine on a CUDA device: fused kernels for the recurrence, draws, KL with its gradient, clipping with Adam.

The norm of the gradient and the multiplier of clipping stay on the device. Parameters and Adam's moments are written
over; ``keep`` copies what must outlast that. Memory comes from CuPy's pool.
"""

from contextlib import nullcontext
from typing import Any

from refimpl.arrays import Array, array_module
from refimpl.fast.cuda import noise as cuda_noise
from refimpl.fast.cuda.lstm_recurrence import recurrence_backward, recurrence_forward
from refimpl.fast.cuda.update import PRIORS, clip_adam, gaussian_weights_forward, kl_add, squared_norm
from refimpl.models.layers import REFERENCE_LAYERS
from refimpl.training import engine
from refimpl.training.adam import BETA1, BETA2, EPSILON, AdamState, check_update, corrected_rate
from refimpl.training.clipping import LASAGNE_NORM_EPSILON, check_limit
from refimpl.training.engine import Arrays, Engine, keep_copies


def device_engine(threads: int) -> Engine:
    """Kernels where they save launches, the reference's functions elsewhere; threads are those of the host."""
    return Engine(
        name="fast",
        threads=threads,
        layers=REFERENCE_LAYERS._replace(
            gaussian_weights_forward=gaussian_weights_forward,
            recurrence_forward=recurrence_forward,
            recurrence_backward=recurrence_backward,
        ),
        normal=cuda_noise.normal,
        bernoulli=cuda_noise.bernoulli,
        normal_rows=cuda_noise.normal_rows,
        add_kl=add_kl,
        update=update,
        step=nullcontext,
        keep=keep_copies,
        occurring_rows=False,  # to know the rows the host would have to wait for the device
    )


def add_kl(
    mu: Array, log_sigma: Array, dmu: Array, dlog_sigma: Array, *, prior: str, rows: None = None, **options: Any
) -> tuple[Array, Array, Array]:
    """As ``engine.add_kl``, into dmu and dlog_sigma themselves where they are contiguous."""
    if rows is not None:
        raise ValueError("rows: expected None; this engine computes with the whole vocabulary")
    if prior not in PRIORS:
        return engine.add_kl(mu, log_sigma, dmu, dlog_sigma, prior=prior, **options)
    xp = array_module(mu)
    dmu, dlog_sigma = xp.ascontiguousarray(dmu), xp.ascontiguousarray(dlog_sigma)
    kl = kl_add(mu, log_sigma, dmu, dlog_sigma, prior=prior, **options)
    return kl, dmu, dlog_sigma


def update(
    params: Arrays, grads: Arrays, adam: AdamState, *, clip_norm: float | None, learning_rate: float
) -> tuple[Arrays, AdamState]:
    """As ``engine.update``; parameters and moments are written over, and returned."""
    check_limit(clip_norm)
    check_update(params, grads, adam)
    xp = array_module(*params.values())
    grads = {name: xp.ascontiguousarray(g) for name, g in grads.items()}
    multiplier = None
    if clip_norm is not None:
        norm = xp.sqrt(xp.stack([squared_norm(g) for g in grads.values()]).sum())  # [CLIP.F1]
        multiplier = xp.minimum(norm, clip_norm) / (norm + LASAGNE_NORM_EPSILON)  # [CLIP.F2]
    rate = corrected_rate(adam, learning_rate, BETA1, BETA2, EPSILON)
    for name, p in params.items():
        clip_adam(
            p, grads[name], adam.m[name], adam.v[name], multiplier, rate=rate, beta1=BETA1, beta2=BETA2, epsilon=EPSILON
        )
    return params, adam._replace(step=adam.step + 1)
