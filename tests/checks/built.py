"""The cases of the gradient check as the tests here call them: with some inputs changed, and with cotangents."""

from functools import cache, partial

import numpy as np

from refimpl.bayes.local_reparam import affine_lrt_backward, affine_lrt_forward
from refimpl.checks import select_cases
from refimpl.checks.cases_common import Problem
from refimpl.tree import flatten, unflatten


@cache
def built(name) -> Problem:
    (case,) = select_cases([name])
    problem = case.build(0)
    if name.startswith("affine_lrt"):  # the case scales x, which would hide x from its checks
        return problem._replace(forward=partial(affine_lrt_forward, var_floor=1e-8), backward=affine_lrt_backward)
    return problem


def call(problem, changed):
    inputs = dict(problem.inputs)
    return problem.forward(**unflatten(inputs, flatten(inputs) | changed))


def cotangents(problem):
    outputs = {"outputs": call(problem, {})[0]}
    return outputs, {leaf: np.ones_like(array) for leaf, array in flatten(outputs).items()}
