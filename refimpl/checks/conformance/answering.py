"""All operations and cases, and the answers to a case, right or with mistakes in them."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from refimpl.checks.conformance.case import Answers, Case, Mistake, Op
from refimpl.checks.conformance.cases_affine import affine_cases
from refimpl.checks.conformance.cases_lstm import lstm_cases
from refimpl.checks.conformance.cases_simple import simple_cases
from refimpl.checks.conformance.cases_step import step_cases
from refimpl.checks.conformance.cases_training import training_cases
from refimpl.checks.conformance.ops_affine import AFFINE_OPS
from refimpl.checks.conformance.ops_loss import LOSS_OPS
from refimpl.checks.conformance.ops_lstm import LSTM_OPS
from refimpl.checks.conformance.ops_simple import SIMPLE_OPS
from refimpl.checks.conformance.ops_step import STEP_OPS
from refimpl.checks.conformance.ops_training import TRAINING_OPS

ALL = (*SIMPLE_OPS, *AFFINE_OPS, *LSTM_OPS, *LOSS_OPS, *TRAINING_OPS, *STEP_OPS)
OPS: dict[str, Op] = {op.name: op for op in ALL}


@cache
def cases() -> tuple[Case, ...]:
    """Every case, built from fixed seeds; the arrays are read-only."""
    made = (*simple_cases(), *affine_cases(), *lstm_cases(), *training_cases(), *step_cases())
    for case in made:
        for array in case.given.values():
            array.flags.writeable = False
    return made


def answers(case: Case, mistakes: Sequence[Mistake] = ()) -> Answers:
    """What refimpl answers to a case; with mistakes, what code that makes them would. The first is the outermost."""
    compute = OPS[case.op].compute
    for mistake in reversed(mistakes):
        compute = mistake.plant(compute)
    return {name: np.asarray(array) for name, array in compute(case.config, case.given).items()}
