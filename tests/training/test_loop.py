"""The loop: a step from its parts, rows and files, best and patience, determinism, and what is refused at once."""

import json
import math

import numpy as np
import pytest

from refimpl.compression.counting import count
from refimpl.data.labelled import Texts
from refimpl.models.parameters import initialise
from refimpl.models.recipe import Weight
from refimpl.models.sample import draw_noise
from refimpl.training import epoch, loop, metrics
from refimpl.training.adam import AdamState, adam_init, adam_update
from refimpl.training.checkpoint import load_checkpoint
from refimpl.training.clipping import clip_by_global_norm
from refimpl.training.elbo import L2, elbo_step, kl_divergence
from refimpl.training.epoch import State, train_epoch, train_step
from refimpl.training.evaluate import evaluate
from refimpl.training.loop import train
from refimpl.training.metrics import best_row, metrics_row, out_of_patience, repeatable
from refimpl.training.problem import epoch_batches, n_terms
from refimpl.training.run_folder import BEST, LAST, METRICS, read_rows
from refimpl.training.setup import check_setup
from refimpl.training.warmup import Warmup
from tests.training import tiny

KEYS = [
    "epoch",
    "nll",
    "kl",
    "kl_weight",
    "n_terms",
    "valid",
    "test",
    "metric",
    "compression",
    "compression_raw",
    "compression_fixpoint",
    "kept",
    "vocabulary",
    "neurons",
    "gates",
    "seconds",
    "peak_mib",
]


def fresh(setup):
    params = initialise(setup.recipe, setup.seed, setup.dtype)
    return State(params, adam_init(params))


def same(a, b):
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def strict_rows(folder):
    def refuse(token):
        raise AssertionError(f"{token} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in (folder / METRICS).read_text().splitlines()]


# --- steps and epochs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_an_epoch_is_noise_gradient_clipping_and_adam_with_the_state_carried(kind):
    setup = tiny.setup(kind, clip_norm=0.1, warmup=Warmup("ramp"), learning_rate_drops=(2, 3))
    start = fresh(setup)
    found, nll = train_epoch(setup, start, 2, lambda *_: None)
    params, adam, states, terms = start.params, start.adam, None, []
    for step, batch in enumerate(epoch_batches(setup.problem, seed=4, epoch=2)):
        drawn = draw_noise(setup.recipe, *batch.x.shape, seed=4, step=step, dtype="float32")
        count_of_terms = {"characters": 75, "words": 93, "texts": 11}[kind]
        made = elbo_step(
            params, drawn, batch, setup.recipe, n_terms=count_of_terms, kl_weight=0.04 + 0.02, states=states
        )
        clipped, norm = clip_by_global_norm(made.grads, 0.1)
        assert norm > 0.1
        params, adam = adam_update(params, clipped, adam, learning_rate=0.02 * 0.2)
        states = made.outputs.states if kind == "words" else None
        terms += [float(made.loss.nll)] * batch.y.size
    assert found.adam.step == adam.step == {"characters": 4, "words": 8, "texts": 3}[kind]
    assert same(found.params, params)
    assert same(found.adam.m, adam.m)
    assert same(found.adam.v, adam.v)
    assert len(terms) == n_terms(setup.problem)
    assert nll == pytest.approx(math.fsum(terms) / len(terms), rel=1e-14)  # the last batch is smaller than the others
    if kind == "words":
        again, _ = train_epoch(setup, start._replace(carried=found.carried), 2, lambda *_: None)
        assert same(again.params, params)  # an epoch starts from the initial state, whatever is carried


@pytest.mark.parametrize("kind", ["characters", "texts"])
def test_other_problems_carry_nothing(kind):
    setup = tiny.setup(kind)
    batch = next(epoch_batches(setup.problem, seed=4, epoch=1))
    assert train_step(setup, fresh(setup), batch, 1)[0].carried is None


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_noise_of_a_step_depends_on_seed_and_step_only(kind, monkeypatch):
    """Whatever came before: other parameters, other moments, another epoch."""
    setup = tiny.setup(kind)
    batch = next(epoch_batches(setup.problem, seed=4, epoch=1))
    given = []
    monkeypatch.setattr(
        epoch, "elbo_step", lambda p, drawn, *a, **k: [given.append(drawn), elbo_step(p, drawn, *a, **k)][1]
    )

    def noise(step, seed=4, epoch=1, scale=1.0):
        params = {name: value * np.float32(scale) for name, value in fresh(setup).params.items()}
        state = State(params, AdamState(params, {name: value**2 for name, value in params.items()}, step))
        train_step(setup._replace(seed=seed), state, batch, epoch)
        return given.pop()

    first = noise(5)
    assert same(first, draw_noise(setup.recipe, *batch.x.shape, seed=4, step=5, dtype="float32"))
    assert same(first, noise(5, epoch=3, scale=0.5))
    for other in (noise(6), noise(5, seed=5)):
        assert all((first[name] != other[name]).any() for name in first)


def test_progress_is_told_after_each_interval_and_at_the_end():
    setup = tiny.setup("words")
    setup = setup._replace(problem=setup.problem._replace(length=1))
    told = []
    _, nll = train_epoch(setup, fresh(setup), 3, lambda *arguments: told.append(arguments))
    assert [arguments[:3] for arguments in told] == [(3, 16, 31), (3, 31, 31)]
    assert told[-1][3] == nll


# --- rows and files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_rows_say_what_the_model_is(tmp_path, kind):
    setup = tiny.setup(kind, epochs=1, samples=1, warmup=Warmup("ramp"))
    run = train(setup, tmp_path / "new" / "run")
    folder = tmp_path / "new" / "run"
    assert strict_rows(folder) == read_rows(folder) == run.rows
    assert [list(row) for row in run.rows] == [KEYS, KEYS]
    assert {file.name for file in folder.iterdir()} == {METRICS, LAST, BEST}
    before, row = run.rows
    assert (before["epoch"], before["nll"], before["seconds"], row["epoch"]) == (0, None, 0.0, 1)
    last = load_checkpoint(folder / LAST)
    assert same(last.params, run.params)
    assert (last.epoch, last.configuration, run.best_epoch) == (1, "null", 1)
    recipe, problem = setup.recipe, setup.problem
    assert row["kl"] == float(kl_divergence(run.params, recipe)[0]) != before["kl"]
    assert (row["kl_weight"], row["n_terms"], row["metric"]) == (0.04, n_terms(problem), problem.metric)
    assert row["valid"] == evaluate(run.params, recipe, problem, "valid", samples=1, seed=4)
    assert row["test"] == evaluate(run.params, recipe, problem, "test", samples=1, seed=4)
    raw, propagated = (count(run.params, recipe, method) for method in ("raw", "propagated"))
    assert row["compression"] == propagated.compression
    assert row["compression_raw"] == raw.compression
    assert row["compression_fixpoint"] == count(run.params, recipe, "fixpoint").compression
    sizes = {name: value.size for name, value in run.params.items() if name.endswith((".W.mu", ".W_x.mu", ".W_h.mu"))}
    assert {f"{name}.mu": kept[2] for name, kept in row["kept"].items()} == sizes
    assert all(kept[:2] == [propagated.matrices[n][0], raw.matrices[n][0]] for n, kept in row["kept"].items())
    hidden = 5 if kind == "words" else 3
    assert (row["vocabulary"][1], row["neurons"][1], row["gates"][1]) == (recipe.vocabulary, hidden, 4 * hidden)
    assert row["neurons"][0] == sum(kept for kept, _ in propagated.neurons.values())


def test_a_model_without_a_weight_has_a_row(tmp_path):
    setup = tiny.setup("words", epochs=0)
    params = initialise(setup.recipe, 4)
    params = {name: np.full_like(v, 10.0) if name.endswith(".log_sigma") else v for name, v in params.items()}
    (row,) = train(setup, tmp_path, start=params).rows
    assert strict_rows(tmp_path) == [row]
    assert row["valid"] == row["test"] == pytest.approx(5.0, rel=1e-6)  # its bias is zero
    assert row["compression"] == pytest.approx(sum(kept[2] for kept in row["kept"].values()) * 1e8, rel=1e-12)
    assert (row["vocabulary"][0], row["neurons"][0], row["gates"][0]) == (0, 0, 0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_null_in_the_row(monkeypatch, bad):
    """JSON has no NaN; and null is never best."""
    setup = tiny.setup("words")
    monkeypatch.setattr(metrics, "evaluate", lambda *_, **__: bad)
    monkeypatch.setattr(metrics, "kl_divergence", lambda *_: (np.float64(bad), {}))
    arguments = {"epoch": 1, "nll": 1.0, "kl_weight": 1.0, "seconds": 0.12345, "scored": True, "samples": 0, "seed": 1}
    row = metrics_row(fresh(setup).params, setup.recipe, setup.problem, **arguments)
    assert (row["valid"], row["test"], row["kl"], row["seconds"]) == (None, None, None, 0.123)
    assert best_row([row], "perplexity") is None


def test_splits_that_are_empty_or_not_scored_are_null(tmp_path):
    setup = tiny.setup("texts", epochs=4, evaluate_every=3, learning_rate=0.0)
    corpus = setup.problem.corpus
    rows = train(setup, tmp_path / "a").rows
    assert [row["valid"] is not None for row in rows] == [True, False, False, True, True]
    assert [row["test"] is not None for row in rows] == [True, False, False, True, True]
    nothing = corpus._replace(valid=Texts(*(array[:0] for array in corpus.valid)))
    setup = tiny.setup("texts", epochs=2)
    setup = setup._replace(problem=setup.problem._replace(corpus=nothing))
    run = train(setup, tmp_path / "b")
    assert [row["valid"] for row in run.rows] == [None] * 3
    assert all(row["test"] is not None for row in run.rows)
    assert run.best_epoch is None
    assert same(load_checkpoint(tmp_path / "b" / BEST).params, run.params)  # without validation the best is the last


# --- best and patience ------------------------------------------------------------------------------------------------


def rows_of(*valid):
    return [{"epoch": epoch, "valid": value} for epoch, value in enumerate(valid)]


@pytest.mark.parametrize(
    ("valid", "lower", "higher"),
    [
        ((1.0, 3.0, 2.0, 2.0, 4.0, 4.0), 2, 4),  # the first of equals; epoch 0 is before training
        ((1.0, None, 5.0, None), 2, 2),
        ((1.0, math.nan, 5.0, math.nan, 6.0), 2, 4),
        ((1.0, math.nan), None, None),
        ((1.0,), None, None),
        ((None, None), None, None),
    ],
)
def test_the_best_row(valid, lower, higher):
    for metric, expected in (("perplexity", lower), ("accuracy", higher)):
        best = best_row(rows_of(*valid), metric)
        assert (None if best is None else best["epoch"]) == expected


def test_patience_counts_epochs_after_the_best():
    assert not out_of_patience(rows_of(9.0, 3.0, 4.0), "rmse", 2)
    assert out_of_patience(rows_of(9.0, 3.0, 4.0, 3.0), "rmse", 2)
    assert not out_of_patience(rows_of(9.0, 3.0, 4.0, 2.0), "rmse", 2)
    assert not out_of_patience(rows_of(9.0, 3.0, 4.0, 3.0), "rmse", None)
    assert not out_of_patience(rows_of(9.0), "rmse", 1)
    assert not out_of_patience(rows_of(9.0, None, None, None), "rmse", 2)
    assert out_of_patience(rows_of(9.0, 3.0, None, None), "rmse", 2)
    assert not out_of_patience(rows_of(0.1, 0.3, 0.2, 0.4), "accuracy", 2)
    assert out_of_patience(rows_of(0.9, 0.3, 0.2, 0.3), "accuracy", 2)


def test_training_ends_when_nothing_gets_better_and_a_resumed_run_does_not_go_on(tmp_path):
    """Without learning all epochs are equal, and the first one is the best."""
    setup = tiny.setup("words", epochs=9, learning_rate=0.0, patience=2)
    run = train(setup, tmp_path)
    assert [row["epoch"] for row in run.rows] == [0, 1, 2, 3]
    assert run.best_epoch == load_checkpoint(tmp_path / BEST).epoch == 1
    assert same(run.params, initialise(setup.recipe, 4))
    resumed = train(setup, tmp_path, resume=True)
    assert (resumed.rows, resumed.best_epoch) == (run.rows, 1)


def test_the_best_checkpoint_is_that_of_the_best_validation(tmp_path, monkeypatch):
    """Validation is made up: worse, better, better, worse."""
    values = iter([0.5, 4.0, 3.0, 2.0, 3.0])
    monkeypatch.setattr(metrics, "evaluate", lambda *a, **k: next(values) if a[3] == "valid" else 1.0)
    setup = tiny.setup("words", epochs=4)
    seen = {}
    setup = setup._replace(problem=setup.problem._replace(length=16))
    written = loop.store

    def spy(folder, rows, params, adam, configuration, *, best):
        seen[rows[-1]["epoch"]] = params
        written(folder, rows, params, adam, configuration, best=best)

    monkeypatch.setattr(loop, "store", spy)
    run = train(setup, tmp_path)
    best = load_checkpoint(tmp_path / BEST)
    assert run.best_epoch == best.epoch == 3
    assert same(best.params, seen[3])
    assert not same(best.params, run.params)
    assert load_checkpoint(tmp_path / LAST).epoch == 4


# --- determinism ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_run_is_fixed_by_its_seed(tmp_path, kind):
    runs = [train(tiny.setup(kind, seed=seed, epochs=1), tmp_path / str(i)) for i, seed in enumerate((4, 4, 5))]
    assert same(runs[0].params, runs[1].params)
    assert repeatable(runs[0].rows) == repeatable(runs[1].rows)
    assert runs[0].rows[1]["nll"] != runs[2].rows[1]["nll"]
    changed = [name for name, value in runs[0].params.items() if (value != runs[2].params[name]).any()]
    assert changed == list(runs[0].params)


def test_given_parameters_are_the_start_and_are_not_written_to(tmp_path):
    setup = tiny.setup("words", epochs=1, learning_rate=0.5)
    start = initialise(setup.recipe, 77)
    before = {name: value.copy() for name, value in start.items()}
    for value in start.values():
        value.flags.writeable = False
    run = train(setup, tmp_path / "a", start=start)
    assert same(start, before)
    assert all((run.params[name] != value).all() for name, value in start.items() if name.endswith("W_x.mu"))
    assert same(
        train(setup._replace(options=setup.options._replace(epochs=0)), tmp_path / "b", start=start).params, start
    )
    turned = train(setup, tmp_path / "d", start=dict(reversed(start.items())))
    assert list(turned.params) == list(run.params)
    assert same(turned.params, run.params)
    double = train(setup._replace(dtype="float64"), tmp_path / "c")
    assert {value.dtype.name for value in double.params.values()} == {"float64"}


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": -1}, r"^epochs: expected an integer of at least 0, got -1"),
        ({"epochs": 1.5}, r"^epochs: expected an integer"),
        ({"samples": -1}, r"^samples: expected an integer of at least 0"),
        ({"evaluate_every": 0}, r"^evaluate_every: expected an integer of at least 1"),
        ({"patience": 0}, r"^patience: expected at least 1 epoch, or None, got 0"),
        ({"learning_rate": -0.1}, r"^learning_rate: expected a finite number of at least 0, got -0.1"),
        ({"learning_rate": math.nan}, r"^learning_rate: expected a finite number"),
        ({"clip_norm": 0.0}, r"^clip_norm: expected a finite number above 0, or None, got 0.0"),
        ({"warmup": Warmup("slow")}, r"^kind: expected one of 'constant'"),
        ({"l2": L2("script", 0.1)}, r"^l2: the term belongs to binary dropout, and the recipe has no dropout rate"),
        ({"l2": L2("other")}, r"^l2.form: expected one of 'script', 'derivation', got 'other'"),
    ],
)
def test_options_are_refused_before_anything_is_written(tmp_path, options, message):
    (tmp_path / METRICS).write_text("precious")
    with pytest.raises(ValueError, match=message):
        train(tiny.setup("words", **options), tmp_path)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {METRICS: "precious"}


def test_setups_are_refused_before_anything_is_written(tmp_path):
    setup, folder = tiny.setup("words"), tmp_path / "run"

    def refused(changed, message, error=ValueError, **arguments):
        with pytest.raises(error, match=message):
            train(changed, folder, **arguments)
        assert not folder.exists()

    refused(setup._replace(dtype="float16"), r"^dtype: expected one of 'float32', 'float64', got 'float16'")
    refused(setup._replace(recipe=setup.recipe._replace(layers=())), r"^layers: expected at least one")
    refused(setup._replace(recipe=tiny.recipe("texts")), r"^vocabulary: the corpus has 5 symbols, the model 10")
    refused(setup._replace(problem=setup.problem._replace(batch=0)), r"^batch: expected an integer of at least 1")
    refused(
        setup._replace(problem=tiny.problem("words", valid=5)), r"^ids \(for 3 streams\): expected at least 6, got 5"
    )
    refused(setup._replace(seed=-1), r"^seed: expected an integer from 0")
    start = initialise(setup.recipe, 1, "float64")
    refused(setup, r"^lstm1.W_x.mu: expected dtype float32 \(that of the run\), got float64", TypeError, start=start)
    refused(setup, r"^params: missing \['output.b'\]", start={k: v for k, v in start.items() if k != "output.b"})
    start["output.b"][0] = math.nan
    refused(setup._replace(dtype="float64"), r"^output.b: expected finite values", start=start)
    impatient = tiny.setup("words", patience=3)._replace(problem=tiny.problem("words", valid=0))
    refused(impatient, r"^patience: the corpus has no validation part; expected None, got 3")


def test_l2_is_for_models_with_dropout():
    setup = tiny.setup("words", l2=L2("script", 0.1))
    layers = tuple(layer._replace(dropout_h=0.3, W_h=Weight()) for layer in setup.recipe.layers)
    setup = setup._replace(recipe=setup.recipe._replace(layers=layers))
    assert check_setup(setup) is setup
    batch = next(epoch_batches(setup.problem, seed=4, epoch=1))
    _, step = train_step(setup, fresh(setup), batch, 1)
    squares = sum((fresh(setup).params[f"{layer.name}.W_h"].astype("float64") ** 2).sum() for layer in layers)
    assert step.loss.l2 == pytest.approx(0.1 * squares, rel=1e-6)
