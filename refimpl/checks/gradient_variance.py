"""Variance over the noise of the gradient of a linear model, for each estimator: closed form, quadrature, sample.

    L = 1/(2M) sum_m (y_m - t_m)^2,   y_m = sum_j w_j x_mj,   w_j ~ N(mu_j, sigma_j^2)
    e_m = sum_j mu_j x_mj - t_m,   C = X diag(sigma^2) X^T,   v_m = C_mm,   a_mj = sigma_j x_mj

All estimators have the same mean: sum_m e_m x_mj / M for mu_j, sigma_j sum_m x_mj^2 / M for sigma_j. For mu_j, LRT,
flipout and RT with a draw an object have the same variance; RT with a draw a mini-batch has more or less, as the sum of
x_mj x_m'j C_mm' over pairs of objects is positive or negative. For sigma_j, LRT has at most what RT with a draw an
object has.
"""

import math
from typing import NamedTuple

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.gradient_estimators import ESTIMATORS, Batch, Gradients

GROUPS, WIDTH = 200, 100  # of draws in a sample; the groups are alike and independent


class Variances(NamedTuple):
    """Variances of the gradients of mu and sigma, and their covariance, for each weight (D,)."""

    mu: Array
    sigma: Array
    covariance: Array


class Row(NamedTuple):
    """One line of the table: the variance of one gradient, that of the weight WEIGHT."""

    batch: str
    estimator: str
    parameter: str  # mu or sigma
    closed_form: float
    quadrature: float
    sample: float
    error: float  # standard error of the sample's


WEIGHT = 1
# Three objects, three inputs. In the second batch inputs of different objects point away from each other, so that for
# mu of WEIGHT one draw a mini-batch has less variance than LRT.
BATCHES = {
    "objects alike": Batch(
        np.array([[1.0, 0.6, 0.4], [0.8, 1.1, 0.3], [0.6, 0.9, 0.9]]),
        np.array([0.4, 1.9, 0.2]),
        np.array([0.7, -0.4, 1.1]),
        np.array([0.5, 0.4, 0.6]),
    ),
    "objects opposed": Batch(
        np.array([[1.0, -0.6, 0.4], [0.8, 1.1, -1.3], [-0.6, 0.9, 1.2]]),
        np.array([0.4, -1.9, 0.2]),
        np.array([0.7, -0.4, 1.1]),
        np.array([0.5, 0.4, 0.6]),
    ),
}


def mean_gradients(batch: Batch) -> Gradients:
    """The gradient of E L, (D,) each: every estimator's mean."""
    x, targets, mu, sigma = batch
    e = x @ mu - targets
    return Gradients(x.T @ e / len(x), sigma * (x * x).sum(axis=0) / len(x))  # [GRADVAR.E1]


def closed_form(batch: Batch, estimator: str) -> Variances:
    """The exact variances of an estimator's gradients. Errors: KeyError on an unknown estimator."""
    x, targets, mu, sigma = batch
    e = (x @ mu - targets)[:, None]
    a = sigma * x
    C = a @ a.T
    v = np.diag(C)[:, None]
    own_mu = (x * x * v).sum(axis=0)  # [GRADVAR.E2]
    own_covariance = (x * x * e * a).sum(axis=0)  # [GRADVAR.E3]
    of_object = (x * x * (e * e + v + a * a)).sum(axis=0)  # [GRADVAR.E4]
    of_lrt = (a * a * x * x * (e * e / v + 2.0)).sum(axis=0)  # [GRADVAR.E5]
    shared_eps = 2.0 * sigma**2 * ((x * x).sum(axis=0) ** 2 - (x**4).sum(axis=0))
    of_flipout = of_object + shared_eps  # [GRADVAR.E6]
    A, b = (e * x).sum(axis=0), sigma[:, None] * (x.T @ x)  # b_kj = sigma_k sum_m x_mk x_mj
    own_b = np.diag(b)
    together_mu = np.einsum("mj,mn,nj->j", x, C, x)  # [GRADVAR.E7]
    together_sigma = A * A + own_b**2 + (b * b).sum(axis=0)  # [GRADVAR.E8]
    together_covariance = A * own_b  # [GRADVAR.E9]
    forms = {
        "RT, a draw a mini-batch": Variances(together_mu, together_sigma, together_covariance),
        "RT, a draw an object": Variances(own_mu, of_object, own_covariance),
        "LRT": Variances(own_mu, of_lrt, own_covariance),
        "flipout": Variances(own_mu, of_flipout, own_covariance),
    }
    return Variances(*(part / len(x) ** 2 for part in forms[estimator]))


def of_theta(batch: Batch, variances: Variances) -> Array:
    """Variance of dL/dtheta, w = theta (1 + sqrt(alpha) eps), alpha held: mu and sigma are proportional to theta."""
    slope = batch.sigma / batch.mu
    return variances.mu + slope**2 * variances.sigma + 2.0 * slope * variances.covariance  # [GRADVAR.E10]


def by_quadrature(batch: Batch, estimator: str) -> tuple[Gradients, Variances]:
    """Means and variances (D,) of the gradients that the layers compute, exact to rounding."""
    gradients, nodes, _ = ESTIMATORS[estimator]
    width = batch.x.shape[1]
    sums = np.zeros((5, width))
    for draws in nodes(batch):
        dmu, dsigma = gradients(batch, draws)
        sums += np.stack([dmu, dsigma, dmu * dmu, dsigma * dsigma, dmu * dsigma]) @ draws.probability
    mean_mu, mean_sigma, mu2, sigma2, both = sums
    variances = Variances(mu2 - mean_mu**2, sigma2 - mean_sigma**2, both - mean_mu * mean_sigma)
    return Gradients(mean_mu, mean_sigma), variances


def by_sampling(batch: Batch, estimator: str) -> tuple[Variances, Variances]:
    """Variances (D,) of GROUPS * WIDTH random gradients about the known mean, and their standard errors.

    The draws of a group may share signs; groups are independent, so that the error is that of the mean over groups.
    """
    gradients, _, draw = ESTIMATORS[estimator]
    mean = mean_gradients(batch)
    groups = []
    for step in range(GROUPS):
        dmu, dsigma = (g - m[:, None] for g, m in zip(gradients(batch, draw(batch, step, WIDTH)), mean, strict=True))
        groups.append([(dmu * dmu).mean(axis=1), (dsigma * dsigma).mean(axis=1), (dmu * dsigma).mean(axis=1)])
    found = np.array(groups)
    return Variances(*found.mean(axis=0)), Variances(*(found.std(axis=0, ddof=1) / math.sqrt(GROUPS)))


def spread_over_weights(batch: Batch, estimator: str) -> float:
    """E over the noise of the variance over the weights of one gradient dL/dtheta: not a variance over the noise."""
    gradients, nodes, _ = ESTIMATORS[estimator]
    slope = (batch.sigma / batch.mu)[:, None]
    total = 0.0
    for draws in nodes(batch):
        dmu, dsigma = gradients(batch, draws)
        total += float((dmu + slope * dsigma).var(axis=0) @ draws.probability)
    return total


def gradient_variance_table() -> list[Row]:
    """For the report: every batch, estimator and parameter."""
    rows = []
    for name, batch in BATCHES.items():
        for estimator in ESTIMATORS:
            exact, (_, quadrature) = closed_form(batch, estimator), by_quadrature(batch, estimator)
            sample, error = by_sampling(batch, estimator)
            for parameter in ("mu", "sigma"):
                figures = (float(getattr(part, parameter)[WEIGHT]) for part in (exact, quadrature, sample, error))
                rows.append(Row(name, estimator, parameter, *figures))
    return rows
