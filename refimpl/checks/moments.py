"""Samples of noisy layers under every scheme of sharing, and the closed forms of their moments (S004 eq. 14).

    scheme                            two steps of an object         two objects
    RT, one draw a mini-batch         sum_d sigma_d^2 x_td x_t'd     the same sum
    RT, one draw an object            the same sum                   0
    LRT, one draw each                0                              0
    LRT, one draw an object           sqrt(v_t v_t')                 0
    flipout, signs of each            0                              0
    flipout, signs of an object       the same sum                   0

Mean and variance are the same for all. Draws are the columns of a matrix whose columns are all alike; each figure is a
z-score, the distance from the exact value in standard errors.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.flipout import AffineFlipoutParams, FlipoutNoise, affine_flipout_forward
from refimpl.bayes.gaussian_weights import GaussianParams, gaussian_weights_forward
from refimpl.bayes.local_reparam import AffineLRTParams, affine_lrt_forward
from refimpl.layers.affine import AffineParams, affine_forward
from refimpl.noise import Draw, bernoulli, normal

T, B, D, DRAWS = 2, 2, 4, 20_000
PATTERNS = 200  # of flipout's signs; the columns of one pattern share its signs on x
MU = np.array([0.7, -0.4, 1.1, 0.2])
SIGMA = np.array([0.9, 0.5, 0.3, 0.8])
X = np.array([[[1.0, -0.6, 0.4, 0.5], [0.8, 0.3, -1.2, 0.6]], [[0.6, 1.0, 0.9, -0.1], [-0.7, 0.2, 0.5, 1.0]]])

At = tuple[int, int]  # step, object


class Linear(NamedTuple):
    """Inputs x (T, B, D), not random, and the posterior of a column of weights: what the closed forms are made of."""

    x: Array
    mu: Array  # (D,)
    sigma: Array  # (D,)

    def mean(self) -> Array:
        """Of each preactivation, (T, B), by every scheme."""
        return self.x @ self.mu  # [MOMENTS.E1]

    def var(self) -> Array:
        """Of each preactivation, (T, B), by every scheme."""
        return (self.x * self.x) @ self.sigma**2  # [MOMENTS.E2]


LINEAR = Linear(X, MU, SIGMA)
Law = Callable[[Linear, At, At], float]


class CovarianceBar(NamedTuple):
    """The covariance of the two steps of an object under one scheme, in the sample and in theory."""

    scheme: str
    sample: float
    error: float  # standard error
    exact: float


def columns(values: Array, count: int = DRAWS) -> Array:
    """values (D,) as the columns of a matrix (D, count) whose columns are all alike."""
    return np.broadcast_to(values[:, None], (len(values), count)).copy()


PARAMS = GaussianParams(columns(MU), columns(np.log(SIGMA)))


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


def flipout(steps: int) -> Array:
    """y (T, B, DRAWS) by flipout: signs of each step and object, or of an object for all its steps with flipout(1)."""
    width = DRAWS // PATTERNS
    params = AffineFlipoutParams(columns(MU, width), columns(np.log(SIGMA), width))
    parts = []
    for pattern in range(PATTERNS):
        noise = FlipoutNoise(
            normal(Draw(13, "audit.flipout", pattern), (D, width)),
            fair_signs(Draw(13, "audit.signs_in", pattern), steps, B, D),
            fair_signs(Draw(13, "audit.signs_out", pattern), steps, B, width),
        )
        parts.append(affine_flipout_forward(X, params, noise)[0])
    return np.concatenate(parts, axis=-1)


def fair_signs(draw: Draw, *shape: int) -> Array:
    """+1 and -1 with equal chances."""
    return 2.0 * bernoulli(draw, shape, 0.5) - 1.0


def weights_shared(linear: Linear, left: At, right: At) -> float:
    """Covariance of two preactivations that meet the same weights."""
    return float(np.sum(linear.sigma**2 * linear.x[left] * linear.x[right]))  # [MOMENTS.E3]


def noise_shared(linear: Linear, left: At, right: At) -> float:
    """Covariance of two preactivations that meet the same eps by LRT: correlation 1."""
    var = linear.var()
    return math.sqrt(var[left] * var[right])  # [MOMENTS.E4]


def independent(linear: Linear, left: At, right: At) -> float:
    """No covariance."""
    return 0.0


LAWS: tuple[Law, ...] = (weights_shared, noise_shared, independent)


class Scheme(NamedTuple):
    """A way of sharing the noise, and what it makes of covariances."""

    sample: Callable[[], Array]  # -> y (T, B, DRAWS)
    over_time: Law
    over_objects: Law


SCHEMES = {
    "RT, a draw a mini-batch": Scheme(rt, weights_shared, weights_shared),
    "RT, a draw an object": Scheme(lambda: rt(B), weights_shared, independent),
    "LRT, a draw each": Scheme(lambda: lrt(T), independent, independent),
    "LRT, draw shared over time": Scheme(lambda: lrt(1), noise_shared, independent),
    "flipout, signs of each": Scheme(lambda: flipout(T), independent, independent),
    "flipout, signs of an object": Scheme(lambda: flipout(1), weights_shared, independent),
}


def covariance_of_squares(linear: Linear, left: At, right: At) -> float:
    """Covariance of the squares of two centred preactivations by flipout whose signs differ: they share |eps|."""
    return float(2.0 * np.sum((linear.sigma**2 * linear.x[left] * linear.x[right]) ** 2))  # [MOMENTS.E5]


def covariance(y: Array, left: At, right: At, linear: Linear = LINEAR) -> float:
    """The covariance of two preactivations in a sample y (T, B, draws), about their known means."""
    mean = linear.mean()
    return float(np.mean((y[left] - mean[left]) * (y[right] - mean[right])))


def covariance_error(left: At, right: At, exact: float, draws: int = DRAWS, linear: Linear = LINEAR) -> float:
    """Its standard error: the root of E[(y y')^2] - cov^2 over the number of draws.

    For normals that is v v' + cov^2, for flipout without covariance v v' + covariance_of_squares; the larger is taken.
    """
    var = linear.var()
    more = max(exact**2, covariance_of_squares(linear, left, right))
    return math.sqrt((var[left] * var[right] + more) / draws)  # [MOMENTS.E6]


def z_of_covariance(y: Array, left: At, right: At, exact: float, linear: Linear = LINEAR) -> float:
    """|z| of the sample covariance, in standard errors of ``covariance_error``."""
    error = covariance_error(left, right, exact, y.shape[-1], linear)
    return abs(covariance(y, left, right, linear) - exact) / error


def z_over_time(y: Array, law: Law, linear: Linear = LINEAR) -> float:
    """Largest |z| of the covariances of two steps of an object."""
    pairs = [((0, b), (1, b)) for b in range(B)]
    return max(z_of_covariance(y, *pair, law(linear, *pair), linear) for pair in pairs)


def z_over_objects(y: Array, law: Law, linear: Linear = LINEAR) -> float:
    """Largest |z| of the covariances of two objects, at equal and at different steps."""
    pairs = [((0, 0), (0, 1)), ((0, 0), (1, 1)), ((1, 0), (0, 1))]
    return max(z_of_covariance(y, *pair, law(linear, *pair), linear) for pair in pairs)


def z_of_squares(y: Array, left: At, right: At, exact: float) -> float:
    """|z| of the covariance of squares, its standard error from the means of the sign patterns, which are alike."""
    mean, var = LINEAR.mean(), LINEAR.var()
    products = ((y[left] - mean[left]) ** 2 - var[left]) * ((y[right] - mean[right]) ** 2 - var[right])
    means = products.reshape(PATTERNS, -1).mean(axis=1)
    return float(abs(means.mean() - exact) / (means.std(ddof=1) / math.sqrt(PATTERNS)))


def z_of_mean_and_variance(y: Array, linear: Linear = LINEAR) -> float:
    """Largest |z| of all means (standard error sqrt(v / n)) and variances (v sqrt(2 / n))."""
    mean, var, draws = linear.mean(), linear.var(), y.shape[-1]
    z = [0.0]
    for at in np.ndindex(*y.shape[:2]):
        z.append(abs(y[at].mean() - mean[at]) / math.sqrt(var[at] / draws))
        z.append(abs(np.mean((y[at] - mean[at]) ** 2) - var[at]) / (var[at] * math.sqrt(2.0 / draws)))
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
    shared = "LRT, draw shared over time"
    rows = {"RT": "RT, a draw an object", "LRT, a draw each step": "LRT, a draw each", shared: shared}
    bars = []
    for name, key in rows.items():
        sample, law, _ = SCHEMES[key]
        exact = law(LINEAR, left, right)
        error = covariance_error(left, right, exact)
        bars.append(CovarianceBar(name, covariance(sample(), left, right), error, exact))
    return bars
