"""Gradients of a linear model under each estimator, by the layers' own forward and backward functions, for any noise.

    L = 1/(2M) sum_m (y_m - t_m)^2,   y_m = sum_j w_j x_mj,   w_j ~ N(mu_j, sigma_j^2)

Every gradient is a polynomial of degree 2 in the noise, so that the three-point Gauss-Hermite rule, exact to degree 5,
gives its mean and variance to rounding. ``gradient_variance`` holds them against closed forms.
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.flipout import AffineFlipoutParams, FlipoutNoise, affine_flipout_backward, affine_flipout_forward
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_backward, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_backward, affine_lrt_forward
from refimpl.checks.moments import columns, fair_signs
from refimpl.layers.affine import AffineParams, affine_backward, affine_forward
from refimpl.noise import Draw, normal

NODES, WEIGHTS = np.array([0.0, 3.0**0.5, -(3.0**0.5)]), np.array([4.0, 1.0, 1.0]) / 6.0  # E p(eps) to degree 5


class Batch(NamedTuple):
    """A mini-batch, and the posterior of the weights."""

    x: Array  # (M, D)
    targets: Array  # (M,)
    mu: Array  # (D,)
    sigma: Array  # (D,)


class Gradients(NamedTuple):
    """Gradients of D weights under N draws of the noise."""

    mu: Array  # (D, N)
    sigma: Array  # (D, N)


class Draws(NamedTuple):
    """Noise of N draws, their probabilities (N,), for one pattern of the signs on x (flipout) or for all."""

    eps: Array  # (D, N) or (M, D, N) or (1, M, N)
    probability: Array
    signs_in: Array | None = None  # (1, M, D)
    signs_out: Array | None = None  # (1, M, N)


def gradients_by_rt(batch: Batch, draws: Draws) -> Gradients:
    """Reparameterization trick: eps (D, N) for one draw a mini-batch, (M, D, N) for one an object."""
    count = draws.eps.shape[-1]
    params = GaussianParams(columns(batch.mu, count), columns(np.log(batch.sigma), count))
    W, drawn = gaussian_weights_forward(params, draws.eps)
    y, cache = affine_forward(batch.x[None], AffineParams(W, None))
    dW = affine_backward(_dy(batch, y), cache).params.W
    return _gradients(batch, *gaussian_weights_backward(dW, drawn))


def gradients_by_lrt(batch: Batch, draws: Draws) -> Gradients:
    """Local reparameterization trick: eps (1, M, N)."""
    count = draws.eps.shape[-1]
    params = AffineLRTParams(columns(batch.mu, count), columns(np.log(batch.sigma), count))
    y, cache = affine_lrt_forward(batch.x[None], params, draws.eps, var_floor=0.0)
    grads = affine_lrt_backward(_dy(batch, y), cache).params
    return _gradients(batch, grads.mu, grads.log_sigma)


def gradients_by_flipout(batch: Batch, draws: Draws) -> Gradients:
    """Flipout: eps (D, N) and signs of each object."""
    count = draws.eps.shape[-1]
    params = AffineFlipoutParams(columns(batch.mu, count), columns(np.log(batch.sigma), count))
    y, cache = affine_flipout_forward(batch.x[None], params, FlipoutNoise(draws.eps, draws.signs_in, draws.signs_out))
    grads = affine_flipout_backward(_dy(batch, y), cache).params
    return _gradients(batch, grads.mu, grads.log_sigma)


def _dy(batch: Batch, y: Array) -> Array:
    return (y - batch.targets[:, None]) / len(batch.targets)


def _gradients(batch: Batch, dmu: Array, dlog_sigma: Array) -> Gradients:
    return Gradients(dmu, dlog_sigma / batch.sigma[:, None])


def _hermite(*shape: int) -> tuple[Array, Array]:
    """All nodes of as many normals, (*shape, N), and their weights."""
    count = int(np.prod(shape))
    nodes = np.array(list(product(NODES, repeat=count))).T.reshape(*shape, -1)
    weights = np.array(list(product(WEIGHTS, repeat=count))).prod(axis=1)
    return nodes, weights


def _all_signs(count: int) -> Array:
    return np.array(list(product((1.0, -1.0), repeat=count)))


def _flipout_nodes(batch: Batch) -> list[Draws]:
    """One entry a pattern of signs on x."""
    objects, width = batch.x.shape
    eps, weights = _hermite(width)
    outs = _all_signs(objects).T  # (M, 2^M)
    many = outs.shape[1]
    every_eps, signs_out = np.repeat(eps, many, axis=1), np.tile(outs, len(weights))
    patterns = _all_signs(objects * width).reshape(-1, 1, objects, width)
    probability = np.repeat(weights, many) / (many * len(patterns))
    return [Draws(every_eps, probability, pattern, signs_out[None]) for pattern in patterns]


def _one_pattern(*shape: int) -> list[Draws]:
    return [Draws(*_hermite(*shape))]


def _draw(name: str, step: int, count: int, *shape: int) -> Draws:
    return Draws(normal(Draw(16, f"audit.{name}", step), (*shape, count)), np.full(count, 1.0 / count))


def _draw_flipout(batch: Batch, step: int, count: int) -> Draws:
    objects, width = batch.x.shape
    signs_in = fair_signs(Draw(16, "audit.flipout.signs_in", step), 1, objects, width)
    signs_out = fair_signs(Draw(16, "audit.flipout.signs_out", step), 1, objects, count)
    return _draw("flipout", step, count, width)._replace(signs_in=signs_in, signs_out=signs_out)


class Estimator(NamedTuple):
    """How gradients are computed, the quadrature's nodes of its noise, and a random draw of it."""

    gradients: Callable[[Batch, Draws], Gradients]
    nodes: Callable[[Batch], list[Draws]]
    draw: Callable[[Batch, int, int], Draws]  # batch, step, number of draws


ESTIMATORS = {
    "RT, a draw a mini-batch": Estimator(
        gradients_by_rt,
        lambda batch: _one_pattern(batch.x.shape[1]),
        lambda batch, step, count: _draw("rt", step, count, batch.x.shape[1]),
    ),
    "RT, a draw an object": Estimator(
        gradients_by_rt,
        lambda batch: _one_pattern(*batch.x.shape),
        lambda batch, step, count: _draw("rt_object", step, count, *batch.x.shape),
    ),
    "LRT": Estimator(
        gradients_by_lrt,
        lambda batch: _one_pattern(1, len(batch.x)),
        lambda batch, step, count: _draw("lrt", step, count, 1, len(batch.x)),
    ),
    "flipout": Estimator(gradients_by_flipout, _flipout_nodes, _draw_flipout),
}
