"""Each mistake that a golden vector says it catches moves an answer by more than 100 tolerances, and no other does."""

import pytest

from refimpl.checks.conformance import MISTAKES, answers, difference
from refimpl.checks.vectors import read_vectors

MARGIN = 100.0
KINDS = {mistake.name: mistake.kind for mistake in MISTAKES}
VALID = [vector for vector in read_vectors() if vector.result == "valid"]


@pytest.mark.parametrize("vector", VALID, ids=lambda v: v.case.id)
def test_catches_and_flags(vector):
    caught = []
    for mistake in MISTAKES:
        if mistake.applies(vector.case):
            wrong = answers(vector.case, [mistake])
            moved = max(difference(wrong[name], array) for name, array in vector.expected.items())
            if moved > MARGIN * vector.tol["float64"]:
                caught.append(mistake.name)
    assert list(vector.catches) == caught
    assert list(vector.flags) == sorted({KINDS[name] for name in caught})
