"""Cases of the affine layers."""

from refimpl.checks.conformance.case import Case, Given
from refimpl.checks.conformance.making import kept, normals

T, B, D, H, K = 6, 2, 5, 3, 7
N_TERMS, KL_WEIGHT, CLIP = 70, 0.75, 2.0


def _affine(case: str, comment: str, per_object: bool) -> Case:
    given: Given = {
        "param.W": normals(case, "W", *((B,) if per_object else ()), D, K),
        "param.b": normals(case, "b", K),
        "input.x": normals(case, "x", T, B, D),
        "cotangent.y": normals(case, "cotangent.y", T, B, K),
    }
    return Case(case, "affine", comment, {}, given)


def _lrt(case: str, comment: str, *, shared: bool, gates: int | None, floor: float, bias: bool = True) -> Case:
    columns = (K,) if gates is None else (4, H)
    noise = (K,) if gates is None else (gates, H)
    each = normals(case, "eps", T, B, *noise)
    given: Given = {
        "param.mu": normals(case, "mu", D, *columns),
        "param.log_sigma": normals(case, "log_sigma", D, *columns, mean=-1.0, scale=0.5),
    }
    if bias:
        given["param.b"] = normals(case, "b", *columns)
    given |= {"input.x": normals(case, "x", T, B, D), "noise.eps": each[:1].copy() if shared else each}
    if shared:
        given["noise.eps_each_step"] = each
    given["cotangent.y"] = normals(case, "cotangent.y", T, B, *columns)
    return Case(case, "affine_lrt", comment, {"var_floor": floor}, given)


def _flipout(case: str, comment: str, steps: int) -> Case:
    given: Given = {
        "param.mu": normals(case, "mu", D, K),
        "param.log_sigma": normals(case, "log_sigma", D, K, mean=-1.0, scale=0.5),
        "param.b": normals(case, "b", K),
        "input.x": normals(case, "x", T, B, D),
        "noise.eps": normals(case, "eps", D, K),
        "noise.signs_in": 2.0 * kept(case, "signs_in", 0.5, steps, B, D) - 1.0,
        "noise.signs_out": 2.0 * kept(case, "signs_out", 0.5, steps, B, K) - 1.0,
        "cotangent.y": normals(case, "cotangent.y", T, B, K),
    }
    return Case(case, "affine_flipout", comment, {}, given)


def _sparse(case: str, comment: str, kl: str, clip: float | None) -> Case:
    given: Given = {
        "param.W.mu": normals(case, "W.mu", D, K, scale=0.7),
        "param.W.log_sigma": normals(case, "W.log_sigma", D, K, mean=-1.0, scale=0.5),
        "param.b": normals(case, "b", K),
        "input.x": normals(case, "x", T, B, D),
        "noise.eps": normals(case, "eps", T, B, K),
        "cotangent.y": normals(case, "cotangent.y", T, B, K),
    }
    config = {"var_floor": 1e-8, "kl": kl, "log_alpha_clip": clip, "n_terms": N_TERMS, "kl_weight": KL_WEIGHT}
    return Case(case, "sparse_affine_lrt", comment, config, given)


def affine_cases() -> tuple[Case, ...]:
    """All of them."""
    return (
        _affine("affine-001", "one W for all objects", per_object=False),
        _affine("affine-002", "an own W for each object", per_object=True),
        _lrt("affine-lrt-001", "a draw for each step and object", shared=False, gates=None, floor=1e-2),
        _lrt("affine-lrt-002", "a draw for each object, shared over its steps", shared=True, gates=None, floor=0.0),
        _lrt("affine-lrt-003", "gates' preactivations, own draws for each gate", shared=False, gates=4, floor=1e-8),
        _lrt(
            "affine-lrt-004",
            "gates' preactivations, one draw for all gates, shared over time; no bias",
            shared=True,
            gates=1,
            floor=1e-8,
            bias=False,
        ),
        _flipout("affine-flipout-001", "signs of each step and object", T),
        _flipout("affine-flipout-002", "signs of each object, shared over its steps", 1),
        _sparse("sparse-affine-lrt-001", "KL of the 2018 code, clipped", "rnn2018", CLIP),
        _sparse("sparse-affine-lrt-002", "exact KL to the log-uniform prior", "log_uniform", None),
    )
