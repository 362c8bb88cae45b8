"""Check a hand-written backward pass against the complex step, for any pair of forward and backward functions.

    dL/dw = Im L(w + i h) / h,   h = 1e-30

No difference is taken, so nothing cancels, and the answer has 15 digits (Squire and Trapp 1998; Martins et al. 2003).
It needs a forward function that works on complex numbers: no abs, max, clip or sign on values that carry a derivative
(use ``where`` on real parts), and no real buffer for them.

    def forward(x, W):                     # inputs by name -> outputs, and whatever backward needs
        y = numpy.tanh(x @ W)
        return y, (x, W, y)

    def backward(dy, cache):               # cotangents of the outputs -> gradients with the names of the inputs
        x, W, y = cache
        da = dy * (1 - y * y)
        return {"x": da @ W.T, "W": x.T @ da}

    for result in gradcheck(forward, backward, {"x": x, "W": W}):
        print(result)
"""

import math
import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from refimpl.arrays import Array
from refimpl.noise import Draw, normal
from refimpl.tree import Tree, flatten, unflatten

Forward: TypeAlias = Callable[..., tuple[Tree, Any]]  # forward(**inputs) -> (outputs, cache)
Backward: TypeAlias = Callable[[Any, Any], Tree]  # backward(doutputs, cache) -> gradients

STEP = 1e-30
TOLERANCE = 1e-12


class LeafResult(NamedTuple):
    """What the check found for one array of the inputs."""

    layer: str
    leaf: str  # dotted name, such as "params.W_x"
    error: float  # max|hand - step| / max|step|; inf where that cannot be formed
    tolerance: float
    passed: bool
    worst_index: tuple[int, ...]
    hand: float  # both values at the worst index
    step: float
    entries: int
    note: str = ""  # why it failed, where the numbers do not say so


def gradcheck(
    forward: Forward,
    backward: Backward,
    inputs: Mapping[str, Tree],
    *,
    seed: int = 0,
    name: str = "layer",
    zero_leaves: Collection[str] = (),
    fixed: Collection[str] = (),
    tolerance: float = TOLERANCE,
) -> list[LeafResult]:
    """Compare every entry of every gradient with the complex step; one result a leaf, and one for each other fault.

    forward(**inputs) -> (outputs, cache), backward(doutputs, cache) -> gradients. Inputs, outputs and gradients are
    trees (arrays, None, NamedTuples, tuples, dicts); gradients have the inputs' names; where one array is the only one
    to be differentiated, backward may return its gradient alone. doutputs has the outputs' structure, random normal in
    every floating leaf and None in others. Leaves of integers or booleans stay as they are and have no gradient.
    zero_leaves: leaves whose derivative is zero everywhere, and whose hand gradient must be exactly zero; any other
    leaf with a zero derivative fails, for then nothing was checked.
    fixed: inputs that are constants, such as noise: complex like the others; a gradient of theirs is not read.
    A result fails on a wrong value, NaN, a missing, surplus or misshapen gradient, or an argument that was modified.
    Errors: TypeError if a floating leaf is not a float64 NumPy array; ValueError if nothing is left to check, a leaf is
    empty, or zero_leaves or fixed name no leaf; ComplexWarning if forward drops an imaginary part (the traceback says
    where).
    """
    leaves = flatten(dict(inputs))
    constant, zero = _select("fixed", fixed, leaves), _select("zero_leaves", zero_leaves, leaves)
    checked = [leaf for leaf, value in leaves.items() if _is_floating(leaf, value) and leaf not in constant]
    if not checked:
        raise ValueError("inputs: expected at least one floating leaf that is not fixed, got none")
    hand, cotangents, modified = _hand_gradients(forward, backward, inputs, checked, seed)
    results = [_fault(name, leaf, tolerance, "modified by forward or backward") for leaf in modified]
    surplus = [leaf for leaf in hand if leaf not in checked and leaf not in constant]
    results += [_fault(name, leaf, tolerance, "a gradient that no checked input has") for leaf in surplus]
    complex_leaves = {k: v.astype("complex128") if _is_floating(k, v) else v for k, v in leaves.items()}

    def loss(moved: dict[str, Array]) -> complex:
        outputs, _ = forward(**unflatten(dict(inputs), complex_leaves | moved))
        found = flatten({"outputs": outputs})
        return complex(sum((cotangent * found[leaf]).sum() for leaf, cotangent in cotangents.items()))

    for leaf in checked:
        if leaf not in hand:
            results.append(_fault(name, leaf, tolerance, "no gradient returned"))
        elif not _is_like(hand[leaf], leaves[leaf]):
            note = f"expected float64 {leaves[leaf].shape}, got {np.asarray(hand[leaf]).dtype} {np.shape(hand[leaf])}"
            results.append(_fault(name, leaf, tolerance, note))
        else:
            step = _complex_step(loss, leaf, complex_leaves[leaf])
            results.append(_compare(name, leaf, np.asarray(hand[leaf]), step, leaf in zero, tolerance))
    return results


def _select(argument: str, names: Collection[str], leaves: dict[str, Array]) -> set[str]:
    """The leaves with the given names, or below them."""
    selected: set[str] = set()
    for name in (names,) if isinstance(names, str) else names:
        below = {leaf for leaf in leaves if leaf == name or leaf.startswith(name + ".")}
        if not below:
            raise ValueError(f"{argument}: expected names among {sorted(leaves)}, got {name!r}")
        selected |= below
    return selected


def _is_floating(leaf: str, value: Array) -> bool:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"inputs {leaf}: expected NumPy arrays, got {type(value).__name__}; bind options with partial")
    if value.dtype.kind in "biu":
        return False
    if value.dtype != np.float64:
        raise TypeError(f"inputs {leaf}: expected float64, integers or booleans, got {value.dtype.name}; cast it")
    if value.size == 0:
        raise ValueError(f"inputs {leaf}: expected at least one entry, got shape {value.shape}")
    return True


def _is_like(gradient: Array, leaf: Array) -> bool:
    return bool(np.shape(gradient) == leaf.shape and np.asarray(gradient).dtype == leaf.dtype)


def _hand_gradients(
    forward: Forward, backward: Backward, inputs: Mapping[str, Tree], checked: list[str], seed: int
) -> tuple[dict[str, Array], dict[str, Array], list[str]]:
    """Gradients by hand, the cotangents they were given, and the names of the arguments that were modified."""
    leaves = flatten(dict(inputs))
    before = {leaf: value.copy() for leaf, value in leaves.items()}
    outputs, cache = forward(**inputs)
    tree = {"outputs": outputs}
    cotangents = {
        leaf: normal(Draw(seed, f"gradcheck.{leaf}"), np.shape(value))
        for leaf, value in flatten(tree).items()
        if np.asarray(value).dtype.kind == "f"
    }
    given: dict[str, Array] = {leaf: cotangents[leaf].copy() if leaf in cotangents else None for leaf in flatten(tree)}
    grads = backward(unflatten(tree, given)["outputs"], cache)
    if isinstance(grads, np.ndarray) and len(checked) == 1:
        hand = {checked[0]: grads}
    else:
        hand = flatten(grads)
    modified = [leaf for leaf, value in before.items() if value.tobytes() != leaves[leaf].tobytes()]
    modified += ["d" + leaf for leaf, value in cotangents.items() if value.tobytes() != given[leaf].tobytes()]
    return hand, cotangents, modified


def _complex_step(loss: Callable[[dict[str, Array]], complex], leaf: str, value: Array) -> Array:
    step = np.empty(value.shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        for index in np.ndindex(step.shape):
            moved = value.copy()
            moved[index] += STEP * 1j
            step[index] = loss({leaf: moved}).imag / STEP
    return step


def _compare(name: str, leaf: str, hand: Array, step: Array, zero: bool, tolerance: float) -> LeafResult:
    gap = np.abs(hand - step)
    gap = np.where(np.isnan(gap), np.inf, gap)
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(gap), gap.shape))
    scale, note = float(np.max(np.abs(step))), ""
    if zero:
        error = 0.0 if scale == 0.0 and gap[worst] == 0.0 else math.inf
        note = "" if error == 0.0 else "declared zero, and it is not"
    elif scale == 0.0:
        error, note = math.inf, "the derivative is zero everywhere; if that is meant, declare it in zero_leaves"
    else:
        error = float(gap[worst]) / scale if math.isfinite(scale) else math.inf
    passed = error <= tolerance
    return LeafResult(
        name, leaf, error, tolerance, passed, worst, float(hand[worst]), float(step[worst]), step.size, note
    )


def _fault(name: str, leaf: str, tolerance: float, note: str) -> LeafResult:
    return LeafResult(name, leaf, math.inf, tolerance, False, (), math.nan, math.nan, 0, note)
