"""What the audit shows below its checks: figures and tables, each with what it proves and where that is derived."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from refimpl.checks.conformance_checks import Diagnosis
from refimpl.checks.gradcheck import LeafResult
from refimpl.checks.gradient_variance import gradient_variance_table
from refimpl.checks.kl_errors import approximation_errors
from refimpl.checks.result import CheckResult
from refimpl.compression.thresholds import LOG_ALPHA_THRESHOLD, log_alpha
from refimpl.report import audit_figures
from refimpl.report.evidence import Evidence, Table
from refimpl.report.figures import learning_curve, sparsity_curve
from refimpl.report.learning_checks import Learning
from refimpl.report.parameter_figures import log_alpha_histogram, weight_matrix


def of_gradients(leaves: Sequence[LeafResult], results: Sequence[CheckResult]) -> list[Evidence]:
    """All gradients in one figure."""
    return [
        Evidence(
            "gradient errors",
            audit_figures.gradient_errors(leaves, results),
            "Each hand-written gradient is the derivative of its forward function to rounding: each dot is one "
            "gradient, its worst entry; crosses are the same check on a broken backward pass.",
            ("LSTM.B4", "LSTM.B9", "RNN.B1", "LRT.B4", "VBD.B1"),
        )
    ]


def of_kl() -> list[Evidence]:
    """The KL divergences by log alpha."""
    return [
        Evidence(
            "KL divergences",
            audit_figures.kl_curves(),
            "The approximations are as far from the exact KL as stated, no more and no less. The dashed line is the "
            "threshold of pruning, log alpha = 3. ARD's difference grows to 0.635 and is off this scale.",
            ("KL.LOGUNIFORM.F1", "KL.MOLCHANOV.F2", "KL.RNN2018.F2", "KL.KINGMA.F1", "KL.ARD.F1"),
        ),
        Evidence(
            "largest errors of the approximations",
            _approximation_errors(),
            "How far each approximation is from the exact KL, value in nats and slope in log alpha, and where; a wrong "
            "constant would change these figures, which are held from both sides.",
            ("KL.LOGUNIFORM.F1", "KL.DAWSON.E1"),
        ),
    ]


def _approximation_errors() -> Table:
    columns = ("approximation", "log alpha", "#error of value", "#at", "#error of slope", "#at", "#relative", "#at")
    return Table(columns, [
        (e.name, f"{e.low:g} to {e.high:g}", f"{e.value:.6f}", f"{e.value_at:.2f}", f"{e.slope:.6f}",
         f"{e.slope_at:.2f}", f"{100.0 * e.relative_slope:.1f} %", f"{e.relative_slope_at:.2f}")
        for e in approximation_errors()
    ])  # fmt: skip


def of_noise() -> list[Evidence]:
    """What the sharing of 2017 and of 2018 does to two steps of an object."""
    return [
        Evidence(
            "covariances",
            audit_figures.covariances(),
            "The sharing of 2017 (LRT with noise shared over time, S004 eq. 14) is not the weights' own covariance, "
            "which RT of 2018 has: two steps of one object, means and variances alike.",
            ("RT.F1", "LRT.F3"),
        ),
        Evidence(
            "variance of the gradient of one weight",
            _gradient_variances(),
            "Which estimator has less variance: for sigma, LRT in both batches; for mu, LRT where objects are alike, "
            "and one draw a mini-batch where they are opposed. Closed form and quadrature of the layers' own gradients "
            "agree; z is the sample's distance in standard errors.",
            ("GRADVAR.E2", "GRADVAR.E5", "GRADVAR.E7"),
        ),
    ]


def _gradient_variances() -> Table:
    columns = ("batch", "estimator", "of", "#closed form", "#quadrature", "#sample", "#z")
    return Table(columns, [
        (r.batch, r.estimator, r.parameter, f"{r.closed_form:.6f}", f"{r.quadrature:.6f}", f"{r.sample:.5f}",
         f"{(r.sample - r.closed_form) / r.error:.1f}")
        for r in gradient_variance_table()
    ])  # fmt: skip


def of_conformance(diagnoses: Sequence[Diagnosis]) -> list[Evidence]:
    """What the cross-check says of a mistake of each kind."""
    kinds = {d.kind: d for d in reversed(diagnoses)}
    count = Counter(d.kind for d in diagnoses)
    rows = [
        (d.mistake, d.case, d.first, " or ".join(d.causes) or "unknown", str(count[d.kind]))
        for d in reversed(kinds.values())
    ]
    return [
        Evidence(
            "what the cross-check says of wrong subjects",
            Table(("mistake of the subject", "case", "first tensor that differs", "diagnosis", "#of this kind"), rows),
            "The cause of a divergence is found by planting known mistakes in the reference, not guessed: one subject "
            "of each kind; where two names stand, they are the same computation in that case.",
            ("LSTM.F6", "LRT.F2", "ELBO.F1"),
        )
    ]


def of_learning(runs: Learning) -> list[Evidence]:
    """The planted runs, and the parameters of the first classifier if they are there."""
    language, sentiment, random = runs.language, runs.sentiment[0], runs.random
    curve = audit_figures.with_truth(learning_curve(language.rows), language.rate_bits, "entropy rate")
    bayes = audit_figures.with_truth(learning_curve(sentiment.rows), 100.0 * sentiment.bayes_accuracy, "Bayes accuracy")
    source, elbo, count = ("PLANTED.E1",), ("ELBO.F1",), ("COUNT.E1",)
    shown = [
        ("planted-lm, learning", curve, "The language model reaches the exact entropy rate, the dotted line.", source),
        ("planted-lm, sparsity", sparsity_curve(language.rows), "What is left of the language model.", count),
        ("planted-sentiment, learning", bayes, "The classifier, seed 0, reaches the exact Bayes accuracy.", source),
        (
            "planted-sentiment, sparsity",
            sparsity_curve(sentiment.rows),
            "What is left of the classifier, seed 0: the words that tell, and few others.",
            count,
        ),
        (
            "random labels, sparsity",
            sparsity_curve(random.rows),
            "Where nothing can be learned, nothing is kept: the same texts with coin flips for labels.",
            elbo,
        ),
    ]
    return [Evidence(*row) for row in shown] + of_parameters(sentiment.params)


def of_parameters(params: dict[str, Any] | None) -> list[Evidence]:
    """Histograms of log alpha, and the matrices with what is pruned left white; nothing without parameters."""
    if not params:
        return []
    names = [name.removesuffix(".mu") for name in params if name.endswith(".mu")]
    log_alphas = {name: log_alpha(params[f"{name}.mu"], params[f"{name}.log_sigma"]) for name in names}
    ids = ("THRESHOLD.E1",)
    caption = "Kept and pruned weights are far apart: posterior of the classifier, seed 0; kept is left of the line."
    found = [Evidence("log alpha", log_alpha_histogram(log_alphas), caption, ids)]
    for name in names:
        mu = params[f"{name}.mu"]
        if name.rpartition(".")[2] in ("W", "W_x", "W_h") and min(mu.shape[0], mu.shape[-1]) > 1:
            figure = weight_matrix(mu, log_alphas[name] < LOG_ALPHA_THRESHOLD, name)
            caption = f"Posterior means of {name}, classifier of seed 0; what is pruned is white."
            found.append(Evidence(f"weights of {name}", figure, caption, ids))
    return found
