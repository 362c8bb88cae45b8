"""Cases in which a subject raises, cases that are set aside, NaN, and what is said of them at the end."""

import numpy as np
import pytest

from refimpl.checks.conformance import answers, cases
from refimpl.checks.crosscheck.checking import check_case, crosscheck
from refimpl.checks.crosscheck.report import format_report
from refimpl.checks.crosscheck.results import ASIDE, FAILED, Report
from refimpl.checks.crosscheck.subject import Answered, Subject, numpy_subject
from tests.checks.crosscheck_functions import BY_ID, affine, lstm


def padded(params, inputs, noise, config):
    """The plain LSTM with a mask, which holds h and c."""
    h, c, steps = inputs["h0"], inputs["c0"], []
    mask = inputs.get("mask", np.ones(inputs["x"].shape[:2], bool))
    for x, kept in zip(inputs["x"], mask, strict=True):
        one = lstm(params, {"x": x[None], "h0": h, "c0": c}, noise, config)
        h, c = (np.where(kept[:, None], new, old) for new, old in ((one["h_last"], h), (one["c_last"], c)))
        steps.append(h)
    return {"h": np.stack(steps), "h_last": h, "c_last": c}


def raising(error, where=lambda inputs: "mask" in inputs):
    def function(params, inputs, noise, config):
        if where(inputs):
            raise error
        return lstm(params, inputs, noise, config)

    return function


def verdict_of(report, case):
    return next(r for r in report.cases if r.case.id == case).verdict


@pytest.mark.parametrize("ops", [("lstm",), ()], ids=["declared", "tried on all"])
@pytest.mark.parametrize("error", [RuntimeError("sizes differ"), KeyError("W_x"), KeyError("masks")])
def test_an_error_in_one_case_is_a_failure(error, ops):
    report = crosscheck(numpy_subject(raising(error), ops))
    assert (verdict_of(report, "lstm-001"), verdict_of(report, "lstm-006")) == ("agrees", FAILED)
    assert not report.agrees
    assert {r.case.op for r in report.compared} == {"lstm"}
    text = format_report(report)
    assert f"\nFAILED: it raises in lstm-006: {type(error).__name__}: {error.args[0]} (test_crosscheck_verdicts" in text
    assert "AGREES" not in text


@pytest.mark.parametrize("error", [NotImplementedError("no padding"), KeyError("peephole")])
def test_what_is_not_implemented_or_not_of_this_case_is_set_aside(error):
    report = crosscheck(numpy_subject(raising(error), ("lstm",)))
    assert verdict_of(report, "lstm-006") == ASIDE


def test_a_name_of_no_case_is_a_failure_and_one_of_others_is_not():
    def look(name):
        def function(params, inputs, noise, config):
            if "mask" in inputs:
                inputs[name]
            return lstm(params, inputs, noise, config)

        return verdict_of(crosscheck(numpy_subject(function, ("lstm",))), "lstm-006")

    assert look("multiplier_x") == ASIDE
    assert look("masks") == FAILED


def test_an_option_that_the_subjects_own_table_lacks_is_set_aside():
    def function(params, inputs, noise, config):
        return {"sigmoid": padded}[config["gates"]](params, inputs, noise, config)

    assert verdict_of(crosscheck(numpy_subject(function, ("lstm",))), "lstm-005") == ASIDE


def test_a_declared_operation_that_always_raises_is_a_failure():
    def function(params, inputs, noise, config, cotangents):
        if "W_x" in params:
            raise RuntimeError("broken")
        return affine(params, inputs, noise, config, cotangents)

    report = crosscheck(numpy_subject(function, ("affine", "rnn")))
    assert (verdict_of(report, "affine-001"), verdict_of(report, "rnn-001")) == ("agrees", FAILED)


def test_a_failure_is_said_beside_a_difference():
    def function(params, inputs, noise, config):
        return raising(RuntimeError("broken"))(params | {"b": 2.0 * params["b"]}, inputs, noise, config)

    last = format_report(crosscheck(numpy_subject(function, ("lstm",)))).splitlines()
    assert any(line.startswith("DIFFERS in 1 of") for line in last)
    assert any(line.startswith("FAILED: it raises in lstm-006") for line in last)


def test_nan_is_not_taken_for_noise_and_its_first_place_is_said():
    def kl(params, inputs, noise, config):
        ratio = np.log(params["mu"] ** 2) * 0.0  # NaN where mu is zero
        return {"kl": answers(BY_ID["kl-003"])["out.kl"] + ratio.sum()}

    with np.errstate(all="ignore"):
        report = crosscheck(numpy_subject(kl, ("kl",)), ["kl-003"])
    assert [r.verdict for r in report.cases] == ["differs"]
    assert "\nNaN or infinity in out.kl, the first.\n" in format_report(report)


def test_nan_that_moves_is_noise():
    calls = []

    def moving(params, inputs, noise, config):
        calls.append(1)
        y = inputs["x"] @ params["W"] + params["b"]
        y.flat[len(calls)] = np.nan
        return {"y": y}

    assert check_case(numpy_subject(moving), BY_ID["affine-001"]).verdict == "not repeatable"


def test_what_was_not_checked_is_said_where_it_agrees():
    *_, counted, unchecked = format_report(crosscheck(numpy_subject(padded, ("lstm",)))).splitlines()
    assert counted == "AGREES in 3 cases, 4 set aside: 9 outputs, no gradients (18 not returned)."
    assert unchecked.startswith("Not checked: peephole, peephole_output c, multiplier_x, ")
    assert "gates hard_sigmoid" in unchecked
    assert "mask" not in unchecked
    assert "mask" in format_report(crosscheck(numpy_subject(lstm, ("lstm",)))).splitlines()[-1]
    assert "Not checked" not in format_report(crosscheck(numpy_subject(padded), ["lstm-001"]))


def test_a_case_with_nothing_of_its_own_is_named():
    def one_matrix(params, inputs, noise, config, cotangents):
        if params["W"].ndim != 2:
            raise NotImplementedError("one W for all objects")
        return affine(params, inputs, noise, config, cotangents)

    text = format_report(crosscheck(numpy_subject(one_matrix, ("affine",))))
    assert text.endswith("\nAGREES in 1 case, 1 set aside: 1 output, 3 gradients.\nNot checked: affine-002.")


def test_only_the_operation_that_was_compared_is_spoken_of():
    unchecked = format_report(crosscheck(numpy_subject(lstm))).splitlines()[-1]
    assert "peephole" in unchecked
    assert not any(case.id in unchecked for case in cases())


def in_part(single, kind="float64"):
    """The right answers, those whose names begin so rounded to float32 and given in this dtype."""

    def run(case, known):
        right = answers(case)
        return Answered({n: a.astype("float32").astype(kind) if n.startswith(single) else a for n, a in right.items()})

    return Subject("mine", run, ("lstm",))


def test_single_precision_inside_is_the_cause_and_not_the_backward_pass():
    text = format_report(crosscheck(in_part("grad."), ["lstm-001"]))
    assert text.endswith('\nCause: float32 inside; declare it with dtype="float32", or compute in float64.')
    assert "the backward pass does not" not in text
    assert crosscheck(in_part("grad.", "float32"), ["lstm-001"]).agrees


def test_single_precision_is_not_the_cause_where_more_differs():
    def run(case, known):
        found = in_part("grad.").run(case, known).answers
        return Answered(found | {"grad.param.b": 1.5 * found["grad.param.b"]})

    report = check_case(Subject("mine", run, ("lstm",)), BY_ID["lstm-001"])
    text = format_report(Report("mine", (report,), ()))
    assert "Cause: float32" not in text
    assert "The forward pass agrees, the backward pass does not." in text
