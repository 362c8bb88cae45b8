"""Adam, in the form of the 2018 code (Lasagne's): epsilon stands outside the bias correction.

    p <- p - a_t m_t / (sqrt(v_t) + epsilon),   a_t = learning_rate sqrt(1 - beta2^t) / (1 - beta1^t)

Kingma and Ba 2015, section 2 (the remark after algorithm 1) has this form, with "epsilon hat". Their algorithm 1, which
the frameworks follow, adds epsilon to the corrected root instead: this form with epsilon sqrt(1 - beta2^t) for epsilon.
So in the first step, with the defaults, epsilon weighs here as much as one 31.6 times as large does there.
"""

import math
from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class AdamState(NamedTuple):
    """Running means of the gradient and of its square, by the names of the parameters, and the steps done so far."""

    m: dict[str, Array]
    v: dict[str, Array]
    step: int


def adam_init(params: dict[str, Array]) -> AdamState:
    """The state before the first step: zeros, in shape and dtype of the parameters."""
    zeros = [{name: array_module(p).zeros_like(p) for name, p in params.items()} for _ in range(2)]
    return AdamState(m=zeros[0], v=zeros[1], step=0)


def adam_update(
    params: dict[str, Array],
    grads: dict[str, Array],
    state: AdamState,
    *,
    learning_rate: float,
    beta1: float = BETA1,
    beta2: float = BETA2,
    epsilon: float = EPSILON,
) -> tuple[dict[str, Array], AdamState]:
    """One step: new parameters and new state; nothing that was given is written to.

    Shapes: grads, state.m and state.v have the names and shapes of params.
    Dtype: float32 or float64, one for everything under a name; the results have it too.
    Equations: ADAM.F1-F4 (Kingma and Ba 2015, section 2; the 2018 code).
    Errors: ValueError on other names, a wrong shape, or a rate outside its range; TypeError on a mix of dtypes.
    """
    check_update(params, grads, state)
    rate = corrected_rate(state, learning_rate, beta1, beta2, epsilon)
    updated: dict[str, tuple[Array, Array, Array]] = {}
    for name, p in params.items():
        updated[name] = _update_leaf(p, grads[name], state.m[name], state.v[name], rate, beta1, beta2, epsilon)
    new_params, m, v = ({name: arrays[i] for name, arrays in updated.items()} for i in range(3))
    return new_params, AdamState(m, v, state.step + 1)


def corrected_rate(state: AdamState, learning_rate: float, beta1: float, beta2: float, epsilon: float) -> float:
    """a_t of the step after the given state. Errors: ValueError on a rate outside its range. Equations: ADAM.F3."""
    _check_rates(learning_rate, beta1, beta2, epsilon)
    step = state.step + 1
    return learning_rate * math.sqrt(1.0 - beta2**step) / (1.0 - beta1**step)  # [ADAM.F3]


def check_update(params: dict[str, Array], grads: dict[str, Array], state: AdamState) -> None:
    """Errors: ValueError on other names or a wrong shape, TypeError on a mix of dtypes."""
    for what, given in (("grads", grads), ("state.m", state.m), ("state.v", state.v)):
        if given.keys() != params.keys():
            raise ValueError(f"{what}: names missing or not among params: {sorted(given.keys() ^ params.keys())}")
    for name, p in params.items():
        _check_leaf(name, p, grads[name], state)


def _update_leaf(
    p: Array, g: Array, m: Array, v: Array, rate: float, beta1: float, beta2: float, epsilon: float
) -> tuple[Array, Array, Array]:
    """New p, m and v. Three arrays are made, the results; the third is the workspace before it becomes p."""
    xp = array_module(p, g, m, v)
    new_m, new_v, work = xp.empty_like(p), xp.empty_like(p), xp.empty_like(p)
    xp.multiply(g, 1.0 - beta1, out=work)
    xp.multiply(m, beta1, out=new_m)
    new_m += work  # [ADAM.F1]  m = beta1 m + (1 - beta1) g
    xp.multiply(g, g, out=work)
    work *= 1.0 - beta2
    xp.multiply(v, beta2, out=new_v)
    new_v += work  # [ADAM.F2]  v = beta2 v + (1 - beta2) g^2
    xp.sqrt(new_v, out=work)
    work += epsilon
    xp.divide(new_m, work, out=work)
    work *= rate
    xp.subtract(p, work, out=work)  # [ADAM.F4]  p = p - a_t m / (sqrt(v) + epsilon)
    return work, new_m, new_v


def _check_rates(learning_rate: float, beta1: float, beta2: float, epsilon: float) -> None:
    for name, value, allowed, expected in (
        ("learning_rate", learning_rate, 0.0 <= learning_rate < math.inf, "a finite number of at least 0"),
        ("beta1", beta1, 0.0 <= beta1 < 1.0, "a number in [0, 1)"),
        ("beta2", beta2, 0.0 <= beta2 < 1.0, "a number in [0, 1)"),
        ("epsilon", epsilon, 0.0 < epsilon < math.inf, "a finite number above 0"),
    ):
        if not allowed:
            raise ValueError(f"{name}: expected {expected}, got {value!r}")


def _check_leaf(name: str, p: Array, g: Array, state: AdamState) -> None:
    leaves = {f"params[{name}]": p, f"grads[{name}]": g, f"state.m[{name}]": state.m[name]}
    leaves[f"state.v[{name}]"] = state.v[name]
    for place, array in leaves.items():
        if array.shape != p.shape:
            raise ValueError(f"{place}: expected shape {tuple(p.shape)} (that of params), got {tuple(array.shape)}")
    if check_dtypes(**leaves).kind == "c":
        raise TypeError(f"params[{name}]: expected dtype float32 or float64, got {p.dtype.name}")
