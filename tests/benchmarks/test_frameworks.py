"""Each contender's first step has the reference engine's loss and gradients; a fault in any of them would be seen."""

from importlib import import_module

import numpy as np
import pytest

from refimpl.benchmarks.agreement import GRADIENT_TOLERANCE, LOSS_TOLERANCE, relative_difference
from refimpl.benchmarks.contenders import CONTENDERS, make_subject
from refimpl.benchmarks.measure import SEED
from refimpl.benchmarks.traits import Plan
from refimpl.benchmarks.workloads import (
    NAMES,
    find_workloads,
    first_noise,
    make_batch,
    make_params,
    setup_of,
    traits_of,
)
from refimpl.training.clipping import clip_by_global_norm
from refimpl.training.elbo import elbo_step
from refimpl.training.problem import n_terms


@pytest.fixture
def first_step(inputs_of):
    """A function: the first step of a contender, loss and gradients; two more steps must go well."""

    def run(name, workload_name, used_rows=None, noise=None):
        (workload,) = find_workloads(workload_name, "tiny")
        traits = traits_of(workload, SEED)
        traits = traits if used_rows is None else traits._replace(used_rows=used_rows)
        subject = make_subject(name, Plan(workload, traits, 1, SEED), inputs_of(workload))
        loss, grads = subject.first_step(first_noise(workload, SEED) if noise is None else noise)
        if noise is None:
            after = [subject.step() for _ in range(2)]
            assert np.isfinite(after).all()
            assert len({loss, *after}) == 3  # each step has new noise and new parameters
        return loss, {key: np.array(value) for key, value in grads.items()}

    return run


def needs(name):
    package = CONTENDERS[name].package
    if package is not None:
        pytest.importorskip(package, reason=f"{package} is not installed (extra crosscheck)")
        import_module(f"refimpl.benchmarks.{CONTENDERS[name].module}")


OTHERS = [name for name, contender in CONTENDERS.items() if contender.checked and name != "reference"]
IN_PROCESS = [name for name in OTHERS if name != "torch-compiled"]  # compilers are slow: a benchmark checks it itself


@pytest.mark.parametrize("workload", NAMES)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_the_first_step_agrees(name, workload, first_step):
    needs(name)
    expected_loss, expected = first_step("reference", workload)
    for used_rows in (True, False) if workload in ("word", "imdb") and CONTENDERS[name].package else (None,):
        loss, grads = first_step(name, workload, used_rows)
        assert abs(loss - expected_loss) / abs(expected_loss) < LOSS_TOLERANCE
        assert grads.keys() == expected.keys()
        for key, value in expected.items():
            assert relative_difference(key, grads[key], value) < GRADIENT_TOLERANCE


@pytest.mark.parametrize("name", [name for name in IN_PROCESS if CONTENDERS[name].package])
def test_other_noise_does_not_agree(name, first_step):
    needs(name)
    (workload,) = find_workloads("char", "tiny")
    noise = first_noise(workload, SEED)
    expected = first_step("reference", "char")[1]
    for changed in noise:
        grads = first_step(name, "char", noise=noise | {changed: -noise[changed]})[1]
        errors = [relative_difference(key, grads[key], value) for key, value in expected.items()]
        assert max(errors) > 10.0 * GRADIENT_TOLERANCE


@pytest.mark.parametrize("workload", NAMES)
def test_gradients_read_back_from_adam_are_those_of_the_objective(workload, first_step):
    """m / (1 - beta1) after the first step is the clipped gradient."""
    (w,) = find_workloads(workload, "tiny")
    setup, params, drawn = setup_of(w, SEED), make_params(w, SEED), first_noise(w, SEED)
    step = elbo_step(params, drawn, make_batch(w, SEED), setup.recipe, n_terms=n_terms(setup.problem))
    clipped, _ = clip_by_global_norm(step.grads, setup.options.clip_norm)
    loss, grads = first_step("reference", workload)
    assert loss == float(step.loss.total)
    for key, value in clipped.items():
        np.testing.assert_allclose(grads[key], value, rtol=1e-6, atol=0)
