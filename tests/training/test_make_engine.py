"""An engine by its name: its threads and those of BLAS, and what is refused."""

import pytest
import threadpoolctl
from threadpoolctl import threadpool_info, threadpool_limits

from refimpl.models.letters import character_model
from refimpl.training import engines
from refimpl.training.engine import REFERENCE
from refimpl.training.engines import available_processors, make_engine

B, RECIPE = 4, character_model("LCCL", vocabulary=9, size=5)


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.mark.parametrize("name", engines.ENGINES)
def test_threads_are_those_asked_for(name):
    for threads in (1, 2):
        engine = make_engine(name, RECIPE, B, threads=threads)
        assert (engine.name, engine.threads) == (name, threads)
    with threadpool_limits(1, user_api="blas"):
        assert make_engine(name, RECIPE, B).threads == 1
    with threadpool_limits(64, user_api="blas"):
        assert make_engine(name, RECIPE, B).threads == available_processors()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", engines.ENGINES)
def test_blas_has_the_threads_for_the_time_of_a_step_and_no_library_is_looked_for(name, threads, monkeypatch):
    """Here a step is too small for the fast engine to share it out."""
    engine = make_engine(name, RECIPE, B, threads=threads)
    with threadpool_limits(2, user_api="blas"):
        with monkeypatch.context() as patch:
            patch.setattr(threadpoolctl, "ThreadpoolController", None)
            step = engine.step()
        with step:
            assert blas_threads() == {threads}
        assert blas_threads() == {2}


@pytest.mark.parametrize(("share", "largest", "expected"), [(1, 512, 1), (10_000, 512, 3), (1, 4, 3)])
def test_blas_has_the_threads_where_a_step_is_too_small_to_share_or_too_wide(monkeypatch, share, largest, expected):
    monkeypatch.setattr(engines, "SHARE", share)
    monkeypatch.setattr(engines, "LARGEST_SHARED", largest)
    with make_engine("fast", RECIPE, B, threads=3).step():
        assert blas_threads() == {expected}


def test_what_is_not_an_engine():
    with pytest.raises(ValueError, match="engine: expected one of 'fast', 'reference', got 'warp'"):
        make_engine("warp", RECIPE, B)
    with pytest.raises(ValueError, match="threads: expected at least 1, or None"):
        make_engine("fast", RECIPE, B, threads=0)
    assert REFERENCE.name == "reference"
