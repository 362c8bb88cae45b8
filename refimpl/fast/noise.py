"""Normal noise in lent memory, shared out to threads: the twin of ``noise.normal``, number for number."""

import math
from types import ModuleType

import numpy as np

from refimpl import noise
from refimpl.arrays import Array, Shape
from refimpl.fast.workspace import Workspace

LEAST_PAIRS = 1 << 14  # that are worth a thread


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
