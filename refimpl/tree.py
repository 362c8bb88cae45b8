"""Trees of arrays: NamedTuples, tuples and dicts whose leaves are arrays or None.

The only file that knows that NamedTuples are trees. A leaf's name is its path, joined with dots: "params.W_x".
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from refimpl.arrays import Array

Tree: TypeAlias = Any  # an array, None, or a NamedTuple, tuple or dict[str, Tree]


def _children(tree: Tree) -> Iterator[tuple[str, Tree]] | None:
    if isinstance(tree, dict):
        return iter(tree.items())
    if isinstance(tree, tuple):
        names = getattr(tree, "_fields", None) or [str(i) for i in range(len(tree))]
        return iter(zip(names, tree, strict=True))
    return None


def flatten(tree: Tree, prefix: str = "") -> dict[str, Array]:
    """All leaves of the tree by dotted name, in order; an absent leaf (None) is left out."""
    children = _children(tree)
    if children is None:
        return {} if tree is None else {prefix: tree}
    leaves: dict[str, Array] = {}
    for name, child in children:
        leaves |= flatten(child, f"{prefix}.{name}" if prefix else name)
    return leaves


def unflatten(like: Tree, leaves: dict[str, Array]) -> Tree:
    """A tree of the shape of ``like`` whose leaves are taken from ``leaves`` by name.

    Errors: ValueError if a name is missing or left over.
    """
    missing = flatten(like).keys() ^ leaves.keys()
    if missing:
        raise ValueError(f"leaves: names that the tree and the dict do not share: {sorted(missing)}")
    return _rebuild(like, leaves, "")


def _rebuild(like: Tree, leaves: dict[str, Array], prefix: str) -> Tree:
    children = _children(like)
    if children is None:
        return None if like is None else leaves[prefix]
    built = {name: _rebuild(child, leaves, f"{prefix}.{name}" if prefix else name) for name, child in children}
    if isinstance(like, dict):
        return built
    return type(like)(**built) if hasattr(like, "_fields") else tuple(built.values())


def map_leaves(function: Callable[..., Array], *trees: Tree) -> Tree:
    """Apply function to corresponding leaves of trees of equal structure."""
    first, *others = [flatten(tree) for tree in trees]
    if any(other.keys() != first.keys() for other in others):
        raise ValueError("trees: expected the same names in every tree")
    return unflatten(trees[0], {name: function(leaf, *(o[name] for o in others)) for name, leaf in first.items()})


def as_plain(value: Any) -> Any:
    """NamedTuples, at any depth, as dicts, and tuples as lists: what JSON can hold."""
    if hasattr(value, "_asdict"):
        return {name: as_plain(item) for name, item in value._asdict().items()}
    return [as_plain(item) for item in value] if isinstance(value, list | tuple) else value


def add(left: Tree, right: Tree) -> Tree:
    """Leafwise sum: the cotangent of a value that is used twice."""
    return map_leaves(lambda a, b: a + b, left, right)
