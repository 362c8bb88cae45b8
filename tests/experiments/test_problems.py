"""What an experiment reads: whether it is there is told before anything is read, in the same words."""

import pytest

from refimpl.data.tables import table_kind
from refimpl.experiments.catalogue import EXPERIMENTS, user_experiment
from refimpl.experiments.plan import find_experiment, make_plan
from refimpl.experiments.problems import CORPORA, check_readable


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_what_reading_would_miss_is_missed_without_reading(name, tmp_path):
    if name not in CORPORA:
        check_readable(EXPERIMENTS[name], tmp_path / "nowhere", name)
        return
    with pytest.raises(FileNotFoundError) as missed:
        make_plan(name, preset="smoke", data_dir=tmp_path)
    with pytest.raises(FileNotFoundError) as told:
        check_readable(EXPERIMENTS[name], tmp_path, name)
    assert str(told.value) == str(missed.value)


@pytest.mark.data
@pytest.mark.parametrize("name", [name for name in CORPORA if name != "agnews"])
def test_the_real_corpora_are_there(name, data_dir):
    check_readable(EXPERIMENTS[name], data_dir, name)


def test_a_table_of_the_users_own_is_told_by_its_name(tmp_path):
    check_readable(user_experiment("mine.txt", "words"), None, "mine.txt")
    check_readable(user_experiment("mine.csv", "texts"), None, "mine.csv")
    for model in ("texts", "ratings"):
        with pytest.raises(ValueError, match=r"^path: expected a file named .csv or .jsonl, got 'mine.txt'"):
            check_readable(user_experiment("mine.txt", model), None, "mine.txt")


def test_a_file_of_the_users_own_may_have_the_name_of_an_experiment(tmp_path):
    path = tmp_path / "imdb"
    path.write_text("the cat sat on the mat. " * 40)
    plan = make_plan(str(path), preset="smoke", data_dir=tmp_path)
    assert plan.record["data"]["train"] == 864
    assert not any("embedding" in sentence for sentence in plan.record["deviations"])
    check_readable(plan.experiment, tmp_path / "nowhere", str(path))
    with pytest.raises(ValueError, match=r"^model: expected one of 'characters', .* got ''"):
        make_plan(str(path), preset="smoke", model="")


def test_a_table_is_known_by_its_name_in_capitals_too(tmp_path):
    path = tmp_path / "B.CSV"
    path.write_text("text,label\ngood,1\n")
    assert table_kind(path) == ".csv"
    assert find_experiment(str(path), None).model == "texts"
