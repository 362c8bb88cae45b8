"""Between two reads of the loss the loop keeps the state that the interval began with, in one and the same memory."""

import numpy as np
import pytest

from refimpl.models.parameters import initialise
from refimpl.training import engines, epoch
from refimpl.training.adam import adam_init
from refimpl.training.diverged import Diverged
from refimpl.training.engine import keep_copies
from refimpl.training.engines import make_engine
from refimpl.training.epoch import READ_INTERVAL, State, train_epoch, train_step
from refimpl.training.problem import epoch_batches
from tests.fast.twins import distance
from tests.training import tiny


def of_31_steps(name):
    """Intervals of 16 and 15 steps, whose states are carried from one to the next."""
    setup = tiny.setup("words")
    engine = make_engine(name, setup.recipe, setup.problem.batch, threads=1)
    return setup._replace(problem=setup.problem._replace(length=1), engine=engine)


def fresh(setup):
    params = initialise(setup.recipe, setup.seed, setup.dtype)
    return State(params, adam_init(params))


def test_copies_are_taken_into_the_memory_of_others():
    arrays = {"a": np.arange(3.0), "b": np.ones((2, 2), "float32")}
    first = keep_copies(arrays)
    arrays["a"] += 1.0
    assert first["a"].tolist() == [0.0, 1.0, 2.0]
    second = keep_copies(arrays, first)
    assert second is first
    assert distance(second, arrays) == 0.0
    assert not any(np.shares_memory(second[name], arrays[name]) for name in arrays)


def test_the_loop_keeps_one_state_and_none_after_the_last_interval():
    setup, calls = of_31_steps("fast"), []
    keep = setup.engine.keep

    def spy(arrays, into=None):
        calls.append((into, keep(arrays, into)))
        return calls[-1][1]

    train_epoch(setup._replace(engine=setup.engine._replace(keep=spy)), fresh(setup), 1, lambda *_: None)
    assert len(calls) == 6  # parameters and both moments, before each of two intervals
    for (first, kept), (second, again) in zip(calls[:3], calls[3:], strict=True):
        assert first is None
        assert second is kept is again


@pytest.mark.parametrize("name", engines.ENGINES)
def test_what_is_kept_is_the_state_that_the_interval_began_with(name, monkeypatch):
    """The second interval is found bad; the steps in it have written over the state, not over what was kept."""
    setup, given = of_31_steps(name), []
    batches = list(epoch_batches(setup.problem, seed=setup.seed, epoch=1, dtype=setup.dtype))
    expected = fresh(setup)
    for batch in batches[:READ_INTERVAL]:
        expected, _ = train_step(setup, expected, batch, 1)

    def explain(_, state, interval, number):
        given.append((state, len(interval), number))
        raise Diverged

    answers = iter([True, False])
    monkeypatch.setattr(epoch, "is_finite", lambda *_: next(answers))
    monkeypatch.setattr(epoch, "_explain", explain)
    with pytest.raises(Diverged):
        train_epoch(setup, fresh(setup), 1, lambda *_: None)
    ((kept, count, number),) = given
    assert (kept.adam.step, count, number) == (READ_INTERVAL, len(batches) - READ_INTERVAL, 1)
    assert (
        distance((expected.params, expected.adam[:2], expected.carried), (kept.params, kept.adam[:2], kept.carried))
        == 0.0
    )
