"""Every known mistake is diagnosed, alone and in pairs; where nothing is known, nothing is claimed."""

from itertools import combinations

import numpy as np
import pytest

from refimpl.checks.conformance import MISTAKES, Case, answers, cases
from refimpl.checks.crosscheck.checking import check_case, common_causes, compare_case, with_causes
from refimpl.checks.crosscheck.diagnose import diagnose, explains
from refimpl.checks.crosscheck.report import format_report
from refimpl.checks.crosscheck.results import Report
from refimpl.checks.crosscheck.subject import Answered, Subject

BY_NAME = {mistake.name: mistake for mistake in MISTAKES}
BY_ID = {case.id: case for case in cases()}
PAIRS = [
    ("sparse-lstm-001", "gate-order-iofg", "kl-by-batch"),
    ("sparse-lstm-001", "weights-redrawn", "log-sigma-as-log-variance"),
    ("lstm-001", "recurrent-transposed", "dc-last-missing"),
    ("lstm-001", "two-biases", "gate-order-igfo"),
    ("vbd-lstm-001", "dropout-unscaled", "gates-hard"),
    ("sparse-affine-lrt-001", "lrt-sigma", "kl-not-scaled"),
]


def found_by(case, *mistakes, gradients=True):
    """What code with these mistakes returns: outputs and gradients, no intermediate values."""
    given = answers(case, [BY_NAME[name] for name in mistakes])
    wanted = ("out.", "grad.") if gradients else ("out.",)
    return {name: array for name, array in given.items() if name.startswith(wanted)}


def names(causes):
    return [{mistake.name for mistake in cause} for cause in causes]


def first_case_of(mistake) -> Case:
    return min((case for case in cases() if mistake.applies(case)), key=lambda case: case.op == "step")


@pytest.mark.parametrize("name", BY_NAME)
def test_each_mistake_alone_is_found(name):
    case = first_case_of(BY_NAME[name])
    found = names(diagnose(case, found_by(case, name)))
    assert {name} in found
    assert all(len(cause) == 1 for cause in found)


@pytest.mark.parametrize(("case", "a", "b"), PAIRS)
def test_pairs_of_mistakes_are_found(case, a, b):
    case = BY_ID[case]
    found = diagnose(case, found_by(case, a, b))
    assert {a, b} in names(found)
    assert all(explains(case, cause, found_by(case, a, b)) for cause in found)


def test_a_pair_is_found_whatever_their_order():
    case, order, bias = BY_ID["lstm-001"], "gate-order-oifg", "forget-bias-added"
    one, other = found_by(case, order, bias), found_by(case, bias, order)
    assert np.abs(one["out.h"] - other["out.h"]).max() > 1e-3  # which of them is outside matters
    assert {order, bias} in names(diagnose(case, one))
    assert {order, bias} in names(diagnose(case, other))


def test_no_pair_is_left_untried():
    """Against all pairs by force, on a small operation."""
    case = BY_ID["affine-lrt-003"]
    mistakes = [m for m in MISTAKES if m.applies(case)]
    for a, b in list(combinations(mistakes, 2))[::3]:
        found = found_by(case, a.name, b.name)
        single = [{m.name} for m in mistakes if explains(case, (m,), found)]
        by_force = single or [
            {p.name, q.name}
            for p, q in combinations(mistakes, 2)
            if explains(case, (p, q), found) or explains(case, (q, p), found)
        ]
        assert names(diagnose(case, found)) == by_force


def test_an_unknown_fault_has_no_cause():
    case = BY_ID["lstm-001"]
    found = found_by(case)
    assert diagnose(case, {name: 1.01 * array for name, array in found.items()}) == ()


def test_a_cause_must_hold_for_every_gradient():
    case = BY_ID["sparse-affine-lrt-001"]
    found = found_by(case, "kl-by-batch")
    assert {"kl-by-batch"} in names(diagnose(case, found))
    found["grad.param.b"] = found["grad.param.b"] + 1.0
    assert not any("kl-by-batch" in cause and len(cause) == 1 for cause in names(diagnose(case, found)))


def test_equal_explanations_are_all_listed():
    """Of two biases that are both loaded with b, the gradient says whether they are added; outputs alone do not."""
    case = BY_ID["lstm-001"]
    both = [{"two-biases"}, {"two-biases-summed"}]
    assert names(diagnose(case, found_by(case, "two-biases", gradients=False))) == both
    assert names(diagnose(case, found_by(case, "two-biases"))) == both[:1]


def test_a_fault_of_float32_is_found_in_float32():
    case = BY_ID["lstm-001"]
    found = {name: array.astype("float32") for name, array in found_by(case, "gate-order-iofg").items()}
    assert names(diagnose(case, found)) == [{"gate-order-iofg"}]


def subject_of(*mistakes, **options):
    return Subject("mine", lambda case, known: Answered(found_by(case, *mistakes, **options)))


def test_right_outputs_and_a_wrong_gradient_are_said_to_be_that():
    report = check_case(subject_of("bias-gradient-one-row"), BY_ID["lstm-001"])
    assert report.backward_only
    assert report.first.name == "grad.param.b"
    text = format_report(Report("mine", (report,), common_causes([report])))
    assert "The forward pass agrees, the backward pass does not." in text
    assert BY_NAME["bias-gradient-one-row"].words in text
    assert not check_case(subject_of("two-biases"), BY_ID["lstm-001"]).backward_only


def test_a_cause_of_all_cases_is_one_that_explains_each():
    ids = ("sparse-lstm-001", "sparse-lstm-002")
    reports = [check_case(subject_of("kl-missing"), BY_ID[i]) for i in ids]
    assert names(common_causes(reports)) == [{"kl-missing"}]
    mixed = [reports[0], check_case(subject_of("kl-sign"), BY_ID[ids[1]])]
    assert common_causes(mixed) == ()
    text = format_report(Report("mine", tuple(mixed), ()))
    assert "No one cause explains all cases" in text
    assert BY_NAME["kl-sign"].words in text


def test_what_explained_one_case_is_tried_first_on_the_next():
    case = BY_ID["sparse-lstm-002"]
    pair = (BY_NAME["gate-order-iofg"], BY_NAME["kl-by-batch"])
    compared = compare_case(subject_of(*(m.name for m in pair)), case)
    assert with_causes(compared, known=(pair,)).causes == (pair,)
    assert with_causes(compared, known=()).causes == ()  # pairs are searched on the first case alone
