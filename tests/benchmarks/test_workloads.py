"""Workloads: sizes, batches and noise are those of the recipes, N that of the corpora, tokens are Zipf."""

import numpy as np
import pytest

from refimpl.benchmarks.traits import Plan, read_plan, write_plan
from refimpl.benchmarks.workloads import (
    GROWTH,
    NAMES,
    SIZES,
    find_workloads,
    first_noise,
    make_batch,
    make_params,
    recipe_of,
    setup_of,
    traits_of,
    zipf_tokens,
)
from refimpl.experiments.presets import CHARACTERS, IMDB, WORDS
from refimpl.models.parameters import matrices, parameter_shapes
from refimpl.models.sample import noise_shapes
from refimpl.noise import Draw
from refimpl.training.setup import check_setup


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*NAMES, GROWTH])
def test_every_workload_can_be_trained(name, size):
    for workload in find_workloads(name, size):
        assert check_setup(setup_of(workload, 1))


@pytest.mark.parametrize("name", NAMES)
def test_inputs_have_the_shapes_of_the_recipe(name):
    (workload,) = find_workloads(name, "tiny")
    recipe, T, B = recipe_of(workload), workload.steps, workload.batch
    assert {n: p.shape for n, p in make_params(workload, 1).items()} == parameter_shapes(recipe)
    assert {n: e.shape for n, e in first_noise(workload, 1).items()} == noise_shapes(recipe, T, B)
    batch = make_batch(workload, 1)
    assert batch.x.shape == (T, B)
    assert batch.x.dtype == np.int32
    if workload.model == "text":
        assert batch.mask.all()
        assert batch.mask.shape == (T, B)
        assert set(batch.y.tolist()) <= {0, 1}
        assert batch.y.shape == (B,)
    else:
        assert batch.mask is None
        np.testing.assert_array_equal(batch.y[:-1], batch.x[1:])


def test_paper_sizes_are_those_of_the_experiments():
    for name, preset in (("char", CHARACTERS["paper"]), ("word", WORDS["paper"]), ("imdb", IMDB["paper"])):
        (workload,) = find_workloads(name, "paper")
        assert (workload.hidden,) == preset.sizes
        assert workload.batch == preset.batch
        assert workload.steps == preset.length
        assert workload.embedding == preset.embedding


def test_all_weights_are_gaussian_and_there_are_no_group_variables():
    estimators = {}
    for name in NAMES:
        recipe = recipe_of(find_workloads(name, "paper")[0])
        (layer,) = recipe.layers
        assert (layer.z_x, layer.z_h, layer.z_gates, layer.gates) == (None, None, None, "sigmoid")
        assert layer.forget_bias == (0.0 if name in ("char", "small") else 1.0)
        estimators[name] = [matrix.weight.estimator for matrix in matrices(recipe).values()]
    lstm = ["rt", "rt"]
    assert estimators == {
        "char": [*lstm, "lrt_shared"],
        "word": [*lstm, "rt"],
        "imdb": ["rt", *lstm, "lrt"],
        "small": [*lstm, "lrt_shared"],
    }


def test_traits_are_read_from_the_recipe():
    found, tiny = ({name: traits_of(find_workloads(name, size)[0], 1) for name in NAMES} for size in SIZES)
    assert {name: t.head for name, t in found.items()} == dict.fromkeys(NAMES, "lrt_shared") | {
        "word": "rt",
        "imdb": "lrt",
    }
    assert [name for name, t in found.items() if t.used_rows] == ["word", "imdb"]
    assert [name for name, t in tiny.items() if t.used_rows] == ["word", "imdb"]
    assert [name for name, t in found.items() if t.embedding] == ["imdb"]
    assert [name for name, t in found.items() if t.stateful] == ["word"]
    assert found["char"].n_terms == (5_017_483 // 101 - 1) * 100
    assert found["word"].n_terms == 32 * (929_589 // 32) - 32
    assert found["imdb"].n_terms == 21_250
    assert found["imdb"].probability_clip == 1e-6


def test_growth_varies_one_size_at_a_time():
    centre, *points = find_workloads(GROWTH, "paper")
    assert (centre.vocabulary, centre.hidden, centre.steps, centre.batch) == (50, 256, 50, 32)
    assert len(set(points)) == len(points)
    for point in points:
        assert sum(a != b for a, b in zip(point, centre, strict=True)) == 1


def test_tokens_are_zipf():
    count, V = 200_000, 5
    ids = zipf_tokens(Draw(3, "zipf"), (count, 1), V)
    p = 1.0 / np.arange(1, V + 1) / sum(1.0 / np.arange(1, V + 1))
    found = np.bincount(ids.ravel(), minlength=V) / count
    z = (found - p) / np.sqrt(p * (1.0 - p) / count)  # standard error of a share
    assert np.abs(z).max() < 5.0
    assert np.abs((found - 1.0 / V) / np.sqrt(p * (1.0 - p) / count)).max() > 5.0  # uniform is rejected


def test_a_plan_survives_its_file(tmp_path):
    (workload,) = find_workloads("imdb", "tiny")
    plan = Plan(workload, traits_of(workload, 1), 2, 1)
    write_plan(tmp_path / "plan.json", plan)
    assert read_plan(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(("name", "size", "words"), [("mnist", "tiny", ["char", "'mnist'"]), ("char", "big", ["tiny"])])
def test_unknown_names(name, size, words):
    with pytest.raises(ValueError, match=words[0]) as error:
        find_workloads(name, size)
    assert all(word in str(error.value) for word in words)
