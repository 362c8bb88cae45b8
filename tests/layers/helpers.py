"""What the tests of the layers share: the complex step, the bound on a gradient, arrays that cannot be written to."""

import numpy as np


def complex_step(loss, leaves):
    """dloss/dleaf of every leaf; all leaves are made complex together."""
    steps = {name: np.empty_like(leaf) for name, leaf in leaves.items()}
    for name, step in steps.items():
        for index in np.ndindex(step.shape):
            moved = {other: leaf.astype(complex) for other, leaf in leaves.items()}
            moved[name][index] += 1e-30j
            step[index] = loss(**moved).imag / 1e-30
    return steps


def assert_same_gradients(hand, step):
    assert hand.keys() == step.keys()
    for name in step:
        size = np.max(np.abs(step[name]))
        assert size > 0.0, f"{name}: a gradient that is 0 everywhere checks nothing"
        assert hand[name].shape == step[name].shape
        assert np.max(np.abs(hand[name] - step[name])) <= 1e-12 * size, name


def frozen(array):
    """A copy that cannot be written to and is not contiguous: a function that modifies its input fails."""
    array = np.repeat(array, 2, axis=-1)[..., ::2]
    array.flags.writeable = False
    return array
