"""Subjects of NumPy: which cases count, and what they do wrong."""

import numpy as np
import pytest

from refimpl.checks.conformance import cases
from refimpl.checks.crosscheck.checking import check_case, choose, crosscheck
from refimpl.checks.crosscheck.report import format_report
from refimpl.checks.crosscheck.results import ASIDE, NOT_REPEATABLE
from refimpl.checks.crosscheck.subject import BadSubjectError, Read, Subject, check_outputs, numpy_subject
from tests.checks.crosscheck_functions import BY_ID, affine, lstm, verdicts


def test_a_right_function_agrees_and_what_it_lacks_is_said():
    report = check_case(numpy_subject(affine, ("affine",)), BY_ID["affine-001"])
    assert report.verdict == "agrees"
    assert all(v.verdict == "agrees" for v in report.tensors)
    report = check_case(numpy_subject(lstm, ("lstm",)), BY_ID["lstm-001"])
    assert report.verdict == "agrees"
    assert {v.name for v in report.tensors if v.verdict == "missing"} >= {"mid.c", "grad.param.W_x"}


def test_cases_that_are_not_looked_at_in_full_are_set_aside_unless_named():
    subject = numpy_subject(lstm, ("lstm",))
    found = verdicts(subject)
    assert found["lstm-001"] == "agrees"
    assert {v for name, v in found.items() if name != "lstm-001"} == {ASIDE}
    report = next(r for r in crosscheck(subject).cases if r.case.id == "lstm-002")
    assert report.notes == ("not applicable: param.peephole, input.mask, config.peephole_output",)
    assert verdicts(subject, "lstm-002") == {"lstm-002": "differs"}


@pytest.mark.parametrize(
    "look",
    [
        lambda d: d["W"],
        lambda d: d.get("W"),
        lambda d: d.pop("W"),
        lambda d: dict(d),
        lambda d: {**d},
        lambda d: d | {},
        lambda d: d.copy(),
        lambda d: list(d.values()),
        lambda d: sum(v for _, v in d.items()),
        lambda d: (lambda W, b=0.0: W)(**d),
    ],
)
def test_what_is_looked_at_is_noticed(look):
    entries = Read({"W": 2.0})
    look(entries)
    assert entries.seen == {"W"}
    untouched = Read({"W": 2.0})
    assert "W" in untouched
    assert untouched.get("b") is None
    assert untouched.seen == set()


def test_an_ignored_option_sets_a_case_aside_only_where_its_value_differs():
    def kl(params, inputs, noise, config):
        half = np.exp(2.0 * params["log_sigma"]) + params["mu"] ** 2 - 1.0
        return {"kl": 0.5 * half - params["log_sigma"]}

    def wrong(params, inputs, noise, config):
        return {"kl": 2.0 * kl(params, inputs, noise, config)["kl"]}

    normal = next(c.id for c in cases() if c.op == "kl" and c.config["kl"] == "standard_normal")
    subject = numpy_subject(kl, ("kl",))
    assert verdicts(subject, normal) == {normal: "agrees"}
    assert verdicts(subject)[normal] == "agrees"
    assert verdicts(subject)["kl-001"] == "differs"  # the first case is never set aside
    assert "differs" in verdicts(numpy_subject(wrong, ("kl",)), normal).values()


def test_an_undeclared_function_is_tried_on_every_operation():
    report = crosscheck(numpy_subject(lstm))
    assert {r.case.op for r in report.compared} == {"lstm"}
    assert report.agrees


def test_noise_of_its_own_is_said_to_be_that():
    calls = []

    def noisy(params, inputs, noise, config):
        calls.append(1)
        return {"y": inputs["x"] @ params["W"] + params["b"] + len(calls)}

    report = check_case(numpy_subject(noisy, ("affine",)), BY_ID["affine-001"])
    assert report.verdict == NOT_REPEATABLE
    assert "out.y" in report.notes[0]
    assert "noise of its own" in report.notes[0]
    assert report.causes == ()


def test_a_seeded_generator_is_told_from_a_state():
    state = [0]

    def run(case, known):
        return numpy_subject(lambda p, i, n, c: {"y": i["x"] @ p["W"] + p["b"] + state[0]}).run(case, known)

    def seed(value):
        state[0] = value

    report = check_case(Subject("mine", run, seed=seed), BY_ID["affine-001"])
    assert "from the framework's generator" in report.notes[0]


def test_inputs_that_are_written_over_are_named():
    def greedy(params, inputs, noise, config):
        inputs["x"] *= 2.0
        return {"y": inputs["x"] @ params["W"] / 2.0 + params["b"]}

    report = check_case(numpy_subject(greedy), BY_ID["affine-001"])
    assert report.notes == ("it writes over what it is given: input.x",)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda p, i, n, c: {"y": i["x"], "z": i["x"]}, r"unknown names \['z'\]; known are \['y', 'grad.param.W'"),
        (lambda p, i, n, c: i["x"], r"expected a dict of outputs, such as \['y'\], got ndarray"),
        (lambda p, i, n, c: {"y": p["weight"]}, r"KeyError: 'weight'; there are 'W', 'b' \(test_crosscheck_subjects"),
        (lambda p, i, n, c: {}, "it returns nothing"),
        (lambda p, i, n, c: {"y": i["x"] @ p["W"].T}, r"ValueError: matmul.*line \d+"),
    ],
)
def test_errors_name_the_case_the_fault_and_the_line(function, said):
    subject = numpy_subject(function, ("affine",))
    with pytest.raises(BadSubjectError, match=f"affine-001: {said}"):
        crosscheck(subject, ["affine-001"])
    with pytest.raises(BadSubjectError, match="could be compared on no case"):
        crosscheck(subject)


def test_gradients_are_offered_only_to_those_who_may_return_them():
    known = ["mid.c", "out.h", "grad.param.b"]
    with pytest.raises(BadSubjectError, match=r"^unknown names \['hn'\]; known are \['h', 'mid.c'\]$"):
        check_outputs({"hn": 0.0}, known)
    with pytest.raises(BadSubjectError, match=r"known are \['h', 'mid.c', 'grad.param.b'\]$"):
        check_outputs({"hn": 0.0}, known, ("grad.",))


def test_a_shape_alone_is_the_cause_and_is_left_out_of_the_search():
    def batch_first(params, inputs, noise, config):
        return lstm(params, inputs, noise, config) | {"h": lstm(params, inputs, noise, config)["h"].swapaxes(0, 1)}

    def and_doubled(params, inputs, noise, config):
        return batch_first(params | {"b": 2.0 * params["b"]}, inputs, noise, config)

    text = format_report(crosscheck(numpy_subject(batch_first), ["lstm-001"]))
    assert "with its axes in the order (1, 0, 2) it agrees" in text
    assert "Cause: the shape of out.h." in text
    report = crosscheck(numpy_subject(and_doubled), ["lstm-001"])
    assert "two-biases" in {m.name for cause in report.causes for m in cause}


def test_a_function_that_fits_no_operation():
    with pytest.raises(BadSubjectError, match='no case\nsay which operation it computes: @torch_subject\\("lstm"\\)'):
        crosscheck(numpy_subject(lambda p, i, n, c: {"y": p["no such"]}))


def test_what_is_not_implemented_is_set_aside():
    def only_one_matrix(params, inputs, noise, config, cotangents):
        if params["W"].ndim != 2:
            raise NotImplementedError("one W for all objects")
        return affine(params, inputs, noise, config, cotangents)

    report = crosscheck(numpy_subject(only_one_matrix, ("affine",)))
    assert [(r.verdict, r.notes) for r in report.cases] == [("agrees", ()), (ASIDE, ("one W for all objects",))]
    assert report.agrees


def test_unknown_names_of_cases():
    subject = numpy_subject(affine, ("affine",))
    with pytest.raises(BadSubjectError, match=r"case: unknown \['afine'\]; there are the operations .*affine"):
        choose(subject, ["afine"])
    assert [c.op for c in choose(subject, ["affine"])] == ["affine", "affine"]
    assert [c.id for c in choose(subject, ["lstm-001"])] == ["lstm-001"]
