"""The registry: every case passes, every public forward function has one, and no case claims what it does not call."""

import importlib
import inspect
import pkgutil
import sys

import pytest

import refimpl.bayes
import refimpl.layers
from refimpl.checks import CASES, run_case, run_gradcheck, select_cases


def public_forwards():
    found = {}
    for room in (refimpl.layers, refimpl.bayes):
        for info in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            module = importlib.import_module(info.name)
            for name, function in inspect.getmembers(module, inspect.isfunction):
                if name.endswith("_forward") and not name.startswith("_") and function.__module__ == info.name:
                    found[name] = info.name
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_leaf_of_every_case_passes(case):
    results = run_case(case)
    assert results
    assert [r for r in results if not r.passed] == []


def test_every_public_forward_function_has_a_case():
    covered = {name for case in CASES for name in case.functions}
    without = {name: module for name, module in public_forwards().items() if name not in covered}
    assert without == {}, "write a case in refimpl/checks/cases_*.py for each of these"


def test_cases_call_the_functions_that_they_claim_and_their_backward():
    for case in CASES:
        called = set()

        def record(frame, event, argument, called=called):
            if event == "call" and frame.f_globals.get("__name__", "").startswith("refimpl."):
                called.add(frame.f_code.co_name)

        problem = case.build(0)
        sys.setprofile(record)
        try:
            outputs, cache = problem.forward(**problem.inputs)
            problem.backward(outputs, cache)  # the outputs serve as cotangents: they have the right shapes
        finally:
            sys.setprofile(None)
        claimed = set(case.functions) | {name.removesuffix("_forward") + "_backward" for name in case.functions}
        assert claimed <= called, case.name


def test_cases_can_be_built_from_other_seeds():
    for seed in (1, 2, 3):
        for case in CASES:
            case.build(seed)


def test_names_are_unique():
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_cases_are_selected_by_name_or_group():
    names = [case.name for case in select_cases(["tanh", "embedding"])]
    assert names == ["tanh", "embedding/shared", "embedding/object"]
    assert {result.layer for result in run_gradcheck(["embedding/object"])} == {"embedding/object"}
    assert select_cases(None) == list(CASES)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"names: expected a group \(.*lstm.*\).*lstm/plain.*got 'lstn'"):
        run_gradcheck(["tanh", "lstn"])
