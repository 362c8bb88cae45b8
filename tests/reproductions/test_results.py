"""The pages made from the records of runs: nothing in them is typed in, and no empty cell is filled."""

import json
import shlex

import pytest

from refimpl.experiments.paper_tables import TABLES, command
from validation.reproductions import claims, collect, records, results
from validation.reproductions.records import HERE, Record

LM = {"kept": {"lstm.W_x": [10, 12, 100], "lstm.W_h": [30, 30, 100], "output.W": [20, 20, 100]}}


def epoch(number, test, *, valid=None, metric="bits_per_char", compression=5.0, gates=40, vocabulary=50, **more):
    counts = {"vocabulary": [vocabulary, 50], "neurons": [16, 16], "gates": [gates, 64]}
    row = {"epoch": number, "nll": 1.0, "kl": -2.0, "kl_weight": 1.0, "n_terms": 10, "metric": metric, "seconds": 1.0}
    scores = {"test": test, "valid": test if valid is None else valid}
    return LM | row | scores | counts | {"compression": compression, "compression_raw": compression} | more


def record(experiment, configuration, rows, *, seed=0, start="random", preset="mini"):
    training = {"warmup": {"kind": "constant"}}
    run = {"experiment": experiment, "configuration": configuration, "seed": seed, "start": start, "preset": preset}
    run |= {"training": training, "weights_per_term": 0.5}
    return Record(records.run_name(run), run, rows)


def verdict(found, claim):
    return next(v for v in claims.verdicts(found) if v.claim.startswith(claim))


def test_a_claim_without_its_rows_is_not_judged():
    assert {v.holds for v in claims.verdicts([])} == {None}
    only_one = [record("char-ptb", "LCCL", [epoch(1, 2.0)])]
    assert verdict(only_one, "Char PTB: SparseVD").holds is None


@pytest.mark.parametrize(("sparse", "holds"), [(2.0, True), (2.039, True), (2.041, False)])
def test_two_per_cent_of_quality_may_be_lost(sparse, holds):
    found = [record("char-ptb", "DCCD", [epoch(1, 2.0)]), record("char-ptb", "LCCL", [epoch(1, sparse)])]
    assert verdict(found, "Char PTB: SparseVD").holds is holds


def test_accuracy_may_fall_by_two_per_cent():
    for sparse, holds in ((0.785, True), (0.783, False)):
        rows = {"DCDCCD": 0.8, "LCLCCL": sparse}
        found = [record("imdb", code, [epoch(1, value, metric="accuracy")]) for code, value in rows.items()]
        assert verdict(found, "IMDb: SparseVD").holds is holds


def test_the_original_is_judged_at_its_best_epoch_and_sparsevd_at_its_last():
    overfits = [epoch(1, 2.5, valid=2.5), epoch(2, 2.0, valid=2.1), epoch(3, 9.0, valid=9.0)]
    sparse = [epoch(1, 1.0, valid=1.0), epoch(2, 2.02, valid=2.02)]
    found = [record("char-ptb", "DCCD", overfits), record("char-ptb", "LCCL", sparse)]
    judged = verdict(found, "Char PTB: SparseVD")
    assert judged.holds
    assert "SparseVD: 2.02" in judged.figures
    assert "Original: 2 (" in judged.figures


def test_means_are_over_the_seeds_and_overlapping_ranges_are_told():
    gates = {("LCCL", 0): 40, ("LCCL", 1): 44, ("LLRL", 0): 30, ("LLRL", 1): 42}
    found = [record("char-ptb", code, [epoch(1, 2.0, gates=n)], seed=s) for (code, s), n in gates.items()]
    judged = verdict(found, "Char PTB: variables of gates")
    assert judged.holds
    assert judged.figures.endswith("the ranges overlap")
    assert "W+G+N: 36 (30 to 42, 2 seeds)" in judged.figures


def test_a_started_run_is_not_taken_for_a_random_one():
    pair = [
        record("char-ptb-2017", "sparsevd", [epoch(1, 2.0)]),
        record("char-ptb-2017", "sparsevd", [epoch(1, 1.8)], start="char-ptb-2017-none-mini-0"),
    ]
    assert [r.name for r in pair] == ["char-ptb-2017-sparsevd", "char-ptb-2017-sparsevd-from-none"]
    random, started = (claims.row_of("workshop2017-characters", f"SparseVD ({s})") for s in ("random", "no dropout"))
    assert claims.records_of(random, pair) == pair[:1]
    assert claims.records_of(started, pair) == pair[1:]
    assert verdict(pair, "Characters: a start from no dropout gives better").holds


def test_vocabulary_of_a_few_hundred_words():
    for words, holds in ((99, False), (292, True), (1000, False)):
        found = [record("imdb", "LLLCCL", [epoch(1, 0.8, metric="accuracy", vocabulary=words)])]
        assert verdict(found, "IMDb: vocabulary").holds is holds


def test_what_was_not_run_is_said_to_be_not_run():
    page = results.page([])
    rows = sum(len(table.rows) for table in TABLES.values())
    assert page.count("not yet run") >= 2 * rows
    assert "holds |" not in page


def test_a_run_of_fewer_epochs_stands_beside_the_authors_log_at_its_epoch():
    rows = [epoch(e, 100.0, metric="perplexity", vocabulary=40) for e in range(6)]
    page = results.page([record("word-ptb", "LCCL", rows, preset="paper")])
    (line,) = [line for line in page.splitlines() if line.startswith("| Word PTB, SparseVD |") and "epoch" in line]
    assert "log, epoch 5: 257.8 / 248.0" in line
    assert "epoch 5 (of 150): 100.0 / 100.0, 5×" in line


def test_zeros_are_told_by_matrix():
    """After propagation, as the logs are; by log alpha alone in the tables of S004, as this paper counts."""
    by_log_alpha = claims.row_of("workshop2017-characters", "SparseVD (random)")
    propagated = claims.row_of("emnlp2018-generation", "Char PTB, SparseVD")
    shares = {"lstm.W_h": 70.0, "output.W": 80.0}
    assert claims.zeros(propagated, epoch(1, 2.0)) == {"lstm.W_x": 90.0} | shares
    assert claims.zeros(by_log_alpha, epoch(1, 2.0)) == {"lstm.W_x": 88.0} | shares
    assert claims.kept_share(epoch(1, 2.0)) == (12 + 30 + 20) / 300


def test_a_row_in_miniature_is_the_mean_of_its_seeds_at_the_epoch_of_the_table():
    def rows(test, gates, kept):
        early = epoch(1, 9.0, valid=9.0) | {"kept": {"lstm.W_x": [kept, kept, 100], "lstm.W_h": [100, 100, 100]}}
        return [early | {"epoch": 0}, early, early | epoch(2, test, valid=1.0, gates=gates) | {"kept": early["kept"]}]

    found = [record("char-ptb", "LCCL", rows(2.0, 30, 10)), record("char-ptb", "LCCL", rows(2.5, 40, 30), seed=1)]
    cells = results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, SparseVD"), found)
    assert cells == [
        "Char PTB, SparseVD", "0.5", "2", "2.25 (2 to 2.5)", "5", "50", "16", "35 (30 to 40)", "W_x 80.0"
    ]  # fmt: skip
    best = [record("char-ptb", "DCCD", [epoch(1, 2.0, valid=2.0, gates=30), epoch(2, 3.0, valid=3.0)])]
    assert results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, Original"), best)[3] == "2"
    assert results.mini_row(claims.row_of("emnlp2018-generation", "Char PTB, Original"), best)[7] == "30"


def test_what_changes_more_than_the_seed_is_no_seed():
    row = claims.row_of("emnlp2018-classification", "IMDb, SparseVD-Voc")
    plain, other = (record("imdb", "LLLCCL", [epoch(1, 0.8, metric="accuracy", vocabulary=n)]) for n in (300, 5))
    warm, vectors = ({"training": {"warmup": {"kind": "linear"}}}, {"word_vectors": "texts"})
    for change in (warm, vectors, {"output_log_sigma": -1.5}):
        run = other.run | change
        variant = Record(records.run_name(run), run, other.rows)
        assert claims.records_of(row, [plain, variant]) == [plain]
        assert claims.variants_of(row, [plain, variant]) == [plain, variant]
        assert verdict([plain, variant], "IMDb: vocabulary").holds
        assert verdict([variant], "IMDb: vocabulary").holds is None
    named = other._replace(name="imdb-LLLCCL-again")
    assert claims.records_of(row, [plain, named]) == [plain]


def test_a_run_that_is_not_finished_is_not_judged():
    found = [record("imdb", "LLLCCL", [epoch(5, 0.8, metric="accuracy", vocabulary=300)])]
    for training, judged in (({"epochs": 5}, True), ({"epochs": 6}, False), ({"epochs": 6, "patience": 2}, True)):
        found[0].run["training"] |= training
        assert verdict(found, "IMDb: vocabulary").holds is (True if judged else None)
        (line,) = (
            x for x in results.page(found).splitlines() if x.startswith("| IMDb, SparseVD-Voc |") and "`" not in x
        )
        assert ("| not finished |" in line) is not judged


def test_the_last_epoch_is_the_last_one_that_was_evaluated():
    rows = [epoch(e, 0.7 + e / 100, metric="accuracy", gates=e) for e in range(5)]
    rows[3] |= {"valid": None, "test": None}
    found = record("imdb", "LCLCCL", rows[:4], preset="paper")
    found.run["training"] |= {"epochs": 9, "evaluate_every": 2}
    row = claims.row_of("structured", "IMDb, W")
    assert claims.reported(row, found)["epoch"] == 2
    assert "epoch 2 (of 800): 72.00 / 72.00, 5×" in results.ours(row, [found])
    for first in (0, 3):  # before training; and trained, never evaluated
        nothing = found._replace(rows=[*rows[:1], *rows[3:4]][: first + 1])
        assert claims.reported(row, nothing) is None
        assert "not yet evaluated; [imdb-LCLCCL](reproductions/paper/imdb-LCLCCL.json)" in results.ours(row, [nothing])


def test_a_seed_that_diverged_leaves_no_mean():
    rows = {0: [epoch(1, 2.0)], 1: [epoch(1, None) | {"valid": None}]}
    found = [record("char-ptb", "LCCL", of_seed, seed=seed) for seed, of_seed in rows.items()]
    judged = verdict([*found, record("char-ptb", "DCCD", [epoch(1, 2.0)])], "Char PTB: SparseVD")
    assert judged.holds is None
    assert judged.figures == "Char PTB, SparseVD: a seed has no value at the epoch that is asked for"


def empty(test):
    """An epoch of a net of which nothing is left."""
    kept = {name: [0, 0, 100] for name in ("embedding.W", "lstm.W_x", "lstm.W_h", "output.W")}
    return epoch(1, test, metric="accuracy", compression=1e300, gates=0, vocabulary=0) | {"kept": kept}


def test_no_claim_holds_by_a_net_of_which_nothing_is_left():
    language = record("char-ptb", "LCCL", [epoch(1, 2.0)])
    gone = [record("imdb", code, [empty(0.5)]) for code in ("LCLCCL", "LLLLLL")]
    judged = verdict([language, *gone], "Char PTB: the language model is compressed less")
    assert judged.holds is None
    assert "IMDb, SparseVD: all pruned" in judged.figures
    assert judged.figures.endswith("not judged: nothing is left of IMDb, SparseVD")
    alive = record("imdb", "LCLCCL", [epoch(1, 0.8, metric="accuracy")])
    assert verdict([gone[1], alive], "IMDb: variables of gates").holds is None
    for original, holds in ((0.5, None), (0.8, False)):
        pair = [record("imdb", "DCDCCD", [epoch(1, original, metric="accuracy")]), gone[0]]
        assert verdict(pair, "IMDb: SparseVD").holds is holds
    (line,) = (
        x for x in results.page([language, *gone]).splitlines() if x.startswith("| Char PTB: the language model")
    )
    assert line.split(" | ")[1] == "not judged"
    assert "50.00 / 50.00, all pruned, 0 words" in results.ours(claims.row_of("structured", "IMDb, W"), gone[:1])


@pytest.mark.parametrize("first", [10, 90])
def test_directions_of_the_claims(first):
    """Of two figures each claim wants the lower or the higher, by its words."""

    def of(experiment, code, figure, start="random", metric="bits_per_char"):
        kept = {name: [count, count, 100] for name, count in (("lstm.W_x", figure), ("output.W", figure))}
        row = epoch(1, figure / 10, metric=metric, compression=float(figure), gates=figure) | {"kept": kept}
        return record(experiment, code, [row], start=start)

    second, name = 100 - first, "char-ptb-2017"
    started = [of(name, "sparsevd", first, f"{name}-{s}-mini-0") for s in ("none", "vbd")]
    found = [*started, of(name, "sparsevd", second)]
    found += [of(task, "LCCL", first) for task in ("char-ptb", "word-ptb")]
    found += [of("imdb", "LCLCCL", second, metric="accuracy"), of("imdb", "LLLLLL", first, metric="accuracy")]
    lower = ("gives better quality", "is compressed less", "IMDb: variables of gates")
    judged = {v.claim: v.holds for v in claims.verdicts(found) if v.holds is not None}
    assert sum(any(words in claim for words in lower) for claim in judged) == 5
    assert sum("keeps more weights" in claim for claim in judged) == 2
    for claim, holds in judged.items():
        if "keeps more weights" in claim:
            assert holds is (first > second)
        if any(words in claim for words in lower):
            assert holds is (first < second)


def test_the_command_of_a_started_row_makes_its_start_too():
    """With --start of the run of another row it would start from more epochs than the paper's 4, 11, 50 or 200."""
    table = TABLES["workshop2017-sentiment"]
    for row in table.rows:
        words = shlex.split(command(table.id, row, "paper"))
        started = ["--table", table.id, "--row", row.label] if row.start else ["cornell", "--config", row.configuration]
        assert words == ["refimpl", "reproduce", *started, "--preset", "paper"]


def test_a_record_does_not_take_the_place_of_another_run(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "HERE", tmp_path)
    longer = record("char-ptb", "LCCL", [epoch(1, 2.0), epoch(2, 1.5)])
    records.write(longer._replace(rows=longer.rows[:1]))
    records.write(longer)  # the same run, gone on with
    other = longer._replace(run=longer.run | {"training": {"warmup": {"kind": "constant"}, "learning_rate": 0.1}})
    for refused, words in (
        (other, "learning_rate"),
        (longer._replace(rows=longer.rows[:1]), "epochs: stored 2, now 1"),
    ):
        with pytest.raises(ValueError, match=f"char-ptb-LCCL.json: holds another run .*{words}.* --as NAME"):
            records.write(refused)
    records.write(other, "again")
    assert {r.name: r.rows for r in records.read_all()} == {"char-ptb-LCCL": longer.rows, "again": longer.rows}


def test_csv_holds_every_count():
    header, line = records.as_csv([epoch(1, 2.0, peak_mib=3.5)]).splitlines()
    values = dict(zip(header.split(","), line.split(","), strict=True))
    assert (values["lstm.W_x.kept"], values["lstm.W_x.kept_raw"], values["lstm.W_x.weights"]) == ("10", "12", "100")
    assert (values["gates"], values["gates_all"], values["peak_mib"]) == ("40", "64", "3.5")


def test_a_record_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "HERE", tmp_path)
    written = record("char-ptb", "LCCL", [epoch(1, 2.0), epoch(2, 1.5)], seed=2)
    records.write(written)
    assert (tmp_path / "mini" / "char-ptb-LCCL-seed2.csv").is_file()
    assert records.read_all() == [written]


def test_committed_pages_are_those_of_the_committed_records():
    found = records.read_all()
    assert results.PAGE.read_text() == results.page(found)
    assert (HERE / "README.md").read_text() == collect.page(found)


def test_committed_records_hold_no_text_and_no_path():
    for path in HERE.glob("*/*.json"):
        run = json.loads(path.read_text())["run"]
        assert "/" not in run["start"]
        assert len(run["data"]["sha256"]) == 64
