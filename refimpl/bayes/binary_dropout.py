"""Variational Binary Dropout (VBD) of Gal and Ghahramani (2016b; S004 section 2.3).

A mask zeroes inputs or hidden units of an object for all of its time steps, in the LSTM one mask for each gate; in an
embedding it zeroes word types. The masks act where the layers take multipliers, factors and rows; this file gives their
values and the L2 terms to which the KL divergence tends as the posterior's two spikes become narrow.
"""

from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes


def dropout_multiplier(kept: Array, rate: float) -> Array:
    """Inverted scaling: kept (zeros and ones) / (1 - rate), so that the multiplier's mean is 1.

    Equations: VBD.F1 (Gal and Ghahramani 2016b; the original script scales during training, not at test time).
    Errors: ValueError unless 0 <= rate < 1.
    """
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"rate: expected a dropout rate in [0, 1), got {rate!r}")
    return kept / (1.0 - rate)  # [VBD.F1]


class L2Cache(NamedTuple):
    mu: Array
    coefficient: float


def l2_script_forward(mu: Array, *, weight_decay: float) -> tuple[Array, L2Cache]:
    """weight_decay * sum of mu^2, added to the MEAN loss: the form of Gal's script (S004: weight_decay = 1e-3).

    Shapes: mu (...) -> 0-d, summed in float64.
    Equations: VBD.F2.
    Errors: TypeError unless mu's dtype is floating.
    """
    return _sum_of_squares(mu, weight_decay)  # [VBD.F2]


def l2_script_backward(dloss: Array | float, cache: L2Cache) -> Array:
    """dmu of mu's shape, given dloss, a number or 0-d array. Equations: VBD.B1."""
    return _times(2.0 * cache.coefficient * dloss, cache.mu)  # [VBD.B1]


def l2_derivation_forward(mu: Array, *, rate: float, length_scale: float, n_terms: int) -> tuple[Array, L2Cache]:
    """length_scale^2 (1 - rate) / (2 N) * sum of mu^2, added to the MEAN loss: what the KL divergence tends to.

    KL(p N(0, s^2 I) + (1 - p) N(mu, s^2 I) || N(0, I / l^2)) -> l^2 (1 - p) / 2 |mu|^2 + const as s -> 0; divided by
    the number N of likelihood terms. p is the dropout rate. The prior is on r mu, r the mask; on the weight as it is
    used here, r mu / (1 - p), the term would be length_scale^2 / (2 N (1 - p)) * sum of mu^2 (chapter 06).
    Equations: VBD.F3 (Gal and Ghahramani 2016a, appendix; S004 eq. 9).
    Errors: ValueError on a rate outside [0, 1) or n_terms below 1, TypeError unless mu's dtype is floating.
    """
    if not 0.0 <= rate < 1.0:
        raise ValueError(f"rate: expected a dropout rate in [0, 1), got {rate!r}")
    if n_terms < 1:
        raise ValueError(f"n_terms: expected at least 1, got {n_terms!r}")
    return _sum_of_squares(mu, length_scale**2 * (1.0 - rate) / (2.0 * n_terms))  # [VBD.F3]


def l2_derivation_backward(dloss: Array | float, cache: L2Cache) -> Array:
    """dmu of mu's shape, given dloss, a number or 0-d array. Equations: VBD.B2."""
    return _times(2.0 * cache.coefficient * dloss, cache.mu)  # [VBD.B2]


def _sum_of_squares(mu: Array, coefficient: float) -> tuple[Array, L2Cache]:
    check_dtypes(mu=mu)
    xp = array_module(mu)
    accumulator = "complex128" if mu.dtype.kind == "c" else "float64"
    return coefficient * xp.sum(mu * mu, dtype=accumulator), L2Cache(mu, coefficient)


def _times(factor: Array | float, mu: Array) -> Array:
    """factor, a number or 0-d array of any precision, times mu in mu's dtype."""
    return array_module(mu).full((), factor, dtype=mu.dtype) * mu
