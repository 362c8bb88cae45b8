"""What golden vectors and the cross-check measure by, on numbers small enough to see."""

import numpy as np
import pytest

from refimpl.checks import conformance_checks, vectors
from refimpl.checks.conformance import cases, difference
from refimpl.checks.crosscheck import compare
from refimpl.checks.crosscheck.aside import set_aside
from refimpl.checks.crosscheck.data_loss import DataLoss
from refimpl.checks.crosscheck.diagnose import explains
from refimpl.checks.crosscheck.results import NOT_REPEATABLE, CaseReport, Report


def test_differences_are_of_the_largest_expected_entry():
    assert difference([1.0, 10.0], [1.0, 2.0]) == 4.0
    assert difference(np.zeros(2), np.zeros(2)) == 0.0
    assert difference(np.full(2, 1e-300), np.zeros(2)) == np.inf
    assert difference(np.ones(2), np.ones(3)) == np.inf
    assert difference([np.nan, 1.0], [0.0, 1.0]) == np.inf


def test_small_tensors_are_measured_by_their_own_size():
    small = 1e-6 * np.array([1.0, -2.0])
    assert compare.compare_tensor("t", small, small * (1.0 + 1e-9)).verdict == compare.DIFFERS
    assert not compare.same({"t": small}, {"t": small * (1.0 + 1e-9)})


def test_shapes_are_not_broadcast():
    assert not compare.same({"t": np.ones((2, 3))}, {"t": np.ones(3)})


def test_nothing_found_is_explained_by_nothing():
    assert not explains(cases()[0], (), {})


def test_float32_is_computed_in_float32():
    (vector,) = vectors.read_vectors(["lstm-001"])
    errors = {dtype: vectors.check_vector(vector, dtype).error for dtype in vectors.DTYPES}
    assert errors["float64"] < 1e-13
    assert 1e-9 < errors["float32"] < vector.tol["float32"]


def test_no_diagnosis_at_all_is_no_success():
    assert not conformance_checks._diagnoses([]).passed
    found = conformance_checks.diagnoses()
    assert conformance_checks._diagnoses(found).passed
    assert conformance_checks._diagnoses(found[:-1]).figure == 1.0


def test_the_data_loss_is_taken_once():
    data_loss = DataLoss({"cotangent.h": np.array([1.0, 2.0])})
    assert data_loss({"h": np.array([3.0, 4.0])}) == 11.0
    with pytest.raises(ValueError, match="data_loss: expected one call with all outputs, got another"):
        data_loss({"h": np.array([3.0, 4.0])})


def test_what_is_not_repeatable_neither_agrees_nor_is_set_aside():
    """Noise of its own is the usual fault of what does not look at the noise that it is given."""
    by_id = {case.id: case for case in cases()}
    one = CaseReport(by_id["affine-001"], compare.AGREES)
    two = CaseReport(by_id["affine-002"], NOT_REPEATABLE, unread=("param.b",))
    assert [report.verdict for report in set_aside([one, two], declared=True)] == [compare.AGREES, NOT_REPEATABLE]
    assert Report("right", (one,), ()).agrees
    assert not Report("random", (one, two), ()).agrees
