"""Which records are a row's of the papers' tables, and the figures of that row."""

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.paper_tables import TABLES
from refimpl.tree import as_plain
from tests.reproductions.made import epoch, record
from validation.reproductions import claims, records, results, rows
from validation.reproductions.records import Record


def verdict(found, claim):
    return next(v for v in claims.verdicts(found) if v.claim.startswith(claim))


def test_the_mean_is_over_all_seeds():
    row = claims.row_of("emnlp2018-generation", "Char PTB, SparseVD")
    found = [record("char-ptb", "LCCL", [epoch(1, value)], seed=seed) for seed, value in enumerate((1.0, 2.0, 6.0))]
    assert rows.spread(row, found, claims.quality) == rows.Spread(3.0, 1.0, 6.0, 3)
    assert results.mini_row(row, found)[3] == "3 (1 to 6)"


def test_a_started_run_is_not_taken_for_a_random_one():
    pair = [
        record("char-ptb-2017", "sparsevd", [epoch(1, 2.0)]),
        record("char-ptb-2017", "sparsevd", [epoch(1, 1.8)], start="char-ptb-2017-none-mini-0"),
    ]
    assert [r.name for r in pair] == ["char-ptb-2017-sparsevd", "char-ptb-2017-sparsevd-from-none"]
    random, started = (claims.row_of("workshop2017-characters", f"SparseVD ({s})") for s in ("random", "no dropout"))
    assert rows.records_of(random, pair) == pair[:1]
    assert rows.records_of(started, pair) == pair[1:]
    assert verdict(pair, "Characters: a start from no dropout gives better").holds
    for other in ("none-mini-7", "none-small-0", "none-11-epochs-paper-0"):  # not the table's start of this seed
        run = record("char-ptb-2017", "sparsevd", [epoch(1, 1.8)], start=f"char-ptb-2017-{other}")
        assert rows.records_of(started, [run]) == []
        assert rows.variants_of(started, [run]) == [run]
    longer_name = record("char-ptb-2017", "sparsevd", [epoch(1, 1.8)], start="char-ptb-2017-nonesuch-mini-0")
    assert rows.variants_of(started, [longer_name]) == []


def test_a_random_run_is_not_taken_for_a_started_one():
    """Of each row the variants are of its own start, in the page's column "ours" too."""
    table = TABLES["workshop2017-characters"]
    starts = {row.label: f"{row.experiment}-{row.start[0]}-mini-0" if row.start else "random" for row in table.rows}
    found = {
        row.label: record(row.experiment, row.configuration, [epoch(1, 2.0 + k)], start=starts[row.label])
        for k, row in enumerate(table.rows)
    }
    for row in table.rows:
        assert rows.variants_of(row, list(found.values())) == [found[row.label]]


def test_zeros_are_told_by_matrix():
    """After propagation, as the logs are; by log alpha alone in the tables of S004, as this paper counts."""
    by_log_alpha = claims.row_of("workshop2017-characters", "SparseVD (random)")
    propagated = claims.row_of("emnlp2018-generation", "Char PTB, SparseVD")
    shares = {"lstm.W_h": 70.0, "output.W": 80.0}
    assert rows.zeros(propagated, epoch(1, 2.0)) == {"lstm.W_x": 90.0} | shares
    assert rows.zeros(by_log_alpha, epoch(1, 2.0)) == {"lstm.W_x": 88.0} | shares
    assert claims.kept_share(epoch(1, 2.0)) == (12 + 30 + 20) / 300


def test_what_changes_more_than_the_seed_is_no_seed():
    row = claims.row_of("emnlp2018-classification", "IMDb, SparseVD-Voc")
    plain, other = (record("imdb", "LLLCCL", [epoch(1, 0.8, metric="accuracy", vocabulary=n)]) for n in (300, 5))
    training, constant = other.run["training"], other.run["training"]["warmup"]
    warm = {"training": training | {"warmup": constant | {"kind": "linear", "stop": 5}}}
    for change in (warm, {"word_vectors": "texts"}, {"output_log_sigma": -1.5}):
        run = other.run | change
        variant = Record(records.run_name(run), run, other.rows)
        assert rows.records_of(row, [plain, variant]) == [plain]
        assert rows.variants_of(row, [plain, variant]) == [plain, variant]
        assert verdict([plain, variant], "IMDb: vocabulary").holds
        assert verdict([variant], "IMDb: vocabulary").holds is None
    named = other._replace(name="imdb-LLLCCL-again")
    assert rows.records_of(row, [plain, named]) == [plain]


@pytest.mark.parametrize(
    "change",
    [
        {"learning_rate": 0.5},
        {"warmup": {"kind": "constant", "start": 0, "stop": 0, "value": 0.01}},
        {"epochs": 1},
        {"epochs": 31},
        {"patience": 3},
        {"samples": 5},
        {"evaluate_every": 1},
        {"batch": 64},
    ],
)
def test_a_run_with_another_option_is_no_record_of_the_row(change):
    row = claims.row_of("emnlp2018-classification", "IMDb, SparseVD-Voc")
    epochs = [epoch(n, 0.8, metric="accuracy", vocabulary=300) for n in (1, 2)]
    assert rows.records_of(row, [plain := record("imdb", "LLLCCL", epochs)]) == [plain]
    changed = record("imdb", "LLLCCL", epochs, **change)
    assert rows.records_of(row, [changed]) == []
    assert rows.missing(row, [changed]) == "IMDb, SparseVD-Voc: run with other options alone"
    assert results.mini_row(row, [changed])[1] == "run with other options alone"
    assert rows.missing(row, [record("imdb", "DCDCCD", epochs)]) == "IMDb, SparseVD-Voc: not run"


def test_another_prior_dtype_or_size_is_no_record_of_the_row():
    row = claims.row_of("emnlp2018-classification", "IMDb, SparseVD-Voc")
    plain = record("imdb", "LLLCCL", [epoch(1, 0.8, metric="accuracy")])
    experiment, size = EXPERIMENTS["imdb"], EXPERIMENTS["imdb"].presets["mini"]
    prior = as_plain(build_recipe(experiment, "LLLCCL", size, 50, 2, "ard"))
    wider = as_plain(build_recipe(experiment, "LLLCCL", size._replace(sizes=(17,)), 50, 2))
    for change in ({"recipe": prior}, {"recipe": wider}, {"dtype": "float64"}):
        assert rows.records_of(row, [plain._replace(run=plain.run | change)]) == []
    untold = {name: value for name, value in plain.run.items() if name != "dtype"}
    assert rows.records_of(row, [plain._replace(run=untold)]) == []
    cut = record("cornell", "sparsevd", [epoch(1, 0.2, metric="rmse")], l2={"form": "script", "weight_decay": 1e-3})
    assert rows.records_of(claims.row_of("workshop2017-sentiment", "SparseVD (random)"), [cut]) == [cut]


def test_a_run_that_is_not_finished_is_not_judged():
    whole = record("imdb", "LLLCCL", [epoch(n, 0.8, metric="accuracy", vocabulary=300) for n in (1, 2, 3)])
    for cut, judged in ((whole.rows, True), (whole.rows[:2], False)):
        found = [whole._replace(rows=cut)]
        assert verdict(found, "IMDb: vocabulary").holds is (True if judged else None)
        (line,) = (
            x for x in results.page(found).splitlines() if x.startswith("| IMDb, SparseVD-Voc |") and "`" not in x
        )
        assert ("| not finished |" in line) is not judged


def test_patience_ends_a_run_only_once_it_is_out():
    epochs = [epoch(n, value) for n, value in ((1, 3.0), (2, 2.0), (3, 2.5), (4, 2.5))]
    run = record("char-ptb", "LCCL", epochs, preset="paper", patience=2)
    assert rows.finished(run)
    assert not rows.finished(run._replace(rows=epochs[:3]))
    assert not rows.finished(record("char-ptb", "LCCL", epochs, preset="paper"))
    assert rows.finished(record("char-ptb", "LCCL", epochs, preset="paper", epochs=4))


def test_the_last_epoch_is_the_last_one_that_was_evaluated():
    epochs = [epoch(e, 0.7 + e / 100, metric="accuracy", gates=e) for e in range(5)]
    epochs[3] |= {"valid": None, "test": None}
    found = record("imdb", "LCLCCL", epochs[:4], preset="paper")
    found.run["training"] |= {"epochs": 9, "evaluate_every": 2}
    row = claims.row_of("structured", "IMDb, W")
    assert rows.reported(row, found)["epoch"] == 2
    assert "epoch 2 (of 800): 72.00 / 72.00, 5×" in results.ours(row, [found])
    for first in (0, 3):  # before training; and trained, never evaluated
        nothing = found._replace(rows=[*epochs[:1], *epochs[3:4]][: first + 1])
        assert rows.reported(row, nothing) is None
        assert "not yet evaluated; [imdb-LCLCCL](reproductions/paper/imdb-LCLCCL.json)" in results.ours(row, [nothing])
