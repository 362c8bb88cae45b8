"""Cases of one layer function, of losses, KL divergences and single draws."""

from typing import Any

import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Given
from refimpl.checks.conformance.making import integers, normals, on_grid, padding

T, B, D, E, H, K, V, N = 6, 2, 5, 3, 3, 7, 8, 9
KL_SHAPE = (5, 7)
CLIP = 2.0


def _activation(case: str, op: str, comment: str) -> Case:
    given = {"input.a": normals(case, "a", T, D, scale=2.0), "cotangent.y": normals(case, "cotangent.y", T, D)}
    return Case(case, op, comment, {}, given)


def _ids(case: str) -> Array:
    """(T, B): id V - 1 does not occur, id 0 does, and each object has a word twice."""
    ids = integers(case, "ids", V - 1, T, B)
    ids[1] = ids[0]
    ids[2] = 0, 1
    return ids


def _gate_input(case: str, op: str, comment: str, groups: int) -> Case:
    width = D if op == "gate_input" else V
    given: Given = {"param.W_x": normals(case, "W_x", width, 4, H)}
    given |= {"input.x": normals(case, "x", T, B, D)} if op == "gate_input" else {"input.ids": _ids(case)}
    given["input.multiplier_x"] = normals(case, "multiplier_x", B, groups, width, mean=1.0, scale=0.5)
    given["cotangent.u"] = normals(case, "cotangent.u", T, B, 4, H)
    return Case(case, op, comment, {}, given)


def _embedding(case: str, comment: str, factor: bool) -> Case:
    given: Given = {"param.W": normals(case, "W", V, E), "input.ids": _ids(case)}
    if factor:
        given["input.factor"] = normals(case, "factor", B, V, mean=1.0, scale=0.5)
    return Case(case, "embedding", comment, {}, given | {"cotangent.e": normals(case, "cotangent.e", T, B, E)})


def _scale() -> Case:
    case, shape = "scale-001", (T, B, D)
    given = {"input.x": normals(case, "x", *shape), "input.multiplier": normals(case, "multiplier", B, D)}
    return Case(
        case,
        "scale",
        "a multiplier of each object, shared over time",
        {},
        given | {"cotangent.y": normals(case, "cotangent.y", *shape)},
    )


def _rnn(case: str, comment: str, *, multipliers: bool, mask: str | None) -> Case:
    shapes = {"param.W_x": (D, H), "param.W_h": (H, H), "param.b": (H,), "input.x": (T, B, D), "input.h0": (B, H)}
    if multipliers:
        shapes |= {"input.multiplier_x": (B, D), "input.multiplier_h_in": (B, H), "input.multiplier_h_out": (B, H)}
    shapes |= {"cotangent.h": (T, B, H), "cotangent.last": (B, H)}
    given: Given = {name: normals(case, name, *shape) for name, shape in shapes.items()}
    if mask is not None:
        given["input.mask"] = padding(mask, (T - 2, T - 1), T)
    return Case(case, "rnn", comment, {}, given)


def _cross_entropy(case: str, op: str, comment: str, reduction: str, clip: float | None) -> Case:
    """Likely and unlikely targets, so that a clip is met on both sides."""
    if op == "softmax_cross_entropy":
        targets = (np.arange(N) * 2) % K
        logits = normals(case, "logits", N, K)
        logits[np.arange(N), targets] += on_grid(np.linspace(-6.0, 8.0, N))
    else:
        targets = np.arange(N) % 2
        logits = normals(case, "logits", N, scale=0.1) + on_grid(np.linspace(-6.0, 6.0, N))
    given: Given = {"input.logits": logits, "input.targets": targets.astype("int64"), "cotangent.loss": np.array(1.5)}
    return Case(case, op, comment, {"reduction": reduction, "probability_clip": clip}, given)


def _squared_error() -> Case:
    case = "squared-error-001"
    given: Given = {"input.y": normals(case, "y", N), "input.targets": normals(case, "targets", N)}
    return Case(
        case, "squared_error", "mean, no factor 1/2", {"reduction": "mean"}, given | {"cotangent.loss": np.array(1.5)}
    )


def _draw(case: str, comment: str, per_object: bool) -> Case:
    given: Given = {
        "param.mu": normals(case, "mu", D, 4, H),
        "param.log_sigma": normals(case, "log_sigma", D, 4, H, mean=-1.0, scale=0.5),
    }
    shape = (B, D, 4, H) if per_object else (D, 4, H)
    given |= {"noise.eps": normals(case, "eps", *shape), "cotangent.w": normals(case, "cotangent.w", *shape)}
    return Case(case, "gaussian_weights", comment, {}, given)


def _kl(case: str, comment: str, kl: str, clip: float | None) -> Case:
    """Means of both signs and of exactly 0; ratios mu / sigma up to 12; alpha < 1 for Kingma 2015."""
    log_sigma = normals(case, "log_sigma", *KL_SHAPE, mean=-1.0, scale=0.3)
    q = np.linspace(-12.0, 12.0, 35) if clip is None else np.linspace(-4.0, 4.0, 35)
    q[17] = 0.0
    if case in ("kl-009", "kl-010"):
        q += np.where(q < 0.0, -1.1, 1.1)
    given: Given = {
        "param.mu": on_grid(q.reshape(KL_SHAPE) * np.exp(log_sigma)),
        "param.log_sigma": log_sigma,
        "cotangent.kl": normals(case, "cotangent.kl", *KL_SHAPE),
    }
    return Case(case, "kl", comment, {"kl": kl, "log_alpha_clip": clip}, given)


def _l2(case: str, comment: str, **config: Any) -> Case:
    given: Given = {"param.mu": normals(case, "mu", D, K), "cotangent.loss": np.array(1.5)}
    return Case(case, "l2", comment, config, given)


def simple_cases() -> tuple[Case, ...]:
    """All of them."""
    ce, bce = "softmax_cross_entropy", "binary_cross_entropy"
    return (
        _activation("sigmoid-001", "sigmoid", "both tails and the middle"),
        _activation("hard-sigmoid-001", "hard_sigmoid", "both saturated sides and the middle"),
        _activation("tanh-001", "tanh", "both tails and the middle"),
        _activation("softmax-001", "softmax", "over the last axis"),
        _gate_input("gate-input-001", "gate_input", "dense inputs, own multipliers for each gate", 4),
        _gate_input("gate-input-002", "gate_input", "dense inputs, multipliers shared by the gates", 1),
        _gate_input("token-input-001", "token_input", "one-hot inputs by ids, own multipliers for each gate", 4),
        _gate_input("token-input-002", "token_input", "one-hot inputs by ids, multipliers shared by the gates", 1),
        _embedding("embedding-001", "repeated and absent words", factor=False),
        _embedding("embedding-002", "with a factor of each word and text", factor=True),
        _scale(),
        _rnn("rnn-001", "plain, padding on the left", multipliers=False, mask="left"),
        _rnn("rnn-002", "multipliers at every place, padding on the right", multipliers=True, mask="right"),
        _cross_entropy("softmax-cross-entropy-001", ce, "mean over rows", "mean", None),
        _cross_entropy("softmax-cross-entropy-002", ce, "sum over rows, probability clipped", "sum", 0.125),
        _cross_entropy("binary-cross-entropy-001", bce, "mean over rows", "mean", None),
        _cross_entropy("binary-cross-entropy-002", bce, "mean over rows, probability clipped", "mean", 0.125),
        _squared_error(),
        _draw("gaussian-weights-001", "one draw for all objects", per_object=False),
        _draw("gaussian-weights-002", "a draw for each object", per_object=True),
        _kl("kl-001", "exact KL to the log-uniform prior", "log_uniform", None),
        _kl("kl-002", "the same, log alpha clipped to [-2, 2]", "log_uniform", CLIP),
        _kl("kl-003", "approximation of Molchanov 2017", "molchanov2017", None),
        _kl("kl-004", "the same, log alpha clipped to [-2, 2]", "molchanov2017", CLIP),
        _kl("kl-005", "approximation of the 2018 code, with its constant", "rnn2018", None),
        _kl("kl-006", "the same, log alpha clipped to [-2, 2]", "rnn2018", CLIP),
        _kl("kl-007", "automatic relevance determination, 1/2 log(1 + 1/alpha)", "ard", None),
        _kl("kl-008", "standard normal prior", "standard_normal", None),
        _kl("kl-009", "polynomial of Kingma 2015, alpha below 1", "kingma2015", None),
        _kl("kl-010", "exact KL to the log-uniform prior, alpha below 1", "log_uniform", None),
        _l2("l2-001", "the script's: weight_decay times the sum of squares", form="script", weight_decay=0.0625),
        _l2(
            "l2-002",
            "the derivation's: length_scale^2 (1 - rate) / (2 N)",
            form="derivation",
            rate=0.25,
            length_scale=0.75,
            n_terms=70,
        ),
    )
