"""What an auditor imports: the gradient check for any pair of forward and backward functions, and our cases."""

from refimpl.checks.cases_common import GradcheckCase
from refimpl.checks.gradcheck import LeafResult, gradcheck
from refimpl.checks.registry import CASES, run_case, run_gradcheck, select_cases

__all__ = ["CASES", "GradcheckCase", "LeafResult", "gradcheck", "run_case", "run_gradcheck", "select_cases"]
