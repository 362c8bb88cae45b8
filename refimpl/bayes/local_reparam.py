"""Affine layer with Gaussian weights, by the local reparameterization trick (LRT).

    W_dk ~ N(mu_dk, sigma_dk^2)   =>   y_k = sum_d x_d W_dk + b_k ~ N(m_k, v_k)

so one draws the K preactivations instead of the D*K weights (Kingma, Salimans, Welling 2015, section 2.3; S002; S004
eq. 14). Exact for one product with a fixed x. Not exact when x depends on W, as in a recurrent matrix, and not when
the draw is shared over time: then the covariance of two steps is sqrt(v_t v_t') in place of sum_d sigma_d^2 x_td x_t'd.

Outputs may be a vector (K,) or the gates' preactivations (4, H): the layer serves the output and the input matrix of
an LSTM.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes


class AffineLRTParams(NamedTuple):
    mu: Array  # (D, K) or (D, 4, H)
    log_sigma: Array  # like mu
    b: Array | None = None  # (K,) or (4, H), deterministic


class AffineLRTCache(NamedTuple):
    x: Array  # (T, B, D)
    mu: Array
    sigma2: Array  # like mu
    std: Array  # (T, B, K) or (T, B, 4, H)
    eps: Array
    has_bias: bool


class AffineLRTGrads(NamedTuple):
    x: Array
    params: AffineLRTParams


def affine_lrt_forward(
    x: Array, params: AffineLRTParams, eps: Array, *, var_floor: float
) -> tuple[Array, AffineLRTCache]:
    """Draw preactivations y ~ N(m, v) for each step and object.

    Shapes: x (T, B, D); mu, log_sigma (D, K) and b (K,), or (D, 4, H) and (4, H); eps (T, B, K) for a draw each, (1,
    B, K) for a draw an object shared over its steps; with gates (T|1, B, 4|1, H), one draw for each gate or one for
    all four; -> y (T, B, K) or (T, B, 4, H).
    var_floor is added to the variance under the root (1e-8 in the 2018 code). With 0, the noise and its derivative are
    0 where the variance is 0.
    Dtype: one floating dtype.
    Equations: LRT.F1-F3 (S002 "The local reparametrization trick"; S004 eq. 14).
    Errors: ValueError on a wrong shape or a negative var_floor, TypeError on a mix of dtypes.
    """
    xp = array_module(x)
    mu, log_sigma, b = params
    if mu.ndim == 2:
        words, eps_words = "K", "T|1 B K"
    else:
        words, eps_words = "4 H", "T|1 B 4|1 H"
    check_var_floor(var_floor)
    check_shapes(
        {
            "x": (x, "T B D"),
            "mu": (mu, "D " + words),
            "log_sigma": (log_sigma, "D " + words),
            "b": (b, words),
            "eps": (eps, eps_words),
        }
    )
    check_dtypes(x=x, mu=mu, log_sigma=log_sigma, b=b, eps=eps)
    sigma2 = xp.exp(2.0 * log_sigma)
    m = _product(x, mu)  # [LRT.F1]
    if b is not None:
        m = m + b
    std = xp.sqrt(_product(x * x, sigma2) + var_floor)  # [LRT.F2]
    y = m + std * eps  # [LRT.F3]
    return y, AffineLRTCache(x, mu, sigma2, std, eps, b is not None)


def check_var_floor(var_floor: float) -> None:
    """Errors: ValueError if it is negative or NaN."""
    if not var_floor >= 0.0:
        raise ValueError(f"var_floor: expected a number of at least 0, got {var_floor!r}")


def affine_lrt_backward(dy: Array, cache: AffineLRTCache) -> AffineLRTGrads:
    """Gradients of a loss L through y, given dy = dL/dy of y's shape; eps is held fixed.

    Equations: LRT.B1-B5.
    Errors: ValueError on another shape, TypeError on another dtype.
    """
    x, mu, sigma2, std, eps, has_bias = cache
    check_shapes({"dy": (dy, " ".join(map(str, std.shape)))})
    check_dtypes(y=std, dy=dy)
    xp = array_module(x)
    zero = std.real == 0.0
    dv = xp.where(zero, 0.0, dy * eps / (2.0 * xp.where(zero, 1.0, std)))  # [LRT.B1] v = std^2
    return AffineLRTGrads(
        x=_product_dx(dy, mu) + 2.0 * x * _product_dx(dv, sigma2),  # [LRT.B2]
        params=AffineLRTParams(
            mu=_product_dW(x, dy),  # [LRT.B3]
            log_sigma=2.0 * sigma2 * _product_dW(x * x, dv),  # [LRT.B4]
            b=dy.sum(axis=(0, 1)) if has_bias else None,  # [LRT.B5]
        ),
    )


def _product(x: Array, W: Array) -> Array:
    """x (T, B, D) times W (D, ...) -> (T, B, ...), one matrix product."""
    return (x.reshape(-1, x.shape[-1]) @ W.reshape(W.shape[0], -1)).reshape(*x.shape[:2], *W.shape[1:])


def _product_dx(dy: Array, W: Array) -> Array:
    return (dy.reshape(-1, W[0].size) @ W.reshape(W.shape[0], -1).T).reshape(*dy.shape[:2], W.shape[0])


def _product_dW(x: Array, dy: Array) -> Array:
    rows = x.reshape(-1, x.shape[-1])
    return (rows.T @ dy.reshape(len(rows), -1)).reshape(x.shape[-1], *dy.shape[2:])
