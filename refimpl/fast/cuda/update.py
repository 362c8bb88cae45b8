"""The elementwise work around a step, fused: a draw of weights, KL values with their gradients, clipping with Adam.

Twins of ``bayes/gaussian_weights``, ``bayes/kl`` and ``training/adam``; each reads and writes every number once.
"""

import math
from typing import Any

import numpy as np

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes
from refimpl.bayes.gaussian_weights import GaussianCache, GaussianParams
from refimpl.bayes.kl.ratio import check_log_alpha_clip
from refimpl.fast.cuda.sources import NULL, THREADS, kernel, launch

PRIORS = {"rnn2018": 0, "molchanov2017": 1, "ard": 2, "standard_normal": 3}  # as the enum in update.cu
NUMBERS_OF_A_THREAD = 8  # of a sum's first stage, while there are fewer than MOST_SUMS blocks
MOST_SUMS = 1024
SHARED_BYTES = 8 * THREADS  # the sums of a block in float64


def gaussian_weights_forward(params: GaussianParams, eps: Array) -> tuple[Array, GaussianCache]:
    """As ``bayes.gaussian_weights.gaussian_weights_forward``, in one launch. Equations: RT.F1."""
    mu, log_sigma = params
    xp = array_module(mu)
    dtype = check_dtypes(mu=mu, log_sigma=log_sigma, eps=eps).name
    words = " ".join(map(str, mu.shape))
    per_object = eps.ndim == mu.ndim + 1
    check_shapes({"log_sigma": (log_sigma, words), "eps": (eps, "B " * per_object + words)})
    mu, log_sigma, eps = (xp.ascontiguousarray(a).reshape(a.shape) for a in (mu, log_sigma, eps))
    w, deviation = xp.empty_like(eps), xp.empty_like(eps)
    run = kernel("update", "gaussian_weights", dtype, xp)
    launch(run, eps.size, (mu, log_sigma, eps, w, deviation, np.int64(eps.size), np.int64(mu.size)))
    return w, GaussianCache(deviation, per_object)


def kl_add(
    mu: Array,
    log_sigma: Array,
    dmu: Array,
    dlog_sigma: Array,
    *,
    prior: str,
    log_alpha_clip: float | None,
    scale: float,
) -> Array:
    """Add scale times the gradient of the KL to dmu and dlog_sigma, in place; the KL of all weights.

    Shapes: all four alike, contiguous -> 0-d, on the device, float64, summed in the same order in every run.
    Equations: those of bayes/kl; ELBO.B1.
    Errors: ValueError on unequal shapes, a strided array, a clip out of range, or a prior that has no kernel (PRIORS).
    """
    if prior not in PRIORS:
        raise ValueError(f"prior: expected one of {', '.join(PRIORS)}, got {prior!r}; use the functions of bayes/kl")
    most = least = 0.0
    if log_alpha_clip is not None:
        check_log_alpha_clip(log_alpha_clip)
        most, least = math.exp(0.5 * log_alpha_clip), math.exp(-0.5 * log_alpha_clip)
    dtype = _check_alike(mu=mu, log_sigma=log_sigma, dmu=dmu, dlog_sigma=dlog_sigma)
    numbers = (np.int64(mu.size), np.int32(PRIORS[prior]), *(dtype.type(n) for n in (most, least, scale)))
    return _sum("kl_add", (mu, log_sigma, dmu, dlog_sigma), numbers)


def squared_norm(x: Array) -> Array:
    """The sum of squares of x, contiguous: 0-d, on the device, float64, in the same order in every run."""
    _check_alike(x=x)
    return _sum("squares", (x,), (np.int64(x.size),))


def clip_adam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    multiplier: Array | None,
    *,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """One step of Adam on one array, p, m and v in place, with the gradient g times multiplier; one launch.

    multiplier: 0-d, float64, on the device, as CLIP.F2 gives it; None for none. rate: that of ADAM.F3.
    Equations: ADAM.F1, ADAM.F2, ADAM.F4.
    Errors: ValueError on unequal shapes or a strided array, TypeError on a mix of dtypes.
    """
    dtype = _check_alike(p=p, g=g, m=m, v=v)
    if multiplier is not None and (multiplier.shape != () or multiplier.dtype.name != "float64"):
        raise ValueError(f"multiplier: expected a 0-d float64 array, got {multiplier.dtype.name} {multiplier.shape}")
    run = kernel("update", "clip_adam", dtype.name, array_module(p, g, m, v, multiplier))
    numbers = (dtype.type(n) for n in (rate, beta1, 1.0 - beta1, beta2, 1.0 - beta2, epsilon))
    launch(run, p.size, (p, g, m, v, NULL if multiplier is None else multiplier, np.int64(p.size), *numbers))


def _sum(name: str, arrays: tuple[Array, ...], numbers: tuple[Any, ...]) -> Array:
    """The sum of a kernel, 0-d, in two stages; the number of blocks rests on the size alone: one order everywhere."""
    size, dtype, xp = arrays[0].size, arrays[0].dtype.name, array_module(*arrays)
    blocks = min(max(-(-size // (NUMBERS_OF_A_THREAD * THREADS)), 1), MOST_SUMS)
    partial, total = xp.empty(blocks, dtype="float64"), xp.empty((), dtype="float64")
    first, second = kernel("update", name, dtype, xp), kernel("update", "sum_partial", dtype, xp)
    first((blocks,), (THREADS,), (*arrays, partial, *numbers), shared_mem=SHARED_BYTES)
    second((1,), (THREADS,), (partial, total, np.int32(blocks)), shared_mem=SHARED_BYTES)
    return total


def _check_alike(**arrays: Array) -> np.dtype[Any]:
    """The dtype of arrays that have one shape and are contiguous: what is changed in place cannot be a copy."""
    first = next(iter(arrays.values()))
    check_shapes({name: (a, " ".join(map(str, first.shape))) for name, a in arrays.items()})
    for name, a in arrays.items():
        if not a.flags.c_contiguous:
            raise ValueError(f"{name}: expected a contiguous array, got strides {a.strides}; copy it first")
    return check_dtypes(**arrays)
