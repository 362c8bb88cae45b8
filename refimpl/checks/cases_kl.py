"""Cases of every KL divergence: means of exactly 0, both signs, both series of the exact one, the clip, the tail.

The tail, where q = mu / sigma is beyond Q_MAX, is a case of its own: sigma is tiny there, and an error is measured
against the leaf's largest derivative, which grows like 1 / sigma.
"""

from functools import partial

import numpy as np

from refimpl.arrays import Array
from refimpl.bayes.kl import KL_DIVERGENCES
from refimpl.bayes.kl.ratio import Q_MAX
from refimpl.checks.cases_common import GradcheckCase, Problem, check_visited, normals

SHAPE = (5, 7)
CLIP = 2.0  # log alpha between -2 and 2: |q| from 0.37 to 2.7
SERIES_SWITCH = np.sqrt(72.0)  # |q| at which the exact KL and Dawson's integral change series


def _problem(name: str, q: Array, seed: int, clip: float | None, mean_log_sigma: float) -> Problem:
    divergence = KL_DIVERGENCES[name]
    log_sigma = normals(seed, "log_sigma", *SHAPE, scale=0.3, mean=mean_log_sigma)
    forward = partial(divergence.forward, log_alpha_clip=clip) if divergence.clips else divergence.forward
    return Problem(forward, divergence.backward, {"mu": q * np.exp(log_sigma), "log_sigma": log_sigma})


def _bulk(name: str, seed: int) -> Problem:
    q = np.linspace(-12.0, 12.0, 35).reshape(SHAPE)
    q[2, 3] = 0.0
    if name == "kingma2015":  # alpha <= 1 only
        q += np.where(q < 0.0, -1.01, 1.01)
    else:
        check_visited("KL", zero=q == 0.0, near=np.abs(q) < SERIES_SWITCH, far=np.abs(q) > SERIES_SWITCH)
    check_visited("KL", positive=q > 0.0, negative=q < 0.0)
    return _problem(name, q, seed, None, -1.0)


def _clipped(name: str, seed: int) -> Problem:
    q = np.linspace(-4.0, 4.0, 35).reshape(SHAPE)
    q[2, 3] = 0.0
    with np.errstate(divide="ignore"):
        log_alpha = -2.0 * np.log(np.abs(q))
    inside = np.abs(log_alpha) < CLIP
    check_visited("clip of log alpha", below=log_alpha < -CLIP, above=log_alpha > CLIP, inside=inside, zero=q == 0.0)
    return _problem(name, q, seed, CLIP, -1.0)


def _tail(name: str, seed: int) -> Problem:
    q = Q_MAX * np.linspace(1.5, 20.5, 35).reshape(SHAPE)
    q[::2] *= -1.0
    check_visited("tail of the KL", positive=q > Q_MAX, negative=q < -Q_MAX)
    return _problem(name, q, seed, None, -30.0)


def _functions(name: str) -> tuple[str, ...]:
    own = KL_DIVERGENCES[name].forward.__name__
    return (own,) if name == "standard_normal" else (own, "ratio_forward")


CASES = (
    *(GradcheckCase(f"kl/{name}", _functions(name), partial(_bulk, name)) for name in KL_DIVERGENCES),
    *(
        GradcheckCase(f"kl/{name}_clip", _functions(name), partial(_clipped, name))
        for name, divergence in KL_DIVERGENCES.items()
        if divergence.clips
    ),
    *(
        GradcheckCase(f"kl/{name}_tail", _functions(name), partial(_tail, name))
        for name in KL_DIVERGENCES
        if name != "standard_normal"
    ),
)
