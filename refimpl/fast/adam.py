"""Clipping and Adam in place, over cache-sized blocks: the twins of ``training/clipping`` and ``training/adam``.

The norm reads every gradient once. The update reads it once more, times what clipping asks, and does all that it does
to a block of a parameter and its moments while they are in cache. Gradients are not written to.
"""

import math

import numpy as np

from refimpl.arrays import Array
from refimpl.fast.blocks import block_length
from refimpl.fast.workspace import Workspace

Arrays = dict[str, Array]

FLUSH_INTERVAL = 64  # steps, in which beta1 = 0.9 takes a mean down by a factor of 850
NEGLIGIBLE = 1e-32  # a float32 moment below this moves no weight, and 64 steps later would be denormal, which is slow


def global_norm(grads: Arrays, *, workspace: Workspace) -> float:
    """The 2-norm of all entries together: blocks in their own dtype, their sum in float64. Equations: CLIP.F1."""
    total = 0.0
    for g in grads.values():
        flat = g.reshape(-1)
        sums: dict[int, float] = {}

        def block(part: slice, flat: Array = flat, sums: dict[int, float] = sums) -> None:
            sums[part.start] = float(np.dot(flat[part], flat[part]))

        workspace.by_blocks(flat.size, block_length(workspace.threads), block)
        total += math.fsum(sums.values())
    return math.sqrt(total)  # [CLIP.F1]


def clipped_adam(
    params: Arrays,
    grads: Arrays,
    m: Arrays,
    v: Arrays,
    *,
    multiplier: float,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    workspace: Workspace,
) -> None:
    """One step of Adam with gradients times multiplier; params, m and v are written over.

    rate: the learning rate with the bias correction, a_t.
    Equations: CLIP.F2, ADAM.F1, F2, F4.
    """
    for name, leaf in params.items():
        flat = [array.reshape(-1) for array in (leaf, grads[name], m[name], v[name])]

        def block(part: slice, work: Array, flat: list[Array] = flat) -> None:
            p, g, m, v = (array[part] for array in flat)
            _update(p, g, m, v, work[0], multiplier, rate, beta1, beta2, epsilon)

        workspace.with_buffers(leaf.size, block_length(workspace.threads), 1, leaf.dtype, block)


def _update(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    work: Array,
    multiplier: float,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    np.multiply(g, multiplier * (1.0 - beta1), out=work)  # [CLIP.F2]
    m *= beta1
    m += work  # [ADAM.F1]
    work *= work
    work *= (1.0 - beta2) / (1.0 - beta1) ** 2
    v *= beta2
    v += work  # [ADAM.F2]
    np.sqrt(v, out=work)
    work += epsilon
    np.divide(m, work, out=work)
    work *= rate
    p -= work  # [ADAM.F4]


def flush(moments: Arrays, *, workspace: Workspace) -> None:
    """Set float32 moments that are negligible to 0, in place.

    A weight whose gradient is exactly 0 (a pruned word that does not occur) would otherwise keep the smallest denormal
    number as its mean for ever.
    """
    for moment in moments.values():
        flat = moment.reshape(-1)
        if flat.dtype != np.float32:
            continue

        def block(part: slice, flat: Array = flat) -> None:
            np.copyto(flat[part], 0.0, where=np.abs(flat[part]) < NEGLIGIBLE)

        workspace.by_blocks(flat.size, block_length(workspace.threads), block)
