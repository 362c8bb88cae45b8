"""Cases of random weights: every way of sharing the noise, and the variance floor at 0 with a row of zeros."""

from functools import partial

from refimpl.arrays import Array
from refimpl.bayes.binary_dropout import (
    l2_derivation_backward,
    l2_derivation_forward,
    l2_script_backward,
    l2_script_forward,
)
from refimpl.bayes.flipout import (
    AffineFlipoutCache,
    AffineFlipoutParams,
    FlipoutNoise,
    affine_flipout_backward,
    affine_flipout_forward,
)
from refimpl.bayes.gaussian_weights import (
    GaussianCache,
    GaussianParams,
    gaussian_weights_backward,
    gaussian_weights_forward,
)
from refimpl.bayes.local_reparam import (
    AffineLRTCache,
    AffineLRTParams,
    affine_lrt_backward,
    affine_lrt_forward,
)
from refimpl.checks.cases_common import GradcheckCase, Problem, check_visited, normals, signs
from refimpl.tree import Tree

T, B, D, H, K = 6, 2, 5, 3, 7


def _gaussian_weights(shape: tuple[int, ...], per_object: bool, seed: int) -> Problem:
    def backward(dw: Array, cache: GaussianCache) -> Tree:
        return {"params": gaussian_weights_backward(dw, cache)}

    inputs = {
        "params": GaussianParams(
            mu=normals(seed, "mu", *shape), log_sigma=normals(seed, "log_sigma", *shape, mean=-1.0)
        ),
        "eps": normals(seed, "eps", *((B,) if per_object else ()), *shape),
    }
    return Problem(gaussian_weights_forward, backward, inputs, fixed=("eps",))


def _affine_lrt(time: int, gates: int | None, bias: bool, var_floor: float, seed: int) -> Problem:
    """One row of x is held at 0: with no variance floor the noise has no derivative there (it is like |x|)."""
    columns = (K,) if gates is None else (4, H)
    eps_columns = (K,) if gates is None else (gates, H)
    row = normals(seed, "row", T, B, 1)
    row[2, 1] = 0.0

    def forward(x: Array, params: AffineLRTParams, eps: Array) -> tuple[Array, AffineLRTCache]:
        return affine_lrt_forward(x * row, params, eps, var_floor=var_floor)

    def backward(dy: Array, cache: AffineLRTCache) -> Tree:
        grads = affine_lrt_backward(dy, cache)
        return {"x": grads.x * row, "params": grads.params}

    inputs = {
        "x": normals(seed, "x", T, B, D),
        "params": AffineLRTParams(
            mu=normals(seed, "mu", D, *columns),
            log_sigma=normals(seed, "log_sigma", D, *columns, mean=-1.0),
            b=normals(seed, "b", *columns) if bias else None,
        ),
        "eps": normals(seed, "eps", time, B, *eps_columns),
    }
    std = forward(**inputs)[1].std
    check_visited("LRT", zero_variance=(std == 0.0) | (var_floor > 0.0), positive_variance=std > 0.0)
    return Problem(forward, backward, inputs, fixed=("eps",))


def _affine_flipout(sign_steps: int, bias: bool, seed: int) -> Problem:
    def backward(dy: Array, cache: AffineFlipoutCache) -> Tree:
        return affine_flipout_backward(dy, cache)

    inputs = {
        "x": normals(seed, "x", T, B, D),
        "params": AffineFlipoutParams(
            mu=normals(seed, "mu", D, K),
            log_sigma=normals(seed, "log_sigma", D, K, mean=-1.0),
            b=normals(seed, "b", K) if bias else None,
        ),
        "noise": FlipoutNoise(
            eps=normals(seed, "eps", D, K),
            signs_in=signs(seed, "signs_in", sign_steps, B, D),
            signs_out=signs(seed, "signs_out", sign_steps, B, K),
        ),
    }
    return Problem(affine_flipout_forward, backward, inputs, fixed=("noise",))


def _l2_script(seed: int) -> Problem:
    forward = partial(l2_script_forward, weight_decay=1e-3)
    return Problem(forward, l2_script_backward, {"mu": normals(seed, "mu", D, K)})


def _l2_derivation(seed: int) -> Problem:
    forward = partial(l2_derivation_forward, rate=0.3, length_scale=0.7, n_terms=11)
    return Problem(forward, l2_derivation_backward, {"mu": normals(seed, "mu", D, K)})


LRT_OPTIONS = {
    "own": (T, None, True, 1e-8),
    "own_no_floor": (T, None, True, 0.0),
    "time_shared": (1, None, False, 0.0),
    "gates_own": (T, 4, True, 0.0),
    "gates_shared": (T, 1, False, 1e-8),
    "time_shared_gates_own": (1, 4, False, 1e-8),
    "time_shared_gates_shared": (1, 1, True, 0.0),
}

CASES = (
    *(
        GradcheckCase(
            f"gaussian_weights/{name}{'_object' if per_object else '_shared'}",
            ("gaussian_weights_forward",),
            partial(_gaussian_weights, shape, per_object),
        )
        for name, shape in (("matrix", (D, K)), ("gates", (D, 4, H)), ("group", (H,)))
        for per_object in (False, True)
    ),
    *(
        GradcheckCase(f"affine_lrt/{name}", ("affine_lrt_forward",), partial(_affine_lrt, *options))
        for name, options in LRT_OPTIONS.items()
    ),
    GradcheckCase("affine_flipout/own", ("affine_flipout_forward",), partial(_affine_flipout, T, True)),
    GradcheckCase("affine_flipout/time_shared", ("affine_flipout_forward",), partial(_affine_flipout, 1, False)),
    GradcheckCase("l2_script", ("l2_script_forward",), _l2_script),
    GradcheckCase("l2_derivation", ("l2_derivation_forward",), _l2_derivation),
)
