"""Whole networks against plain loops written from the equations; how noise, masks and states act on them.

[SCALE.F1] on z_x before LRT and on VBD before the dense layer.
"""

import numpy as np
import pytest

from refimpl.layers.lstm_recurrence import LSTMState
from refimpl.models.letters import character_model, text_classifier, word_model
from refimpl.models.network import initial_states, network_backward, network_forward
from refimpl.models.recipe import Embedding, Output, Recipe, Recurrent, Weight
from refimpl.models.recurrent_layer import one_hot as one_hot_rows
from refimpl.models.sample import mean_weights, sample_forward
from refimpl.noise import Draw, normal
from tests.models.oracle import dense, dense_lrt, draw, hard_sigmoid, lstm, one_hot
from tests.models.small import LENGTHS, B, E, H, K, T, V, language_model, left_mask, run, small

ROUNDING = 1e-13  # T steps of sums of some ten terms of order 1, at 1e-16 each


def assert_close(ours, expected):
    expected = np.asarray(expected)
    assert ours.shape == expected.shape
    assert np.max(np.abs(ours - expected)) <= ROUNDING * max(1.0, np.max(np.abs(expected)))


def states_of(recipe, seed=3):
    """States as carried from a segment before, one (h, c) for each layer."""
    return tuple(
        LSTMState(*(normal(Draw(seed, f"{layer.name}.{which}"), (B, layer.size)) for which in "hc"))
        for layer in recipe.layers
    )


# --- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letters", ["LLLL", "LCCL", "NLIN", "DLRD", "DCCD"])
def test_character_model_by_loop(letters):
    model = small(character_model(letters, vocabulary=V, size=H))
    outputs = run(model)
    params, drawn = model.params, model.drawn
    for b in range(B):
        h, c = lstm(one_hot(model.ids[:, b], V), b, params, drawn)
        if letters[3] == "D":
            logits = [dense(h_t, params, drawn) for h_t in h]
        else:  # one eps for all steps of the object
            logits = [dense_lrt(h_t, params, drawn["output.W"][0, b]) for h_t in h]
        assert_close(outputs.logits[:, b], logits)
        assert_close(outputs.hidden[:, b], h)
        assert_close(outputs.states[0].h[b], h[-1])
        assert_close(outputs.states[0].c[b], c)


@pytest.mark.parametrize("letters", ["LLRL", "LLLL", "DCID"])
@pytest.mark.parametrize("carried", [False, True])
def test_word_model_of_two_layers_by_loop(letters, carried):
    recipe = word_model(letters, vocabulary=V, sizes=(E, H))
    model = small(recipe)
    states = states_of(recipe) if carried else None
    outputs = run(model, states=states)
    for b in range(B):
        x, last = one_hot(model.ids[:, b], V), []
        for depth, name in enumerate(("lstm1", "lstm2")):
            state = (states[depth].h[b], states[depth].c[b]) if carried else None
            x, c = lstm(x, b, model.params, model.drawn, name=name, state=state)
            last.append((x[-1], c))
        assert_close(outputs.logits[:, b], [dense(h_t, model.params, model.drawn) for h_t in x])
        for (h, c), state in zip(last, outputs.states, strict=True):
            assert_close(state.h[b], h)
            assert_close(state.c[b], c)


@pytest.mark.parametrize("letters", ["LLLLLL", "LCLCCL", "LLLCRL", "DCDCCD"])
@pytest.mark.parametrize("masked", [False, True])
def test_classifier_by_loop(letters, masked):
    model = small(text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=K))
    mask = left_mask() if masked else None
    outputs = run(model, mask=mask)
    params, drawn = model.params, model.drawn
    assert outputs.logits.shape == (B, K)
    W = draw(params, drawn, "embedding.W")
    for b in range(B):
        z = draw(params, drawn, "embedding.z", b)
        e = np.array([W[i] * (1.0 if z is None else z[i]) for i in model.ids[:, b]])
        h, _ = lstm(e, b, params, drawn, gate=hard_sigmoid, mask=None if mask is None else mask[:, b])
        if letters[5] == "D":
            assert_close(outputs.logits[b], dense(h[-1], params, drawn))
        else:
            assert_close(outputs.logits[b], dense_lrt(h[-1], params, drawn["output.W"][0, b]))


def test_a_classifier_reads_its_last_layer_at_the_last_step():
    layers = tuple(Recurrent(name, H, Weight("rt"), Weight("rt")) for name in ("lower", "upper"))
    model = small(Recipe("classifier", V, K, layers, Output(Weight("rt"))))
    mask = left_mask()
    outputs = run(model, mask=mask)
    for b in range(B):
        x = one_hot(model.ids[:, b], V)
        for name in ("lower", "upper"):
            x, _ = lstm(x, b, model.params, model.drawn, name=name, mask=mask[:, b])
        assert_close(outputs.hidden[:, b], x)
        assert_close(outputs.logits[b], dense(x[-1], model.params, model.drawn))


def vbd(gates, **layer):
    recurrent = Recurrent("lstm", H, Weight(), Weight(), dropout_x=0.4, dropout_h=0.2, dropout_gates=gates, **layer)
    return Recipe("regressor", V, 1, (recurrent,), Output(Weight(), dropout=0.5), Embedding(E, Weight(), dropout=0.3))


@pytest.mark.parametrize("gates", ["own", "shared"])
@pytest.mark.parametrize("z_x", [None, "ard"])
def test_binary_dropout_by_loop(gates, z_x):
    """Masks of word types, of x and h on their way into the gates, of the dense layer's input; each at its own rate."""
    model = small(vbd(gates, z_x=z_x), seed=2)
    outputs = run(model)
    params, drawn = model.params, model.drawn
    for b in range(B):
        types = drawn["embedding.dropout"][b] / 0.7
        e = np.array([params["embedding.W"][i] * types[i] for i in model.ids[:, b]])
        h, _ = lstm(e, b, params, drawn, rates=(0.4, 0.2))
        assert_close(outputs.hidden[:, b], h)
        assert_close(outputs.logits[b], dense(h[-1] * drawn["output.dropout"][b] / 0.5, params, drawn))


@pytest.mark.parametrize("seen", ["c", "c_prev"])
def test_peepholes_and_trained_initial_states_by_loop(seen):
    model = small(language_model(peephole=seen, trainable_state=True))
    outputs = run(model)
    start = (model.params["lstm.h0"], model.params["lstm.c0"])
    for b in range(B):
        h, c = lstm(one_hot(model.ids[:, b], V), b, model.params, model.drawn, state=start, seen=seen)
        assert_close(outputs.hidden[:, b], h)
        assert_close(outputs.states[0].c[b], c)


@pytest.mark.parametrize("estimator", ["lrt", "lrt_shared"])
@pytest.mark.parametrize("gate_noise", ["own", "shared"])
@pytest.mark.parametrize("embedded", [False, True])
def test_lrt_on_the_input_by_loop(estimator, gate_noise, embedded):
    """S004 eq. 14: u = x mu + sqrt(x^2 sigma^2) eps, here after z_x, with W_h by RT; the preactivations are checked."""
    recipe = language_model(estimator, output="rt", embedding=Embedding(E, Weight()) if embedded else None, z_x="ard")
    (layer,) = recipe.layers
    recipe = recipe._replace(layers=(layer._replace(W_x=layer.W_x._replace(gate_noise=gate_noise)),))
    model = small(recipe)
    params, drawn, eps = model.params, model.drawn, model.drawn["lstm.W_x"]
    hidden = run(model).hidden
    W_h = draw(params, drawn, "lstm.W_h")
    for b in range(B):
        h, c = np.zeros(H), np.zeros(H)
        for t in range(T):
            x = params["embedding.W"][model.ids[t, b]] if embedded else one_hot(model.ids[t, b : b + 1], V)[0]
            x = x * draw(params, drawn, "lstm.z_x", b)
            a = []
            for k in range(4):
                mu, sigma = params["lstm.W_x.mu"][:, k], np.exp(params["lstm.W_x.log_sigma"][:, k])
                noise = eps[t % len(eps), b, k % eps.shape[2]]
                u = x @ mu + np.sqrt((x * x) @ (sigma * sigma) + 1e-8) * noise
                a.append(u + h @ W_h[:, k] + params["lstm.b"][k])
            i, f, o = (1.0 / (1.0 + np.exp(-a[k])) for k in (0, 1, 3))
            c = f * c + i * np.tanh(a[2])
            h = o * np.tanh(c)
            assert_close(hidden[t, b], h)


# --- what noise is shared over ----------------------------------------------------------------------------------------


def same_text(model):
    """Every object reads the first one's text."""
    return np.repeat(model.ids[:, :1], B, axis=1)


@pytest.mark.parametrize("estimator", ["rt", "rt_object"])
def test_one_draw_of_the_weights_for_all_objects_or_one_for_each(estimator):
    model = small(language_model(estimator, embedding=Embedding(E, Weight(estimator))))
    logits = run(model, same_text(model)).logits
    for b in range(1, B):
        gap = np.max(np.abs(logits[:, b] - logits[:, 0]))
        assert gap == 0.0 if estimator == "rt" else gap > 0.01


@pytest.mark.parametrize("name", ["embedding.W", "lstm.W_x", "lstm.W_h", "output.W"])
def test_weights_of_an_object_act_on_that_object_alone(name):
    model = small(language_model("rt_object", embedding=Embedding(E, Weight("rt_object"))))
    drawn = model.drawn | {name: model.drawn[name].copy()}
    drawn[name][1] += 1.0
    before, after = run(model).logits, run(model, drawn=drawn).logits
    others = [b for b in range(B) if b != 1]
    assert np.array_equal(before[:, others], after[:, others])
    assert np.max(np.abs(before[:, 1] - after[:, 1])) > 0.01


@pytest.mark.parametrize("letters", ["LLLLLL", "LCLCCL"])
def test_objects_may_change_places_with_their_noise(letters):
    """All that an object has of its own moves with it: its text, its z, its eps of LRT; W is everybody's."""
    model = small(text_classifier(letters, vocabulary=V, embedding=E, size=H, classes=K))
    order = np.array([3, 0, 4, 1, 2])
    moved = {}
    for name, eps in model.drawn.items():
        moved[name] = eps[order] if ".z" in name else eps[:, order] if name == "output.W" else eps
    before, after = (
        run(model, mask=left_mask()),
        run(model, model.ids[:, order], drawn=moved, mask=left_mask()[:, order]),
    )
    assert_close(after.logits, before.logits[order])
    z = [name for name in model.drawn if ".z" in name]
    assert len(z) == (4 if letters == "LLLLLL" else 0)
    for name in z:  # and without its own z it is another one
        other = run(model, model.ids[:, order], drawn=moved | {name: model.drawn[name]}, mask=left_mask()[:, order])
        assert np.max(np.abs(other.logits - before.logits[order])) > 1e-3, name


TIME_SHARED = {
    "char_LLLL": character_model("LLLL", vocabulary=V, size=H),
    "word_LLLL": word_model("LLLL", vocabulary=V, sizes=(E, H)),
    "objects": language_model("rt_object", z_h="ard"),
    "lrt_shared": language_model("lrt_shared", embedding=Embedding(E, Weight("rt"), z="ard", dropout=0.3), z_x="ard"),
    "vbd": language_model(dropout_x=0.3, dropout_h=0.3),
}


@pytest.mark.parametrize("name", TIME_SHARED)
def test_two_segments_with_the_same_draws_are_one_long_one(name):
    """So every draw here is shared over time, and the carried state is all that a segment hands on."""
    model = small(TIME_SHARED[name])
    whole = run(model)
    first = run(model, model.ids[:2])
    second = run(model, model.ids[2:], states=first.states)
    assert_close(np.concatenate([first.logits, second.logits]), whole.logits)
    assert_close(second.states[-1].c, whole.states[-1].c)


@pytest.mark.parametrize("estimator", ["lrt", "lrt_shared"])
def test_the_noise_of_an_lrt_output_is_one_eps_an_object_where_it_is_shared(estimator):
    """(logits - mean) / std, from the hidden states: one number for all steps, or one for each."""
    model = small(language_model("rt", output=estimator))
    outputs = run(model)
    mu, sigma = model.params["output.W.mu"], np.exp(model.params["output.W.log_sigma"])
    h = outputs.hidden
    eps = (outputs.logits - h @ mu - model.params["output.b"]) / np.sqrt(h**2 @ sigma**2 + 1e-8)
    spread = np.max(np.abs(eps - eps[0]))
    assert spread <= 1e-11 if estimator == "lrt_shared" else spread > 1.0
    assert np.max(np.abs(eps - model.drawn["output.W"])) <= 1e-11  # eps is a difference over a small std


def test_the_variance_floor_of_the_recipe_is_used():
    recipe = language_model("lrt", output="lrt")
    model = small(recipe._replace(var_floor=4.0))
    params = {n: np.full_like(v, -30.0) if n.endswith("log_sigma") else v for n, v in model.params.items()}
    quiet = {name: np.zeros_like(eps) for name, eps in model.drawn.items()}
    model = model._replace(params=params)
    mean = run(model, drawn=quiet)
    only_output = run(model, drawn=quiet | {"output.W": model.drawn["output.W"]})
    assert_close(only_output.logits, mean.logits + 2.0 * model.drawn["output.W"])
    shifted = params | {"lstm.b": params["lstm.b"] + 2.0 * 0.3}
    by_input = run(model, drawn=quiet | {"lstm.W_x": np.full_like(quiet["lstm.W_x"], 0.3)})
    assert_close(by_input.hidden, run(model._replace(params=shifted), drawn=quiet).hidden)


# --- masks and states -------------------------------------------------------------------------------------------------


def test_a_text_padded_on_the_left_is_the_short_text():
    model = small(text_classifier("LLLLLL", vocabulary=V, embedding=E, size=H, classes=K))
    padded = run(model, mask=left_mask()).logits
    for b, length in enumerate(LENGTHS):
        alone = run(model, model.ids[T - length :]).logits
        assert_close(padded[b], alone[b])


def test_what_stands_in_the_padding_does_not_matter():
    model = small(text_classifier("LLLLLL", vocabulary=V, embedding=E, size=H, classes=K))
    mask = left_mask()
    other = np.where(mask, model.ids, (model.ids + 1) % V)
    assert np.array_equal(run(model, mask=mask).logits, run(model, other, mask=mask).logits)


@pytest.mark.parametrize("trainable", [False, True])
def test_initial_states_are_trained_or_zero(trainable):
    model = small(language_model(trainable_state=trainable))
    weights, _ = sample_forward(model.params, model.drawn, model.recipe)
    (state,) = initial_states(weights, model.recipe, 4)
    assert state.h.shape == state.c.shape == (4, H)
    for value, name in ((state.h, "lstm.h0"), (state.c, "lstm.c0")):
        assert np.array_equal(value, np.broadcast_to(model.params[name] if trainable else np.zeros(H), (4, H)))


def grads_of(model, states=None):
    weights, _ = sample_forward(model.params, model.drawn, model.recipe)
    outputs, cache = network_forward(model.ids, weights, model.recipe, states=states)
    return network_backward(normal(Draw(1, "dlogits"), outputs.logits.shape), cache), outputs


def test_a_carried_state_passes_no_gradient_to_the_trained_one():
    model = small(language_model(trainable_state=True))
    free, outputs = grads_of(model)
    carried, other = grads_of(model, states_of(model.recipe))
    assert not np.array_equal(outputs.logits, other.logits)
    for name in ("lstm.h0", "lstm.c0"):
        assert np.all(free[name] != 0.0)
        assert carried[name].shape == (H,)
        assert not carried[name].any()


def test_a_carried_state_is_used_and_not_the_trained_one():
    model = small(language_model(trainable_state=True))
    states = states_of(model.recipe)
    moved = model._replace(params=model.params | {"lstm.h0": model.params["lstm.h0"] + 1.0})
    assert np.array_equal(run(model, states=states).logits, run(moved, states=states).logits)
    assert not np.array_equal(run(model).logits, run(moved).logits)


def test_another_number_of_states_is_refused():
    recipe = word_model("LLRL", vocabulary=V, sizes=(E, H))
    model = small(recipe)
    for states in ((), states_of(recipe)[:1], states_of(recipe) * 2):
        with pytest.raises(ValueError, match=f"states: expected one for each of 2 recurrent layers, got {len(states)}"):
            run(model, states=states)
    with pytest.raises(ValueError, match="state.h: expected shape"):
        run(model, states=states_of(recipe)[::-1])


# --- gradients, dtypes, errors ----------------------------------------------------------------------------------------


def test_gradients_have_the_names_of_the_weights():
    """VBD masks are no weights; the gradient of an LRT matrix is a pair."""
    recipe = language_model("lrt", embedding=Embedding(E, Weight("rt"), dropout=0.3), z_gates="ard", dropout_h=0.3)
    model = small(recipe)
    weights, _ = sample_forward(model.params, model.drawn, recipe)
    grads, _ = grads_of(model)
    assert grads.keys() == {name for name in weights if ".dropout" not in name}
    for name, grad in grads.items():
        if name in ("lstm.W_x", "output.W"):
            assert grad.mu.shape == grad.log_sigma.shape == weights[name].mu.shape
        else:
            assert grad.shape == weights[name].shape, name


@pytest.mark.parametrize("name", TIME_SHARED)
def test_float32_in_float32_out(name):
    double, single = (small(TIME_SHARED[name], dtype=dtype) for dtype in ("float64", "float32"))
    outputs, exact = run(single), run(double)
    for array in (outputs.logits, outputs.hidden, *outputs.states[0]):
        assert array.dtype == "float32"
    assert np.max(np.abs(outputs.logits - exact.logits)) <= 1e-5 * np.max(np.abs(exact.logits))


TOKENS = {
    "token_input": language_model("rt"),
    "embedding": language_model("rt", embedding=Embedding(E, Weight("rt"))),
    "lrt": language_model("lrt"),
}


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("bad", [-1, V])
def test_an_id_is_never_wrapped(name, bad):
    model = small(TOKENS[name])
    ids = model.ids.copy()
    ids[2, 1] = bad
    with pytest.raises(IndexError, match=rf"ids: expected ids from 0 to 6, got {bad} at index \(2, 1\)"):
        run(model, ids)


def test_one_hot_rows():
    ids = np.array([[2, 0], [1, 1], [0, 2]])
    rows = one_hot_rows(ids, 4, np.zeros(1, "float32"))
    assert rows.dtype == "float32"
    assert rows.shape == (3, 2, 4)
    for t, b, v in np.ndindex(3, 2, 4):
        assert rows[t, b, v] == (ids[t, b] == v)


def test_mean_weights_of_a_model_without_noise_are_its_sample():
    model = small(word_model("LLLL", vocabulary=V, sizes=(H,)))
    quiet = {name: np.zeros_like(eps) for name, eps in model.drawn.items()}
    means = mean_weights(model.params, model.recipe, B)
    assert np.array_equal(run(model, drawn=quiet).logits, network_forward(model.ids, means, model.recipe)[0].logits)
