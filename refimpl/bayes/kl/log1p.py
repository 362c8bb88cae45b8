"""log(1 + r) in full relative accuracy, from one ordinary logarithm."""

from refimpl.arrays import Array, array_module


def log1p(r: Array) -> Array:
    """log(1 + r), elementwise, for finite r >= 0; NumPy's log1p of float32 takes six times as long as its log.

    u = 1 + r is rounded; (u - 1) - r is its rounding error, exactly, and the logarithm of the true sum is
    log(u) less that error over u. The next term is of the order of its square.
    Shapes: any. Dtype: any floating dtype, kept.
    Equations: KL.LOG1P.E1.
    """
    xp = array_module(r)
    u = 1.0 + r
    return xp.log(u) - ((u - 1.0) - r) / u  # [KL.LOG1P.E1]
