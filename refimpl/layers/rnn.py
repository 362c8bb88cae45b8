"""Plain recurrent network (S004 eq. 7) with masks, multipliers and a trained initial state.

    h_t = tanh((x_t o m_x) W_x + (h_{t-1} o m_h) W_h + b) o z_h;     where the mask is False, h keeps its value.

m_x and m_h act on the way into W_x and W_h only (VBD masks, or z of an input); z_h acts where h_t is produced, so the
output and the carried state both see it (z of a neuron). The network's output (S004 eq. 8) is the affine layer.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes
from refimpl.layers.activations import TanhCache, tanh_backward, tanh_forward


class RNNParams(NamedTuple):
    W_x: Array  # (D, H)
    W_h: Array  # (H, H)
    b: Array  # (H,)


class RNNMultipliers(NamedTuple):
    x: Array | None = None  # (B, D) on x_t on its way into W_x
    h_in: Array | None = None  # (B, H) on h_{t-1} on its way into W_h
    h_out: Array | None = None  # (B, H) on h_t where it is produced


class RNNOutputs(NamedTuple):
    h: Array  # (T, B, H)
    last: Array  # (B, H), equal to h[T-1], with its own cotangent


class RNNCache(NamedTuple):
    x: Array  # (T, B, D)
    params: RNNParams
    multipliers: RNNMultipliers | None
    mask: Array | None  # (T, B)
    h: Array  # (T + 1, B, H), h[0] is the initial state
    y: Array  # (T, B, H): tanh, before h_out and the mask


class RNNGrads(NamedTuple):
    x: Array
    params: RNNParams
    h0: Array
    multipliers: RNNMultipliers | None


def _check(x: Array, params: RNNParams, h0: Array, m: RNNMultipliers, mask: Array | None) -> None:
    array_module(x, *params, h0, *m, mask)
    check_dtypes(x=x, **params._asdict(), h0=h0, **{f"multipliers.{k}": v for k, v in m._asdict().items()})
    words = {"x": (x, "T B D"), "W_x": (params.W_x, "D H"), "W_h": (params.W_h, "H H"), "b": (params.b, "H")}
    states = {"h0": (h0, "B H"), "mask": (mask, "T B")}
    ms = {"multipliers.x": (m.x, "B D"), "multipliers.h_in": (m.h_in, "B H"), "multipliers.h_out": (m.h_out, "B H")}
    check_shapes(words | states | ms)
    if mask is not None and mask.dtype.name != "bool":
        raise TypeError(f"mask: expected dtype bool, got {mask.dtype.name}; True marks the steps that count")


def _times(array: Array, multiplier: Array | None) -> Array:
    return array if multiplier is None else array * multiplier


def rnn_forward(
    x: Array,
    params: RNNParams,
    h0: Array,
    *,
    multipliers: RNNMultipliers | None = None,
    mask: Array | None = None,
) -> tuple[RNNOutputs, RNNCache]:
    """Run the network over T steps.

    Shapes: x (T, B, D); W_x (D, H), W_h (H, H), b (H,); h0 (B, H); multipliers x (B, D), h_in and h_out (B, H), each or
    all None; mask (T, B) bool or None -> h (T, B, H), last (B, H).
    Dtype: one floating dtype; mask is bool.
    Equations: RNN.F1-F5 (S004 eq. 7; multipliers S003, S004 section 2.3).
    Errors: ValueError on a wrong shape, TypeError on a mix of dtypes or a mask that is not bool.
    """
    xp = array_module(x)
    m = multipliers or RNNMultipliers()
    _check(x, params, h0, m, mask)
    steps, batch, width = x.shape
    size = h0.shape[1]
    rows = _times(x, m.x).reshape(steps * batch, width)
    u = (rows @ params.W_x + params.b).reshape(steps, batch, size)  # [RNN.F1]
    h = xp.empty((steps + 1, batch, size), dtype=x.dtype)
    y = xp.empty_like(u)
    h[0] = h0
    for t in range(steps):
        a = u[t] + _times(h[t], m.h_in) @ params.W_h  # [RNN.F2]
        y[t], _ = tanh_forward(a)  # [RNN.F3]
        h_t = _times(y[t], m.h_out)  # [RNN.F4]
        h[t + 1] = h_t if mask is None else xp.where(mask[t][:, None], h_t, h[t])  # [RNN.F5]
    return RNNOutputs(h[1:], h[-1]), RNNCache(x, params, multipliers, mask, h, y)


def rnn_backward(doutputs: RNNOutputs, cache: RNNCache) -> RNNGrads:
    """Gradients given dh (T, B, H) of every output and dlast (B, H): backpropagation through time.

    Equations: RNN.B1-B11. Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    x, params, multipliers, mask, h, y = cache
    xp = array_module(x)
    m = multipliers or RNNMultipliers()
    check_shapes({"y": (y, "T B H"), "h": (doutputs.h, "T B H"), "last": (doutputs.last, "B H")})
    check_dtypes(y=y, h=doutputs.h, last=doutputs.last)
    steps, batch, width = x.shape
    size = h.shape[2]
    da = xp.empty_like(y)
    dm_in = None if m.h_in is None else xp.zeros_like(m.h_in)
    dm_out = None if m.h_out is None else xp.zeros_like(m.h_out)
    dh = doutputs.last
    for t in reversed(range(steps)):
        dh = dh + doutputs.h[t]  # [RNN.B1]
        dkept: Array = 0.0
        if mask is not None:
            moves = mask[t][:, None]
            dh, dkept = xp.where(moves, dh, 0.0), xp.where(moves, 0.0, dh)  # [RNN.B2]
        if dm_out is not None:
            dm_out += dh * y[t]  # [RNN.B3]
        da[t] = tanh_backward(_times(dh, m.h_out), TanhCache(y[t]))  # [RNN.B4]
        dh_in = da[t] @ params.W_h.T
        if dm_in is not None:
            dm_in += dh_in * h[t]  # [RNN.B5]
        dh = _times(dh_in, m.h_in) + dkept  # [RNN.B6]
    da_rows = da.reshape(steps * batch, size)
    x_rows = _times(x, m.x).reshape(steps * batch, width)
    h_rows = _times(h[:-1], m.h_in).reshape(steps * batch, size)
    dx_in = (da_rows @ params.W_x.T).reshape(x.shape)
    dparams = RNNParams(
        W_x=x_rows.T @ da_rows,  # [RNN.B7]
        W_h=h_rows.T @ da_rows,  # [RNN.B8]
        b=da_rows.sum(axis=0),  # [RNN.B9]
    )
    dm_x = None if m.x is None else (dx_in * x).sum(axis=0)  # [RNN.B10]
    dmultipliers = None if multipliers is None else RNNMultipliers(dm_x, dm_in, dm_out)
    return RNNGrads(_times(dx_in, m.x), dparams, dh, dmultipliers)  # [RNN.B11]
