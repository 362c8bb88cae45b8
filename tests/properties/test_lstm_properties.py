"""What holds for every LSTM, whatever its sizes and numbers: masks, splits, permutations, causality, one-hot inputs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from refimpl.layers.gate_input import token_input_backward, token_input_forward
from refimpl.layers.lstm import LSTMMultipliers, LSTMParams, lstm_backward, lstm_forward
from refimpl.layers.lstm_recurrence import (
    LSTMOutputs,
    LSTMState,
    RecurrenceMultipliers,
    RecurrenceParams,
    recurrence_backward,
    recurrence_forward,
)
from refimpl.noise import Draw, integer, normal, permutation
from refimpl.tree import add, flatten, map_leaves

ROUNDING = 1e-12  # at most 6 steps of sums of 12 terms of order 1, forward and back, at 1e-16 each

examples = settings(max_examples=20, deadline=None, derandomize=True)
problems = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "steps": st.integers(2, 6),
        "batch": st.integers(1, 3),
        "groups": st.sampled_from([1, 4]),
        "options": st.fixed_dictionaries(
            {"gates": st.sampled_from(["sigmoid", "hard_sigmoid"]), "peephole_output": st.sampled_from(["c", "c_prev"])}
        ),
    }
)


class Problem:
    """An LSTM with everything switched on."""

    def __init__(self, seed, steps, batch, groups, options):
        self.draw = lambda name, *shape: normal(Draw(seed, name), shape)
        self.seed, self.steps, self.batch, self.options = seed, steps, batch, options
        self.width, self.size = 1 + seed % 4, 1 + seed % 3
        width, size, draw = self.width, self.size, self.draw
        self.x = draw("x", steps, batch, width)
        self.params = LSTMParams(
            draw("W_x", width, 4, size), draw("W_h", size, 4, size), draw("b", 4, size), draw("p", 3, size)
        )
        self.state = LSTMState(draw("h", batch, size), draw("c", batch, size))
        self.multipliers = LSTMMultipliers(
            draw("m_x", batch, groups, width),
            draw("m_h", batch, groups, size),
            draw("z_h", batch, size),
            draw("z_k", batch, 4, size),
        )
        self.doutputs = LSTMOutputs(
            draw("dh", steps, batch, size), LSTMState(draw("dh_T", batch, size), draw("dc_T", batch, size))
        )
        self.lengths = np.array([1 + integer(Draw(seed, "length", b), steps) for b in range(batch)])

    def run(self, mask=None, **changes):
        given = {"x": self.x, "state": self.state, "multipliers": self.multipliers} | changes
        return lstm_forward(params=self.params, mask=mask, **given, **self.options)

    def object(self, b):
        """State and multipliers of one object."""
        return {name: map_leaves(lambda a: a[b : b + 1], getattr(self, name)) for name in ("state", "multipliers")}


def close(found, expected):
    found, expected = flatten({"tree": found}), flatten({"tree": expected})
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(1.0, float(np.max(np.abs(value), initial=0.0)))
        assert np.max(np.abs(found[name] - value), initial=0.0) <= ROUNDING * scale, name


@given(problems, st.sampled_from(["left", "right"]))
@examples
def test_a_masked_sequence_is_a_shorter_one(problem, side):
    p = Problem(**problem)
    t = np.arange(p.steps)[:, None]
    mask = t < p.lengths if side == "right" else t >= p.steps - p.lengths
    outputs, cache = p.run(mask)
    grads = lstm_backward(p.doutputs, cache)
    for b, length in enumerate(p.lengths):
        real = slice(0, length) if side == "right" else slice(p.steps - length, p.steps)
        alone, _ = p.run(x=p.x[real, b : b + 1], **p.object(b))
        close(LSTMOutputs(outputs.h[real, b : b + 1], map_leaves(lambda a, b=b: a[b : b + 1], outputs.last)), alone)
    assert np.all(grads.x[~mask] == 0.0)


@given(problems)
@examples
def test_what_stands_on_masked_steps_does_not_matter(problem):
    p = Problem(**problem)
    mask = np.arange(p.steps)[:, None] < p.lengths
    outputs, cache = p.run(mask)
    x = np.where(mask[:, :, None], p.x, 100.0)
    others, other_cache = p.run(mask, x=x)
    close(others, outputs)
    close(lstm_backward(p.doutputs, other_cache).params, lstm_backward(p.doutputs, cache).params)


@given(problems)
@examples
def test_an_all_false_mask_holds_the_initial_state(problem):
    p = Problem(**problem)
    outputs, cache = p.run(np.zeros((p.steps, p.batch), bool))
    grads = lstm_backward(p.doutputs, cache)
    assert np.array_equal(outputs.h, np.broadcast_to(p.state.h, outputs.h.shape))
    assert all(np.array_equal(a, b) for a, b in zip(outputs.last, p.state, strict=True))
    assert all(np.all(leaf == 0.0) for leaf in flatten((grads.x, grads.params, grads.multipliers)).values())
    close(grads.state, LSTMState(p.doutputs.h.sum(axis=0) + p.doutputs.last.h, p.doutputs.last.c))


@given(problems, st.booleans())
@examples
def test_a_sequence_split_in_two_is_the_whole(problem, masked):
    p = Problem(**problem)
    cut = 1 + integer(Draw(p.seed, "cut"), p.steps - 1)
    mask = np.arange(p.steps)[:, None] < p.lengths if masked else None
    parts = (slice(0, cut), slice(cut, p.steps))
    masks = [None if mask is None else mask[part] for part in parts]
    whole, whole_cache = p.run(mask)
    first, first_cache = p.run(masks[0], x=p.x[:cut])
    second, second_cache = p.run(masks[1], x=p.x[cut:], state=first.last)
    close(LSTMOutputs(np.concatenate([first.h, second.h]), second.last), whole)

    grads = lstm_backward(p.doutputs, whole_cache)
    after = lstm_backward(LSTMOutputs(p.doutputs.h[cut:], p.doutputs.last), second_cache)
    before = lstm_backward(LSTMOutputs(p.doutputs.h[:cut], after.state), first_cache)
    close(np.concatenate([before.x, after.x]), grads.x)
    close(before.state, grads.state)
    close(add(before.params, after.params), grads.params)
    close(add(before.multipliers, after.multipliers), grads.multipliers)


@given(problems)
@examples
def test_objects_do_not_see_each_other(problem):
    p = Problem(**problem)
    order = permutation(Draw(p.seed, "order"), p.batch)
    outputs, cache = p.run()
    turned, turned_cache = p.run(
        x=p.x[:, order],
        state=map_leaves(lambda a: a[order], p.state),
        multipliers=map_leaves(lambda a: a[order], p.multipliers),
    )
    close(turned.h, outputs.h[:, order])
    close(turned.last, map_leaves(lambda a: a[order], outputs.last))
    cotangents = LSTMOutputs(p.doutputs.h[:, order], map_leaves(lambda a: a[order], p.doutputs.last))
    grads, turned_grads = lstm_backward(p.doutputs, cache), lstm_backward(cotangents, turned_cache)
    close(turned_grads.params, grads.params)
    close(turned_grads.x, grads.x[:, order])


@given(problems)
@examples
def test_the_future_has_no_influence(problem):
    p = Problem(**problem)
    cut = 1 + integer(Draw(p.seed, "cut"), p.steps - 1)
    x = p.x.copy()
    x[cut:] = -3.0 * x[cut:]
    close(p.run(x=x)[0].h[:cut], p.run()[0].h[:cut])


@given(problems)
@examples
def test_tokens_are_one_hot_dense_inputs(problem):
    p = Problem(**problem)
    ids = np.array(
        [[integer(Draw(p.seed, "id", p.batch * t + b), p.width) for b in range(p.batch)] for t in range(p.steps)]
    )
    dense, dense_cache = p.run(x=np.eye(p.width)[ids])
    dense_grads = lstm_backward(p.doutputs, dense_cache)
    m = p.multipliers
    u, input_cache = token_input_forward(ids, p.params.W_x, m.x)
    token, cache = recurrence_forward(
        u,
        RecurrenceParams(*p.params[1:]),
        p.state,
        multipliers=RecurrenceMultipliers(*m[1:]),
        **p.options,
    )
    close(token, dense)
    grads = recurrence_backward(p.doutputs, cache)
    close(LSTMParams(token_input_backward(grads.u, input_cache).W_x, *grads.params), dense_grads.params)
    close(token_input_backward(grads.u, input_cache).multiplier, dense_grads.multipliers.x)
