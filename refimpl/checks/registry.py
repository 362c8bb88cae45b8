"""All cases of the gradient check, and the function that runs them by name."""

from refimpl.checks import cases_bayes, cases_kl, cases_layers, cases_lstm, cases_models
from refimpl.checks.cases_common import GradcheckCase
from refimpl.checks.gradcheck import LeafResult, gradcheck

CASES: tuple[GradcheckCase, ...] = (
    *cases_layers.CASES,
    *cases_lstm.CASES,
    *cases_bayes.CASES,
    *cases_kl.CASES,
    *cases_models.CASES,
)


def select_cases(names: list[str] | None) -> list[GradcheckCase]:
    """The cases of the given names, in their order here; a group's name selects all of its cases, None selects all.

    Errors: ValueError on an unknown name, with the known ones.
    """
    groups = {case.name.partition("/")[0] for case in CASES}
    known = groups | {case.name for case in CASES}
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        groups_text = ", ".join(sorted(groups))
        raise ValueError(
            f"names: expected a group ({groups_text}) or one of its cases ({', '.join(sorted(known - groups))}), "
            f"got {', '.join(map(repr, unknown))}"
        )
    return [c for c in CASES if names is None or c.name in names or c.name.partition("/")[0] in names]


def run_case(case: GradcheckCase, seed: int = 0) -> list[LeafResult]:
    """The results of one case, one a leaf."""
    forward, backward, inputs, zero_leaves, fixed = case.build(seed)
    return gradcheck(forward, backward, inputs, seed=seed, name=case.name, zero_leaves=zero_leaves, fixed=fixed)


def run_gradcheck(names: list[str] | None = None, seed: int = 0) -> list[LeafResult]:
    """Check the cases of the given names, or all. Errors: ValueError on an unknown name, with the known ones."""
    return [result for case in select_cases(names) for result in run_case(case, seed)]
