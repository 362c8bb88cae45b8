"""The authors' logs as data: all rows, the papers' numbers at the papers' epochs, and files that are refused."""

from importlib.resources import files

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS
from refimpl.experiments.published_logs import (
    LOGS,
    MATRICES,
    columns,
    parse_log,
    published_configurations,
    published_rows,
)
from refimpl.training.problem import is_better

ALL = [(experiment, code) for experiment in LOGS for code in published_configurations(experiment)]
ROWS = {name: published_rows(*name) for name in ALL}

# Last and best validation epoch of each log, as they stand beside the papers' tables (S000; workshop 2018): epoch,
# valid, test (accuracy in per cent), compression, vocabulary, neurons, gates. None: not noted.
LAST = {
    ("imdb", "LCLCCL"): (800, 85.87, 84.10, 1208.5, 5054, 9, 20),
    ("imdb", "LLLCCL"): (800, 83.49, 83.28, 19498.9, 265, 7, 18),
    ("imdb", "LLLCLL"): (800, 84.19, 84.01, 16676, 316, 7, 19),
    ("imdb", "LLLLLL"): (800, 84.16, 83.87, 18457, 307, 7, 8),
    ("agnews", "LCLCCL"): (150, 89.57, 89.01, 350.3, 5737, 65, 72),
    ("agnews", "LLLCCL"): (150, 89.75, 89.14, 561.2, 2450, 34, 76),
    ("agnews", "LLLCLL"): (150, 89.35, 88.55, 645.4, 2351, 17, 62),
    ("agnews", "LLLLLL"): (150, 89.35, 88.41, 639.6, 2295, 14, 39),
    ("char-ptb", "DCCD"): (250, 2.2589, 2.1747, 1.0, 50, 1000, 4000),
    ("char-ptb", "LCCL"): (250, 1.4720, 1.4290, 7.887, 50, 431, 1718),
    ("char-ptb", "LCIL"): (250, 1.4584, 1.4165, 5.958, 46, 510, 2026),
    ("char-ptb", "LCRL"): (250, 1.4777, 1.4297, 10.007, 50, 390, 1560),
    ("char-ptb", "LLRL"): (250, 1.4672, 1.4250, 9.816, 50, 404, 1563),
    ("word-ptb", "DCCD"): (150, 71752, 51690, 1.0, 10000, 256, 1024),
    ("word-ptb", "LCCL"): (150, 115.04, 109.22, 22.095, 9990, 156, 288),
    ("word-ptb", "LCIL"): (150, 125.97, 120.22, 19.318, 3164, 209, 513),
    ("word-ptb", "LCRL"): (150, 116.13, 110.98, 23.494, 9992, 127, 276),
    ("word-ptb", "LLRL"): (150, 121.98, 116.47, 24.461, 9972, 117, 201),
}
BEST = {
    ("imdb", "LCLCCL"): (520, 87.23, 85.26, 1266.3),
    ("imdb", "LLLCCL"): (800, 83.49, 83.28, 19498.9),
    ("imdb", "LLLCLL"): (800, 84.19, 84.01, 16676),
    ("imdb", "LLLLLL"): (680, 84.35, 83.87, 17326),
    ("agnews", "LCLCCL"): (40, 90.17, 89.24, 166),
    ("agnews", "LLLCCL"): (20, 90.02, 88.92, 156),
    ("agnews", "LLLCLL"): (30, 90.10, 88.84, 223),
    ("agnews", "LLLLLL"): (60, 89.95, 89.18, 365),
    ("char-ptb", "DCCD"): (9, 1.4982, 1.4546, 1.0),
    ("char-ptb", "LCCL"): (237, 1.4692, 1.4284, 7.85),
    ("char-ptb", "LCIL"): (237, 1.4570, 1.4171, 5.93),
    ("char-ptb", "LCRL"): (248, 1.4774, 1.4291, None),
    ("char-ptb", "LLRL"): (237, 1.4656, 1.4239, None),
    ("word-ptb", "DCCD"): (8, 135.64, 129.32, 1.0),
    ("word-ptb", "LCCL"): (133, 114.99, 109.07, 22.74),
    ("word-ptb", "LCIL"): (149, 125.71, 119.93, 19.33),
    ("word-ptb", "LCRL"): (137, 115.75, 110.52, None),
    ("word-ptb", "LLRL"): (149, 121.93, 116.38, None),
}
# What is left of W_x, W_h, W_y at the last epoch, as the sparsity (per cent) that is printed beside S004's rows.
SPARSITY = {
    ("char-ptb", "LCCL"): {"lstm.W_x": 78.19, "lstm.W_h": 87.94, "output.W": 74.14},
    ("char-ptb", "LCIL"): {"lstm.W_x": 73.4, "lstm.W_h": 83.9, "output.W": 69.6},
    ("word-ptb", "LCCL"): {"lstm.W_x": 97.40, "lstm.W_h": 89.74, "output.W": 88.36},
    ("imdb", "LCLCCL"): {"embedding.W": 99.916, "lstm.W_x": 99.980, "lstm.W_h": 99.927, "output.W": 92.97},
}


def said(printed, value):
    """Whether a value is what is printed, to the last digit that is printed."""
    if printed is None:
        return True
    digits = len(str(printed).partition(".")[2].rstrip("0"))
    return abs(value - printed) <= 0.5001 * 10.0**-digits


def scores(row):
    scale = 100.0 if row["metric"] == "accuracy" else 1.0
    return scale * row["valid"], scale * row["test"]


def test_all_rows_and_configurations_are_there():
    assert len(ALL) == 18
    assert sum(len(rows) for rows in ROWS.values()) == 2280
    epochs = {
        "imdb": range(20, 801, 20),
        "agnews": range(5, 151, 5),
        "char-ptb": range(1, 251),
        "word-ptb": range(1, 151),
    }
    for (experiment, _), rows in ROWS.items():
        assert [row["epoch"] for row in rows] == list(epochs[experiment])
        assert {row["metric"] for row in rows} == {EXPERIMENTS[experiment].metric}


@pytest.mark.parametrize("name", ALL, ids="-".join)
def test_counts_are_in_range_and_give_the_compression(name):
    for row in ROWS[name]:
        counts = list(row["kept"].values())
        assert all(raw is None and 0 <= kept <= total for kept, raw, total in counts)
        assert all(0 < kept <= total for kept, total in (row[key] for key in ("vocabulary", "neurons", "gates")))
        kept, total = sum(count[0] for count in counts), sum(count[2] for count in counts)
        assert row["compression"] == pytest.approx(total / kept, rel=1e-10)
        assert row["gates"][1] == 4 * row["neurons"][1]


def test_sizes_are_those_of_the_papers_networks():
    sizes = {experiment: ROWS[experiment, code][0] for experiment, code in ALL}
    totals = {name: {key: count[2] for key, count in row["kept"].items()} for name, row in sizes.items()}
    assert totals == {
        "imdb": {"embedding.W": 20003 * 300, "lstm.W_x": 4 * 300 * 128, "lstm.W_h": 4 * 128 * 128, "output.W": 128},
        "agnews": {"embedding.W": 20003 * 300, "lstm.W_x": 4 * 300 * 512, "lstm.W_h": 4 * 512 * 512, "output.W": 2048},
        "char-ptb": {"lstm.W_x": 4 * 50 * 1000, "lstm.W_h": 4 * 1000 * 1000, "output.W": 50 * 1000},
        "word-ptb": {"lstm.W_x": 4 * 10000 * 256, "lstm.W_h": 4 * 256 * 256, "output.W": 10000 * 256},
    }
    assert {name: row["vocabulary"][1] for name, row in sizes.items()} == {
        "imdb": 20003, "agnews": 20003, "char-ptb": 50, "word-ptb": 10000,
    }  # fmt: skip


@pytest.mark.parametrize("name", ALL, ids="-".join)
def test_the_last_epoch_is_the_one_of_the_papers(name):
    row, (epoch, valid, test, compression, *kept) = ROWS[name][-1], LAST[name]
    assert row["epoch"] == epoch
    assert said(valid, scores(row)[0])
    assert said(test, scores(row)[1])
    assert said(compression, row["compression"])
    assert [row[key][0] for key in ("vocabulary", "neurons", "gates")] == kept


@pytest.mark.parametrize("name", ALL, ids="-".join)
def test_the_best_epoch_is_the_one_of_the_papers(name):
    best = ROWS[name][0]
    for row in ROWS[name]:
        best = row if is_better(row["metric"], row["valid"], best["valid"]) else best
    epoch, valid, test, compression = BEST[name]
    tied = [row["epoch"] for row in ROWS[name] if row["valid"] == best["valid"]]
    assert epoch in tied
    row = next(row for row in ROWS[name] if row["epoch"] == epoch)
    assert said(valid, scores(row)[0])
    assert said(test, scores(row)[1])
    assert said(compression, row["compression"])


@pytest.mark.parametrize("name", SPARSITY, ids="-".join)
def test_the_matrices_have_their_own_sparsities(name):
    kept = ROWS[name][-1]["kept"]
    for matrix, printed in SPARSITY[name].items():
        assert said(printed, 100.0 * (1.0 - kept[matrix][0] / kept[matrix][2])), matrix


def test_what_the_authors_did_not_print_is_none():
    row = ROWS["imdb", "LLLCCL"][0]
    assert [row[key] for key in ("nll", "kl", "compression_raw", "compression_fixpoint")] == [None] * 4
    assert row["loss"] < -195.0  # NLL + KL / N, whose floor is -0.67 a weight
    mean, largest = row["gradient_norm"]
    assert 0.0 < mean < largest
    assert row["seconds"] == pytest.approx(19.0, abs=3.0)


def test_the_configurations_are_among_ours():
    assert all(code in EXPERIMENTS[experiment].configurations for experiment, code in ALL)
    assert published_configurations("cornell") == ()


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="experiment: expected one of 'imdb'"):
        published_rows("cornell", "sparsevd")
    with pytest.raises(ValueError, match="configuration: expected one of 'LCLCCL'"):
        published_rows("imdb", "DCDCCD")


def lines_of(experiment):
    text = files("refimpl.experiments").joinpath("published", LOGS[experiment].file).read_text("utf-8")
    return text.splitlines()


def changed(experiment, line, **values):
    """The file with other values in some columns of one line (1 is the first below the header)."""
    lines = lines_of(experiment)
    cells = dict(zip(lines[0].split(","), lines[line].split(","), strict=True)) | values
    lines[line] = ",".join(cells.values())
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lstm_wx_left": "3848", "lstm_wh_left": "1595"}, "lstm_wx_sparsity_pct, lstm_wh_sparsity_pct: expected what"),
        ({"lstm_wx_left": "1596"}, "w_left, compression, lstm_wx_sparsity_pct: expected what"),
        ({"compression": "544.24"}, "compression: expected what the counts give"),
        ({"valid_metric": "77.55"}, "valid_metric: expected a finite number that is an accuracy, got 77.55"),
        ({"test_metric": "nan"}, "test_metric: expected a finite number"),
        ({"vocab_left": "20004"}, "vocab: expected 0 <= left <= total, got 20004 of 20003"),
        ({"metric": "perplexity"}, "expected IMDB and accuracy, got IMDB and perplexity"),
        ({"config": "LCCL"}, "config: expected one of 'LCLCCL'"),
        ({"gates_left": ""}, "invalid literal for int"),
    ],
)
def test_a_line_that_disagrees_with_itself_is_named(values, message):
    with pytest.raises(ValueError, match=r"imdb\.csv, line 2: ") as caught:
        parse_log(changed("imdb", 1, **values), LOGS["imdb"])
    assert message in str(caught.value)


def test_a_lost_line_and_a_shifted_epoch_are_found():
    lines = lines_of("imdb")
    for text in ("\n".join(lines[:5] + lines[6:]), changed("imdb", 5, epoch="101")):
        with pytest.raises(ValueError, match=r"imdb\.csv: expected epochs range\(20, 801, 20\) of LCLCCL"):
            parse_log(text, LOGS["imdb"])


def test_columns_in_another_order_are_refused():
    lines = lines_of("word-ptb")
    lines[0] = lines[0].replace("valid_metric,test_metric", "test_metric,valid_metric")
    with pytest.raises(ValueError, match=r"word_ptb\.csv: expected the columns experiment, config"):
        parse_log("\n".join(lines), LOGS["word-ptb"])
    assert len(list(columns(True))) - len(list(columns(False))) == 3
    assert list(MATRICES.values()) == ["embedding.W", "lstm.W_x", "lstm.W_h", "output.W"]
