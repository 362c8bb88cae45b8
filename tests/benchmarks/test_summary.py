"""Medians and ratios; growth series; the tables that are printed."""

import pytest

from refimpl.benchmarks.growth import growth_series
from refimpl.benchmarks.summary import ratio, summarise
from refimpl.benchmarks.table import agreement_line, aligned, format_record, seconds
from refimpl.benchmarks.workloads import find_workloads


def test_ratios_are_medians_of_the_rounds(record):
    contenders = record["rows"][0]["contenders"]
    assert contenders["refimpl"]["ratio"]["torch"] == {"median": 1.5, "least": 1.0, "most": 2.0}
    assert contenders["refimpl"]["ratio"]["gemm"] == {"median": 3.0, "least": 2.0, "most": 4.0}
    assert contenders["refimpl"]["median"] == {"wall": 3.0, "cpu": 3.0}
    assert contenders["refimpl"]["memory_ratio"] == {"torch": 0.25}
    assert contenders["torch"]["ratio"] == {"gemm": {"median": 2.0, "least": 1.0, "most": 4.0}}


def test_the_median_of_ratios_is_not_the_ratio_of_medians():
    blocks = [{"wall": wall} for wall in (1.0, 6.0, 3.0)]
    base = [{"wall": wall} for wall in (1.0, 2.0, 4.0)]
    assert ratio(blocks, base) == {"median": 1.0, "least": 0.75, "most": 3.0}
    with pytest.raises(ValueError, match="zip"):
        ratio(blocks, base[1:])


def test_blocks_that_were_not_quiet_are_counted():
    blocks = [{"wall": 1.0, "cpu": 1.0, "others": others} for others in (0.0, 0.15, 0.2, None)]
    found = summarise({"torch": {"blocks": blocks, "peak_mb": None}}, 0.15)
    assert found["torch"]["not_quiet"] == 1


def test_memory_that_is_not_known_has_no_ratio():
    blocks = [{"wall": 1.0, "cpu": 1.0, "others": None}]
    found = summarise({name: {"blocks": blocks, "peak_mb": None} for name in ("refimpl", "torch")}, 0.15)
    assert found["refimpl"]["memory_ratio"] == {}


def test_the_table(record):
    assert format_record(record).splitlines() == [
        "2026-11-22T10:00; A processor, 2 processors, memory 1 kB",
        "refimpl 0.1.0, numpy 2.4, torch 2.13; BLAS of NumPy and SciPy: openblas 0.3 (Zen)",
        "absent: jax, no package jax in python",
        "",
        "char: LCCL, V 11, H 12, T 6, B 4; threads 1; medians of 3 rounds",
        "         s/step  / torch [min, max]  / gemm [min, max]  peak MB  / torch",
        "refimpl   3.000   1.50 [1.00, 2.00]  3.00 [2.00, 4.00]       50     0.25",
        "torch     2.000                   –  2.00 [1.00, 4.00]      200        –",
        "gemm      1.000   0.50 [0.25, 1.00]                  –        –        –",
        "torch agrees: loss 1e-08, gradients 2e-06 (lstm.b), relative",
    ]


def test_what_went_wrong_is_said(make):
    row_of, record_of = make
    (workload,) = find_workloads("char", "tiny")
    noisy, unknown, failing = row_of(workload, others=0.4), row_of(workload, others=None), row_of(workload)
    failing["failed"] = {"jax": "jax ended with code 1: no memory"}
    failing["agreement"]["torch"]["gradients"]["output.b"] = 0.5
    assert "NOT QUIET: others worked during 3 of 3 blocks of torch" in format_record(record_of(noisy))
    assert "whether it was quiet is not known" in format_record(record_of(unknown))
    text = format_record(record_of(failing))
    assert "FAILED: jax ended with code 1: no memory" in text
    assert "torch DISAGREES, not timed: loss 1e-08, gradients 5e-01 (output.b), relative" in text
    assert "NOT QUIET" not in text


def test_a_contender_that_was_not_timed_has_no_column(make):
    row_of, record_of = make
    row = row_of(find_workloads("char", "tiny")[0])
    del row["contenders"]["torch"]
    row["contenders"] = summarise(row["contenders"], 0.15)
    assert "/ torch" not in format_record(record_of(row))


def test_growth_series_hold_the_centre_once(growth_record):
    series = growth_series(growth_record)
    assert [(one.axis, one.threads) for one in series] == [
        (axis, threads) for threads in (1, 2) for axis in ("steps", "batch", "hidden")
    ]
    assert [[value for value, _ in one.points] for one in series[:3]] == [[4, 5, 8], [1, 3], [7, 9]]
    for one in series:
        assert all(row["threads"] == one.threads for _, row in one.points)


def test_growth_tables_say_the_power(growth_record):
    text = format_record(growth_record)
    assert "growth with T, around LCCL, V 11, H 7, T 5, B 3; threads 2" in text
    for line in ("4           1.920         0.96 [0.64, 1.28]", "8           7.680   2.00  3.84 [2.56, 5.12]"):
        assert line in text
    assert text.count("2.00  ") == 8  # the power of every step of every series: (2 + 1 + 1) points after the first


@pytest.mark.parametrize(("value", "text"), [(12.3456, "12.346"), (0.123456, "0.1235"), (0.00123456, "0.00123")])
def test_seconds(value, text):
    assert seconds(value) == text


def test_columns_are_aligned():
    assert aligned([["", "a"], ["long", "12"], ["b", ""]]) == ["       a", "long  12", "b"]


def test_agreement_line_names_the_worst_leaf():
    line = agreement_line("jax", {"loss": 1e-7, "gradients": {"a": 1e-6, "b": 3e-6}})
    assert line == "jax agrees: loss 1e-07, gradients 3e-06 (b), relative"
