"""Cases, operations and mistakes: each planted mistake is exactly what code that makes it would answer."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest

from refimpl.checks.conformance import MISTAKES, OPS, answers, cases, difference
from refimpl.checks.conformance.case import quantity
from refimpl.checks.conformance.mistakes_gates import ORDERS
from refimpl.noise import Draw, normal
from validation.vectors.complex_step import NOT_ANALYTIC, loss_of

STEP = 1e-30
BY_ID = {case.id: case for case in cases()}
NAMED = {mistake.name: mistake for mistake in MISTAKES}
WRONG_GRADIENTS = {  # right values, or the gradient of another loss than theirs; the others are exact
    "bias-gradient-one-row",
    "dc-last-missing",
    "dense-bias-gradient-one-row",
    "dh-last-missing",
    "embedding-last-occurrence",
    "hard-sigmoid-slope",
    "hidden-late",
    "kl-gradient-through-clip",
    "lrt-factor-2",
    "probability-clip-gradient",
    "sigma-gradient",
    "sigmoid-slope",
    "softmax-slope",
    "state-detached",
    "tanh-slope",
    "two-biases",
}
CASES_A_MISTAKE = 3


def applicable(mistake):
    return [case for case in cases() if mistake.applies(case)]


def slope_error(case, mistakes):
    """How far gradients are from the complex step of the loss, along one random direction, relative to its terms."""
    compute = OPS[case.op].compute
    for mistake in reversed(mistakes):
        compute = mistake.plant(compute)
    found = compute(case.config, case.given)
    leaves = [name.removeprefix("grad.") for name in found if name.startswith("grad.")]
    directions = {name: normal(Draw(1, name), case.given[name].shape) for name in leaves}
    moved = {name: a.astype("complex128") if a.dtype.kind == "f" else a for name, a in case.given.items()}
    for name, direction in directions.items():
        moved[name] = moved[name] + 1j * STEP * direction
    step = complex(loss_of(moved, compute(case.config, moved))).imag / STEP
    products = [found[f"grad.{name}"] * direction for name, direction in directions.items()]
    return abs(step - sum(p.sum() for p in products)) / sum(np.abs(p).sum() for p in products)


def differs(left, right):
    return max(difference(left[name], right[name]) for name in right)


def test_names():
    for names in ([m.name for m in MISTAKES], list(BY_ID), list(OPS)):
        assert len(set(names)) == len(names)
    assert len(MISTAKES) >= 60
    for mistake in MISTAKES:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", mistake.name)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", mistake.kind)
    assert {name for name in NAMED if name.startswith("gate-order-")} == {f"gate-order-{o}" for o in ORDERS}
    assert len(ORDERS) == 23


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.id)
def test_a_case(case):
    """JSON values, answers in order and by name, float32 in is float32 out, nothing that was given is written to."""
    assert json.loads(json.dumps(case.config)) == case.config
    assert "planted" not in case.config
    assert not any(array.flags.writeable for array in case.given.values())
    found = answers(case)
    kinds = [name.split(".")[0] for name in found]
    assert kinds == sorted(kinds, key=["mid", "out", "grad"].index)
    for name in found:
        if name.startswith("grad."):
            assert found[name].shape == case.given[name.removeprefix("grad.")].shape
    for name in case.given:
        if name.startswith("cotangent.") and name != "cotangent.loss":
            assert case.given[name].shape == found[f"out.{name.removeprefix('cotangent.')}"].shape
    single = {name: a.astype("float32") if a.dtype.kind == "f" else a for name, a in case.given.items()}
    for name, array in answers(case._replace(given=single)).items():
        wide = array.ndim == 0  # losses, KL and norms are summed in float64
        assert array.dtype == "float32" or (wide and array.dtype == "float64"), name


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake(mistake):
    """Names and shapes are kept, an answer moves, and gradients are those of its own loss, or are what is wrong."""
    some = applicable(mistake)[:CASES_A_MISTAKE]
    moved = []
    for case in some:
        right, wrong = answers(case), answers(case, [mistake])
        assert list(wrong) == list(right)
        assert [a.shape for a in wrong.values()] == [a.shape for a in right.values()]
        moved.append(differs(wrong, right))
        if case.op not in NOT_ANALYTIC and mistake.name not in WRONG_GRADIENTS:
            assert slope_error(case, [mistake]) <= 1e-12, case.id
    assert max(moved) > 1e-9
    if mistake.name in WRONG_GRADIENTS:
        assert max(slope_error(case, [mistake]) for case in some) > 1e-4


@pytest.mark.parametrize("op", [op for op in OPS if op not in NOT_ANALYTIC])
def test_pairs_of_mistakes_have_exact_gradients_too(op):
    """Neighbours in the list, in both orders: wrappers compose."""
    case = next(case for case in cases() if case.op == op)
    some = [m for m in MISTAKES if m.applies(case) and m.name not in WRONG_GRADIENTS and "gate-order" not in m.name]
    for first, second in pairwise(some):
        for pair in ([first, second], [second, first]):
            assert slope_error(case, pair) <= 1e-12, [m.name for m in pair]


def test_a_pair_is_neither_of_the_two():
    case = BY_ID["sparse-lstm-001"]
    pair = [NAMED["gate-order-iofg"], NAMED["kl-by-batch"]]
    both, right = answers(case, pair), answers(case)
    assert min(differs(both, other) for other in (right, *(answers(case, [m]) for m in pair))) > 0.1
    assert differs(both, answers(case, pair[::-1])) <= 1e-12


def test_a_gate_order_is_a_permutation_of_the_parameters():
    """Code that reads the blocks as i, o, f, g: our f is what it is given as its third block."""
    case = BY_ID["lstm-001"]
    read = {"i": 0, "o": 1, "f": 2, "g": 3}
    order = [read[gate] for gate in "ifgo"]
    given = {n: a[..., order, :] if quantity(n) in ("W_x", "W_h", "b") else a for n, a in case.given.items()}
    theirs, planted = answers(case._replace(given=given)), answers(case, [NAMED["gate-order-iofg"]])
    for name, array in planted.items():
        expected = theirs[name]
        if quantity(name.removeprefix("grad.")) in ("W_x", "W_h", "b") and name.startswith("grad.param."):
            back = np.empty_like(expected)
            back[..., order, :] = expected
            expected = back
        assert np.array_equal(array, expected), name


def test_an_exchanged_state_goes_in_and_comes_out_exchanged():
    """Code whose state is (c, h), called with (h0, c0), and whose last state is read as (h, c)."""
    case = BY_ID["lstm-006"]
    other = {f"{p}.{a}{s}": f"{p}.{b}{s}" for a, b in ("hc", "ch") for p, s in (("input", "0"), ("cotangent", "_last"))}
    theirs = answers(case._replace(given={name: case.given[other.get(name, name)] for name in case.given}))
    planted = answers(case, [NAMED["state-exchanged"]])
    moved = {"out.h_last": "out.c_last", "out.c_last": "out.h_last"}
    moved |= {"grad.input.h0": "grad.input.c0", "grad.input.c0": "grad.input.h0"}
    for name, array in planted.items():
        assert np.array_equal(array, theirs[moved.get(name, name)]), name


@pytest.mark.parametrize("name", ["lstm-001", "rnn-001", "step-004", "step-012"])
def test_a_state_that_is_ignored_is_zero_and_has_no_gradient(name):
    case = BY_ID[name]
    states = [n for n in case.given if n.endswith(("h0", "c0")) or n.startswith(("input.h.", "input.c."))]
    theirs = answers(case._replace(given=case.given | {n: np.zeros_like(case.given[n]) for n in states}))
    for key, array in answers(case, [NAMED["initial-state-ignored"]]).items():
        assert np.array_equal(array, 0.0 * array if key.removeprefix("grad.") in states else theirs[key]), key


def test_hard_gates_of_slope_a_sixth():
    """From a of each gate, read off the sigmoid's answers."""
    case = BY_ID["lstm-006"]
    given = case.given | {"input.mask": np.ones_like(case.given["input.mask"])}
    case = case._replace(given=given)
    right, wrong = answers(case), answers(case, [NAMED["gates-hard-sixth"]])
    for gate in "ifo":  # of the first step, which sees the same states
        y = right[f"mid.{gate}"][0]
        expected = np.clip(np.log(y / (1.0 - y)) / 6.0 + 0.5, 0.0, 1.0)
        assert np.max(np.abs(wrong[f"mid.{gate}"][0] - expected)) <= 1e-14


def test_an_order_and_its_inverse_are_the_right_order():
    """i, g, f, o exchanges two blocks, and so undoes itself; f, g, i, o and g, i, f, o undo each other."""
    case = BY_ID["group-lstm-001"]
    for pair in (("igfo", "igfo"), ("fgio", "gifo")):
        planted = answers(case, [NAMED[f"gate-order-{order}"] for order in pair])
        assert differs(planted, answers(case)) <= 1e-12


def test_different_mistakes_have_different_answers():
    """On a case that many apply to, so that a diagnosis names one."""
    case = BY_ID["step-003"]
    right = answers(case)
    found = {}
    for mistake in MISTAKES:
        if mistake.applies(case):
            wrong = answers(case, [mistake])
            found[mistake.name] = np.concatenate([wrong[n].ravel() / np.abs(right[n]).max() for n in right])
    assert len(found) >= 60
    names = list(found)
    same = [(a, b) for i, a in enumerate(names) for b in names[:i] if np.max(np.abs(found[a] - found[b])) <= 1e-10]
    assert same == []
