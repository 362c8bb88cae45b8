"""Affine layer with Gaussian weights, by flipout: one draw of the weights, and random signs that make it another one
for each object (Wen, Vicol, Ba, Tran, Grosse 2018).

    y = x mu + b + r o ((x o s) (sigma o eps)),   s and r of independent fair signs +1, -1

The weight that an object meets is mu_dk + sigma_dk eps_dk s_d r_k: a normal is symmetric, so that is a draw from the
posterior whatever the signs are. Signs for each step and object make any two preactivations uncorrelated, like LRT with
a draw each. Signs for each object shared over its steps keep sum_d sigma_d^2 x_td x_t'd between two steps of an object
and make two objects uncorrelated, as one draw an object does, for the memory of one draw and two matrix products.
Uncorrelated is not independent: eps is the same for all, and squares of preactivations are correlated.

No recipe of the papers has it. It is here because it is the cheap scheme with exactly the right second moments within a
sequence, so that statistics of the noise can tell it from RT and LRT.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes
from refimpl.layers.affine import AffineCache, AffineParams, affine_backward, affine_forward


class AffineFlipoutParams(NamedTuple):
    mu: Array  # (D, K)
    log_sigma: Array  # (D, K)
    b: Array | None = None  # (K,), deterministic


class FlipoutNoise(NamedTuple):
    """One draw of the weights, and the signs: of each step and object (T), or of an object for all its steps (1)."""

    eps: Array  # (D, K)
    signs_in: Array  # (T|1, B, D), +1 or -1
    signs_out: Array  # (T|1, B, K), +1 or -1


class AffineFlipoutCache(NamedTuple):
    mean: AffineCache  # of x mu + b
    turned: AffineCache  # of (x o s) (sigma o eps)
    noise: FlipoutNoise


class AffineFlipoutGrads(NamedTuple):
    x: Array
    params: AffineFlipoutParams


def affine_flipout_forward(
    x: Array, params: AffineFlipoutParams, noise: FlipoutNoise
) -> tuple[Array, AffineFlipoutCache]:
    """Preactivations of every step and object, from one draw of the weights with its signs turned.

    Shapes: x (T, B, D); mu, log_sigma, eps (D, K); b (K,) or None; signs_in (S, B, D) and signs_out (S, B, K), S = T
    for signs of each step and object, S = 1 for signs of an object shared over its steps -> y (T, B, K). That signs are
    +1 or -1 is not checked: a device is not read.
    Dtype: one floating dtype.
    Equations: FLIPOUT.F1, FLIPOUT.F2 (Wen et al. 2018, section 3).
    Errors: ValueError on a wrong shape, TypeError on a mix of dtypes.
    """
    xp = array_module(x)
    mu, log_sigma, b = params
    eps, signs_in, signs_out = noise
    signs = "1" if signs_in.shape[:1] == (1,) else "T"  # one choice for both
    check_shapes(
        {
            "x": (x, "T B D"),
            "mu": (mu, "D K"),
            "log_sigma": (log_sigma, "D K"),
            "b": (b, "K"),
            "eps": (eps, "D K"),
            "signs_in": (signs_in, f"{signs} B D"),
            "signs_out": (signs_out, f"{signs} B K"),
        }
    )
    check_dtypes(x=x, mu=mu, log_sigma=log_sigma, b=b, eps=eps, signs_in=signs_in, signs_out=signs_out)
    m, mean = affine_forward(x, AffineParams(mu, b))
    deviation = xp.exp(log_sigma) * eps  # [FLIPOUT.F1]
    p, turned = affine_forward(x * signs_in, AffineParams(deviation, None))
    y = m + p * signs_out  # [FLIPOUT.F2]
    return y, AffineFlipoutCache(mean, turned, noise)


def affine_flipout_backward(dy: Array, cache: AffineFlipoutCache) -> AffineFlipoutGrads:
    """Gradients of a loss L through y, given dy = dL/dy (T, B, K); eps and signs are held fixed.

    Equations: FLIPOUT.B1-B3.
    Errors: ValueError on another shape, TypeError on another dtype.
    """
    mean, turned, (_, signs_in, signs_out) = cache
    dx, (dmu, db) = affine_backward(dy, mean)
    dp = dy * signs_out  # [FLIPOUT.B1]
    dturned, (ddeviation, _) = affine_backward(dp, turned)
    return AffineFlipoutGrads(
        x=dx + dturned * signs_in,  # [FLIPOUT.B2]
        params=AffineFlipoutParams(dmu, ddeviation * turned.W, db),  # [FLIPOUT.B3]
    )
