"""Every KL divergence by its source's name, and the sum of one over the weights of a matrix."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from refimpl.arrays import Array
from refimpl.bayes.kl.ard import kl_ard_backward, kl_ard_forward
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.kingma2015 import kl_kingma2015_backward, kl_kingma2015_forward
from refimpl.bayes.kl.log_uniform import kl_log_uniform_backward, kl_log_uniform_forward
from refimpl.bayes.kl.molchanov2017 import kl_molchanov2017_backward, kl_molchanov2017_forward
from refimpl.bayes.kl.rnn2018 import kl_rnn2018_backward, kl_rnn2018_forward
from refimpl.bayes.kl.standard_normal import kl_standard_normal_backward, kl_standard_normal_forward


class KLDivergence(NamedTuple):
    """A divergence; its forward takes the keyword log_alpha_clip if, and only if, clips is true."""

    forward: Callable[..., tuple[Array, Any]]
    backward: Callable[[Array | float, Any], KLGrads]
    clips: bool


KL_DIVERGENCES: dict[str, KLDivergence] = {
    "log_uniform": KLDivergence(kl_log_uniform_forward, kl_log_uniform_backward, clips=True),
    "molchanov2017": KLDivergence(kl_molchanov2017_forward, kl_molchanov2017_backward, clips=True),
    "rnn2018": KLDivergence(kl_rnn2018_forward, kl_rnn2018_backward, clips=True),
    "ard": KLDivergence(kl_ard_forward, kl_ard_backward, clips=True),
    "standard_normal": KLDivergence(kl_standard_normal_forward, kl_standard_normal_backward, clips=False),
    "kingma2015": KLDivergence(kl_kingma2015_forward, kl_kingma2015_backward, clips=False),
}


def kl_terms(
    divergence: KLDivergence, mu: Array, log_sigma: Array, *, log_alpha_clip: float | None
) -> tuple[Array, Any]:
    """The KL of each weight, of mu's shape, in nats, and the cache for the divergence's backward function.

    log_alpha_clip: not used by a divergence that does not clip.
    Errors: those of its forward function.
    """
    options = {"log_alpha_clip": log_alpha_clip} if divergence.clips else {}
    return divergence.forward(mu, log_sigma, **options)


def summed_kl(
    mu: Array,
    log_sigma: Array,
    *,
    prior: str,
    log_alpha_clip: float | None,
    divergences: Mapping[str, KLDivergence] = KL_DIVERGENCES,
) -> tuple[Array, Any]:
    """The KL of all weights together, 0-d, in nats, and the cache for the backward function of divergences[prior].

    Dtype: float64 (complex128 for complex128).
    Errors: KeyError on an unknown prior, else those of ``kl_terms``.
    """
    terms, cache = kl_terms(divergences[prior], mu, log_sigma, log_alpha_clip=log_alpha_clip)
    return terms.sum(dtype="complex128" if terms.dtype.kind == "c" else "float64"), cache
