"""Whole models once more, in the words of the equations: one object, one step and one gate at a time.

Everything is read from the parameters and the noise by name. Nothing of refimpl is used.
"""

import math

import numpy as np

FLOOR = 1e-8  # under the root of LRT


def draw(params, drawn, name, b=None):
    """The matrix or group of this name: as it is, its draw, or the draw of object b."""
    if f"{name}.mu" not in params:
        return params.get(name)
    eps = drawn[name] if b is None else drawn[name][b]
    return params[f"{name}.mu"] + np.exp(params[f"{name}.log_sigma"]) * eps


def sigmoid(a):
    return 1.0 / (1.0 + np.exp(-a))


def hard_sigmoid(a):
    return np.minimum(1.0, np.maximum(0.0, 0.2 * a + 0.5))


def lstm(xs, b, params, drawn, *, name="lstm", gate=sigmoid, mask=None, state=None, rates=(0.0, 0.0), seen="c"):
    """h_1 .. h_T (T, H) and c_T for the inputs xs (T, D) of object b.

    rates: VBD rates of x and h; the masks are kept / (1 - rate), one for each gate or one for all.
    """
    W_x, W_h = (draw(params, drawn, f"{name}.{which}") for which in ("W_x", "W_h"))
    z_x, z_h, z_gates = (draw(params, drawn, f"{name}.{which}", b) for which in ("z_x", "z_h", "z_gates"))
    m_x, m_h = (
        [drawn[f"{name}.dropout_{s}"][b][k % len(drawn[f"{name}.dropout_{s}"][b])] / (1.0 - rate) for k in range(4)]
        if rate
        else [1.0] * 4
        for s, rate in zip("xh", rates, strict=True)
    )
    bias, p = params[f"{name}.b"], params.get(f"{name}.peephole", np.zeros((3, W_h.shape[-1])))
    h, c = (np.zeros(W_h.shape[-1]),) * 2 if state is None else state
    hs = []
    for t, x_t in enumerate(xs):
        if mask is None or mask[t]:
            x = x_t if z_x is None else x_t * z_x
            v = [(x * m_x[k]) @ W_x[:, k] + (h * m_h[k]) @ W_h[:, k] for k in range(4)]
            if z_gates is not None:
                v = [v[k] * z_gates[k] for k in range(4)]
            i = gate(v[0] + bias[0] + p[0] * c)
            f = gate(v[1] + bias[1] + p[1] * c)
            g = np.tanh(v[2] + bias[2])
            c_before, c = c, f * c + i * g
            o = gate(v[3] + bias[3] + p[2] * (c if seen == "c" else c_before))
            h = o * np.tanh(c)
            if z_h is not None:
                h = h * z_h
        hs.append(h)
    return np.array(hs), c


def one_hot(ids, count):
    return np.array([[float(i == v) for v in range(count)] for i in ids])


def dense(h, params, drawn):
    """RT or deterministic, one h (H,)."""
    return h @ draw(params, drawn, "output.W") + params["output.b"]


def dense_lrt(h, params, eps):
    """LRT with the given eps (K,)."""
    y = []
    for k, e in enumerate(eps):
        mean = params["output.b"][k] + sum(h[j] * params["output.W.mu"][j, k] for j in range(len(h)))
        variance = sum((h[j] * math.exp(params["output.W.log_sigma"][j, k])) ** 2 for j in range(len(h)))
        y.append(mean + math.sqrt(variance + FLOOR) * e)
    return np.array(y)
