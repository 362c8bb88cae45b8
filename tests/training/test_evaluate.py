"""Evaluation against the definitions: perplexity, bits, accuracy and error computed directly, and pruning by hand."""

import math

import numpy as np
import pytest

from refimpl.compression.counting import count
from refimpl.data.labelled import Texts
from refimpl.models.letters import text_classifier
from refimpl.models.network import network_forward
from refimpl.models.sample import draw_noise, mean_weights, sample_forward
from refimpl.training.evaluate import EVALUATION_STEP, evaluate
from refimpl.training.problem import Problem, evaluation_batches
from tests.training import tiny


def case(kind, dtype="float64"):
    recipe = tiny.recipe(kind)
    return tiny.random_params(recipe, dtype=dtype), recipe, tiny.problem(kind)


def ratings_case(valid=4):
    recipe = text_classifier("LLLCCL", vocabulary=5, embedding=2, size=3, classes=1, task="regressor")
    return tiny.random_params(recipe, seed=8), recipe, Problem("texts", tiny.ratings(valid=valid), "rmse", 4)


def nll(logits, targets):
    """Mean of -log softmax, one row after the other."""
    terms = [
        math.log(math.fsum(math.exp(v - max(row)) for v in row)) + max(row) - row[y]
        for row, y in zip(logits.reshape(-1, logits.shape[-1]).tolist(), targets.reshape(-1).tolist(), strict=True)
    ]
    return math.fsum(terms) / len(terms)


def logits_of(ids, params, recipe):
    """(T, B) ids in one pass from the initial state, by the means."""
    return network_forward(ids, mean_weights(params, recipe, ids.shape[1]), recipe)[0].logits


def pruned_by_hand(params):
    """Means that are drowned by their noise, log alpha >= 3, set to zero one by one; their noise too."""
    pruned = {name: value.copy() for name, value in params.items()}
    dead = 0
    for name, mu in params.items():
        if name.endswith(".mu"):
            log_sigma = name.removesuffix(".mu") + ".log_sigma"
            for index in np.ndindex(mu.shape):
                if 2.0 * params[log_sigma][index] - math.log(mu[index] ** 2) >= 3.0:
                    pruned[name][index], pruned[log_sigma][index] = 0.0, -np.inf
                    dead += 1
    return pruned, dead


def test_bits_of_windows():
    params, recipe, problem = case("characters")
    ids = problem.corpus.valid
    windows = np.array([ids[6 * w : 6 * w + 6] for w in range(43 // 6 - 1)]).T
    expected = nll(logits_of(windows[:-1], params, recipe), windows[1:]) / math.log(2.0)
    assert evaluate(params, recipe, problem, "valid", threshold=None) == pytest.approx(expected, rel=1e-13)
    nats = math.exp(expected * math.log(2.0))
    perplexity = evaluate(params, recipe, problem._replace(metric="perplexity"), "valid", threshold=None)
    assert perplexity == pytest.approx(nats, rel=1e-13)


def test_state_is_carried_from_segment_to_segment():
    """Ten segments of four words are one pass over the whole stream; without the state they are not."""
    params, recipe, problem = case("words")
    streams = problem.corpus.train[:96].reshape(3, 32).T
    expected = math.exp(nll(logits_of(streams[:-1], params, recipe), streams[1:]))
    assert evaluate(params, recipe, problem, "train", threshold=None) == pytest.approx(expected, rel=1e-13)
    segments = [(streams[t : t + 4][: 31 - t], streams[t + 1 : t + 5]) for t in range(0, 31, 4)]
    parts = [(nll(logits_of(x, params, recipe), y), y.size) for x, y in segments]
    forgetful = math.exp(sum(mean * size for mean, size in parts) / 93)
    assert abs(forgetful / expected - 1.0) > 1e-4


def test_windows_carry_nothing_from_batch_to_batch():
    """600 windows come in batches of 256."""
    params, recipe, problem = case("characters")
    problem = problem._replace(corpus=tiny.language(valid=1202), length=2)
    table = logits_of(np.arange(tiny.SYMBOLS)[None], params, recipe)[0]
    pairs = problem.corpus.valid[:1200].reshape(600, 2)
    expected = nll(table[pairs[:, 0]], pairs[:, 1]) / math.log(2.0)
    assert len(list(evaluation_batches(problem, "valid"))) == 3
    assert evaluate(params, recipe, problem, "valid", threshold=None) == pytest.approx(expected, rel=1e-13)


def test_accuracy_of_texts_alone_and_without_padding():
    params, recipe, problem = case("texts")
    right = 0
    for ids, mask, label in zip(*problem.corpus.train, strict=True):
        logit = logits_of(ids[mask][:, None], params, recipe)[0, 0]
        right += (logit >= 0.0) == label
    assert 0 < right < 11
    assert evaluate(params, recipe, problem, "train", threshold=None) == right / 11


def test_accuracy_of_three_classes():
    recipe = text_classifier("LLLCCL", vocabulary=5, embedding=2, size=3, classes=3)
    corpus = tiny.ratings(valid=9)
    valid = corpus.valid._replace(targets=tiny.drawn_ids("labels", 9, stop=3))
    problem = Problem("texts", corpus._replace(valid=valid, labels=("a", "b", "c")), "accuracy", 4)
    params = tiny.random_params(recipe)
    right = 0
    for ids, mask, label in zip(*valid, strict=True):
        logits = logits_of(ids[mask][:, None], params, recipe)[0].tolist()
        right += logits.index(max(logits)) == label
    assert 0 < right < 9
    assert evaluate(params, recipe, problem, "valid", threshold=None) == right / 9


def test_error_is_in_the_units_of_the_ratings():
    params, recipe, problem = ratings_case()
    squares = []
    for ids, mask, target in zip(*problem.corpus.test, strict=True):
        value = logits_of(ids[mask][:, None], params, recipe)[0, 0]
        squares.append((3.0 * value + 2.0 - (3.0 * target + 2.0)) ** 2)
    expected = math.sqrt(math.fsum(squares) / 5)
    assert evaluate(params, recipe, problem, "test", threshold=None) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("kind", tiny.KINDS)
@pytest.mark.parametrize("samples", [0, 2])
def test_pruning_is_zeroing_by_hand(kind, samples):
    """Weights and group variables, of the means and of samples. Binary accuracy is coarse, so its problem is train."""
    params, recipe, problem = case(kind)
    if kind == "texts":
        params, recipe, problem = ratings_case()
    pruned, dead = pruned_by_hand(params)
    total = sum(value.size for name, value in params.items() if name.endswith(".mu"))
    assert 0.1 * total < dead < 0.9 * total
    found = evaluate(params, recipe, problem, "train", samples=samples)
    assert found == evaluate(pruned, recipe, problem, "train", threshold=None, samples=samples)
    assert found != evaluate(params, recipe, problem, "train", threshold=None, samples=samples)
    assert found != evaluate(params, recipe, problem, "train", threshold=0.0, samples=samples)


def test_samples_average_the_probabilities_of_windows():
    params, recipe, problem = case("characters")
    total, n = 0.0, 3
    (batch,) = evaluation_batches(problem, "valid")
    for draw in range(n):
        drawn = draw_noise(recipe, *batch.x.shape, seed=9, step=EVALUATION_STEP + draw, dtype="float64")
        logits = network_forward(batch.x, sample_forward(params, drawn, recipe)[0], recipe)[0].logits
        e = np.exp(logits)
        total = total + e / e.sum(axis=-1, keepdims=True) / n
    expected = nll(np.log(total), batch.y) / math.log(2.0)
    found = evaluate(params, recipe, problem, "valid", threshold=None, samples=n, seed=9)
    assert found == pytest.approx(expected, rel=1e-13)
    assert found != evaluate(params, recipe, problem, "valid", threshold=None, samples=n, seed=8)
    assert found != evaluate(params, recipe, problem, "valid", threshold=None, samples=2, seed=9)


def test_each_sample_carries_its_own_state():
    params, recipe, problem = case("words")
    n, states, totals, targets = 2, {}, [], []
    for step, batch in enumerate(evaluation_batches(problem, "valid")):
        mean = 0.0
        for draw in range(n):
            at = EVALUATION_STEP + n * step + draw
            drawn = draw_noise(recipe, *batch.x.shape, seed=9, step=at, dtype="float64")
            weights = sample_forward(params, drawn, recipe)[0]
            outputs, _ = network_forward(batch.x, weights, recipe, states=states.get(draw))
            states[draw] = outputs.states
            e = np.exp(outputs.logits)
            mean = mean + e / e.sum(axis=-1, keepdims=True) / n
        totals.append(np.log(mean))
        targets.append(batch.y)
    assert len(totals) == 4
    expected = math.exp(nll(np.concatenate(totals), np.concatenate(targets)))
    found = evaluate(params, recipe, problem, "valid", threshold=None, samples=n, seed=9)
    assert found == pytest.approx(expected, rel=1e-13)


def test_samples_average_the_values_of_a_regressor():
    params, recipe, problem = ratings_case()
    (batch,) = evaluation_batches(problem, "valid", dtype="float64")
    values = 0.0
    for draw in range(4):
        drawn = draw_noise(recipe, *batch.x.shape, seed=9, step=EVALUATION_STEP + draw, dtype="float64")
        weights = sample_forward(params, drawn, recipe)[0]
        values = values + network_forward(batch.x, weights, recipe, mask=batch.mask)[0].logits[:, 0] / 4
    expected = 3.0 * math.sqrt(((values - batch.y) ** 2).mean())
    found = evaluate(params, recipe, problem, "valid", threshold=None, samples=4, seed=9)
    assert found == pytest.approx(expected, rel=1e-13)


def all_dead(params):
    """Every sigma far above its mean."""
    return {name: np.full_like(value, 10.0) if name.endswith(".log_sigma") else value for name, value in params.items()}


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_a_language_model_without_a_weight_predicts_by_its_bias(kind):
    params, recipe, problem = case(kind)
    params = all_dead(params)
    p = np.exp(params["output.b"]) / np.exp(params["output.b"]).sum()
    y = np.concatenate([batch.y.reshape(-1) for batch in evaluation_batches(problem, "test")])
    expected = -np.log(p[y]).mean()
    expected = expected / math.log(2.0) if kind == "characters" else math.exp(expected)
    assert evaluate(params, recipe, problem, "test") == pytest.approx(expected, rel=1e-13)
    assert count(params, recipe, "propagated").matrices["output.W"][0] == 0


def test_a_classifier_and_a_regressor_without_a_weight_predict_a_constant():
    params, recipe, problem = case("texts")
    labels = problem.corpus.test.targets
    for sign, expected in ((1.0, labels.mean()), (-1.0, 1.0 - labels.mean())):
        constant = all_dead(params) | {"output.b": np.array([sign])}
        assert evaluate(constant, recipe, problem, "test") == pytest.approx(expected, rel=1e-15)
    params, recipe, problem = ratings_case()
    expected = 3.0 * math.sqrt(((problem.corpus.test.targets - params["output.b"]) ** 2).mean())
    assert evaluate(all_dead(params), recipe, problem, "test") == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_without_memory_a_prediction_depends_on_one_symbol(kind):
    """A table of five rows, from windows of one step each."""
    params, recipe, problem = case(kind)
    table = logits_of(np.arange(tiny.SYMBOLS)[None], params, recipe)[0]
    batches = list(evaluation_batches(problem, "valid"))
    x, y = (np.concatenate([getattr(batch, name).reshape(-1) for batch in batches]) for name in "xy")
    mean = nll(table[x], y)
    expected = mean / math.log(2.0) if kind == "characters" else math.exp(mean)
    found = evaluate(params, recipe, problem, "valid", threshold=None, reset_states=True)
    assert found == pytest.approx(expected, rel=1e-13)
    assert abs(found / evaluate(params, recipe, problem, "valid", threshold=None) - 1.0) > 1e-3
    if kind == "words":
        shorter = evaluate(params, recipe, problem._replace(length=1), "valid", threshold=None, reset_states=True)
        assert shorter == pytest.approx(found, rel=1e-13)


@pytest.mark.parametrize(("dtype", "floor"), [("float32", float(np.float32(1e-45))), ("float64", 1e-45)])
def test_a_probability_of_zero_is_a_finite_loss(dtype, floor):
    params, recipe, problem = case("words", dtype)
    bias = np.zeros(5, dtype)
    bias[problem.corpus.valid[0]] = 1e4
    expected = 0.0
    batches = list(evaluation_batches(problem, "valid"))
    y = np.concatenate([batch.y.reshape(-1) for batch in batches])
    expected = -math.log(floor) * (y != problem.corpus.valid[0]).mean()
    found = evaluate(all_dead(params) | {"output.b": bias}, recipe, problem, "valid")
    assert type(found) is float
    assert math.isfinite(found)
    assert found == pytest.approx(math.exp(expected), rel=1e-9)


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_a_prediction_that_is_not_finite_gives_nan(kind):
    """Also for accuracy, where NaN would pass as the first class."""
    params, recipe, problem = case(kind)
    params["output.b"][0] = np.nan
    assert math.isnan(evaluate(params, recipe, problem, "test"))


@pytest.mark.parametrize("kind", tiny.KINDS)
def test_parameters_are_not_written_to_and_single_precision_is_near(kind):
    params, recipe, problem = case(kind)
    expected = evaluate(params, recipe, problem, "test", samples=1)
    single = {name: value.astype("float32") for name, value in params.items()}
    for value in [*params.values(), *single.values()]:
        value.flags.writeable = False
    assert evaluate(params, recipe, problem, "test", samples=1) == expected
    assert evaluate(single, recipe, problem, "test", threshold=None) == pytest.approx(
        evaluate(params, recipe, problem, "test", threshold=None), rel=1e-4
    )


def test_what_cannot_be_scored_is_refused():
    params, recipe, problem = case("texts")
    with pytest.raises(ValueError, match=r"^split: expected one of"):
        evaluate(params, recipe, problem, "dev")
    with pytest.raises(ValueError, match=r"^samples: expected an integer of at least 0, got -1"):
        evaluate(params, recipe, problem, "test", samples=-1)
    with pytest.raises(ValueError, match=r"^reset_states: expected a language model"):
        evaluate(params, recipe, problem, "test", reset_states=True)
    with pytest.raises(ValueError, match=r"^reset_states: expected a language model, evaluated by its means"):
        evaluate(*case("words"), "test", reset_states=True, samples=1)
    nothing = problem.corpus._replace(valid=Texts(*(array[:0] for array in problem.corpus.valid)))
    with pytest.raises(ValueError, match=r"^split: 'valid' has nothing to score"):
        evaluate(params, recipe, problem._replace(corpus=nothing), "valid")
