"""What the audit says about each family of checks."""

from typing import NamedTuple


class FamilyText(NamedTuple):
    """What the page says about a family."""

    title: str
    about: str
    ids: tuple[str, ...] = ()  # the equations that the family rests on, ids of derivations/equations.d


TEXTS = {
    "gradients": FamilyText(
        "every hand-written backward pass against the complex step",
        "dL/dw = Im L(w + ih) / h with h = 1e-30: no difference is taken, so the oracle has 15 digits. The error of "
        "a gradient is max |hand - step| / max |step|; a gradient that is zero everywhere fails, for then nothing "
        "was checked.",
        ("LSTM.B1", "LSTM.B10", "LRT.B4", "RT.B2"),
    ),
    "values": FamilyText(
        "the layers against loops over single numbers",
        "A gradient check cannot see an error that forward and backward share. These loops are written from the "
        "equations, with Python floats and no matrix product; the figure is max |layer - loop| / max |loop|.",
        ("LSTM.F1", "LSTM.F10", "RNN.F1", "LRT.F3"),
    ),
    "KL": FamilyText(
        "exact divergences and their approximations",
        "Log-uniform prior, shifted so that KL is 0 for alpha -> infinity. Quadrature and Dawson's integral share no "
        "code with what they judge; the largest errors of the approximations are held from both sides, so that a "
        "wrong constant fails.",
        ("KL.LOGUNIFORM.F1", "KL.LOGUNIFORM.F2", "KL.DAWSON.E1", "KL.ARD.F1"),
    ),
    "noise": FamilyText(
        "what is drawn, and what each draw is shared over",
        "Mean and variance do not tell RT, LRT and LRT with shared noise apart; covariances over time and over "
        "objects do. z-scores are bounded by 5 (a chance of 6e-7), and the neighbouring scheme is rejected.",
        ("RT.F1", "LRT.F2", "LRT.F3", "VBD.F1"),
    ),
    "masks": FamilyText(
        "what must not matter: padding, cuts, order",
        "The LSTM with everything on: peepholes, multipliers at every place, states other than zero.",
        ("LSTM.F9", "LSTM.B1"),
    ),
    "optimiser": FamilyText(
        "Adam, clipping, and the N of the ELBO",
        "The loss is NLL per term + KL / N, so over an epoch the KL counts once for the whole data set.",
        ("ELBO.F1", "ADAM.F4", "CLIP.F1"),
    ),
    "counting": FamilyText(
        "what is pruned, removed and counted",
        "Compression is a claim about counts; removal must not change the function that was counted.",
        ("THRESHOLD.E1", "COUNT.E1"),
    ),
    "conformance": FamilyText(
        "golden vectors, and mistakes that the cross-check has to name",
        "The vectors are what other implementations are held to; here refimpl is held to them, and each is also tried "
        "with a mistake in it. A cross-check is of use if it names the mistake: each known one is planted, and the "
        "diagnosis, found by simulation, has to be that mistake.",
        ("LSTM.F3", "LSTM.B9", "LRT.F3", "ELBO.F1"),
    ),
    "frameworks": FamilyText(
        "PyTorch, JAX and ONNX Runtime against refimpl",
        "From the record of `make crosscheck`, not computed in this audit. Same parameters, inputs and noise; every "
        "output, and every gradient by the framework's automatic differentiation.",
        ("LSTM.F3", "LSTM.B9", "LRT.F3", "ELBO.F1"),
    ),
    "learning": FamilyText(
        "the whole chain on sources of known truth",
        "A language whose entropy rate is known exactly, texts whose Bayes accuracy and telling words are known, and "
        "the same texts with coin flips for labels.",
        ("ELBO.F1", "PLANTED.E1"),
    ),
}
