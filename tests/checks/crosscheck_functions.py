"""What the tests of the cross-check share: right functions of NumPy arrays, and a case by its id."""

import numpy as np

from refimpl.checks.conformance import cases
from refimpl.checks.crosscheck.checking import crosscheck

BY_ID = {case.id: case for case in cases()}


def affine(params, inputs, noise, config, cotangents):
    """Right for one W, with gradients by hand."""
    x, W, dy = inputs["x"], params["W"], cotangents["y"]
    return {
        "y": x @ W + params["b"],
        "grad.param.W": np.einsum("tbd,tbk->dk", x, dy),
        "grad.param.b": dy.sum(axis=(0, 1)),
        "grad.input.x": dy @ W.T,
    }


def lstm(params, inputs, noise, config):
    """Plain: no peepholes, padding or multipliers; sigmoid gates."""
    h, c, steps = inputs["h0"], inputs["c0"], []
    for x in inputs["x"]:
        a = np.einsum("bd,dkh->bkh", x, params["W_x"]) + np.einsum("bm,mkh->bkh", h, params["W_h"]) + params["b"]
        i, f, o = (1.0 / (1.0 + np.exp(-a[:, k])) for k in (0, 1, 3))
        c = f * c + i * np.tanh(a[:, 2])
        h = o * np.tanh(c)
        steps.append(h)
    return {"h": np.stack(steps), "h_last": h, "c_last": c}


def verdicts(subject, *names):
    return {r.case.id: r.verdict for r in crosscheck(subject, names).cases}
