"""The two time loops of the LSTM recurrence, over some of the objects (``part``). A step allocates no array.

Gates stand before objects, (4, B, H): elementwise work then runs over contiguous memory. The product with W_h wants
them behind, (B, 4, H), as u and du have them; the sum of the two turns one into the other on its way.
"""

import numpy as np

from refimpl.arrays import Array
from refimpl.fast.gates import activate
from refimpl.fast.recurrence_buffers import FastRecurrenceCache, Sums
from refimpl.fast.recurrence_factors import Factors, fill_factors

NEGLIGIBLE = 1e-24  # a float32 cotangent below this is set to 0 before it becomes denormal: those are slow


def forward_steps(cache: FastRecurrenceCache, scratch: Array, part: slice) -> None:
    """Fill h, c, gates and tanh_c. scratch: (B, 4, H). Equations: LSTM.F3-F10."""
    (_, b, p), m, mask = cache.params, cache.multipliers, cache.mask
    minus_b = -b[:, None, :]
    z = None if m.gates is None else m.gates[part].transpose(1, 0, 2)
    pre = scratch[part]  # (B, 4, H)
    work = pre.reshape(4, len(pre), -1)  # the same memory, free once the product has been added
    for t in range(len(cache.gates)):
        a, u = cache.gates[t, :, part], cache.u[t, part].transpose(1, 0, 2)
        c_prev, c, tanh_c, h = cache.c[t, part], cache.c[t + 1, part], cache.tanh_c[t, part], cache.h[t + 1, part]
        product = _product(cache, t, part, pre)
        if z is None:
            np.add(product, u, out=a)  # [LSTM.F3]
        else:
            u += product
            np.multiply(u, z, out=a)
        if p is None:
            activate(a, minus_b, cache.kind, 2)  # [LSTM.F4] [LSTM.F6]
        else:
            np.multiply(p[:2, None], c_prev, out=work[:2])
            a[:2] += work[:2]  # [LSTM.F5]
            activate(a[:3], minus_b[:3], cache.kind, 2)
        np.multiply(a[1], c_prev, out=c)
        np.multiply(a[0], a[2], out=work[0])
        c += work[0]  # [LSTM.F7]
        if p is not None:
            np.multiply(p[2], c if cache.peephole_output == "c" else c_prev, out=work[0])
            a[3] += work[0]  # [LSTM.F8]
            activate(a[3:], minus_b[3:], cache.kind, None)
        np.tanh(c, out=tanh_c)
        np.multiply(a[3], tanh_c, out=h)  # [LSTM.F9]
        if m.h_out is not None:
            h *= m.h_out[part]
        if mask is not None:
            skip = ~mask[t, part, None]
            np.copyto(h, cache.h[t, part], where=skip)  # [LSTM.F10]
            np.copyto(c, c_prev, where=skip)


def _product(cache: FastRecurrenceCache, t: int, part: slice, out: Array) -> Array:
    """(h_{t-1} o m) W_h by gates, (4, B, H), in the memory of out (B, 4, H)."""
    h, m = cache.h[t, part], cache.multipliers.h_in
    if m is not None and cache.h_in is not None:
        driven = cache.h_in[:, t, part]
        np.multiply(h, m[part].transpose(1, 0, 2), out=driven)
        if len(driven) == 4:
            return np.matmul(driven, cache.W, out=out.reshape(4, *h.shape))
        h = driven[0]
    np.matmul(h, cache.W, out=out.reshape(len(out), -1))
    return out.transpose(1, 0, 2)


def backward_steps(
    dh_out: Array, dh_last: Array, dc_last: Array, cache: FastRecurrenceCache, sums: Sums, factors: Factors, part: slice
) -> None:
    """Turn u into du, the cotangents of the last state into those of the initial one, and add to the sums.

    dh_out (T, B, H); dh_last, dc_last (B, H), written over; factors: buffers for a few steps and the objects of part.
    Equations: LSTM.B1-B8.
    """
    p, m, mask = cache.params.peephole, cache.multipliers, cache.mask
    dh, dc, work = dh_last[part], dc_last[part], factors.work
    z = None if m.gates is None else m.gates[part].transpose(1, 0, 2)
    at_once = len(factors.h)
    for stop in range(len(cache.gates), 0, -at_once):
        first = max(stop - at_once, 0)
        fill_factors(cache, first, stop, part, factors)
        if dh.dtype == np.float32:
            for cotangent in (dh, dc):
                _flush(cotangent, work[0], factors.small)
        for t in range(stop - 1, first - 1, -1):
            n = t - first
            dh += dh_out[t, part]
            if sums.h_out is not None and factors.z is not None:
                np.multiply(dh, factors.z[n], out=work[0])
                sums.h_out[part] += work[0]  # [LSTM.B2]
            du = cache.u[t, part].transpose(1, 0, 2)  # (4, B, H)
            da = du if z is None else factors.da
            np.multiply(dh, factors.gates[n, 3], out=da[3])  # [LSTM.B3]
            np.multiply(dh, factors.h[n], out=work[0])
            dc += work[0]  # [LSTM.B4]
            if p is not None and cache.peephole_output == "c":
                np.multiply(da[3], p[2], out=work[0])
                dc += work[0]
            np.multiply(dc, factors.gates[n, :3], out=da[:3])  # [LSTM.B5]
            dc *= factors.c[n]  # [LSTM.B6]
            if p is not None:
                for k, row in ((0, 0), (1, 1), (3, 2)) if cache.peephole_output == "c_prev" else ((0, 0), (1, 1)):
                    np.multiply(da[k], p[row], out=work[0])
                    dc += work[0]
            if sums.peephole is not None:
                _add_peephole(da, cache, t, part, sums.peephole[:, part], work)
            if z is not None and sums.z is not None and sums.b is not None:
                _through_z(da, z, du, sums.z[part], sums.b[part])
            if mask is None:
                _product_back(cache, t, part, sums, factors, dh)  # [LSTM.B7]
            else:
                np.multiply(dh, ~mask[t, part, None], out=work[1])  # [LSTM.B1]  what a skipped step hands on
                _product_back(cache, t, part, sums, factors, dh)
                dh += work[1]


def _flush(cotangent: Array, work: Array, small: Array) -> None:
    """What is negligible becomes 0; NaN is not small and stays."""
    np.abs(cotangent, out=work)
    np.less(work, NEGLIGIBLE, out=small)
    np.copyto(cotangent, 0.0, where=small)


def _add_peephole(da: Array, cache: FastRecurrenceCache, t: int, part: slice, dp: Array, work: Array) -> None:
    """The cell that each peephole saw, weighted by da of its gate, is added to dp (3, B, H).

    At a skipped step the cell before the mask is gone, and da is 0.
    """
    c_prev, c = cache.c[t, part], cache.c[t + 1, part]
    for row, (k, cell) in enumerate(((0, c_prev), (1, c_prev), (3, c if cache.peephole_output == "c" else c_prev))):
        np.multiply(da[k], cell, out=work[0])
        dp[row] += work[0]


def _through_z(da: Array, z: Array, v: Array, dz: Array, db: Array) -> None:
    """v, the preactivations before z, become du = da o z; all (4, B, H), the sums dz and db (B, 4, H)."""
    v *= da
    dz += v.transpose(1, 0, 2)
    db += da.transpose(1, 0, 2)
    np.multiply(da, z, out=v)


def _product_back(cache: FastRecurrenceCache, t: int, part: slice, sums: Sums, factors: Factors, out: Array) -> None:
    """dh_{t-1} = sum over gates of (du W_h^T) o m, into out (B, H). da and the first work array are written over."""
    du, m = cache.u[t, part], cache.multipliers.h_in
    if m is None or sums.h_in is None:
        np.matmul(du.reshape(len(du), -1), cache.W.T, out=out)
        return
    driven, product = factors.da[: m.shape[1]], factors.work[0]  # (1|4, B, H)
    if len(driven) == 1:
        np.matmul(du.reshape(len(du), -1), cache.W.T, out=driven[0])
    else:
        np.matmul(du.transpose(1, 0, 2), cache.W.transpose(0, 2, 1), out=driven)
    for k, dh in enumerate(driven):
        np.multiply(dh, cache.h[t, part], out=product)
        sums.h_in[part, k] += product  # [LSTM.B8]
    driven *= m[part].transpose(1, 0, 2)
    np.sum(driven, axis=0, out=out)
