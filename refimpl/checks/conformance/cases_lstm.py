"""Cases of the LSTM operations; the sizes all differ, also from the number of gates."""

from typing import Any

from refimpl.arrays import Array
from refimpl.checks.conformance.case import Case, Given
from refimpl.checks.conformance.making import kept, normals, padding

T, B, D, H = 6, 2, 5, 3
N_TERMS, KL_WEIGHT, CLIP = 70, 0.75, 2.0
LENGTHS = (T - 2, T - 1)
RATES = {"rate_x": 0.25, "rate_h": 0.5}


def lstm_given(case: str, *, peephole: bool = False, matrices: bool = True) -> Given:
    """Parameters, inputs, states and cotangents; cells and preactivations of order 1."""
    given: Given = {}
    if matrices:
        given |= {"param.W_x": normals(case, "W_x", D, 4, H, scale=0.7), "param.W_h": normals(case, "W_h", H, 4, H)}
    given["param.b"] = normals(case, "b", 4, H)
    if peephole:
        given["param.peephole"] = normals(case, "peephole", 3, H)
    given |= {
        "input.x": normals(case, "x", T, B, D),
        "input.h0": normals(case, "h0", B, H),
        "input.c0": normals(case, "c0", B, H),
    }
    return given


def cotangents(case: str) -> Given:
    """dL/dh of every step, and of the last states in their own right."""
    shapes = {"h": (T, B, H), "h_last": (B, H), "c_last": (B, H)}
    return {f"cotangent.{name}": normals(case, f"cotangent.{name}", *shape) for name, shape in shapes.items()}


def _lstm(
    case: str,
    comment: str,
    *,
    peephole: str | None = None,
    groups: int | None = None,
    mask: str | None = None,
    gates: str = "sigmoid",
) -> Case:
    given = lstm_given(case, peephole=peephole is not None)
    if groups is not None:
        given |= multipliers(case, groups)
    if mask is not None:
        given["input.mask"] = padding(mask, LENGTHS, T)
    config: dict[str, Any] = {"gates": gates}
    if peephole is not None:
        config["peephole_output"] = peephole
    return Case(case, "lstm", comment, config, given | cotangents(case))


def multipliers(case: str, groups: int) -> Given:
    """Multipliers around 1 at every place; groups: 4 for own ones of each gate, or 1."""
    shapes = {"x": (B, groups, D), "h_in": (B, groups, H), "h_out": (B, H), "gates": (B, 4, H)}
    return {
        f"input.multiplier_{place}": normals(case, f"multiplier_{place}", *shape, mean=1.0, scale=0.5)
        for place, shape in shapes.items()
    }


def _vbd(case: str, comment: str, groups: int) -> Case:
    given = lstm_given(case)
    for place, size in (("x", D), ("h", H)):
        each = kept(case, f"mask_{place}", RATES[f"rate_{place}"], T, B, groups, size)
        given |= {f"noise.mask_{place}": each[0].copy(), f"noise.mask_{place}_each_step": each}
    return Case(case, "vbd_lstm", comment, {**RATES, "masks": "sequence"}, given | cotangents(case))


def gaussian(case: str, name: str, *shape: int, mean: float = 0.0, scale: float = 0.7) -> dict[str, Array]:
    """Mean and log deviation of a Gaussian weight; log alpha on both sides of the clip."""
    return {
        f"param.{name}.mu": normals(case, f"{name}.mu", *shape, mean=mean, scale=scale),
        f"param.{name}.log_sigma": normals(case, f"{name}.log_sigma", *shape, mean=-1.0, scale=0.5),
    }


def _sparse(case: str, comment: str, kl: str, clip: float | None, mask: str | None = None) -> Case:
    given: Given = {}
    for name, size in (("W_x", D), ("W_h", H)):
        given |= gaussian(case, name, size, 4, H)
        each = normals(case, f"eps.{name}", T, size, 4, H)
        given |= {f"noise.{name}": each[0].copy(), f"noise.{name}_each_step": each}
    given |= lstm_given(case, matrices=False) | cotangents(case)
    if mask is not None:
        given["input.mask"] = padding(mask, LENGTHS, T)
    config = {"gates": "sigmoid", "weight_noise": "sequence", "kl": kl, "log_alpha_clip": clip}
    return Case(case, "sparse_lstm", comment, config | {"n_terms": N_TERMS, "kl_weight": KL_WEIGHT}, given)


def _group(case: str, comment: str, gates: str, mask: str | None) -> Case:
    given = lstm_given(case)
    for name, shape in (("z_x", (D,)), ("z_h", (H,)), ("z_gates", (4, H))):
        given |= gaussian(case, name, *shape, mean=1.0, scale=0.5)
        given[f"noise.{name}"] = normals(case, f"eps.{name}", B, *shape)
    if mask is not None:
        given["input.mask"] = padding(mask, LENGTHS, T)
    config = {"gates": gates, "kl": "rnn2018", "log_alpha_clip": CLIP, "n_terms": N_TERMS, "kl_weight": KL_WEIGHT}
    return Case(case, "group_lstm", comment, config, given | cotangents(case))


def lstm_cases() -> tuple[Case, ...]:
    """All of them."""
    return (
        _lstm("lstm-001", "plain LSTM, initial and last states with cotangents of their own"),
        _lstm("lstm-002", "peepholes, the output gate's sees c_t; padding on the left", peephole="c", mask="left"),
        _lstm(
            "lstm-003",
            "peepholes, the output gate's sees c_(t-1); own multipliers for each gate; padding on the right",
            peephole="c_prev",
            groups=4,
            mask="right",
        ),
        _lstm("lstm-004", "multipliers shared by the gates", groups=1),
        _lstm("lstm-005", "hard sigmoid gates (0.2 a + 0.5), padding on the left", gates="hard_sigmoid", mask="left"),
        _lstm("lstm-006", "plain LSTM, padding on the left", mask="left"),
        _lstm("lstm-007", "plain LSTM, padding on the right", mask="right"),
        _vbd("vbd-lstm-001", "a mask for each gate, shared over time", 4),
        _vbd("vbd-lstm-002", "one mask for all gates, shared over time", 1),
        _sparse(
            "sparse-lstm-001",
            "weights drawn once for the whole sequence; KL of the 2018 code, clipped",
            "rnn2018",
            CLIP,
        ),
        _sparse(
            "sparse-lstm-002", "KL of Molchanov 2017, not clipped; padding on the left", "molchanov2017", None, "left"
        ),
        _sparse("sparse-lstm-003", "standard normal prior; padding on the right", "standard_normal", None, "right"),
        _sparse("sparse-lstm-004", "KL of the 2018 code, not clipped; no padding", "rnn2018", None),
        _group("group-lstm-001", "z of inputs, neurons and gates, a draw for each object", "sigmoid", None),
        _group("group-lstm-002", "the same with hard sigmoid gates and padding on the left", "hard_sigmoid", "left"),
    )
