"""KL divergence and its gradient in one pass over cache-sized blocks: twins of ``bayes/kl``.

The gradient is added in place to that of the likelihood. The KL of the 2018 code (with its clip) is written out; every
other one runs its reference function block by block, so that its temporaries stay in cache.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_shapes
from refimpl.bayes.kl.ratio import check_log_alpha_clip
from refimpl.bayes.kl.rnn2018 import RNN2018_CONSTANT, RNN2018_K1, RNN2018_K3, T_FACTOR
from refimpl.bayes.kl.table import KL_DIVERGENCES, summed_kl
from refimpl.fast.blocks import block_length
from refimpl.fast.workspace import Workspace

LARGEST_LOG = 80.0  # exp of it is a finite float32
SLOPE_FACTOR = 2.0 * RNN2018_K1 * RNN2018_K3 * T_FACTOR

BUFFERS = 5

Block = Callable[[Array, Array, Array, Array, Array], float]  # mu, log_sigma, dmu, dlog_sigma, work -> its KL


def add_kl(
    mu: Array,
    log_sigma: Array,
    dmu: Array,
    dlog_sigma: Array,
    *,
    prior: str,
    log_alpha_clip: float | None,
    scale: float,
    add: bool,
    workspace: Workspace,
) -> Array:
    """Add scale dKL/dmu to dmu and scale dKL/dlog sigma to dlog_sigma; the KL of all weights, float64, 0-d, in nats.

    Shapes: four arrays of one shape; the last two are written to. add: False to write over what they hold.
    Equations: those of the prior's KL, and ELBO.B1.
    """
    words = " ".join(map(str, mu.shape))
    check_shapes({"log_sigma": (log_sigma, words), "dmu": (dmu, words), "dlog_sigma": (dlog_sigma, words)})
    check_dtypes(mu=mu, log_sigma=log_sigma, dmu=dmu, dlog_sigma=dlog_sigma)
    block = _block(prior, log_alpha_clip, scale)
    flat = [array.reshape(-1) for array in (mu, log_sigma, dmu, dlog_sigma)]
    sums: dict[int, float] = {}

    def task(part: slice, work: Array) -> None:
        m, s, dm, ds = (array[part] for array in flat)
        if not add:
            dm[...] = ds[...] = 0.0  # in cache, where it costs next to nothing
        sums[part.start] = block(m, s, dm, ds, work)

    workspace.with_buffers(mu.size, block_length(workspace.threads), BUFFERS, mu.dtype, task)
    return np.asarray(math.fsum(sums.values()))  # in any order: a thread more gives the same sum


def _block(prior: str, clip: float | None, scale: float) -> Block:
    if prior == "rnn2018" and clip is not None:
        check_log_alpha_clip(clip)
        return partial(_rnn2018, clip=clip, scale=scale)

    def block(mu: Array, log_sigma: Array, dmu: Array, dlog_sigma: Array, _: Array) -> float:
        kl, cache = summed_kl(mu, log_sigma, prior=prior, log_alpha_clip=clip)
        grads = KL_DIVERGENCES[prior].backward(scale, cache)
        dmu += grads.mu
        dlog_sigma += grads.log_sigma
        return float(kl)

    return block


def _rnn2018(
    mu: Array, log_sigma: Array, dmu: Array, dlog_sigma: Array, work: Array, *, clip: float, scale: float
) -> float:
    """In r = q^2, held to exp(+-clip): where it is held the KL stands still, so the gradient is 0 there."""
    inverse_sigma, g, r, s, q = work
    np.negative(log_sigma, out=inverse_sigma)
    np.exp(inverse_sigma, out=inverse_sigma)
    np.multiply(mu, inverse_sigma, out=g)  # [KL.RATIO.F1]  q
    np.multiply(g, g, out=s)
    np.clip(s, math.exp(-clip), math.exp(clip), out=r)  # [KL.RATIO.F3]
    inside = np.equal(r, s)
    np.sqrt(r, out=q)
    np.multiply(r, q, out=s)
    s *= T_FACTOR  # [KL.RNN2018.F1]
    s += 1.0
    np.reciprocal(s, out=s)
    r += 1.0
    kl = 0.5 * _sum_of_logs(r, clip) - RNN2018_K1 * float(np.sum(s)) + RNN2018_CONSTANT * len(mu)  # [KL.RNN2018.F2]
    s *= s
    s *= q
    s *= SLOPE_FACTOR
    np.reciprocal(r, out=r)
    s += r  # [KL.RNN2018.B1]  K'(q) / q
    s *= inside
    g *= inverse_sigma
    g *= s
    g *= scale  # [KL.RATIO.B1]
    dmu += g
    g *= mu
    dlog_sigma -= g  # [KL.RATIO.B2]
    return kl


def _sum_of_logs(x: Array, clip: float) -> float:
    """Sum of log x for 1 < x < 1 + exp(clip): one logarithm for as many factors as cannot overflow together."""
    factors = max(1, int(LARGEST_LOG / (clip + 1.0)))
    whole = len(x) // factors * factors
    products = np.multiply.reduce(x[:whole].reshape(factors, -1), axis=0)
    return float(np.sum(np.log(products))) + float(np.sum(np.log(x[whole:])))
