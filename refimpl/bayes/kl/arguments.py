"""What every KL divergence takes and gives back: its gradients' type and the checks of its arguments."""

from types import ModuleType
from typing import NamedTuple

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes


class KLGrads(NamedTuple):
    mu: Array  # shape of mu
    log_sigma: Array  # shape of mu


def check_arguments(mu: Array, log_sigma: Array) -> ModuleType:
    """The array module of mu and log_sigma.

    Errors: ValueError if their shapes differ, TypeError if their dtypes do or are not floating.
    """
    xp = array_module(mu, log_sigma)
    check_dtypes(mu=mu, log_sigma=log_sigma)
    check_shapes({"log_sigma": (log_sigma, _words(mu))})
    return xp


def check_cotangent(dkl: Array | float, mu: Array) -> Array | float:
    """dkl itself: an array of mu's shape and dtype, or a number, which stands for an array filled with it.

    Errors: ValueError on another shape, TypeError on another dtype.
    """
    if isinstance(dkl, int | float):
        return float(dkl)  # a NumPy double would promote float32 arrays
    check_shapes({"dkl": (dkl, _words(mu))})
    check_dtypes(mu=mu, dkl=dkl)
    return dkl


def _words(mu: Array) -> str:
    return " ".join(str(size) for size in mu.shape)
