"""The papers' tables against what is printed, copied line by line from the papers."""

import re

import pytest

from refimpl.experiments.paper_tables import TABLES

PRINTED = {
    "emnlp2018-classification": """
        84.1 1x 20000
        85.1 1135x 4611
        83.6 18792x 292
        90.6 1x 20000
        88.8 322x 5727
        89.2 469x 2444
    """,
    "emnlp2018-generation": """
        1.499 1.454 1x 50
        1.472 1.429 7.9x 50
        1.458 1.417 6.0x 46
        135.6 129.3 1x 10000
        115.0 109.2 22.1x 9990
        126.0 120.2 19.3x 3164
    """,
    "workshop2017-sentiment": """
        0.1518
        0.1488
        0.1526 99.91 - 99.90
        0.1503 99.95 - 99.92
        0.1475 99.63 - 99.49
    """,
    "workshop2017-characters": """
        1.499 1.453
        1.394 1.358
        1.506 1.461 79.7 - 88.0 - 71.7
        1.454 1.414 61.9 - 60.0 - 43.9
        1.409 1.372 52.2 - 49.8 - 37.9
    """,
}
# S004, sections 4.1 and 4.2: epochs of the first model.
STARTS = {"cornell": {"none": 4, "vbd": 200}, "char-ptb-2017": {"none": 11, "vbd": 50}}


def figures(row):
    """A row's figures in the order in which the papers print them; accuracies in per cent."""
    f = row.published
    scale = 100.0 if row.experiment in ("imdb", "agnews") else 1.0
    found = [scale * score for score in (f.valid, f.test) if score is not None]
    found += [number for number in (f.compression, f.vocabulary) if number is not None]
    return found + [share for _, share in f.sparsity]


@pytest.mark.parametrize("name", PRINTED)
def test_figures_are_the_printed_ones(name):
    printed = [[float(n) for n in re.findall("[0-9.]+", line)] for line in PRINTED[name].strip().splitlines()]
    rows = TABLES[name].rows
    assert len(rows) == len(printed)
    for row, numbers in zip(rows, printed, strict=True):
        assert figures(row) == pytest.approx(numbers, rel=1e-12), row.label


def test_sparsities_are_of_the_matrices_in_the_order_of_the_papers():
    for name, order in (("sentiment", "lstm.W_x lstm.W_h"), ("characters", "lstm.W_x lstm.W_h output.W")):
        for row in TABLES[f"workshop2017-{name}"].rows:
            named = [matrix for matrix, _ in row.published.sparsity]
            assert named == (order.split() if row.configuration == "sparsevd" else [])


def test_baselines_are_stopped_early_and_all_else_is_of_the_last_epoch():
    """S004, section 4: networks without any dropout overfit, so they are with early stopping; S000 does the same."""
    for table in TABLES.values():
        for row in table.rows:
            assert (row.which == "best") == (row.configuration in ("DCDCCD", "DCCD", "none")), row.label


def test_starts_are_of_the_papers_epochs():
    for experiment, epochs in STARTS.items():
        rows = [row for table in TABLES.values() for row in table.rows if row.experiment == experiment]
        assert dict(row.start for row in rows if row.start) == epochs
        assert {row.configuration for row in rows if row.start} == {"sparsevd"}
