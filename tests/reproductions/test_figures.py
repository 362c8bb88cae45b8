"""Figures of the preset mini: which runs are drawn, under which names, and that nothing is drawn of too little."""

import pytest

from refimpl.experiments.paper_tables import TABLES
from tests.reproductions.made import epoch, record
from validation.reproductions import figures


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn by each function, in order; nothing is rendered."""
    calls = []
    for name in ("comparison", "figure_1", "figure_2"):
        monkeypatch.setattr(figures, name, lambda *runs, name=name: calls.append((name, *runs)))
    monkeypatch.setattr(figures, "save_png", lambda figure, path: calls.append(path.name))
    return calls


def characters(configuration, start=None, seed=0):
    """A run whose test metric tells its configuration, start and seed."""
    name = "char-ptb-2017"
    value = ("none", "vbd", "sparsevd").index(configuration) + (0.1 if start else 0.0) + 0.01 * seed
    where = f"{name}-{start}-mini-{seed}" if start else "random"
    return record(name, configuration, [epoch(0, 9.0), epoch(1, value)], start=where, seed=seed)


LABELS = ("Original", "SparseVD")


def test_rows_of_an_experiment_are_drawn_together_with_their_seeds(drawn, tmp_path):
    found = [record("char-ptb", code, [epoch(1, 2.0)], seed=s) for code, s in (("LCCL", 0), ("LCCL", 1), ("DCCD", 0))]
    found.append(record("imdb", "LLLCCL", [epoch(1, 0.8, metric="accuracy")]))
    paths = figures.draw(found, tmp_path / "out")
    first, second, third = found[:3]
    assert drawn == [
        ("comparison", {"Original": [third.rows], "SparseVD": [first.rows, second.rows]}, dict.fromkeys(LABELS, 1)),
        "emnlp2018-generation-char-ptb.png",
    ]
    assert [path.name for path in paths] == drawn[1::2]
    drawn.clear()
    found = [record("imdb", code, [epoch(1, 0.8, metric="accuracy")]) for code in ("DCDCCD", "LCLCCL")]
    figures.draw(found, tmp_path / "out")
    assert drawn[0][2] == dict.fromkeys(LABELS, 2)  # as often as the preset evaluates


def test_s004_has_random_starts_left_and_the_others_right_of_the_least_seed(drawn, tmp_path):
    runs = [characters("none"), characters("vbd"), characters("sparsevd"), characters("sparsevd", "none")]
    later = [characters("sparsevd", seed=1), characters("sparsevd", "none", seed=2)]
    figures.draw_s004([*later, *runs], tmp_path)
    none, vbd, random, started = (run.rows for run in runs)
    labels = ("SparseVD (random)", "SparseVD (no dropout)")
    left = {"No dropout": none, "VBD for W_h": vbd, labels[0]: random}
    assert drawn == [
        ("figure_1", left, {labels[1]: started}), "s004-figure-1.png",
        ("figure_2", {labels[0]: random, labels[1]: started}), "s004-figure-2.png",
    ]  # fmt: skip


def test_too_little_is_not_drawn(drawn, tmp_path):
    for few in ([], [characters("sparsevd")], [characters("none"), characters("vbd")]):
        assert figures.draw_s004(few, tmp_path) == []
    assert figures.draw([record("char-ptb", "LCCL", [epoch(1, 2.0)])], tmp_path) == []
    assert drawn == []


def test_a_run_that_is_not_finished_is_not_drawn():
    table = TABLES["emnlp2018-generation"]
    whole = record("char-ptb", "LCCL", [epoch(1, 2.0), epoch(2, 2.0)])
    assert figures.groups_of(table, "char-ptb", [whole]) == {"SparseVD": [whole.rows]}
    assert figures.groups_of(table, "char-ptb", [whole._replace(rows=whole.rows[:1])]) == {}
