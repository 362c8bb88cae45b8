"""The fast engine computes what the reference computes: losses, every gradient of whole models, trajectories, runs.

[ELBO.F1] [ELBO.B1].
"""

import json

import numpy as np
import pytest

from refimpl.fast import lstm_recurrence
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.occurring import occurring, restrict_noise
from refimpl.models.parameters import initialise
from refimpl.models.recurrent_layer import RowsInputCache
from refimpl.models.sample import draw_noise
from refimpl.noise import Draw, normal
from refimpl.training import elbo, engines
from refimpl.training.adam import adam_init
from refimpl.training.batches import Batch
from refimpl.training.diverged import Diverged
from refimpl.training.elbo import L2, elbo_step
from refimpl.training.engines import make_engine
from refimpl.training.epoch import State, train_step
from refimpl.training.loop import train
from refimpl.training.run_folder import METRICS
from tests.fast.twins import BOUND, distance, drawer, ids
from tests.training import tiny

T, B, V = 6, 4, 300  # a vocabulary of 300 is cut down to the rows that occur, one of 9 is not


@pytest.fixture(autouse=True)
def small_shares(monkeypatch):
    """Two threads share out even the smallest step."""
    monkeypatch.setattr(lstm_recurrence, "SHARE", 1)
    monkeypatch.setattr(engines, "SHARE", 1)


def classifier(letters, classes=1, **keywords):
    return text_classifier(letters, vocabulary=V, embedding=5, size=3, classes=classes, **keywords)


def masked_words():
    """VBD everywhere, with masks for each gate and then for all; peepholes, trained initial states."""
    recipe = word_model("DCCD", vocabulary=V, sizes=(4, 3))
    options = {"dropout_x": 0.3, "dropout_h": 0.4, "trainable_state": True}
    first = recipe.layers[0]._replace(**options, peephole="c")
    second = recipe.layers[1]._replace(**options, peephole="c_prev", dropout_gates="shared")
    return recipe._replace(layers=(first, second), output=recipe.output._replace(dropout=0.2))


def masked_texts():
    """A mask for each gate on dense inputs, combined with z of inputs; one for each word of the embedding."""
    recipe = classifier("LCLLLL")
    layer = recipe.layers[0]._replace(dropout_x=0.3)
    return recipe._replace(layers=(layer,), embedding=recipe.embedding._replace(dropout=0.2))


MODELS = {
    "characters LCCL": character_model("LCCL", vocabulary=9, size=5),
    "characters LLLL": character_model("LLLL", vocabulary=9, size=5, layers=2),
    "characters DCCD": character_model("DCCD", vocabulary=9, size=5),
    "words LCCL": word_model("LCCL", vocabulary=V, sizes=(5, 4)),
    "words LLLL": word_model("LLLL", vocabulary=V, sizes=(5,)),
    "words NLIN": word_model("NLIN", vocabulary=V, sizes=(5,)),
    "words masked": masked_words(),
    "texts masked": masked_texts(),
    "texts LLLLLL": classifier("LLLLLL"),
    "texts DCDCCD": classifier("DCDCCD"),
    "texts LCLCCL, 3 classes": classifier("LCLCCL", classes=3),
    "texts NLNLLN, exact KL": classifier("NLNLLN", weight_prior="log_uniform"),
    "ratings LLLLLL": classifier("LLLLLL", task="regressor"),
}


def batch_of(recipe):
    tokens = ids(1, recipe.vocabulary, T + 1, B)
    if recipe.task == "language_model":
        return Batch(tokens[:-1], tokens[1:], None)
    draw = drawer(2)
    targets = draw("y", B) if recipe.task == "regressor" else ids(2, max(2, recipe.outputs), B)
    return Batch(tokens[:-1], targets, draw("mask", T, B) > -0.5)


def spread(recipe, dtype):
    """Starting values, spread so that nothing is constant."""
    params = initialise(recipe, 1, dtype)
    return {name: p + (0.3 * normal(Draw(1, name), p.shape)).astype(dtype) for name, p in params.items()}


def same_dtype(batch, recipe, dtype):
    return batch._replace(y=batch.y.astype(dtype)) if recipe.task == "regressor" else batch


def given_to(engine, recipe, drawn, batch):
    """The recorded draws of the whole vocabulary as an engine takes them: rows, noise and batch."""
    found = occurring(batch.x, recipe.vocabulary) if engine.occurring_rows else None
    if found is None:
        return None, drawn, batch
    return found.rows, restrict_noise(drawn, recipe, found.rows), batch._replace(x=found.places)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("recipe", MODELS.values(), ids=MODELS)
def test_loss_and_gradients_for_recorded_noise(recipe, dtype, threads):
    """The recorded draw of the whole vocabulary serves both: the fast engine is given its rows."""
    batch, params = same_dtype(batch_of(recipe), recipe, dtype), spread(recipe, dtype)
    drawn = draw_noise(recipe, T, B, seed=3, step=4, dtype=dtype)
    options = {"n_terms": 50, "kl_weight": 0.7}
    if recipe is MODELS["words masked"]:
        options["l2"] = L2("script", weight_decay=0.1)
    expected = elbo_step(params, drawn, batch, recipe, **options)
    engine = make_engine("fast", recipe, B, threads=threads)
    rows, drawn, batch = given_to(engine, recipe, drawn, batch)
    with engine.step():
        step = elbo_step(params, drawn, batch, recipe, **options, rows=rows, engine=engine)
        assert distance(expected.grads, step.grads) <= BOUND[dtype]
    assert distance(tuple(map(np.float64, expected.loss[:4])), tuple(map(np.float64, step.loss[:4]))) <= BOUND[dtype]
    kl = [{name: np.float64(value) for name, value in s.loss.kl_by_name.items()} for s in (expected, step)]
    assert distance(*kl) <= BOUND[dtype]


def trajectory(setup, batch, steps):
    params = spread(setup.recipe, setup.dtype)
    state, losses = State(params, adam_init(params)), []
    for _ in range(steps):
        state, step = train_step(setup, state, batch, 1)
        losses.append(float(step.loss.total))
    return np.array(losses), state.params, state.adam.m, state.adam.v


@pytest.mark.parametrize("recipe", MODELS.values(), ids=MODELS)
def test_a_trajectory_of_ten_steps(recipe):
    """Each engine draws for itself from (seed, stream, step), and so the same numbers."""
    kind = "words" if recipe.task == "language_model" else "texts"
    setup = tiny.setup(kind)._replace(recipe=recipe, dtype="float64")
    setup = setup._replace(problem=setup.problem._replace(kind="characters") if kind == "words" else setup.problem)
    results = [
        trajectory(setup._replace(engine=make_engine(name, recipe, B, threads=2)), batch_of(recipe), 10)
        for name in engines.ENGINES
    ]
    assert distance(*results) <= 1e-9  # ten steps of an optimiser that divides by sqrt(v), from roundings of 1e-15


def replay(engine, recipe, recorded):
    batch, params = batch_of(recipe), spread(recipe, "float64")
    adam, losses = adam_init(params), []
    for drawn in recorded:
        rows, noise, places = given_to(engine, recipe, drawn, batch)
        with engine.step():
            step = elbo_step(params, noise, places, recipe, n_terms=50, rows=rows, engine=engine)
            params, adam = engine.update(params, step.grads, adam, clip_norm=1.0, learning_rate=0.02)
            losses.append(float(step.loss.total))
    return np.array(losses), params, adam.m, adam.v


@pytest.mark.parametrize("recipe", MODELS.values(), ids=MODELS)
def test_a_trajectory_on_recorded_noise(recipe):
    """Drawn once, by the reference, other noise for each step, and given to both."""
    recorded = [draw_noise(recipe, T, B, seed=3, step=step, dtype="float64") for step in range(6)]
    results = [replay(make_engine(name, recipe, B, threads=2), recipe, recorded) for name in engines.ENGINES]
    assert distance(*results) <= 1e-9
    assert len(set(results[0][0].tolist())) == len(recorded)


@pytest.mark.parametrize("vocabulary", [8, V])
@pytest.mark.parametrize(
    ("letters", "symbols", "rows_first"),
    [("DCDCCD", 8, True), ("LCLCCL", 8, True), ("LLLCCL", 8, False), ("LCLCLL", 8, False), ("LCLCCL", 24, False)],
    ids=["plain", "Gaussian", "z of words", "z of inputs", "no word twice"],
)
def test_w_x_multiplies_the_rows_of_an_embedding_once(letters, symbols, rows_first, vocabulary, monkeypatch):
    """Where fewer rows occur than tokens and nothing stands between; the reference looks the rows up first."""
    recipe = text_classifier(letters, vocabulary=max(vocabulary, symbols), embedding=5, size=3, classes=1)
    batch, params = batch_of(recipe), spread(recipe, "float64")
    batch = batch._replace(x=np.arange(T * B, dtype="int32").reshape(T, B) % symbols)
    recorded, forward, caches = draw_noise(recipe, T, B, seed=3, step=4, dtype="float64"), elbo.network_forward, []

    def spy(*arguments, **keywords):
        outputs, cache = forward(*arguments, **keywords)
        caches.append(cache.layers[0].input)
        return outputs, cache

    monkeypatch.setattr(elbo, "network_forward", spy)
    grads = []
    for name in engines.ENGINES:
        engine = make_engine(name, recipe, B, threads=2)
        rows, drawn, places = given_to(engine, recipe, recorded, batch)
        with engine.step():
            grads.append(elbo_step(params, drawn, places, recipe, n_terms=50, rows=rows, engine=engine).grads)
    assert dict(zip(engines.ENGINES, (isinstance(cache, RowsInputCache) for cache in caches), strict=True)) == {
        "fast": rows_first,
        "reference": False,
    }
    assert distance(grads[1], grads[0]) <= BOUND["float64"]


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_run_has_the_metrics_of_the_reference_and_leaves_what_it_was_given(kind, tmp_path):
    setup = tiny.setup(kind)._replace(dtype="float64")
    start = tiny.random_params(setup.recipe)
    before = {name: p.copy() for name, p in start.items()}
    runs = {}
    for name in engines.ENGINES:
        engine = make_engine(name, setup.recipe, setup.problem.batch, threads=2)
        runs[name] = train(setup._replace(engine=engine), tmp_path / name, start=start)
    assert all(np.array_equal(start[name], before[name]) for name in start)
    assert distance(runs["reference"].params, runs["fast"].params) <= 1e-9
    for expected, found in zip(runs["reference"].rows, runs["fast"].rows, strict=True):
        for key in ("nll", "kl", "valid", "test"):
            assert (found[key] is None) == (expected[key] is None), key
            assert expected[key] is None or found[key] == pytest.approx(expected[key], rel=1e-9), key


def test_a_resumed_run_continues_bit_for_bit(tmp_path):
    setup = tiny.setup("words", epochs=3)

    def of(epochs):
        engine = make_engine("fast", setup.recipe, setup.problem.batch, threads=2)
        return setup._replace(options=setup.options._replace(epochs=epochs), engine=engine)

    whole = train(of(3), tmp_path / "whole")
    train(of(1), tmp_path / "parts")
    parts = train(of(3), tmp_path / "parts", resume=True)
    assert all(np.array_equal(whole.params[name], parts.params[name]) for name in whole.params)
    files = [tmp_path / folder / METRICS for folder in ("whole", "parts")]
    nll = [[json.loads(line)["nll"] for line in file.read_text().splitlines()] for file in files]
    assert nll[0] == nll[1]


def test_divergence_is_explained_from_a_state_that_was_kept(tmp_path):
    """The steps write over their state, so the replay begins with a copy."""
    setup = tiny.setup("characters", learning_rate=1e30)
    engine = make_engine("fast", setup.recipe, setup.problem.batch, threads=1)
    with pytest.raises(Diverged, match=r"in epoch 1, step \d: .* is the first tensor") as fast:
        train(setup._replace(engine=engine), tmp_path / "fast")
    with pytest.raises(Diverged) as reference:
        train(setup, tmp_path / "reference")
    assert str(fast.value).partition(":")[0] == str(reference.value).partition(":")[0]
