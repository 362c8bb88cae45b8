"""Softmax cross-entropy over large vocabularies, in place: the twin of ``layers/losses``.

The logits become exponentials on the way forward and their own cotangent on the way back, block of rows by block of
rows; nothing of their size is made.
"""

from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array, check_dtypes, check_ids, check_shapes
from refimpl.fast.blocks import rows_at_once
from refimpl.fast.workspace import Workspace
from refimpl.layers.losses import clip_nll, divisor_of, reduce_terms, row_cotangents


class FastCrossEntropyCache(NamedTuple):
    exponentials: Array  # (N, K) exp(logit - largest of the row), in the memory of the logits
    total: Array  # (N,) their sums
    targets: Array  # (N,)
    inside: Array | None  # (N,) as in the reference
    divisor: int


def softmax_cross_entropy_forward(
    logits: Array, targets: Array, *, reduction: str, probability_clip: float | None = None, workspace: Workspace
) -> tuple[Array, FastCrossEntropyCache]:
    """As ``layers.losses.softmax_cross_entropy_forward``; logits are written over. Equations: CE.F1-F2."""
    check_dtypes(logits=logits)
    sizes = check_shapes({"logits": (logits, "N K"), "targets": (targets, "N")})
    check_ids("targets", targets, sizes["K"])
    divisor = divisor_of(reduction, sizes["N"])
    total = workspace.empty((sizes["N"],), logits.dtype)
    at_target = workspace.empty((sizes["N"],), logits.dtype)

    def rows(part: slice) -> None:
        p = logits[part]
        p -= p.max(axis=1, keepdims=True)
        at_target[part] = p[np.arange(len(p)), targets[part]]
        np.exp(p, out=p)
        np.sum(p, axis=1, out=total[part])  # [CE.F1]

    workspace.by_blocks(len(logits), rows_at_once(logits, workspace.threads), rows)
    nll, inside = clip_nll(np.log(total) - at_target, probability_clip)  # [CE.F2]
    return reduce_terms(nll, divisor), FastCrossEntropyCache(logits, total, targets, inside, divisor)


def softmax_cross_entropy_backward(
    dloss: Array | float, cache: FastCrossEntropyCache, *, workspace: Workspace
) -> Array:
    """As ``layers.losses.softmax_cross_entropy_backward``; dlogits takes the logits' memory. Equations: CE.B1."""
    p, total, targets, inside, divisor = cache
    dnll = np.broadcast_to(row_cotangents(dloss, divisor, inside, p), total.shape)

    def rows(part: slice) -> None:
        dlogits = p[part]
        dlogits *= (dnll[part] / total[part])[:, None]
        dlogits[np.arange(len(dlogits)), targets[part]] -= dnll[part]  # [CE.B1]

    workspace.by_blocks(len(p), rows_at_once(p, workspace.threads), rows)
    return p
