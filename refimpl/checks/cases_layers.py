"""Cases of the deterministic layers other than the LSTM."""

from functools import partial

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.cases_common import GradcheckCase, Problem, check_visited, normals, padding_mask
from refimpl.checks.gradcheck import Backward, Forward
from refimpl.layers import activations, affine, embedding, losses, rnn, scale
from refimpl.noise import Draw, words

T, B, D, E, K = 6, 2, 5, 3, 4
V = 7
N = 9


def _ids(seed: int) -> Array:
    """(T, B) ids of which one symbol is absent and one is repeated by each object."""
    ids = (words(Draw(seed, "gradcheck.ids"), T * B) % (V - 1)).astype("int64").reshape(T, B)
    ids[1] = ids[0]
    return ids


def _elementwise(forward: Forward, backward: Backward, seed: int) -> Problem:
    return Problem(forward, backward, {"a": normals(seed, "a", T, D, scale=2.0)})


def _hard_sigmoid(seed: int) -> Problem:
    problem = _elementwise(activations.hard_sigmoid_forward, activations.hard_sigmoid_backward, seed)
    y = problem.forward(**problem.inputs)[0]
    check_visited("hard sigmoid", at_0=y == 0.0, at_1=y == 1.0, between=(y > 0.0) & (y < 1.0))
    return problem


def _affine(x_shape: tuple[int, ...], per_object: bool, bias: bool, seed: int) -> Problem:
    W = normals(seed, "W", *((B,) if per_object else ()), D, K)
    params = affine.AffineParams(W, normals(seed, "b", K) if bias else None)
    return Problem(affine.affine_forward, affine.affine_backward, {"x": normals(seed, "x", *x_shape), "params": params})


def _embedding(per_object: bool, seed: int) -> Problem:
    W = normals(seed, "W", *((B,) if per_object else ()), V, E)
    return Problem(embedding.embedding_forward, embedding.embedding_backward, {"ids": _ids(seed), "W": W})


def _row_factor(seed: int) -> Problem:
    inputs = {"e": normals(seed, "e", T, B, E), "ids": _ids(seed), "factor": normals(seed, "factor", B, V)}
    return Problem(embedding.row_factor_forward, embedding.row_factor_backward, inputs)


def _scale(seed: int) -> Problem:
    inputs = {"x": normals(seed, "x", T, B, D), "multiplier": normals(seed, "multiplier", B, D)}
    return Problem(scale.scale_forward, scale.scale_backward, inputs)


def _rnn(multipliers: bool, padding: str | None, seed: int) -> Problem:
    inputs = {
        "x": normals(seed, "x", T, B, D),
        "params": rnn.RNNParams(normals(seed, "W_x", D, E), normals(seed, "W_h", E, E), normals(seed, "b", E)),
        "h0": normals(seed, "h0", B, E),
        "multipliers": rnn.RNNMultipliers(
            x=normals(seed, "m_x", B, D), h_in=normals(seed, "m_h", B, E), h_out=normals(seed, "z_h", B, E)
        )
        if multipliers
        else None,
        "mask": None if padding is None else padding_mask(padding, (T - 2, T - 1), T),
    }
    return Problem(rnn.rnn_forward, rnn.rnn_backward, inputs)


def _check_clip(p: Array, clip: float | None) -> None:
    if clip is not None:
        inside = (p > clip) & (p < 1.0 - clip)
        check_visited("probability clip", below=p < clip, above=p > 1.0 - clip, inside=inside)


def _softmax_cross_entropy(reduction: str, clip: float | None, seed: int) -> Problem:
    targets = np.arange(N) % K
    forward = partial(losses.softmax_cross_entropy_forward, reduction=reduction, probability_clip=clip)
    logits = normals(seed, "logits", N, K)
    logits[np.arange(N), targets] += np.linspace(-6.0, 8.0, N)
    inputs = {"logits": logits, "targets": targets}
    p, _ = activations.softmax_forward(inputs["logits"])
    _check_clip(p[np.arange(N), targets], clip)
    return Problem(forward, losses.softmax_cross_entropy_backward, inputs)


def _binary_cross_entropy(reduction: str, clip: float | None, seed: int) -> Problem:
    targets = np.arange(N) % 2
    forward = partial(losses.binary_cross_entropy_forward, reduction=reduction, probability_clip=clip)
    inputs = {"logits": np.linspace(-6.0, 6.0, N) + normals(seed, "logits", N, scale=0.1), "targets": targets}
    p, _ = activations.sigmoid_forward(inputs["logits"])
    for target in (0, 1):
        _check_clip(np.where(targets == 1, p, 1.0 - p)[targets == target], clip)
    return Problem(forward, losses.binary_cross_entropy_backward, inputs)


def _squared_error(reduction: str, seed: int) -> Problem:
    forward = partial(losses.squared_error_forward, reduction=reduction)
    inputs = {"y": normals(seed, "y", N), "targets": normals(seed, "targets", N)}
    return Problem(forward, losses.squared_error_backward, inputs, fixed=("targets",))


AFFINE_OPTIONS = {
    "rows": ((N, D), False, True),
    "sequence": ((T, B, D), False, False),
    "object_rows": ((B, D), True, False),
    "object_sequence": ((T, B, D), True, True),
}
RNN_OPTIONS = {"plain": (False, None), "left_padding": (False, "left"), "multipliers_right_padding": (True, "right")}

CASES = (
    GradcheckCase(
        "sigmoid",
        ("sigmoid_forward",),
        partial(_elementwise, activations.sigmoid_forward, activations.sigmoid_backward),
    ),
    GradcheckCase("hard_sigmoid", ("hard_sigmoid_forward",), _hard_sigmoid),
    GradcheckCase(
        "tanh", ("tanh_forward",), partial(_elementwise, activations.tanh_forward, activations.tanh_backward)
    ),
    GradcheckCase(
        "softmax",
        ("softmax_forward",),
        partial(_elementwise, activations.softmax_forward, activations.softmax_backward),
    ),
    *(
        GradcheckCase(f"affine/{name}", ("affine_forward",), partial(_affine, *options))
        for name, options in AFFINE_OPTIONS.items()
    ),
    GradcheckCase("embedding/shared", ("embedding_forward",), partial(_embedding, False)),
    GradcheckCase("embedding/object", ("embedding_forward",), partial(_embedding, True)),
    GradcheckCase("row_factor", ("row_factor_forward",), _row_factor),
    GradcheckCase("scale", ("scale_forward",), _scale),
    *(GradcheckCase(f"rnn/{name}", ("rnn_forward",), partial(_rnn, *o)) for name, o in RNN_OPTIONS.items()),
    *(
        GradcheckCase(
            f"softmax_cross_entropy/{reduction}{'_clip' if clip else ''}",
            ("softmax_cross_entropy_forward",),
            partial(_softmax_cross_entropy, reduction, clip),
        )
        for reduction, clip in (("sum", None), ("mean", 0.05))
    ),
    *(
        GradcheckCase(
            f"binary_cross_entropy/{reduction}{'_clip' if clip else ''}",
            ("binary_cross_entropy_forward",),
            partial(_binary_cross_entropy, reduction, clip),
        )
        for reduction, clip in (("sum", None), ("mean", 0.05))
    ),
    *(
        GradcheckCase(f"squared_error/{reduction}", ("squared_error_forward",), partial(_squared_error, reduction))
        for reduction in ("sum", "mean")
    ),
)
