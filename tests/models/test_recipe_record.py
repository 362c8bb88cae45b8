"""A recipe survives its record."""

import json

import pytest

from refimpl.models.letters import text_classifier, word_model
from refimpl.models.recipe_record import recipe_from_record
from refimpl.tree import as_plain


@pytest.mark.parametrize(
    "recipe",
    [
        word_model("LLRL", vocabulary=7, sizes=(3, 2)),
        text_classifier("LLLCCD", vocabulary=7, embedding=3, size=2, classes=1),
    ],
)
def test_a_recipe_as_json_and_back(recipe):
    assert recipe_from_record(json.loads(json.dumps(as_plain(recipe)))) == recipe


def test_an_unknown_field_of_a_recipe_is_refused():
    record = as_plain(word_model("DCCD", vocabulary=7, sizes=(3,)))
    with pytest.raises(TypeError, match="colour"):
        recipe_from_record(record | {"colour": "blue"})


def test_a_value_that_is_not_allowed_is_refused():
    record = as_plain(word_model("DCCD", vocabulary=7, sizes=(3,)))
    with pytest.raises(ValueError, match="task"):
        recipe_from_record(record | {"task": "translation"})
