"""The LSTM recurrence: from the input's contribution u_t to h_t and c_t, and back (S004 eq. 11; S001 eq. 3-7; S003).

    v_t^k = u_t^k + (h_{t-1} o m_h^k) W_h^k                                        k in GATES = i, f, g, o
    a_t^k = v_t^k o z^k + b^k  [+ p^i o c_{t-1},  p^f o c_{t-1},  p^o o (c_t or c_{t-1})]
    i, f, o = s(a^i), s(a^f), s(a^o);   g = tanh(a^g)
    c_t = f o c_{t-1} + i o g;          h_t = o o tanh(c_t) o z^h
    where the mask is 0, h and c keep their values.

The bias and the peepholes stand outside z^k (2018 code), so a gate with z^k = 0 is the constant s(b^k).
z^h acts where h_t is produced: the output and the carried state both see it. m_h acts on the way into W_h only (VBD).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from refimpl.arrays import Array, array_module, check_choice, check_dtypes, check_shapes
from refimpl.layers.activations import HARD_SIGMOID_SLOPE, hard_sigmoid_forward, sigmoid_forward
from refimpl.layers.gate_product import gate_product, gate_product_dW, gate_product_dx

GATE_FORWARD: dict[str, Callable[[Array], tuple[Array, Any]]] = {
    "sigmoid": sigmoid_forward,
    "hard_sigmoid": hard_sigmoid_forward,
}


class RecurrenceParams(NamedTuple):
    W_h: Array  # (H, 4, H) or per object (B, H, 4, H)
    b: Array  # (4, H)
    peephole: Array | None = None  # (3, H): of i, f, o


class LSTMState(NamedTuple):
    h: Array  # (B, H)
    c: Array  # (B, H)


class RecurrenceMultipliers(NamedTuple):
    h_in: Array | None = None  # (B, 1|4, H) on h_{t-1} on its way into W_h: a VBD mask
    h_out: Array | None = None  # (B, H) on h_t where it is produced: z of a neuron
    gates: Array | None = None  # (B, 4, H) on the preactivation before the bias: z of a gate


class LSTMOutputs(NamedTuple):
    h: Array  # (T, B, H)
    last: LSTMState


class RecurrenceCache(NamedTuple):
    params: RecurrenceParams
    multipliers: RecurrenceMultipliers
    mask: Array | None  # (T, B)
    h: Array  # (T + 1, B, H), h[0] is the initial state
    c: Array  # (T + 1, B, H)
    v: Array | None  # (T, B, 4, H) preactivations before z^k, kept only where there is a z^k
    activations: Array  # (T, B, 4, H): i, f, g, o
    c_new: Array | None  # (T, B, H) cells before the mask, kept only where there is a mask
    gates: str
    peephole_output: str


class RecurrenceGrads(NamedTuple):
    u: Array
    params: RecurrenceParams
    state: LSTMState
    multipliers: RecurrenceMultipliers


def _gate(a: Array, kind: str) -> Array:
    return GATE_FORWARD[kind](a)[0]


def _gate_slope(y: Array, kind: str) -> Array:
    """ds/da as a function of y = s(a)."""
    if kind == "sigmoid":
        return y * (1.0 - y)
    inside = (y > 0.0) & (y < 1.0)
    return inside.astype(y.dtype) * HARD_SIGMOID_SLOPE


def recurrence_forward(
    u: Array,
    params: RecurrenceParams,
    state: LSTMState,
    *,
    multipliers: RecurrenceMultipliers | None = None,
    mask: Array | None = None,
    gates: str = "sigmoid",
    peephole_output: str = "c",
) -> tuple[LSTMOutputs, RecurrenceCache]:
    """Run the LSTM over T steps, given what the input contributes to the gates.

    Shapes: u (T, B, 4, H) from ``gate_input``, ``token_input`` or LRT; W_h (H, 4, H) or per object (B, H, 4, H); b (4,
    H); peephole (3, H); state h, c (B, H); mask (T, B) bool, False holds h and c; -> outputs h (T, B, H), last h, c
    (B, H).
    Dtype: one floating dtype; mask is bool.
    Equations: LSTM.F3-F10 (S004 eq. 11; S001 eq. 3-7; S003).
    Errors: ValueError on a wrong shape or an unknown gates or peephole_output, TypeError on a mix of dtypes.
    """
    m = multipliers or RecurrenceMultipliers()
    check_arguments(u, params, state, m, mask, gates, peephole_output)
    xp = array_module(u)
    steps, batch, _, size = u.shape
    W_h, b, peephole = params
    h = xp.empty((steps + 1, batch, size), dtype=u.dtype)
    c = xp.empty_like(h)
    h[0], c[0] = state
    activations = xp.empty_like(u)
    v = None if m.gates is None else xp.empty_like(u)
    c_new = None if mask is None else xp.empty_like(h[1:])
    for t in range(steps):
        h_in = h[t][None, :, None, :] if m.h_in is None else h[t][None, :, None, :] * m.h_in
        a = gate_product(h_in, W_h)[0]  # a new array, changed in place from here on
        a += u[t]  # [LSTM.F3]
        if v is not None:
            v[t] = a
            a = a * m.gates
        a += b  # [LSTM.F4]
        if peephole is not None:
            a[:, :2] += peephole[:2] * c[t][:, None, :]  # [LSTM.F5]
        gate = activations[t]  # (B, 4, H)
        gate[:, :2] = _gate(a[:, :2], gates)  # [LSTM.F6]
        xp.tanh(a[:, 2], out=gate[:, 2])
        c_t = gate[:, 1] * c[t] + gate[:, 0] * gate[:, 2]  # [LSTM.F7]
        if peephole is not None:
            a[:, 3] += peephole[2] * (c_t if peephole_output == "c" else c[t])  # [LSTM.F8]
        gate[:, 3] = _gate(a[:, 3], gates)
        h_t = gate[:, 3] * xp.tanh(c_t)  # [LSTM.F9]
        if m.h_out is not None:
            h_t = h_t * m.h_out
        if mask is None or c_new is None:
            h[t + 1], c[t + 1] = h_t, c_t
        else:
            keep = mask[t][:, None]
            c_new[t] = c_t
            h[t + 1], c[t + 1] = xp.where(keep, h_t, h[t]), xp.where(keep, c_t, c[t])  # [LSTM.F10]
    cache = RecurrenceCache(params, m, mask, h, c, v, activations, c_new, gates, peephole_output)
    return LSTMOutputs(h[1:], LSTMState(h[-1], c[-1])), cache


def recurrence_backward(doutputs: LSTMOutputs, cache: RecurrenceCache) -> RecurrenceGrads:
    """Gradients given dh (T, B, H) of every output and dh, dc (B, H) of the last state (each has its own cotangent).

    Equations: LSTM.B1-B10, in the order in which they are used; math as in the forward pass read from below.
    """
    params, m, mask, h, c, v, activations, c_new, gates, peephole_output = cache
    W_h, _, peephole = params
    xp = array_module(h)
    check_cotangents(doutputs, h)
    dh, dc = doutputs.last
    da = xp.empty_like(activations)
    dm_in = None if m.h_in is None else xp.zeros_like(m.h_in)
    dm_out = None if m.h_out is None else xp.zeros_like(m.h_out)
    groups = 1 if m.h_in is None else m.h_in.shape[1]
    for t in reversed(range(len(activations))):
        dh = doutputs.h[t] + dh
        dh_new, dc_new = dh, dc
        if mask is not None:
            keep = mask[t][:, None]
            dh_new, dc_new = xp.where(keep, dh, 0.0), xp.where(keep, dc, 0.0)  # [LSTM.B1]
        i, f, g, o = (activations[t, :, k] for k in range(4))
        tanh_c = xp.tanh(c[t + 1] if c_new is None else c_new[t])
        if m.h_out is not None:
            dm_out += dh_new * o * tanh_c  # [LSTM.B2]
            dh_new = dh_new * m.h_out
        da_o = dh_new * tanh_c * _gate_slope(o, gates)  # [LSTM.B3]
        dc_new = dc_new + dh_new * o * (1.0 - tanh_c * tanh_c)  # [LSTM.B4]
        if peephole is not None and peephole_output == "c":
            dc_new = dc_new + da_o * peephole[2]
        xp.multiply(dc_new * g, _gate_slope(i, gates), out=da[t, :, 0])  # [LSTM.B5]
        xp.multiply(dc_new * c[t], _gate_slope(f, gates), out=da[t, :, 1])
        xp.multiply(dc_new * i, 1.0 - g * g, out=da[t, :, 2])
        da[t, :, 3] = da_o
        dc_prev = dc_new * f  # [LSTM.B6]
        if peephole is not None:
            dc_prev = dc_prev + (da[t, :, :2] * peephole[:2]).sum(axis=1)
            if peephole_output == "c_prev":
                dc_prev = dc_prev + da_o * peephole[2]
        dv = da[t] if m.gates is None else da[t] * m.gates
        dh_in = gate_product_dx(dv[None], W_h, groups)[0]  # [LSTM.B7]
        if m.h_in is None:
            dh_prev = dh_in[:, 0]
        else:
            dm_in += dh_in * h[t][:, None, :]  # [LSTM.B8]
            dh_prev = (dh_in * m.h_in).sum(axis=1)
        if mask is not None:
            dh_prev, dc_prev = xp.where(keep, dh_prev, dh), xp.where(keep, dc_prev, dc)
        dh, dc = dh_prev, dc_prev
    du = da if m.gates is None else da * m.gates
    h_in = h[:-1][:, :, None, :] if m.h_in is None else h[:-1][:, :, None, :] * m.h_in
    grads = RecurrenceParams(
        W_h=gate_product_dW(h_in, du, per_object=W_h.ndim == 4),  # [LSTM.B9]
        b=da.sum(axis=(0, 1)),  # [LSTM.B10]
        peephole=None if peephole is None else _peephole_grad(da, c, c_new, peephole_output),
    )
    dm_gates = None if v is None else (da * v).sum(axis=0)
    return RecurrenceGrads(du, grads, LSTMState(dh, dc), RecurrenceMultipliers(dm_in, dm_out, dm_gates))


def _peephole_grad(da: Array, c: Array, c_new: Array | None, peephole_output: str) -> Array:
    """dp (3, H): the cell that each peephole saw, weighted by da of its gate."""
    xp = array_module(da)
    c_prev = c[:-1]
    seen = c_prev if peephole_output == "c_prev" else (c[1:] if c_new is None else c_new)
    return xp.stack([(da[:, :, k] * cell).sum(axis=(0, 1)) for k, cell in ((0, c_prev), (1, c_prev), (3, seen))])


def check_arguments(
    u: Array,
    params: RecurrenceParams,
    state: LSTMState,
    m: RecurrenceMultipliers,
    mask: Array | None,
    gates: str,
    peephole_output: str,
) -> None:
    """Errors: ValueError on a wrong shape or choice, TypeError on a dtype; the twins check by this too."""
    check_choice("gates", gates, ("sigmoid", "hard_sigmoid"))
    check_choice("peephole_output", peephole_output, ("c", "c_prev"))
    floats = {
        "u": (u, "T B 4 H"),
        "W_h": (params.W_h, "H 4 H" if params.W_h.ndim == 3 else "B H 4 H"),
        "b": (params.b, "4 H"),
        "peephole": (params.peephole, "3 H"),
        "state.h": (state.h, "B H"),
        "state.c": (state.c, "B H"),
        "multipliers.h_in": (m.h_in, "B 1|4 H"),
        "multipliers.h_out": (m.h_out, "B H"),
        "multipliers.gates": (m.gates, "B 4 H"),
    }
    check_shapes(floats | {"mask": (mask, "T B")})
    check_dtypes(**{name: array for name, (array, _) in floats.items()})
    if mask is not None and mask.dtype.kind != "b":
        raise TypeError(f"mask: expected dtype bool (True on real steps), got {mask.dtype.name}")


def check_cotangents(doutputs: LSTMOutputs, h: Array) -> None:
    """h (T + 1, B, H). Errors: as check_arguments."""
    steps, batch, size = h.shape
    check_shapes(
        {
            "doutputs.h": (doutputs.h, "T B H"),
            "doutputs.last.h": (doutputs.last.h, "B H"),
            "doutputs.last.c": (doutputs.last.c, "B H"),
        },
        T=steps - 1,
        B=batch,
        H=size,
    )
    check_dtypes(h=h, dh=doutputs.h, dh_last=doutputs.last.h, dc_last=doutputs.last.c)
