"""Second route to the values of KL divergences, activations, Adam and clipping: mpmath, 40 digits, number by number."""

from collections.abc import Callable

import mpmath as mp
import numpy as np

from refimpl.arrays import Array
from refimpl.checks.conformance import Answers, Case, Config, Given

ROUTE = "mpmath, 40 digits"
DIGITS = 40
MOLCHANOV = ("0.63576", "1.87320", "1.48695")  # k1, k2, k3 of Molchanov 2017 eq. 14
RNN2018 = ("0.64", "1.95", "1.5")
KINGMA = ("1.16145124", "-1.50204118", "0.58629921")  # Kingma 2015, appendix C


def elementwise(function: Callable[..., mp.mpf], *arrays: Array) -> Array:
    """The function of every entry, as float64."""
    with mp.workdps(DIGITS):
        found = [
            float(function(*map(mp.mpf, map(float, entries))))
            for entries in zip(*(a.flat for a in arrays), strict=True)
        ]
    return np.array(found).reshape(arrays[0].shape)


def sigmoid(a: mp.mpf) -> mp.mpf:
    """1 / (1 + exp(-a))."""
    return 1 / (1 + mp.exp(-a))


def _ratio(mu: mp.mpf, log_sigma: mp.mpf, clip: float | None) -> mp.mpf:
    """|mu| / sigma = alpha^(-1/2), where log alpha is held in [-clip, clip]."""
    q = abs(mu) * mp.exp(-log_sigma)
    if clip is None:
        return q
    return min(max(q, mp.exp(mp.mpf(-clip) / 2)), mp.exp(mp.mpf(clip) / 2))


def _exact(q: mp.mpf) -> mp.mpf:
    """y 2F2(1, 1; 3/2, 2; -y), y = q^2 / 2: the integral of sqrt(2) F(q / sqrt(2)), F Dawson's."""
    y = q * q / 2
    return y * mp.hyp2f2(1, 1, mp.mpf(3) / 2, 2, -y)


def _fitted(q: mp.mpf, constants: tuple[str, str, str]) -> mp.mpf:
    """1/2 log(1 + 1/alpha) + k1 (1 - s(k2 + k3 log alpha)); at q = 0 alpha is infinite and the second term 0."""
    k1, k2, k3 = map(mp.mpf, constants)
    if q == 0:
        return mp.mpf(0)
    return mp.log(1 + q * q) / 2 + k1 * (1 - sigmoid(k2 - k3 * 2 * mp.log(q)))


def _kingma(q: mp.mpf) -> mp.mpf:
    """-1/2 log alpha + C0 - c1 alpha - c2 alpha^2 - c3 alpha^3."""
    alpha = 1 / (q * q)
    series = sum(mp.mpf(c) * alpha ** (k + 1) for k, c in enumerate(KINGMA))
    return mp.log(q) + (mp.euler + mp.log(2)) / 2 - series


def kl_terms(mu: Array, log_sigma: Array, prior: str, clip: float | None) -> Array:
    """The divergence of that name, of every weight."""

    def one(mu: mp.mpf, log_sigma: mp.mpf) -> mp.mpf:
        if prior == "standard_normal":
            return (mp.exp(2 * log_sigma) + mu * mu - 1) / 2 - log_sigma
        q = _ratio(mu, log_sigma, None if prior == "kingma2015" else clip)
        return {
            "log_uniform": _exact,
            "molchanov2017": lambda q: _fitted(q, MOLCHANOV),
            "rnn2018": lambda q: _fitted(q, RNN2018) - mp.mpf("0.67"),
            "ard": lambda q: mp.log(1 + q * q) / 2,
            "kingma2015": _kingma,
        }[prior](q)

    return elementwise(one, mu, log_sigma)


def _kl(config: Config, given: Given) -> Answers:
    return {"out.kl": kl_terms(given["param.mu"], given["param.log_sigma"], config["kl"], config["log_alpha_clip"])}


def _activation(function: Callable[[mp.mpf], mp.mpf]) -> Callable[[Config, Given], Answers]:
    return lambda config, given: {"out.y": elementwise(function, given["input.a"])}


def _softmax(config: Config, given: Given) -> Answers:
    rows = []
    with mp.workdps(DIGITS):
        for row in given["input.a"]:
            powers = [mp.exp(float(a)) for a in row]
            rows.append([float(power / mp.fsum(powers)) for power in powers])
    return {"out.y": np.array(rows)}


def _adam(config: Config, given: Given) -> Answers:
    """m, v and p after every step, from the words of Kingma and Ba 2015, section 2."""
    found: Answers = {}
    with mp.workdps(DIGITS):
        rate, b1, b2, epsilon = (mp.mpf(config[n]) for n in ("learning_rate", "beta1", "beta2", "epsilon"))
        for name in (n.removeprefix("param.") for n in given if n.startswith("param.")):
            p = [mp.mpf(float(a)) for a in given[f"param.{name}"].flat]
            m, v = [mp.mpf(0)] * len(p), [mp.mpf(0)] * len(p)
            for step, gradient in enumerate(given[f"input.gradient.{name}"], start=1):
                g = [mp.mpf(float(a)) for a in gradient.flat]
                m = [b1 * a + (1 - b1) * b for a, b in zip(m, g, strict=True)]
                v = [b2 * a + (1 - b2) * b * b for a, b in zip(v, g, strict=True)]
                now = rate * mp.sqrt(1 - b2**step) / (1 - b1**step)
                p = [a - now * b / (mp.sqrt(c) + epsilon) for a, b, c in zip(p, m, v, strict=True)]
                for kind, values in (("m", m), ("v", v), ("param", p)):
                    found[f"out.{kind}.{name}.{step}"] = np.array([float(a) for a in values]).reshape(gradient.shape)
    return found


def _clip(config: Config, given: Given) -> Answers:
    with mp.workdps(DIGITS):
        norm = mp.sqrt(mp.fsum(mp.mpf(float(a)) ** 2 for g in given.values() for a in g.flat))
        factor = min(norm, mp.mpf(config["limit"])) / (norm + mp.mpf("1e-7"))
        return {name.replace("input.", "out.", 1): elementwise(lambda a: a * factor, g) for name, g in given.items()}


BY_DIGITS: dict[str, Callable[[Config, Given], Answers]] = {
    "kl": _kl,
    "sigmoid": _activation(sigmoid),
    "hard_sigmoid": _activation(lambda a: min(mp.mpf(1), max(mp.mpf(0), mp.mpf("0.2") * a + mp.mpf("0.5")))),
    "tanh": _activation(mp.tanh),
    "softmax": _softmax,
    "adam": _adam,
    "clip": _clip,
}


def values(case: Case) -> Answers:
    """The outputs."""
    return BY_DIGITS[case.op](case.config, case.given)
