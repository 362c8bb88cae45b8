"""Run folders become records and the table of all of them, which checks what the preset small is meant to show."""

import pytest

from tests.reproductions.made import epoch, record
from validation.reproductions import collect
from validation.reproductions.records import HERE, read_all


def small(experiment, configuration, epochs):
    return record(experiment, configuration, epochs, preset="small")


def failing(run):
    return [what for what, ok in collect.checks(run.run, run.rows).items() if not ok]


@pytest.mark.parametrize(("last", "holds"), [(1.51, True), (1.49, False)])
def test_characters_are_compressed_half_again(last, holds):
    kept = {"lstm.W_x": [100, 100, 100]}
    pruned = {"lstm.W_x": [60, 60, 100]}
    epochs = [epoch(0, 4.0, compression=1.0, kept=kept, nll=None), epoch(1, 3.0, nll=3.0, kept=kept)]
    epochs.append(epoch(2, 2.0, compression=last, nll=2.0, kept=pruned))
    assert failing(small("char-ptb", "LCCL", epochs)) == (
        [] if holds else ["1.5 times as compressed as before training"]
    )


@pytest.mark.parametrize(("best", "holds"), [(2.69, True), (2.71, False)])
def test_characters_gain_a_tenth(best, holds):
    epochs = [epoch(0, 4.0), epoch(1, 3.0, nll=3.0), epoch(2, best, nll=2.0), epoch(3, 2.9, nll=1.9)]
    assert failing(small("char-ptb", "DCCD", epochs)) == ([] if holds else ["best valid 10 % fewer bits than epoch 1"])


@pytest.mark.parametrize(
    ("first", "best", "holds"), [(0.4, 0.551, True), (0.4, 0.549, False), (0.6, 0.651, True), (0.6, 0.649, False)]
)
def test_reviews_gain_five_points_over_epoch_1_and_chance(first, best, holds):
    scores = enumerate((0.5, first, best))
    epochs = [epoch(n, score, metric="accuracy", nll=1.0 - 0.1 * n) for n, score in scores]
    told = failing(small("imdb", "DCDCCD", epochs))
    assert told == ([] if holds else ["best valid 5 points above epoch 1 and chance"])


def test_what_does_not_learn_or_prune_is_told():
    kept = {"lstm.W_x": [10, 50, 100]}
    epochs = [epoch(n, 4.0 - n, nll=1.0 + n, compression=1.0 + n, kept=kept) for n in range(3)]
    assert failing(small("word-ptb", "LCCL", epochs)) == [
        "training NLL of the last quarter below the first",
        "more pruned than before training and after epoch 1",
    ]


def test_a_row_of_the_table_has_validation_before_test():
    rows = [epoch(0, 4.0), epoch(1, 2.0, valid=2.125, compression=8.0, peak_mib=700.4), epoch(2, 3.0, valid=3.25)]
    cells = collect.table_row(record("char-ptb", "LCCL", rows, preset="paper")).split(" | ")
    assert cells[3:7] == ["1", "2.125 / 2.000", "3.250 / 3.000", "5 (2.5)"]
    assert cells[-1] == "700 |"
    accuracy = epoch(1, 0.8, valid=0.75, metric="accuracy")
    assert collect.scores(accuracy) == "75.0 / 80.0"
    assert collect.scores(accuracy | {"test": None}) == "75.0 / -"


def test_names_follow_their_folder():
    assert collect.named(["a", "--as", "x", "b", "c", "--as", "y"]) == {"a": "x", "b": None, "c": "y"}
    for wrong in (["a", "--as"], ["--as", "x"], ["a", "--as", "x", "--as", "y"]):
        with pytest.raises(ValueError, match="--as: expected RUN_FOLDER --as NAME"):
            collect.named(wrong)


def test_a_folder_that_is_no_run_is_told(tmp_path, capsys):
    row = '{"epoch": 0, "metric": "rmse"}\n'
    for number, (run, metrics) in enumerate((("{}", row), ("[]", row), ('{"seed": 0}', ""), ('{"training": 5}', row))):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "run.json").write_text(run)
        (folder / "metrics.jsonl").write_text(metrics)
    for arguments in ([str(tmp_path)], [str(tmp_path), "--as"], *([str(folder)] for folder in tmp_path.iterdir())):
        assert collect.main(arguments) == 2
        assert capsys.readouterr().err.startswith("python -m validation.reproductions.collect: ")


def test_the_committed_table_is_of_the_committed_records():
    assert (HERE / "README.md").read_text() == collect.page(read_all())
