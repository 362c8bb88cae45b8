"""The recipe of every row of the papers' tables, against the authors' settings written down by hand."""

import math

import pytest

from refimpl.experiments.catalogue import EXPERIMENTS, build_recipe
from refimpl.experiments.paper_tables import TABLES
from refimpl.experiments.published_logs import published_rows
from refimpl.models.parameters import groups, matrices, parameter_shapes

SYMBOLS = {"char-ptb": 50, "char-ptb-2017": 50, "word-ptb": 10_000, "imdb": 20_003, "agnews": 20_003, "cornell": 20_003}
CLASSES = {"imdb": 2, "agnews": 4}

# Main files of the 2018 code, and S004 section 4: epochs, learning rate, clip norm, batch, length.
TRAINING = {
    "imdb": (800, 0.0005, 1e9, 128, 200),
    "agnews": (150, 0.0005, 1e9, 128, 100),
    "char-ptb": (250, 0.002, 1.0, 64, 100),
    "word-ptb": (150, 0.002, 10.0, 32, 35),
    "char-ptb-2017": (50, 0.002, 1.0, 64, 100),
    "cornell": (1000, 0.001, 0.1, 128, 200),
}
# What the authors' logs print as the number of all weights.
WEIGHTS = {"imdb": 6_220_164, "agnews": 7_665_924, "char-ptb": 4_250_000, "word-ptb": 13_062_144}
# Gates, forget bias, initialisers of embedding, W_x, W_h, output with gain or half width, and the output's estimator.
MODEL = {
    "imdb": ("hard_sigmoid", 1.0, "uniform 0.05, glorot_uniform 1, orthogonal 1.1, glorot_uniform 1", "lrt"),
    "agnews": ("hard_sigmoid", 1.0, "uniform 0.05, glorot_uniform 1, orthogonal 1.1, glorot_uniform 1", "lrt"),
    "char-ptb": ("sigmoid", 0.0, "orthogonal 1, orthogonal 1, orthogonal 1", "lrt_shared"),
    "word-ptb": ("sigmoid", 1.0, "orthogonal 1, orthogonal 1, orthogonal 1", "rt"),
}
# The letters by what they make random: matrices with a posterior, group variables.
RANDOM = {
    "DCDCCD": ("", ""),
    "LCLCCL": ("embedding.W lstm.W_x lstm.W_h output.W", ""),
    "LLLCCL": ("embedding.W lstm.W_x lstm.W_h output.W", "embedding.z"),
    "LLLCLL": ("embedding.W lstm.W_x lstm.W_h output.W", "embedding.z lstm.z_x lstm.z_h"),
    "LLLLLL": ("embedding.W lstm.W_x lstm.W_h output.W", "embedding.z lstm.z_x lstm.z_h lstm.z_gates"),
    "DCCD": ("", ""),
    "LCCL": ("lstm.W_x lstm.W_h output.W", ""),
    "LCIL": ("lstm.W_x lstm.W_h output.W", "lstm.z_x"),
    "LCRL": ("lstm.W_x lstm.W_h output.W", "lstm.z_h"),
    "LLRL": ("lstm.W_x lstm.W_h output.W", "lstm.z_h lstm.z_gates"),
}
ROWS = [row for table in TABLES.values() for row in table.rows]
ROWS_2018 = [row for row in ROWS if row.experiment in MODEL]


def recipe_of(row, preset="paper"):
    experiment = EXPERIMENTS[row.experiment]
    classes = CLASSES.get(row.experiment, 0)
    return build_recipe(experiment, row.configuration, experiment.presets[preset], SYMBOLS[row.experiment], classes)


@pytest.mark.parametrize("experiment", TRAINING)
def test_training_is_the_authors(experiment):
    preset = EXPERIMENTS[experiment].presets["paper"]
    options = preset.options
    found = (options.epochs, options.learning_rate, options.clip_norm, preset.batch, preset.length)
    assert found == TRAINING[experiment]
    assert (options.learning_rate_drops, options.warmup.kind, options.samples, options.patience) == (
        (),
        "constant",
        0,
        None,
    )
    assert (preset.train, preset.valid, preset.test) == (None, None, None)


@pytest.mark.parametrize("row", ROWS_2018, ids=lambda row: row.name)
def test_weights_are_as_many_as_the_logs_count(row):
    counted = sum(math.prod(matrix.shape) for matrix in matrices(recipe_of(row)).values())
    assert counted == WEIGHTS[row.experiment]


@pytest.mark.parametrize("row", ROWS_2018, ids=lambda row: row.name)
def test_model_is_the_authors(row):
    recipe = recipe_of(row)
    (layer,) = recipe.layers
    inits = ", ".join(f"{m.weight.init} {m.weight.init_scale:g}" for m in matrices(recipe).values())
    gates, forget_bias, expected_inits, output = MODEL[row.experiment]
    assert (layer.gates, layer.forget_bias, inits) == (gates, forget_bias, expected_inits)
    assert (layer.trainable_state, layer.peephole) == (False, None)
    assert (layer.dropout_x, layer.dropout_h, recipe.output.dropout) == (0.0, 0.0, 0.0)
    random, grouped = RANDOM[row.configuration]
    estimators = {name: m.weight.estimator for name, m in matrices(recipe).items()}
    assert " ".join(name for name, estimator in estimators.items() if estimator != "deterministic") == random
    assert sorted(groups(recipe)) == sorted(grouped.split())
    if random:
        assert estimators["lstm.W_x"] == estimators["lstm.W_h"] == "rt"
        assert estimators["output.W"] == output
        assert {m.weight.prior for m in matrices(recipe).values()} == {"rnn2018"}
    assert recipe.log_sigma_init == -3.0
    assert recipe.probability_clip == (1e-6 if row.experiment in CLASSES else None)


@pytest.mark.parametrize("row", TABLES["workshop2017-characters"].rows, ids=lambda row: row.label)
def test_characters_of_2017(row):
    """S004, section 4.2: 1000 units, trained h_0 and c_0, VBD of rate 0.25 on W_h alone, SparseVD on all layers."""
    recipe = recipe_of(row)
    (layer,) = recipe.layers
    assert {"lstm.h0", "lstm.c0"} <= parameter_shapes(recipe).keys()
    assert (layer.size, layer.forget_bias, layer.gates, recipe.embedding) == (1000, 0.0, "sigmoid", None)
    estimators = [m.weight.estimator for m in matrices(recipe).values()]
    sparse = row.configuration == "sparsevd"
    assert estimators == (["lrt_shared", "rt", "lrt_shared"] if sparse else ["deterministic"] * 3)
    assert (layer.W_x.gate_noise, layer.dropout_gates) == ("own", "own")
    assert (layer.dropout_x, layer.dropout_h, recipe.output.dropout) == (
        0.0,
        0.25 if row.configuration == "vbd" else 0.0,
        0.0,
    )


@pytest.mark.parametrize("row", TABLES["workshop2017-sentiment"].rows, ids=lambda row: row.label)
def test_sentiment_of_2017(row):
    """S004, section 4.1: 128 - 128 - 1; SparseVD on the LSTM alone; VBD of rate 0.3 on the other layers."""
    recipe = recipe_of(row)
    (layer,) = recipe.layers
    assert (recipe.embedding.size, layer.size, recipe.outputs, recipe.task) == (128, 128, 1, "regressor")
    estimators = [m.weight.estimator for m in matrices(recipe).values()]
    dropouts = (recipe.embedding.dropout, layer.dropout_x, layer.dropout_h, recipe.output.dropout)
    expected = {
        "none": (["deterministic"] * 4, (0.0, 0.0, 0.0, 0.0)),
        "vbd": (["deterministic"] * 4, (0.3, 0.3, 0.3, 0.3)),
        "sparsevd": (["deterministic", "lrt_shared", "rt", "deterministic"], (0.3, 0.0, 0.0, 0.3)),
    }
    assert (estimators, dropouts) == expected[row.configuration]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_other_presets_keep_the_model_and_change_sizes(row):
    paper = recipe_of(row)
    for preset in EXPERIMENTS[row.experiment].presets:
        recipe = recipe_of(row, preset)
        assert [m.weight for m in matrices(recipe).values()] == [m.weight for m in matrices(paper).values()]
        assert groups(recipe).keys() == groups(paper).keys()
        assert recipe.layers[0]._replace(size=0) == paper.layers[0]._replace(size=0)


def test_an_arrangement_of_2017_is_refused_elsewhere():
    preset = EXPERIMENTS["char-ptb"].presets["smoke"]
    with pytest.raises(ValueError, match="expected 4 letters"):
        build_recipe(EXPERIMENTS["char-ptb"], "vbd", preset, 50, 0)
    with pytest.raises(ValueError, match="configuration: expected one of .*none.*vbd.*sparsevd"):
        build_recipe(EXPERIMENTS["char-ptb-2017"], "LCCL", preset, 50, 0)


def test_tables_name_each_row_once_and_each_start():
    for table in TABLES.values():
        assert len({row.label for row in table.rows}) == len({row.name for row in table.rows}) == len(table.rows)
        for row in table.rows:
            assert row.configuration in EXPERIMENTS[row.experiment].configurations
            if row.start is not None:
                assert any(other.configuration == row.start[0] and other.start is None for other in table.rows)


def test_structured_figures_are_those_of_the_logs():
    for row in TABLES["structured"].rows:
        last = published_rows(row.experiment, row.configuration)[-1]
        printed = row.published
        assert (printed.vocabulary, printed.neurons, printed.gates) == tuple(
            last[name][0] for name in ("vocabulary", "neurons", "gates")
        )
        for name, value in (("valid", printed.valid), ("test", printed.test), ("compression", printed.compression)):
            assert value == pytest.approx(last[name], rel=1e-4)  # printed to 4 digits or more


def test_figures_of_text_generation_are_those_of_the_logs_as_printed():
    """S000 prints one digit of a perplexity and three of bits per character."""
    for row in TABLES["emnlp2018-generation"].rows:
        rows = published_rows(row.experiment, row.configuration)
        found = [r for r in rows if round_as(r, row) == (row.published.valid, row.published.test)]
        assert found, row.label
        if row.which == "last":
            assert found[-1] is rows[-1]
            assert round(rows[-1]["compression"], 1) == row.published.compression
            assert rows[-1]["vocabulary"][0] == row.published.vocabulary


def round_as(found, row):
    digits = 1 if row.experiment == "word-ptb" else 3
    return round(found["valid"], digits), round(found["test"], digits)
