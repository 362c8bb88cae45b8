"""Samples of noisy layers under every scheme of sharing, and the closed forms of their moments (S004 eq. 14).

    scheme                            two steps of an object         two objects
    RT, one draw a mini-batch         sum_d sigma_d^2 x_td x_t'd     the same sum
    RT, one draw an object            the same sum                   0
    LRT, one draw each                0                              0
    LRT, one draw an object           sqrt(v_t v_t')                 0

Mean and variance are the same for all. Draws are the columns of a matrix whose columns are all alike; each figure is a
z-score, the distance from the exact value in standard errors.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.noise import Draw, normal

T, B, D, DRAWS = 2, 2, 4, 20_000
MU = np.array([0.7, -0.4, 1.1, 0.2])
SIGMA = np.array([0.9, 0.5, 0.3, 0.8])
X = np.array([[[1.0, -0.6, 0.4, 0.5], [0.8, 0.3, -1.2, 0.6]], [[0.6, 1.0, 0.9, -0.1], [-0.7, 0.2, 0.5, 1.0]]])
MEAN = X @ MU  # (T, B)
VAR = (X * X) @ SIGMA**2

At = tuple[int, int]  # step, object


class CovarianceBar(NamedTuple):
    """The covariance of the two steps of an object under one scheme, in the sample and in theory."""

    scheme: str
    sample: float
    error: float  # standard error
    exact: float


def _columns(values: Array) -> Array:
    return np.broadcast_to(values[:, None], (D, DRAWS)).copy()


PARAMS = GaussianParams(_columns(MU), _columns(np.log(SIGMA)))


def rt(*objects: int) -> Array:
    """y (T, B, DRAWS) by the reparameterization trick: one draw for all, or with rt(B) one for each object."""
    eps = normal(Draw(11, "audit.rt_object" if objects else "audit.rt"), (*objects, D, DRAWS))
    W, _ = gaussian_weights_forward(PARAMS, eps)
    return affine_forward(X, AffineParams(W, None))[0]


def rt_redrawn() -> Array:
    """The bug: new weights at each step."""
    parts = []
    for t in range(T):
        W, _ = gaussian_weights_forward(PARAMS, normal(Draw(11, "audit.rt", t), (B, D, DRAWS)))
        parts.append(affine_forward(X[t : t + 1], AffineParams(W, None))[0])
    return np.concatenate(parts)


def lrt(steps: int) -> Array:
    """y (T, B, DRAWS) by the local reparameterization trick: noise for each step, or shared over time with lrt(1)."""
    eps = normal(Draw(12, "audit.lrt"), (steps, B, DRAWS))
    return affine_lrt_forward(X, AffineLRTParams(*PARAMS), eps, var_floor=0.0)[0]


def weights_shared(left: At, right: At) -> float:
    """Covariance of two preactivations that meet the same weights."""
    return float(np.sum(SIGMA**2 * X[left] * X[right]))


def noise_shared(left: At, right: At) -> float:
    """Covariance of two preactivations that meet the same eps by LRT: correlation 1."""
    return math.sqrt(VAR[left] * VAR[right])


def independent(left: At, right: At) -> float:
    """No covariance."""
    return 0.0


Law = Callable[[At, At], float]


def z_of_covariance(y: Array, left: At, right: At, exact: float) -> float:
    """|z| of the sample covariance about the known means; for normals its variance is (v v' + cov^2) / draws."""
    return abs(covariance(y, left, right) - exact) / covariance_error(left, right, exact)


def covariance(y: Array, left: At, right: At) -> float:
    """The sample covariance of two preactivations about their known means."""
    return float(np.mean((y[left] - MEAN[left]) * (y[right] - MEAN[right])))


def covariance_error(left: At, right: At, exact: float) -> float:
    """Its standard error."""
    return math.sqrt((VAR[left] * VAR[right] + exact**2) / DRAWS)


def z_over_time(y: Array, law: Law) -> float:
    """Largest |z| of the covariances of two steps."""
    return max(z_of_covariance(y, (0, b), (1, b), law((0, b), (1, b))) for b in range(B))


def z_over_objects(y: Array, law: Law) -> float:
    """Largest |z| of the covariances of two objects, at equal and at different steps."""
    pairs = [((0, 0), (0, 1)), ((0, 0), (1, 1)), ((1, 0), (0, 1))]
    return max(z_of_covariance(y, left, right, law(left, right)) for left, right in pairs)


def z_of_mean_and_variance(y: Array) -> float:
    """Largest |z| of all means (standard error sqrt(v / n)) and variances (v sqrt(2 / n))."""
    z = [0.0]
    for at in np.ndindex(T, B):
        z.append(abs(y[at].mean() - MEAN[at]) / math.sqrt(VAR[at] / DRAWS))
        z.append(abs(np.mean((y[at] - MEAN[at]) ** 2) - VAR[at]) / (VAR[at] * math.sqrt(2.0 / DRAWS)))
    return float(max(z))


def z_of_normals(sample: Array) -> float:
    """Largest |z| of the first four moments of standard normals, and of the correlation of neighbours."""
    n = sample.size
    x = sample.astype(np.float64)
    moments = [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]  # power, its mean, its variance
    z = [abs(np.mean(x**power) - mean) / math.sqrt(variance / n) for power, mean, variance in moments]
    return float(max(*z, abs(np.mean(x[:-1] * x[1:])) * math.sqrt(n - 1.0)))


def covariance_bars() -> list[CovarianceBar]:
    """For the figure: two steps of object 0 under RT, LRT and LRT with shared noise."""
    left, right = (0, 0), (1, 0)
    rows: list[tuple[str, Array, Law]] = [
        ("RT", rt(B), weights_shared),
        ("LRT, a draw each step", lrt(T), independent),
        ("LRT, draw shared over time", lrt(1), noise_shared),
    ]
    return [
        CovarianceBar(
            name, covariance(y, left, right), covariance_error(left, right, law(left, right)), law(left, right)
        )
        for name, y, law in rows
    ]
