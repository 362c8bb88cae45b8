"""Every KL divergence between N(mu, sigma^2) and a prior, with value and derivative, under its source's name.

All are elementwise, in nats.
Exact: ``log_uniform``, ``ard`` (at the best precision), ``standard_normal``.
Approximations of ``log_uniform``: ``molchanov2017``, ``rnn2018`` (the 2018 code's, with its constant) and
``kingma2015`` (alpha <= 1 only).
"""

from refimpl.bayes.kl.ard import kl_ard_backward, kl_ard_forward
from refimpl.bayes.kl.arguments import KLGrads
from refimpl.bayes.kl.dawson import dawson
from refimpl.bayes.kl.kingma2015 import kl_kingma2015_backward, kl_kingma2015_forward
from refimpl.bayes.kl.log_uniform import LOG_UNIFORM_C0, kl_log_uniform_backward, kl_log_uniform_forward
from refimpl.bayes.kl.molchanov2017 import kl_molchanov2017_backward, kl_molchanov2017_forward
from refimpl.bayes.kl.rnn2018 import kl_rnn2018_backward, kl_rnn2018_forward
from refimpl.bayes.kl.standard_normal import kl_standard_normal_backward, kl_standard_normal_forward
from refimpl.bayes.kl.table import KL_DIVERGENCES, KLDivergence

__all__ = [
    "KL_DIVERGENCES",
    "LOG_UNIFORM_C0",
    "KLDivergence",
    "KLGrads",
    "dawson",
    "kl_ard_backward",
    "kl_ard_forward",
    "kl_kingma2015_backward",
    "kl_kingma2015_forward",
    "kl_log_uniform_backward",
    "kl_log_uniform_forward",
    "kl_molchanov2017_backward",
    "kl_molchanov2017_forward",
    "kl_rnn2018_backward",
    "kl_rnn2018_forward",
    "kl_standard_normal_backward",
    "kl_standard_normal_forward",
]
