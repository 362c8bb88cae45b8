"""The pages made from the records of runs: nothing in them is typed in, and no empty cell is filled."""

import json

import pytest

from refimpl.experiments.paper_tables import TABLES
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
    assert results.sparsity(epoch(1, 2.0)) == {"lstm.W_x": 90.0, "lstm.W_h": 70.0, "output.W": 80.0}


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
