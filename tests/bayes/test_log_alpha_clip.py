"""The clip of log alpha: beyond it a KL divergence keeps the value of the edge.  [KL.RATIO.F3] [KL.RATIO.B1]"""

import math

import numpy as np

from refimpl.bayes.kl import KL_DIVERGENCES

CLIP = 2.0
CLIPPED = {name: divergence for name, divergence in KL_DIVERGENCES.items() if divergence.clips}


def kl(forward, log_alpha, clip):
    """Of a weight 0.7, with log alpha = 2 log sigma - 2 log|mu|."""
    mu = np.array([0.7])
    return forward(mu, 0.5 * log_alpha + np.log(mu), log_alpha_clip=clip)[0]


def test_value_at_the_edges_of_the_clip():
    for divergence in CLIPPED.values():
        for log_alpha in (-3.1, -CLIP, -1.9, 0.0, 1.9, CLIP, 3.1):
            held = min(max(log_alpha, -CLIP), CLIP)
            expected = kl(divergence.forward, held, None)
            np.testing.assert_allclose(kl(divergence.forward, log_alpha, CLIP), expected, rtol=1e-14)


def test_exactly_at_an_edge_the_gradient_is_that_of_the_inside():
    """As the derivative of Theano's clip, which the 2018 code uses; beyond it is 0."""
    for divergence in CLIPPED.values():
        for sign in (1.0, -1.0):
            for side in (1.0, -1.0):
                mu = sign * math.exp(0.5 * side * CLIP)
                at, beyond = (np.array([mu * math.exp(side * step)]) for step in (0.0, 1e-9))
                log_sigma = np.zeros(1)
                gradients = [
                    divergence.backward(1.0, divergence.forward(x, log_sigma, log_alpha_clip=clip)[1])
                    for x, clip in ((at, CLIP), (at, None), (beyond, CLIP))
                ]
                assert gradients[0] == gradients[1]
                assert gradients[2] == (0.0, 0.0)


def test_the_smallest_and_the_largest_clip_that_are_taken():
    for clip in (1e-3, 0.5, 50.0):
        for divergence in CLIPPED.values():
            assert np.isfinite(kl(divergence.forward, 0.0, clip)).all()
