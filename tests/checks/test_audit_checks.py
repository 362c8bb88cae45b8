"""The checks of the audit: each family holds and catches the bugs planted in it, and a library that is wrong fails."""

import math

import numpy as np
import pytest

from refimpl.bayes.kl import molchanov2017
from refimpl.checks import counting_checks, noise_checks, optimiser_checks, value_checks
from refimpl.checks.conformance_checks import conformance_checks
from refimpl.checks.counting_checks import counting_checks as counting
from refimpl.checks.gradient_checks import PLANTED, gradient_checks
from refimpl.checks.invariances import mask_checks
from refimpl.checks.kl_checks import kl_checks
from refimpl.checks.kl_oracles import by_quadrature, standard_normal_by_quadrature
from refimpl.checks.moments import covariance_bars
from refimpl.checks.noise_checks import noise_checks as noise
from refimpl.checks.optimiser_checks import optimiser_checks as optimiser
from refimpl.checks.planting import About, gap, holds, run_check
from refimpl.checks.registry import select_cases
from refimpl.checks.value_checks import value_checks as values
from refimpl.layers.lstm import lstm_forward
from refimpl.training.adam import adam_update

FAMILIES = {
    "values": values,
    "KL": kl_checks,
    "noise": noise,
    "masks": mask_checks,
    "optimiser": optimiser,
    "counting": counting,
    "conformance": lambda: conformance_checks()[0],
}
ABOUT = About("family", "name", "what", "catches")


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_holds_and_catches_its_bugs(family):
    results = FAMILIES[family]()
    assert [result for result in results if not holds(result)] == []
    assert {result.family for result in results} == {family}
    assert len({result.name for result in results}) == len(results)
    assert all(result.planted and result.planted_caught for result in results)  # a bug in every one of them
    assert all(result.what and result.catches and math.isfinite(result.bound) for result in results)


def test_checks_are_repeatable():
    first, second = noise(), noise()
    assert [r.figure for r in first] == [r.figure for r in second]


def test_gradients_catch_every_planted_bug():
    cheap = [
        "embedding/shared",
        "lstm/plain",
        "lstm/left_padding",
        "gaussian_weights/matrix_object",
        "kl/molchanov2017",
    ]
    results, leaves = gradient_checks([*cheap, "affine_lrt/own", "tanh"])
    assert [r.name for r in results if not holds(r)] == []
    assert {r.name for r in results if r.planted_caught} == {*cheap, "affine_lrt/own"}
    assert sum(1 for leaf in leaves if leaf.layer == "lstm/plain") == 6
    (tanh,) = [r for r in results if r.name == "tanh"]
    assert tanh.planted is None
    assert "worst a" in tanh.what


def test_planted_gradients_name_cases_that_exist():
    assert len(select_cases(list(PLANTED))) == len(PLANTED)


# What a wrong library does to the audit: the check that names it fails.


def failing(results):
    return {result.name for result in results if not result.passed}


def test_a_wrong_constant_of_a_kl_is_found(monkeypatch):
    monkeypatch.setattr(molchanov2017, "MOLCHANOV2017_K1", 0.63)
    assert {"molchanov2017, as printed", "largest error of molchanov2017", "limits at both ends"} <= failing(
        kl_checks()
    )


def test_epsilon_at_the_wrong_place_is_found(monkeypatch):
    def epsilon_inside(params, grads, state, *, epsilon, beta2, **rates):
        scale = math.sqrt(1.0 - beta2 ** (state.step + 1))
        return adam_update(params, grads, state, epsilon=epsilon * scale, beta2=beta2, **rates)

    monkeypatch.setattr(optimiser_checks, "adam_update", epsilon_inside)
    assert "Adam, place of epsilon" in failing(optimiser())


def test_a_wrong_way_of_counting_is_found(monkeypatch):
    right = counting_checks.count
    monkeypatch.setattr(counting_checks, "count", lambda params, recipe, method: right(params, recipe, "raw"))
    found = failing(counting())
    assert {"counted by hand, propagated", "counted by hand, fixpoint"} <= found
    assert any(name.startswith("removal") for name in found)  # nothing is removed, so nothing is shown


def test_noise_that_is_a_little_too_small_is_found(monkeypatch):
    right = noise_checks.normal
    monkeypatch.setattr(noise_checks, "normal", lambda *arguments: 0.97 * right(*arguments))
    assert {"normals, float64", "normals, float32"} <= failing(noise())


def test_a_bug_that_is_not_caught_does_not_hold(monkeypatch):
    monkeypatch.setattr(value_checks, "swapped_lstm_forward", lstm_forward)
    missed = [r for r in values() if not holds(r)]
    assert missed
    assert all(r.passed and r.planted_caught is False for r in missed if r.name.startswith("LSTM"))


# How a check is run.


def test_figure_bound_and_planted_bug():
    result = run_check(ABOUT, lambda x: x, 1.0, 2.0, planted="too much", wrong=3.0)
    assert (result.figure, result.bound, result.passed) == (1.0, 2.0, True)
    assert (result.planted, result.planted_figure, result.planted_caught) == ("too much", 3.0, True)
    assert holds(result)
    missed = run_check(ABOUT, lambda x: x, 1.0, 2.0, planted="too little", wrong=2.0)
    assert missed.passed
    assert not holds(missed)
    alone = run_check(ABOUT, lambda x: x, 2.0, 2.0)
    assert (alone.passed, alone.planted_caught) == (True, None)


def test_what_is_no_number_exceeds_every_bound():
    assert not run_check(ABOUT, lambda x: x, math.nan, math.inf).passed
    assert run_check(ABOUT, lambda x: x, 0.0, 1.0, planted="NaN", wrong=math.nan).planted_caught


def test_a_planted_bug_has_a_name_and_a_subject():
    with pytest.raises(ValueError, match="name: expected both planted and wrong, or neither"):
        run_check(ABOUT, lambda x: x, 0.0, 1.0, planted="nothing")


def test_gap():
    one, two = np.array([1.0, -4.0]), np.array([2.0, -4.0])
    assert gap(one, one) == 0.0
    assert gap(two, one) == 0.25
    assert gap({"a": one, "b": two}, {"a": one, "b": one}) == 0.25
    assert gap(one[:1], one) == gap({"a": one}, {"b": one}) == gap(one * math.nan, one) == math.inf
    assert gap(np.zeros(2), np.zeros(2)) == 0.0
    assert gap(one, np.zeros(2)) == math.inf


def test_quadrature_against_known_values():
    """40-digit values by mpmath."""
    for log_alpha, exact in ((-4, 2.625754932334), (0, 0.426685604296), (3, 0.024688335440)):
        assert by_quadrature(math.exp(-0.5 * log_alpha), 1.0) == pytest.approx(exact, abs=1e-11)
    assert standard_normal_by_quadrature(0.7, 0.4) == pytest.approx(0.741290731874, abs=1e-12)


def test_bars_of_the_figure_show_three_different_covariances():
    bars = covariance_bars()
    for bar in bars:
        assert abs(bar.sample - bar.exact) < 5.0 * bar.error
    exact = [bar.exact for bar in bars]
    assert min(abs(a - b) for i, a in enumerate(exact) for b in exact[:i]) > 10.0 * max(bar.error for bar in bars)
