"""Power of the checks: every named mistake is planted once, and the check that the table names for it fails."""

from collections import Counter
from importlib import import_module

import pytest

from tests.mutants.catching import audit_checks, passes
from tests.mutants.planted import changed_text, load_bugs, planted

BUGS = load_bugs()


@pytest.fixture(scope="module", autouse=True)
def known_checks():
    """Which function makes which check, found out before the first mistake."""
    audit_checks()


@pytest.mark.parametrize("bug", BUGS, ids=[bug.name for bug in BUGS])
def test_a_mistake_is_caught(bug):
    with planted(bug.module, bug.change):
        assert not passes(bug.caught_by)
        assert bug.not_seen_by is None or passes(bug.not_seen_by)


@pytest.mark.parametrize("check", sorted({check for bug in BUGS for check in bug[-2:] if check}))
def test_without_a_mistake_every_check_passes(check):
    assert passes(check)


def test_names_are_the_only_ones_and_kinds_are_shared():
    assert len({bug.name for bug in BUGS}) == len(BUGS)
    assert min(Counter(bug.kind for bug in BUGS).values()) > 1  # a kind of its own is a word misspelt


def test_nothing_of_a_mistake_is_left():
    bug = next(bug for bug in BUGS if bug.module == "training.adam")
    module = import_module("refimpl.training.adam")
    before = {name: getattr(value, "__code__", value) for name, value in vars(module).items()}
    with planted(bug.module, bug.change):
        assert module.corrected_rate.__code__ is not before["corrected_rate"]
    assert {name: getattr(value, "__code__", value) for name, value in vars(module).items()} == before


def test_a_text_that_is_no_longer_there_or_stands_there_twice_is_an_error():
    assert changed_text("a b c", [["b", "B"], ["c", "C"]]) == "a B C"
    for old in ("d", "a"):
        with pytest.raises(ValueError, match="expected once, found"):
            changed_text("a b a", [[old, "x"]])
