"""What the draws of whole models are shared over, under both engines, matrix by matrix.

[RT.F1] [LRT.F3] [MOMENTS.E3] [MOMENTS.E4]. The noise is drawn by name, sampled and computed with as in training; the
fast engine draws only the rows of the vocabulary that occur. |z| < 5 for the right law, > 10 for its neighbours.
"""

import numpy as np
import pytest

from refimpl.checks import model_moments, moments
from refimpl.checks.model_moments import samples
from refimpl.checks.moments import LAWS, independent, noise_shared, weights_shared
from refimpl.models.recipe import Weight

RIGHT, WRONG = 5.0, 10.0
OVER = {  # estimator: covariance of two steps of an object, of two objects
    "rt": (weights_shared, weights_shared),
    "rt_object": (weights_shared, independent),
    "lrt": (independent, independent),
    "lrt_shared": (noise_shared, independent),
}
MATRICES = {
    "lstm.W_x": (model_moments.input_matrix, OVER),
    "lstm.W_x of tokens": (model_moments.token_matrix, OVER),
    "embedding.W": (model_moments.embedding_matrix, ("rt", "rt_object")),
    "lstm.W_h": (model_moments.recurrent_matrix, ("rt", "rt_object")),
    "output.W": (model_moments.output_matrix, OVER),
}
CASES = [(matrix, estimator) for matrix, (_, estimators) in MATRICES.items() for estimator in estimators]
engines = pytest.mark.parametrize("engine", ["reference", "fast"])


def only(truth, z_of_law):
    for law in LAWS:
        z = z_of_law(law)
        assert (z < RIGHT) if law is truth else (z > WRONG), (law.__name__, z)


@engines
@pytest.mark.parametrize(("matrix", "estimator"), CASES)
def test_mean_variance_and_covariances(matrix, estimator, engine):
    subject = MATRICES[matrix][0](Weight(estimator))
    y = samples(subject, engine)
    y, linear = y if y.ndim == 3 else y[:, :, 0], subject.linear  # gate i where there are four
    over_time, over_objects = OVER[estimator]
    assert moments.z_of_mean_and_variance(y, linear) < RIGHT
    only(over_time, lambda law: moments.z_over_time(y, law, linear))
    only(over_objects, lambda law: moments.z_over_objects(y, law, linear))


GATES = [("rt", "own"), ("rt_object", "own"), *((e, g) for e in ("lrt", "lrt_shared") for g in ("own", "shared"))]


@engines
@pytest.mark.parametrize("matrix", ["lstm.W_x", "lstm.W_x of tokens"])
@pytest.mark.parametrize(("estimator", "gate_noise"), GATES)
def test_gates_share_their_noise_only_where_the_recipe_says_so(matrix, estimator, gate_noise, engine):
    """All gates have equal means and variances: covariance v with shared noise, 0 with own noise or own weights."""
    subject = MATRICES[matrix][0](Weight(estimator, gate_noise=gate_noise))
    y, (x, mu, sigma) = samples(subject, engine, steps=10)[0, 0], subject.linear
    linear = moments.Linear(np.stack([x[0, 0], x[0, 0]])[:, None], mu, sigma)  # two gates in the place of two steps
    var = float(linear.var()[0, 0])
    right, wrong = (var, 0.0) if gate_noise == "shared" else (0.0, var)
    for k in (1, 2, 3):
        pair = np.stack([y[0], y[k]])[:, None]
        assert moments.z_of_covariance(pair, (0, 0), (1, 0), right, linear) < RIGHT
        assert moments.z_of_covariance(pair, (0, 0), (1, 0), wrong, linear) > WRONG


@engines
def test_steps_of_training_have_noise_of_their_own(engine):
    """Covariance of draws of two training steps: 0, standard error v / sqrt(n)."""
    subject = model_moments.input_matrix(Weight("rt"))
    y = samples(subject, engine)[0, 0, 0].reshape(model_moments.STEPS, model_moments.SIZE) - subject.linear.mean()[0, 0]
    var = subject.linear.var()[0, 0]
    covariance = np.mean(y[::2] * y[1::2])
    error = var / np.sqrt(y.size / 2)
    assert abs(covariance) < RIGHT * error
    assert abs(covariance - var) > WRONG * error


def test_engines_show_the_same_noise():
    for matrix, estimator in CASES:
        subject = MATRICES[matrix][0](Weight(estimator))
        reference, fast = (samples(subject, engine, steps=2) for engine in ("reference", "fast"))
        finite = np.isfinite(reference)
        assert np.array_equal(finite, np.isfinite(fast))
        gap = np.max(np.abs(reference[finite] - fast[finite]))
        assert gap < 1e-9  # a gate at 1 - 1e-6 has its preactivation to 1e-10
