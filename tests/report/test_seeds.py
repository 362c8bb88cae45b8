"""Seeds of one configuration: which runs they are, mean and spread in curves and tables."""

import math

import numpy as np
import pytest

from refimpl.report.comparison_figure import comparison
from refimpl.report.html import Picture
from refimpl.report.records import read_run
from refimpl.report.run_report import comparison_report
from refimpl.report.seeds import groups_of_seeds, seeds_table
from refimpl.report.spread import common_epochs, spread
from refimpl.report.tables import cell_text


@pytest.fixture
def seeds(write_run, make):
    """Three seeds of LCCL, valid 1.5 + 0.1 k at the last epoch, the last one shorter."""
    make_row, _ = make
    folders = []
    for k in range(3):
        rows = [
            make_row(epoch, 1.0 / (1 + epoch), valid=1.5 + 0.1 * k + 1.0 / (1 + epoch)) for epoch in range(5 - k // 2)
        ]
        folders.append(write_run(f"LCCL-{k}", rows, configuration="LCCL", seed=k))
    return folders


def test_spread_is_mean_least_and_greatest_at_common_epochs(seeds):
    runs = [read_run(folder).rows for folder in seeds]
    assert common_epochs(runs) == [0, 1, 2, 3]
    found = spread(runs, lambda row: row["valid"])
    base = 1.5 + 1.0 / np.arange(1, 5)
    np.testing.assert_array_equal(found.epochs, range(4))
    np.testing.assert_allclose([found.low, found.mean, found.high], [base, base + 0.1, base + 0.2])


def test_a_value_that_one_seed_lacks_is_not_averaged_over_the_others():
    runs = [[{"epoch": 1, "x": 1.0}], [{"epoch": 1, "x": math.nan}]]
    assert np.isnan(spread(runs, lambda row: row["x"]).mean).all()


def test_runs_that_differ_in_the_seed_alone_stand_together(seeds, write_run, rows):
    other = write_run("LCIL", rows)
    groups = groups_of_seeds([read_run(folder) for folder in (seeds[0], other, seeds[1])])
    assert {label: len(group) for label, group in groups.items()} == {"LCCL seeds 0, 1": 2, "LCIL seed 3": 1}
    backwards = groups_of_seeds([read_run(folder) for folder in (seeds[1], other, seeds[0])])
    assert list(backwards) == ["LCCL seeds 0, 1", "LCIL seed 3"]


@pytest.mark.parametrize(
    "config",
    [
        {"preset": "paper"},
        {"start": "vbd"},
        {"training": {"epochs": 4, "learning_rate": 0.1}},
        {"recipe": {"layers": []}},
    ],
)
def test_runs_that_differ_in_more_stand_alone(seeds, write_run, rows, config):
    other = write_run("other", rows, **{"configuration": "LCCL", "seed": 7} | config)
    assert [len(group) for group in groups_of_seeds([read_run(seeds[0]), read_run(other)]).values()] == [1, 1]


def test_a_run_that_was_stopped_earlier_is_of_the_same_kind(seeds, write_run, rows):
    other = write_run(
        "longer", rows, configuration="LCCL", seed=7, training={"epochs": 9, "warmup": {"kind": "constant"}}
    )
    assert [len(group) for group in groups_of_seeds([read_run(seeds[0]), read_run(other)]).values()] == [2]


def test_seeds_of_older_records_stand_together_with_newer_ones(write_run, rows):
    """Older records lack what is null now; and what a version says of a run among its deviations is no part of it."""
    older = write_run("older", rows, configuration="LCCL", seed=0)
    newer = [
        write_run(f"s{k}", rows, configuration="LCCL", seed=k, deviations=told, word_vectors=None)
        for k, told in enumerate((["epochs: 4 (paper: 150)"], ["epochs: 9 (paper: 150)", "told since"]), start=1)
    ]
    groups = groups_of_seeds([read_run(folder) for folder in (older, *newer)])
    assert [len(group) for group in groups.values()] == [3]
    vectors = write_run("vectors", rows, configuration="LCCL", seed=4, word_vectors="texts")
    assert [len(g) for g in groups_of_seeds([read_run(older), read_run(vectors)]).values()] == [1, 1]


def test_seeds_that_divide_a_text_into_other_vocabularies_stand_together(write_run, rows):
    runs = [
        write_run(
            f"s{k}", rows, configuration="LCCL", seed=k, weights=1000 + k, recipe={"vocabulary": 50 + k, "size": 4}
        )
        for k in range(2)
    ]
    wider = write_run("wider", rows, configuration="LCCL", seed=2, recipe={"vocabulary": 50, "size": 5})
    assert [len(g) for g in groups_of_seeds([read_run(run) for run in (*runs, wider)]).values()] == [2, 1]


def test_one_run_named_twice_is_refused(seeds):
    with pytest.raises(ValueError, match="runs: expected each once, got .*LCCL-0 again"):
        comparison_report([seeds[0], seeds[1], seeds[0]])


def test_runs_that_start_from_runs_of_their_own_seed_stand_together(write_run, rows):
    """Each also has the terms of its own division of the data."""
    runs = [
        write_run(f"s{k}", rows, configuration="LCCL", seed=k, start=f"char-ptb-vbd-mini-{k}", n_terms=100 + k)
        for k in range(2)
    ]
    assert [len(group) for group in groups_of_seeds([read_run(run) for run in runs]).values()] == [2]


def test_one_seed_twice_is_no_spread(seeds, write_run, rows):
    twin = write_run("twin", rows, configuration="LCCL", seed=0, engine="fast")
    assert [len(group) for group in groups_of_seeds([read_run(seeds[0]), read_run(twin)]).values()] == [1, 1]


def test_seeds_table_has_mean_and_range(seeds):
    table = seeds_table(groups_of_seeds([read_run(folder) for folder in seeds]))
    row = dict(enumerate(map(cell_text, table.rows[0])))
    lasts = [1.5 + 1 / 5, 1.6 + 1 / 5, 1.7 + 1 / 4]
    assert row[1] == "3"
    assert (row[2], row[5]) == ("4, 3", "4, 3")
    assert row[6] == f"{sum(lasts) / 3:.3f} [{lasts[0]:.3f}, {lasts[2]:.3f}]"
    assert row[9] == "2 [2, 2]"
    assert cell_text(seeds_table(groups_of_seeds([read_run(seeds[0])])).rows[0][6]) == "1.700"


def test_bands_lie_between_the_least_and_the_greatest(seeds):
    runs = [read_run(folder).rows for folder in seeds]
    valid = comparison({"LCCL": runs}).axes[0]
    np.testing.assert_allclose(valid.get_lines()[0].get_ydata(), 1.6 + 1.0 / np.arange(1, 5))
    band = valid.collections[0].get_paths()[0].vertices
    at_two = sorted(set(np.round(band[band[:, 0] == 2.0, 1], 12)))
    np.testing.assert_allclose(at_two, [1.5 + 1 / 3, 1.7 + 1 / 3])
    assert not comparison({"LCCL": runs[:1]}).axes[0].collections


def test_comparison_report_has_one_row_of_mean_and_spread(seeds, monkeypatch):
    monkeypatch.setattr("refimpl.report.run_report.picture", lambda _, c: Picture("data:image/png;base64,AAAA", c))
    page = comparison_report(seeds)
    assert "Mean over the seeds [least, greatest]" in page
    assert "a band from the least to the greatest" in page
    assert "LCCL seed 1" in page
    assert "Mean over the seeds" not in comparison_report(seeds[:1])
