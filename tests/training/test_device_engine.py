"""The fast engine of a device computes what the reference computes on the host, on the stand-in for CuPy.

[ELBO.B1] [CLIP.F1] [CLIP.F2].
"""

import numpy as np
import pytest
import strict_cupy as xp

from refimpl.training.adam import adam_init
from refimpl.training.device_engine import add_kl, device_engine
from refimpl.training.elbo import Loss
from refimpl.training.epoch import State, train_step
from refimpl.training.problem import epoch_batches
from refimpl.tree import map_leaves
from tests.fast.cuda.helpers import NEEDS_COMPILER, to_device, to_host
from tests.fast.twins import distance
from tests.training import tiny


def trajectory(setup, batches, params):
    state, losses = State(params, adam_init(params)), list[Loss]()
    for batch in batches:
        state, step = train_step(setup, state, batch, 1)
        losses.append(step.loss._replace(l2=None))
    return tuple(losses), state


@NEEDS_COMPILER
@pytest.mark.parametrize("clip_norm", [0.1, 100.0, None])
@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_trajectory_of_three_steps(kind, clip_norm):
    """The limit of 0.1 clips, that of 100 does not."""
    setup = tiny.setup(kind, clip_norm=clip_norm)._replace(dtype="float64")
    params = tiny.random_params(setup.recipe)
    batches = list(epoch_batches(setup.problem, seed=4, epoch=1, dtype="float64"))[:3]
    expected = trajectory(setup, batches, params)
    on_device = setup._replace(engine=device_engine(1), xp=xp)
    losses, state = trajectory(on_device, [map_leaves(xp.asarray, b) for b in batches], to_device(params))
    step, adam = state.adam.step, state.adam._replace(step=None)
    found = to_host((losses, state._replace(adam=adam)))
    assert step == expected[1].adam.step == len(batches)
    expected = expected[0], expected[1]._replace(adam=expected[1].adam._replace(step=None))
    assert distance(map_leaves(np.float64, expected), map_leaves(np.float64, found)) <= 1e-9


def test_rows_are_refused():
    with pytest.raises(ValueError, match="rows: expected None; this engine computes with the whole vocabulary"):
        add_kl(*[xp.zeros((2, 3))] * 4, prior="ard", log_alpha_clip=None, scale=1.0, rows=xp.zeros(1, dtype="int64"))
