"""tree.py: names of leaves, and that taking a tree apart and putting it together gives the same tree."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refimpl.tree import add, flatten, map_leaves, unflatten


class Params(NamedTuple):
    W: Any
    b: Any
    peephole: Any = None


class Layer(NamedTuple):
    x: Any
    params: Any
    states: Any


def tree(scale: float = 1.0, peephole: Any = None) -> Layer:
    w, b = np.arange(6.0).reshape(2, 3) * scale, np.arange(3.0) * scale
    return Layer(np.ones(2) * scale, Params(w, b, peephole), ({"h": np.full(2, scale), "c": np.zeros(2)}, None))


def test_flatten_names_leaves_by_path_in_order():
    leaves = flatten(tree())
    assert list(leaves) == ["x", "params.W", "params.b", "states.0.h", "states.0.c"]
    assert leaves["params.b"].tolist() == [0.0, 1.0, 2.0]


def test_flatten_copies_nothing():
    layer = tree()
    assert flatten(layer)["params.W"] is layer.params.W


def test_flatten_with_a_prefix_and_of_a_leaf():
    x = np.ones(2)
    assert list(flatten(Params(x, x), "lstm")) == ["lstm.W", "lstm.b"]
    assert list(flatten(x, "x")) == ["x"]
    assert flatten(None) == {}
    assert flatten(()) == {}


def test_a_flat_dict_of_dotted_names_is_its_own_flattening():
    params = {"lstm.W_x.mu": np.ones(1), "output.b": np.zeros(1)}
    assert flatten(params) == params


def test_unflatten_restores_types_and_absent_leaves():
    layer = tree()
    again = unflatten(layer, flatten(layer))
    assert type(again) is Layer
    assert type(again.params) is Params
    assert again.params.peephole is None
    assert type(again.states) is tuple
    assert again.states[1] is None
    assert again.params.W is layer.params.W


def test_unflatten_takes_leaves_by_name_not_by_order():
    leaves = dict(reversed(flatten(tree(2.0)).items()))
    again = unflatten(tree(), leaves)
    assert again.params.b.tolist() == [0.0, 2.0, 4.0]
    assert again.states[0]["h"].tolist() == [2.0, 2.0]


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_unflatten_refuses_other_names(change):
    leaves = flatten(tree())
    if change == "missing":
        del leaves["params.W"]
    else:
        leaves["params.W2"] = np.ones(1)
    with pytest.raises(ValueError, match=r"leaves: names that .* do not share: \['params\.W2?'\]"):
        unflatten(tree(), leaves)


def test_map_leaves_pairs_leaves_by_name():
    seen = map_leaves(lambda a, b: (a.shape, float(b.sum())), tree(), tree(10.0))
    assert seen.params.W == ((2, 3), 150.0)
    assert seen.params.b == ((3,), 30.0)
    assert seen.params.peephole is None


def test_map_leaves_refuses_trees_of_other_structure():
    with pytest.raises(ValueError, match="expected the same names in every tree"):
        map_leaves(lambda a, b: a, tree(), tree(peephole=np.ones((3, 3))))


def test_add_is_leafwise_and_new():
    left, right = tree(1.0), tree(2.0)
    total = add(left, right)
    np.testing.assert_array_equal(total.params.W, np.arange(6.0).reshape(2, 3) * 3.0)
    np.testing.assert_array_equal(total.states[0]["h"], [3.0, 3.0])
    np.testing.assert_array_equal(left.params.W, np.arange(6.0).reshape(2, 3))  # the summands stay as they are
    assert not np.shares_memory(total.params.W, left.params.W)


names = st.text("abcW_", min_size=1, max_size=3)
trees = st.recursive(
    st.none() | st.integers(-5, 5).map(float),
    lambda child: (
        st.dictionaries(names, child, max_size=3) | st.tuples(child, child) | st.builds(Params, child, child, st.none())
    ),
    max_leaves=8,
)


@given(trees)
def test_unflatten_inverts_flatten(some):
    assert unflatten(some, flatten(some)) == some
    assert map_leaves(lambda a: a, some) == some
