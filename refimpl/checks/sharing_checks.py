"""Audit, family noise: what every way of sharing it does to preactivations and gradients, against closed forms."""

from collections.abc import Callable

from refimpl.arrays import Array
from refimpl.checks import model_moments, moments, recurrent_product
from refimpl.checks.gradient_variance import BATCHES, WEIGHT, Variances, by_quadrature, closed_form
from refimpl.checks.moments import SCHEMES, B, Linear, T
from refimpl.checks.planting import About, run_check
from refimpl.checks.result import CheckResult
from refimpl.models.recipe import Weight

FAMILY = "noise"
Z_BOUND = 5.0  # chance 6e-7 for one z-score
ROUNDING = 1e-10  # the quadrature of flipout adds 110,592 terms
Z = "; the figure is the largest |z|"


def sharing_checks() -> list[CheckResult]:
    """Moments, covariances over time and objects, whole models, the recurrent product, gradients' variances."""
    return [*_schemes(), _squares(), *_models(), *_recurrent_product(), *_gradients()]


def _schemes() -> list[CheckResult]:
    over_time, over_objects = "covariance of two steps of an object against ", "covariance of two objects against "
    rows: list[tuple[str, str, str, Callable[[Array], float], Array, str, Array]] = [
        ("RT, mean and variance", "four preactivations of 20,000 draws against sum mu x and sum sigma^2 x^2" + Z,
         "sigma for sigma^2, noise that is not standard", moments.z_of_mean_and_variance, moments.rt(B),
         "half of the deviation", 0.5 * (moments.rt(B) + moments.LINEAR.mean()[..., None])),
        ("LRT, mean and variance", "the same for LRT with a draw each" + Z,
         "sigma for sigma^2, x for x^2", moments.z_of_mean_and_variance, moments.lrt(T),
         "the mean left out", moments.lrt(T) - moments.LINEAR.mean()[..., None]),
        ("RT, covariance over time", over_time + "sum sigma^2 x x'" + Z, "weights that are redrawn at each step",
         lambda y: moments.z_over_time(y, moments.weights_shared), moments.rt(B),
         "noise redrawn at each step", moments.rt_redrawn()),
        ("RT is not LRT with shared noise", over_time + "sum sigma^2 x x'" + Z, "LRT with shared noise taken for RT",
         lambda y: moments.z_over_time(y, moments.weights_shared), moments.rt(), "LRT with shared eps", moments.lrt(1)),
        ("LRT, a draw each step", over_time + "0" + Z, "noise that is shared without being meant to",
         lambda y: moments.z_over_time(y, moments.independent), moments.lrt(T), "eps shared over time", moments.lrt(1)),
        ("LRT, a draw shared over time (S004)", over_time + "sqrt(v v')" + Z, "noise redrawn at each step; RT for it",
         lambda y: moments.z_over_time(y, moments.noise_shared), moments.lrt(1), "RT in its place", moments.rt(B)),
        ("RT, one draw an object", over_objects + "0" + Z, "one weight sample for the whole mini-batch",
         lambda y: moments.z_over_objects(y, moments.independent), moments.rt(B),
         "one draw a mini-batch", moments.rt()),
        ("RT, one draw a mini-batch", over_objects + "sum sigma^2 x x'" + Z, "own draws where one is meant",
         lambda y: moments.z_over_objects(y, moments.weights_shared), moments.rt(),
         "one draw an object", moments.rt(B)),
        ("flipout, signs of an object, over time", over_time + "sum sigma^2 x x'" + Z, "signs redrawn at each step",
         lambda y: moments.z_over_time(y, moments.weights_shared), moments.flipout(1),
         "signs of each step", moments.flipout(T)),
        ("flipout, signs of an object, over objects", over_objects + "0" + Z, "signs that are not turned",
         lambda y: moments.z_over_objects(y, moments.independent), moments.flipout(1),
         "no signs: RT with one draw", moments.rt()),
    ]  # fmt: skip
    return [
        run_check(About(FAMILY, name, what, catches), measure, right, Z_BOUND, planted=planted, wrong=wrong)
        for name, what, catches, measure, right, planted, wrong in rows
    ]


def _squares() -> CheckResult:
    left, right = (0, 0), (0, 1)
    exact = moments.covariance_of_squares(moments.LINEAR, left, right)
    about = About(
        FAMILY,
        "flipout is uncorrelated, not independent",
        "covariance of the squares of two objects' noise against 2 sum sigma^4 x^2 x'^2" + Z,
        "RT with a draw an object taken for flipout, whose first two moments are the same",
    )
    return run_check(
        about,
        lambda y: moments.z_of_squares(y, left, right, exact),
        moments.flipout(1),
        Z_BOUND,
        planted="RT, one draw an object",
        wrong=moments.rt(B),
    )


def _models() -> list[CheckResult]:
    """Matrices of models in the fast engine: one estimator of the recipe, and its neighbour in its place."""
    rows = [
        ("W_x", model_moments.input_matrix, "RT, a draw an object", "rt_object", "lrt_shared"),
        ("W_h", model_moments.recurrent_matrix, "RT, a draw a mini-batch", "rt", "rt_object"),
        ("output.W", model_moments.output_matrix, "LRT, draw shared over time", "lrt_shared", "lrt"),
        ("embedding.W", model_moments.embedding_matrix, "RT, a draw a mini-batch", "rt", "rt_object"),
    ]
    checks = []
    for matrix, build, scheme, estimator, neighbour in rows:
        laws = SCHEMES[scheme]
        about = About(
            FAMILY,
            f"{matrix} of a model",
            f"5,000 draws of {estimator}, read off networks in training steps of the fast engine: mean, variance, "
            "covariance over time and objects" + Z,
            "noise that is drawn for one sharing and used with another",
        )

        def measure(found: tuple[Array, Linear], laws: moments.Scheme = laws) -> float:
            y, linear = found
            over_time = moments.z_over_time(y, laws.over_time, linear)
            over_objects = moments.z_over_objects(y, laws.over_objects, linear)
            return max(over_time, over_objects, moments.z_of_mean_and_variance(y, linear))

        right, wrong = (_read(build(Weight(name))) for name in (estimator, neighbour))
        checks.append(run_check(about, measure, right, Z_BOUND, planted=f"{neighbour} in its place", wrong=wrong))
    return checks


def _read(subject: model_moments.Subject) -> tuple[Array, Linear]:
    """The draws of gate i where there are four, and what they are compared with."""
    y = model_moments.samples(subject, "fast")
    return (y if y.ndim == 3 else y[:, :, 0]), subject.linear


def _recurrent_product() -> list[CheckResult]:
    law = recurrent_product.law_of_rt(recurrent_product.MU, recurrent_product.SIGMA)
    about = About(
        FAMILY,
        "a recurrent weight met twice",
        f"200,000 draws of w^2 x: mean, variance and fourth moment (excess kurtosis {law.excess_kurtosis:.3f})" + Z,
        "LRT on a recurrent matrix: w w' for w^2, whose variance and excess kurtosis are half",
    )
    return [
        run_check(
            about,
            lambda y: recurrent_product.z_of_moments(y, law),
            recurrent_product.by_rt(),
            Z_BOUND,
            planted="LRT at each step",
            wrong=recurrent_product.by_lrt(),
        )
    ]


def _gradients() -> list[CheckResult]:
    """By the layers' own backward functions, exact."""
    batch = BATCHES["objects alike"]
    neighbours = {
        "RT, a draw a mini-batch": "RT, a draw an object",
        "RT, a draw an object": "flipout",
        "LRT": "RT, a draw an object",
        "flipout": "RT, a draw an object",
    }
    checks = []
    for estimator, neighbour in neighbours.items():
        found, other = by_quadrature(batch, estimator)[1], by_quadrature(batch, neighbour)[1]
        exact = closed_form(batch, estimator)
        about = About(
            FAMILY,
            f"variance of gradients, {estimator}",
            f"of mu {found.mu[WEIGHT]:.4f}, of sigma {found.sigma[WEIGHT]:.4f} for one weight of a linear model, by "
            "exact quadrature over the noise, against closed forms; the figure is the largest relative distance",
            "noise that is used again in the backward pass, a gradient of another estimator",
        )

        def measure(found: Variances, exact: Variances = exact) -> float:
            return max(float(abs(a / b - 1.0).max()) for a, b in zip(found, exact, strict=True))

        checks.append(run_check(about, measure, found, ROUNDING, planted=f"{neighbour}, in its place", wrong=other))
    return checks
