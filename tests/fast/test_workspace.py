"""Memory is lent once a step and comes back; work is shared out without gaps; what a thread raises is raised."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from refimpl.fast.workspace import MOST_THREADS, SMALLEST, Workspace, block_size


def test_lent_arrays_do_not_share_memory_until_the_next_step():
    workspace, first = Workspace(), []
    for shape, dtype in (((3, 5), "float64"), ((5, 3), "float32")):
        with workspace.step():
            lent = [workspace.empty(shape, dtype) for _ in range(4)]
            for i, array in enumerate(lent):
                array[...] = i
            assert all((array == i).all() for i, array in enumerate(lent))
        first = first or lent
    assert all(any(np.shares_memory(a, b) for a in first) for b in lent)


def test_a_step_of_slightly_other_sizes_takes_the_same_blocks():
    workspace = Workspace()
    with workspace.step():
        large = workspace.empty((1000, 100), "float32")
    with workspace.step():
        assert np.shares_memory(large, workspace.empty((999, 100), "float32"))


@given(st.integers(0, 2**40))
def test_blocks_are_at_most_an_eighth_too_large(size):
    assert size <= block_size(size) <= max(SMALLEST, size * 9 // 8)


def test_shape_and_dtype():
    array = Workspace().empty((0, 3), "float64")
    assert (array.shape, array.dtype) == ((0, 3), np.float64)
    assert Workspace().empty((), "float32").shape == ()


@given(st.integers(0, 50), st.integers(1, 60), st.sampled_from([1, 2, 3]))
def test_parts_cover_everything_once(count, block, threads):
    workspace, seen = Workspace(threads), []
    workspace.by_blocks(count, block, lambda part: seen.extend(range(part.start, part.stop)))
    assert sorted(seen) == list(range(count))


def test_parts_run_in_threads_of_their_own():
    workspace = Workspace(2)
    both_are_there = threading.Barrier(2, timeout=30)  # one thread after the other would never meet here
    workspace.run(lambda _: both_are_there.wait() and None, workspace.shares(2))


@pytest.mark.parametrize("bad", [0, 5])
def test_what_a_part_raises_is_raised(bad):
    def task(part):
        if part.start == bad:
            raise ZeroDivisionError("planted")

    with pytest.raises(ZeroDivisionError, match="planted"):
        Workspace(2).by_blocks(10, 5, task)


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_matmul(n, k, m):
    a, b = np.arange(n * k, dtype=float).reshape(k, n).T, np.arange(k * m, dtype=float).reshape(k, m)
    out = np.empty((n, m))
    Workspace(2).matmul(a, b, out)
    assert np.array_equal(out, a @ b)


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_its_number_of_threads_in_a_step_and_what_it_had_afterwards():
    with threadpool_limits(1, user_api="blas"):
        with Workspace(2, products="blas").step():
            assert blas_threads() == {2}
        assert blas_threads() == {1}
    with threadpool_limits(2, user_api="blas"), Workspace(2).step():
        assert blas_threads() == {1}


def test_products_are_left_whole_where_blas_has_the_threads():
    workspace = Workspace(3, products="blas")
    assert (workspace.threads, workspace.product_threads) == (3, 1)
    assert (Workspace(3).threads, Workspace(3).product_threads) == (3, 3)


def test_blas_may_have_more_threads_than_share_a_pass():
    workspace = Workspace(MOST_THREADS + 3, products="blas")
    assert (workspace.asked, workspace.threads, len(workspace.shares(100))) == (MOST_THREADS + 3, *[MOST_THREADS] * 2)
    assert len(Workspace(MOST_THREADS + 3).shares(100)) == MOST_THREADS


def test_what_is_not_a_number_of_threads():
    with pytest.raises(ValueError, match="threads: expected at least 1, got 0"):
        Workspace(0)
    with pytest.raises(ValueError, match="products: expected one of 'threads', 'blas', got 'both'"):
        Workspace(2, products="both")
