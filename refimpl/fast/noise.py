"""Normal noise in lent memory, shared out to threads: the twin of ``noise.normal``, number for number."""

import math
from types import ModuleType

import numpy as np

from refimpl import noise
from refimpl.arrays import Array, Shape
from refimpl.fast.workspace import Workspace

LEAST_PAIRS = 1 << 16  # that are worth a thread


def normal(
    draw: noise.Draw, shape: Shape, dtype: str = "float64", xp: ModuleType = np, *, workspace: Workspace
) -> Array:
    """As ``noise.normal`` on the host; the array is lent. Errors: ValueError if xp is not numpy."""
    if xp is not np:
        raise ValueError(f"xp: expected numpy, got {xp.__name__}; this is the host's twin")
    count = math.prod(shape)
    pairs = workspace.empty(((count + 1) // 2, 2), dtype)

    def fill(part: slice) -> None:
        noise.fill_normals(draw, pairs[part], part.start)

    workspace.run(fill, workspace.shares(len(pairs), LEAST_PAIRS))
    return pairs.reshape(-1)[:count].reshape(shape)


def normal_rows(draw: noise.Draw, rows: Array, shape: Shape, dtype: str, *, workspace: Workspace) -> Array:
    """As ``noise.normal_rows`` on the host, for ascending rows; the array is lent."""
    out = workspace.empty((len(rows), *shape[1:]), dtype)

    def fill(part: slice) -> None:
        out[part] = noise.normal_rows(draw, rows[part], shape, dtype)

    least = max(1, LEAST_PAIRS // max(1, math.prod(shape[1:])))
    workspace.run(fill, workspace.shares(len(rows), least))
    return out
