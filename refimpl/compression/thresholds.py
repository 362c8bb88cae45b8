"""Which weights are left: those whose noise does not drown them, log alpha < 3 (S002; S004 section 4)."""

from refimpl.arrays import Array, array_module, check_dtypes, check_shapes, to_host

LOG_ALPHA_THRESHOLD = 3.0  # S002, S004, 2018 code: the signal mu^2 is below 0.0498 = exp(-3) of the variance
MATRICES = ("W", "W_x", "W_h")  # last part of the names that are counted even where they are deterministic


def log_alpha(mu: Array, log_sigma: Array) -> Array:
    """log alpha = 2 log_sigma - log mu^2, unclipped; +inf where mu is 0.

    Shapes: any, both alike. Dtype: float32 or float64, as given.
    Equations: THRESHOLD.E1 (S004 eq. 4, sigma^2 = alpha mu^2).
    Errors: ValueError on different shapes, TypeError on a mix of dtypes.
    """
    xp = array_module(mu, log_sigma)
    if check_dtypes(mu=mu, log_sigma=log_sigma).kind == "c":
        raise TypeError("mu: expected dtype float32 or float64, got complex128; log alpha here is for real numbers")
    if mu.shape != log_sigma.shape:
        raise ValueError(f"log_sigma: expected shape {tuple(mu.shape)} (that of mu), got {tuple(log_sigma.shape)}")
    zero = mu == 0.0
    finite = 2.0 * log_sigma - 2.0 * xp.log(xp.where(zero, 1.0, xp.abs(mu)))  # [THRESHOLD.E1]  mu^2 could underflow
    return xp.where(zero, xp.inf, finite).astype(mu.dtype, copy=False)


def alive_masks(params: dict[str, Array], threshold: float = LOG_ALPHA_THRESHOLD) -> dict[str, Array]:
    """Where log alpha < threshold, for each Gaussian parameter X (entries X.mu and X.log_sigma): bool arrays by name X.

    A deterministic matrix (W, W_x, W_h) is alive throughout; other deterministic entries (biases, initial states,
    peepholes) are not pruned by themselves and have no mask.
    (2018 code: a weight of LSTM or embedding with log alpha = threshold exactly is kept at test time, and not counted.)
    Equations: THRESHOLD.E2.
    Errors: ValueError if one of X.mu and X.log_sigma is missing, or if one holds a NaN (which would pass as dead).
    """
    masks: dict[str, Array] = {}
    for name, value in params.items():
        base, _, last = name.rpartition(".")
        if last in ("mu", "log_sigma"):
            other = f"{base}.{'log_sigma' if last == 'mu' else 'mu'}"
            if other not in params:
                raise ValueError(f"params: {name} is there and {other} is missing")
            if last == "mu":
                masks[base] = _alive(base, value, params[other], threshold)
        elif last in MATRICES:
            masks[name] = array_module(value).ones(value.shape, dtype=bool)
    return masks


def _alive(name: str, mu: Array, log_sigma: Array, threshold: float) -> Array:
    check_shapes({f"{name}.log_sigma": (log_sigma, " ".join(map(str, mu.shape)))})
    ratio = log_alpha(mu, log_sigma)
    if to_host((ratio != ratio).any()):
        raise ValueError(f"{name}: expected numbers, got a log alpha that is NaN; the model has diverged")
    return ratio < threshold  # [THRESHOLD.E2]
