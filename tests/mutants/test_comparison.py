"""The list of survivors and the tables of validation/mutants: what the comparison reports, that README has the data."""

import json
from collections import Counter

import pytest

from validation.mutants import table
from validation.mutants.compare import differences, summary
from validation.mutants.survivors import Mutant, Rule, Run, read_list, read_run

MODULE, NAME = "refimpl/layers/toy.py", "refimpl.layers.toy.x_half"
COPIES = {  # of one function: itself and two mutants
    "x_half__mutmut_orig": "def x_half__mutmut_orig(x):\n    # half\n    return 0.5 * x  # [TOY.F1]",
    "x_half__mutmut_1": "def x_half__mutmut_1(x):\n    # half\n    return 1.5 * x  # [TOY.F1]",
    "x_half__mutmut_2": "def x_half__mutmut_2(x):\n    # half\n    return 0.5 / x  # [TOY.F1]",
    "x_half__mutmut_3": "def x_half__mutmut_3(x):\n    # half\n    return",
}
SURVIVOR = Mutant(MODULE, "half", "return 0.5 * x", "return 0.5 / x")
NOTHING = Mutant(MODULE, "half", "return 0.5 * x", "return")


@pytest.fixture
def folder(tmp_path):
    """As mutmut 3.8 leaves it: the second mutant survived, the third never ended."""
    file = tmp_path / MODULE
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(COPIES.values()))
    spans, first = {}, 1
    for name, text in COPIES.items():
        spans[name] = [first, first + text.count("\n")]
        first = spans[name][1] + 1
    file.with_suffix(".py.spans").write_text(json.dumps({"version": 1, "spans": spans}))
    codes = {f"{NAME}__mutmut_{i}": code for i, code in ((1, 1), (2, 0), (3, 36))}
    file.with_suffix(".py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    other = file.with_name("other.py.meta")
    other.write_text(json.dumps({"exit_code_by_key": {"refimpl.layers.other.x_f__mutmut_1": None}}))
    return tmp_path


def test_a_run_is_read_from_mutmuts_folder(folder):
    run = read_run(folder)
    assert run.survivors == [SURVIVOR]
    assert run.counts == {MODULE: Counter(killed=1, survived=1) + Counter({"timed out": 1})}  # other.py was not run
    assert summary(run) == {MODULE: {"mutants": 3, "killed": 2, "survivors": 1}}


def test_a_survivor_is_listed_or_covered_by_a_rule(folder):
    run = read_run(folder)
    (line,) = differences(run, [], {})
    assert line == f"not killed, and not in the list: {MODULE}, half\n    -   return 0.5 * x\n    +   return 0.5 / x"
    assert differences(run, [], {SURVIVOR: "why"}) == []
    assert differences(run, [Rule("* x", "/ x", "why")], {}) == []


def test_what_is_listed_and_killed_now_is_reported(folder):
    (line,) = differences(read_run(folder), [], {SURVIVOR: "why", NOTHING: "why"})
    assert line.startswith("in the list, and killed or gone: refimpl/layers/toy.py, half")
    of_another_module = NOTHING._replace(module="refimpl/layers/other.py")  # which was not run
    assert differences(read_run(folder), [], {SURVIVOR: "why", of_another_module: "why"}) == []


def test_a_run_that_was_broken_off_is_reported():
    run = Run({MODULE: Counter({"killed": 4, "not run": 2})}, [])
    assert differences(run, [], {NOTHING: "why"}) == [f"{MODULE}: 2 mutants were not run"]


def test_a_rule_is_one_change_at_one_place():
    rule = Rule("reshape(-1", "reshape(-2", "why")
    twice = "f(a.reshape(-1), b.reshape(-1, k))"
    assert rule.covers(SURVIVOR._replace(old=twice, new="f(a.reshape(-2), b.reshape(-1, k))"))
    assert rule.covers(SURVIVOR._replace(old=twice, new="f(a.reshape(-1), b.reshape(-2, k))"))
    assert not rule.covers(SURVIVOR._replace(old=twice, new="f(a.reshape(-2), b.reshape(-2, k))"))
    assert not rule.covers(SURVIVOR._replace(old=twice, new=twice))
    assert not rule.covers(SURVIVOR)


def test_every_listed_survivor_stands_in_the_code_and_has_a_reason():
    rules, single = read_list()
    assert all(len(reason) > 20 for reason in single.values())
    assert all(len(rule.reason) > 20 for rule in rules)
    for mutant in single:
        text = (table.HERE.parents[1] / mutant.module).read_text("utf-8")
        assert f"def {mutant.function}(" in text, mutant
        assert all(line in text for line in mutant.old.split("\n")), mutant
        assert mutant.old != mutant.new


def test_readme_has_the_tables():
    text = table.README.read_text("utf-8")
    assert table.with_tables(text) == text, "python -m validation.mutants.table"
    assert len(table.bugs()) >= 60
