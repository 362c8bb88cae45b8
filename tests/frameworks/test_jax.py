"""JAX agrees with refimpl on every case, with every output and gradient, to 1e-12 in float64."""

import pytest

from refimpl.checks.conformance import answers
from refimpl.checks.crosscheck import jax_subject
from refimpl.checks.crosscheck.checking import check_case, compare_case
from refimpl.checks.crosscheck.loading import as_subject
from tests.frameworks.comparing import BY_ID, compared, subjects_on
from validation.frameworks.subjects import subjects_of

jax = pytest.importorskip("jax", reason="jax is not installed (extra crosscheck)")

SUBJECTS = subjects_of("jax")


@pytest.mark.parametrize("case", BY_ID)
def test_every_case_agrees(case):
    (subject,) = subjects_on(case, SUBJECTS).values()
    given, _ = compared(subject, case)
    assert given == answers(BY_ID[case]).keys()


def test_float64_is_switched_on_for_the_subject_alone():
    before = jax.config.jax_enable_x64
    compared(SUBJECTS["affine"], "affine-001")
    assert jax.config.jax_enable_x64 == before


def affine(params, inputs, noise, config):
    return {"y": inputs["x"] @ params["W"] + params["b"]}


def test_float32_is_compared_with_the_bound_of_float32():
    report = compare_case(as_subject(jax_subject("affine", dtype="float32")(affine), "affine"), BY_ID["affine-001"])
    assert report.verdict == "agrees"
    assert {v.tolerance for v in report.tensors} == {2e-5}


def test_a_branch_on_a_value_and_a_mistake():
    def wrong(params, inputs, noise, config):
        half = 0.5 if params["b"][0] > -100.0 else 1.0
        return {"y": inputs["x"] @ params["W"] * half + params["b"]}

    report = check_case(as_subject(jax_subject("affine")(wrong), "wrong"), BY_ID["affine-001"])
    assert report.verdict == "differs"
    assert next(v for v in report.tensors if v.name == "grad.input.x").note == "0.5 times the expected tensor"
